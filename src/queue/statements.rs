//! The statements of the SQLite queue that change something; each runs inside a transaction of the writer.

use super::delivery::{Delivery, DeliveryId, Instance, Settlement, State};
use super::rows::{self, Moment, limit};
use crate::net::Priority;
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Duration;

type Outcome<T> = Result<T, rusqlite::Error>;

/// Nothing is put off for longer. A moment that lies farther ahead comes from a clock that was set back since, and counts
/// as now: nothing waits for a year because somebody corrected the date.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// For so long it is known who has an instance that was removed.
const REMEMBERED: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// So many due deliveries are put back to the others at a time, so that a claim stays quick after a long outage.
const MOST_PROMOTED: i64 = 1000;

pub(super) fn enqueue(
    connection: &Connection,
    instance: &Instance,
    peers: &[String],
    priority: Priority,
) -> Outcome<usize> {
    let now = Moment::now().0;
    let study = number_of(connection, "study", "uid", &instance.study)?;
    let known: Option<i64> = connection
        .prepare_cached("SELECT id FROM instance WHERE sop_instance = ?1 AND digest = ?2")?
        .query_row(params![instance.sop_instance, instance.digest], |row| row.get(0))
        .optional()?;
    let number = match known {
        Some(number) => number,
        None => {
            connection
                .prepare_cached(
                    "INSERT INTO instance (sop_instance, digest, sop_class, transfer_syntax, study, file, bytes, checksum, \
                     received, open) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                )?
                .execute(params![
                    instance.sop_instance,
                    instance.digest,
                    instance.sop_class,
                    instance.transfer_syntax,
                    study,
                    instance.file,
                    instance.bytes as i64,
                    instance.checksum,
                    now,
                    peers.len() as i64,
                ])?;
            connection.last_insert_rowid()
        }
    };
    let mut added = 0;
    for peer in peers {
        let peer = number_of(connection, "peer", "name", peer)?;
        added += connection
            .prepare_cached(
                "INSERT INTO delivery (peer, instance, study, priority, state, queued, changed) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT (instance, peer) DO NOTHING",
            )?
            .execute(params![peer, number, study, rows::rank(priority), State::Queued.number(), now])?;
    }
    let counted = if known.is_some() { 0 } else { peers.len() };
    if added != counted {
        connection
            .prepare_cached("UPDATE instance SET open = open + ?2 WHERE id = ?1")?
            .execute(params![number, added as i64 - counted as i64])?;
    }
    Ok(added)
}

pub(super) fn claim(
    connection: &Connection,
    peer: &str,
    most: usize,
    lease: Duration,
) -> Outcome<Vec<Delivery>> {
    let Some(peer) = rows::peer_number(connection, peer)? else { return Ok(Vec::new()) };
    let now = Moment::now();
    for state in [State::Deferred, State::Claimed] {
        promote(connection, peer, state, now)?;
    }
    let head: Option<(i64, i64)> = connection
        .prepare_cached(
            "SELECT priority, study FROM delivery WHERE peer = ?1 AND state = 0 ORDER BY priority, study, id LIMIT 1",
        )?
        .query_row([peer], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((priority, study)) = head else { return Ok(Vec::new()) };
    let condition = "d.peer = ?1 AND d.state = 0 AND d.priority = ?2 AND d.study = ?3 ORDER BY d.id LIMIT ?4";
    let mut claimed = rows::deliveries(connection, condition, params![peer, priority, study, limit(most)])?;
    // What was not answered before goes alone.
    let doubtful = |delivery: &Delivery| delivery.unanswered > 0;
    let together = match claimed.first() {
        Some(first) if doubtful(first) => 1,
        _ => claimed.iter().position(doubtful).unwrap_or(claimed.len()),
    };
    claimed.truncate(together);
    let until = now.after(lease.min(LONGEST_WAIT));
    let mut statement = connection.prepare_cached(
        "UPDATE delivery SET state = ?2, due = ?3, changed = ?4, attempts = attempts + 1, unanswered = unanswered + 1 \
         WHERE id = ?1",
    )?;
    for delivery in &mut claimed {
        statement.execute(params![delivery.id.0, State::Claimed.number(), until.0, now.0])?;
        delivery.state = State::Claimed;
        delivery.due = Some(until.time());
        delivery.changed = now.time();
        delivery.attempts += 1;
        delivery.unanswered += 1;
    }
    Ok(claimed)
}

/// Puts deliveries whose time has come back to those that can be sent.
fn promote(connection: &Connection, peer: i64, state: State, now: Moment) -> Outcome<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE delivery SET state = 0, due = NULL, changed = ?3 WHERE id IN \
         (SELECT id FROM delivery WHERE peer = ?1 AND state = ?2 AND due BETWEEN ?4 AND ?5 LIMIT ?6)",
    )?;
    for (from, to) in due_by(now) {
        statement.execute(params![peer, state.number(), now.0, from, to, MOST_PROMOTED])?;
    }
    Ok(())
}

/// The stretches of time in which everything is due: the past, and what is too far ahead to be true.
fn due_by(now: Moment) -> [(i64, i64); 2] {
    [(i64::MIN, now.0), (now.after(LONGEST_WAIT).0.saturating_add(1), i64::MAX)]
}

/// Lets everything that was sent be asked for at once.
pub(super) fn ask_again(connection: &Connection) -> Outcome<usize> {
    let now = Moment::now().0;
    connection
        .prepare_cached(
            "UPDATE delivery SET due = ?1 WHERE state = ?2 AND peer IN (SELECT id FROM peer) AND due > ?1",
        )?
        .execute(params![now, State::Sent.number()])
}

/// Gives back claims that nobody is working on any more.
pub(super) fn lapse(connection: &Connection, ids: &[DeliveryId]) -> Outcome<usize> {
    let now = Moment::now().0;
    let mut statement = connection.prepare_cached(
        "UPDATE delivery SET state = 0, due = NULL, changed = ?2 WHERE id = ?1 AND state = 2",
    )?;
    ids.iter().map(|id| statement.execute(params![id.0, now])).sum()
}

pub(super) fn claim_sent(
    connection: &Connection,
    peer: &str,
    most: usize,
    answer_within: Duration,
) -> Outcome<Vec<Delivery>> {
    let Some(peer) = rows::peer_number(connection, peer)? else { return Ok(Vec::new()) };
    let now = Moment::now();
    let mut claimed = Vec::new();
    for (from, to) in due_by(now) {
        let condition = "d.peer = ?1 AND d.state = ?2 AND d.due BETWEEN ?3 AND ?4 ORDER BY d.due LIMIT ?5";
        let values = params![peer, State::Sent.number(), from, to, limit(most - claimed.len())];
        claimed.extend(rows::deliveries(connection, condition, values)?);
    }
    let until = now.after(answer_within.min(LONGEST_WAIT));
    let mut statement = connection.prepare_cached("UPDATE delivery SET due = ?2 WHERE id = ?1")?;
    for delivery in &mut claimed {
        statement.execute(params![delivery.id.0, until.0])?;
        delivery.due = Some(until.time());
    }
    Ok(claimed)
}

pub(super) fn renew(connection: &Connection, claimed: &[DeliveryId], lease: Duration) -> Outcome<()> {
    let until = Moment::now().after(lease.min(LONGEST_WAIT)).0;
    let mut statement =
        connection.prepare_cached("UPDATE delivery SET due = ?2 WHERE id = ?1 AND state = ?3")?;
    for id in claimed {
        statement.execute(params![id.0, until, State::Claimed.number()])?;
    }
    Ok(())
}

pub(super) fn settle(connection: &Connection, settled: &[(DeliveryId, Settlement)]) -> Outcome<()> {
    let now = Moment::now();
    // ?7 is what the attempts change by; an answer (?8 is 0) ends the row of tries without one.
    let mut statement = connection.prepare_cached(
        "UPDATE delivery SET state = ?2, due = ?3, status = coalesce(?4, status), error = CASE ?2 WHEN 0 THEN error ELSE ?5 END, changed = ?6, \
         attempts = attempts + ?7, unanswered = CASE ?8 WHEN 0 THEN 0 ELSE max(unanswered + ?7, 0) END \
         WHERE id = ?1 AND state IN (2, 3)",
    )?;
    for (id, settlement) in settled {
        let (state, due, status, error, attempts, unanswered) = match settlement {
            Settlement::Delivered { status } => (State::Delivered, None, Some(*status), None, 0, false),
            Settlement::Sent { status } => (State::Sent, Some(now), Some(*status), None, 0, false),
            Settlement::Deferred { after, status, error } => {
                let due = now.after((*after).min(LONGEST_WAIT));
                (State::Deferred, Some(due), *status, Some(error), 0, status.is_none())
            }
            Settlement::Held { status, error } => {
                (State::Held, None, *status, Some(error), 0, status.is_none())
            }
            Settlement::Untried => (State::Queued, None, None, None, -1, true),
        };
        let due = due.map(|moment| moment.0);
        statement.execute(params![id.0, state.number(), due, status, error, now.0, attempts, unanswered])?;
    }
    Ok(())
}

/// Puts deliveries into a state on behalf of an operator, as if they had never been tried. Returns how many there were.
pub(super) fn move_to(
    connection: &Connection,
    ids: &[DeliveryId],
    from: &[State],
    to: State,
) -> Outcome<usize> {
    let now = Moment::now().0;
    let mut moved = 0;
    for state in from {
        let mut statement = connection.prepare_cached(
            "UPDATE delivery SET state = ?3, due = NULL, queued = CASE ?3 WHEN 0 THEN ?4 ELSE queued END, changed = ?4, \
             attempts = attempts * (?3 <> 0), unanswered = unanswered * (?3 <> 0) WHERE id = ?1 AND state = ?2 AND state <> ?3",
        )?;
        for id in ids {
            moved += statement.execute(params![id.0, state.number(), to.number(), now])?;
        }
    }
    Ok(moved)
}

/// Forgets deliveries that nobody is sending; the files of their instances stay for good.
pub(super) fn purge(connection: &Connection, ids: &[DeliveryId]) -> Outcome<usize> {
    let mut purged = 0;
    for id in ids {
        let instance: Option<i64> = connection
            .prepare_cached("DELETE FROM delivery WHERE id = ?1 AND state <> 2 RETURNING instance")?
            .query_row([id.0], |row| row.get(0))
            .optional()?;
        if let Some(instance) = instance {
            purged += 1;
            connection.prepare_cached("UPDATE instance SET keep = 1 WHERE id = ?1")?.execute([instance])?;
            remove_if_unused(connection, instance)?;
        }
    }
    Ok(purged)
}

pub(super) fn write_audit(
    connection: &Connection,
    who: &str,
    action: &str,
    selection: &str,
    deliveries: usize,
) -> Outcome<()> {
    connection
        .prepare_cached(
            "INSERT INTO audit (at, who, action, selection, deliveries) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![Moment::now().0, who, action, selection, deliveries as i64])?;
    Ok(())
}

/// Lets the file of an instance stay.
pub(super) fn keep(connection: &Connection, sop_instance: &str, digest: &[u8; 32]) -> Outcome<()> {
    connection
        .prepare_cached("UPDATE instance SET keep = 1 WHERE sop_instance = ?1 AND digest = ?2")?
        .execute(params![sop_instance, digest])?;
    Ok(())
}

/// Forgets an instance that is delivered everywhere.
pub(super) fn forget(connection: &Connection, sop_instance: &str, digest: &[u8; 32]) -> Outcome<()> {
    let number: Option<i64> = connection
        .prepare_cached("SELECT id FROM instance WHERE sop_instance = ?1 AND digest = ?2 AND open = 0")?
        .query_row(params![sop_instance, digest], |row| row.get(0))
        .optional()?;
    let Some(number) = number else { return Ok(()) };
    remember(connection, number)?;
    connection.prepare_cached("DELETE FROM delivery WHERE instance = ?1")?.execute([number])?;
    remove_if_unused(connection, number)
}

/// Writes down who has an instance, and forgets what was written down long ago.
fn remember(connection: &Connection, instance: i64) -> Outcome<()> {
    let now = Moment::now();
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO passed_on (sop_instance, sop_class, peers, at) SELECT sop_instance, sop_class, \
             (SELECT json_group_array(p.name) FROM delivery d JOIN peer p ON p.id = d.peer WHERE d.instance = ?1), ?2 \
             FROM instance WHERE id = ?1",
        )?
        .execute(params![instance, now.0])?;
    connection
        .prepare_cached("DELETE FROM passed_on WHERE at < ?1")?
        .execute([now.before(REMEMBERED).0])
        .map(drop)
}

fn remove_if_unused(connection: &Connection, instance: i64) -> Outcome<()> {
    let study: Option<i64> = connection
        .prepare_cached(
            "DELETE FROM instance WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM delivery WHERE instance = ?1) RETURNING study",
        )?
        .query_row([instance], |row| row.get(0))
        .optional()?;
    if let Some(study) = study {
        connection
            .prepare_cached(
                "DELETE FROM study WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM instance WHERE study = ?1)",
            )?
            .execute([study])?;
    }
    Ok(())
}

/// The number of a name in a table of names, given when it is new.
fn number_of(connection: &Connection, table: &str, column: &str, name: &str) -> Outcome<i64> {
    let known = connection
        .prepare_cached(&format!("SELECT id FROM {table} WHERE {column} = ?1"))?
        .query_row([name], |row| row.get(0))
        .optional()?;
    if let Some(number) = known {
        return Ok(number);
    }
    connection.prepare_cached(&format!("INSERT INTO {table} ({column}) VALUES (?1)"))?.execute([name])?;
    Ok(connection.last_insert_rowid())
}
