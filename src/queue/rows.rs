//! Rows of the SQLite queue as values, and the statements that only read.

use super::delivery::{Count, Delivery, DeliveryId, Instance, PassedOn, STATES, Selection, State};
use crate::net::Priority;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Params, Row, params, params_from_iter};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

type Outcome<T> = Result<T, rusqlite::Error>;

/// A moment as the database has it: milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(pub(super) i64);

impl Moment {
    pub(super) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    pub(super) fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)))
    }

    pub(super) fn before(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)))
    }

    pub(super) fn time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }
}

/// The number of a priority, the most urgent first.
pub(super) fn rank(priority: Priority) -> i64 {
    match priority {
        Priority::High => 0,
        Priority::Medium => 1,
        Priority::Low => 2,
    }
}

/// A number of rows as SQLite takes it.
pub(super) fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// The number of a peer that was ever delivered to.
pub(super) fn peer_number(connection: &Connection, name: &str) -> Outcome<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM peer WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

const COLUMNS: &str = "d.id, p.name, d.state, d.priority, d.queued, d.due, d.attempts, d.unanswered, d.status, d.error, \
                       d.changed, i.sop_instance, i.digest, i.sop_class, i.transfer_syntax, s.uid, i.file, i.bytes, i.checksum";

/// The deliveries `d` that meet a condition, which may go on with an order and a limit.
pub(super) fn deliveries(
    connection: &Connection,
    condition: &str,
    values: impl Params,
) -> Outcome<Vec<Delivery>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM delivery d JOIN instance i ON i.id = d.instance JOIN study s ON s.id = d.study \
             JOIN peer p ON p.id = d.peer WHERE {condition}"
        ))?
        .query_map(values, delivery)?
        .collect()
}

fn delivery(row: &Row<'_>) -> Outcome<Delivery> {
    let moment = |column| Ok::<_, rusqlite::Error>(Moment(row.get(column)?).time());
    Ok(Delivery {
        id: DeliveryId(row.get(0)?),
        peer: row.get(1)?,
        state: state(row, 2)?,
        priority: match row.get(3)? {
            0 => Priority::High,
            1 => Priority::Medium,
            _ => Priority::Low,
        },
        queued: moment(4)?,
        due: row.get::<_, Option<i64>>(5)?.map(|due| Moment(due).time()),
        attempts: row.get(6)?,
        unanswered: row.get(7)?,
        status: row.get(8)?,
        error: row.get(9)?,
        changed: moment(10)?,
        instance: instance(row, 11)?,
    })
}

/// An instance in the columns from `first` on.
fn instance(row: &Row<'_>, first: usize) -> Outcome<Instance> {
    Ok(Instance {
        sop_instance: row.get(first)?,
        digest: row.get(first + 1)?,
        sop_class: row.get(first + 2)?,
        transfer_syntax: row.get(first + 3)?,
        study: row.get(first + 4)?,
        file: row.get(first + 5)?,
        bytes: natural(row, first + 6)?,
        checksum: row.get(first + 7)?,
    })
}

fn state(row: &Row<'_>, column: usize) -> Outcome<State> {
    let number: i64 = row.get(column)?;
    let state = STATES.into_iter().find(|state| state.number() == number);
    state.ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// A number that is never negative.
fn natural(row: &Row<'_>, column: usize) -> Outcome<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// What is remembered of an instance that is not in the store any more.
pub(super) fn passed_on(connection: &Connection, sop_instance: &str) -> Outcome<Option<PassedOn>> {
    let read = |row: &Row<'_>| {
        let peers: String = row.get(1)?;
        // It was made by SQLite itself.
        Ok(PassedOn { sop_class: row.get(0)?, peers: serde_json::from_str(&peers).unwrap_or_default() })
    };
    connection
        .prepare_cached("SELECT sop_class, peers FROM passed_on WHERE sop_instance = ?1")?
        .query_row([sop_instance], read)
        .optional()
}

/// Deliveries of a selection in the order of their numbers, at most `most`, with numbers above `after`.
pub(super) fn list(
    connection: &Connection,
    selection: &Selection,
    after: Option<DeliveryId>,
    most: usize,
) -> Outcome<Vec<Delivery>> {
    let mut found = Vec::new();
    for (condition, values) in conditions(connection, selection, after)? {
        let condition = format!("{condition} ORDER BY d.id LIMIT {}", limit(most));
        found.extend(deliveries(connection, &condition, params_from_iter(values))?);
    }
    found.sort_by_key(|delivery| delivery.id);
    found.truncate(most);
    Ok(found)
}

/// The conditions whose rows together are those of a selection; each can be answered from an index in order.
fn conditions(
    connection: &Connection,
    selection: &Selection,
    after: Option<DeliveryId>,
) -> Outcome<Vec<(String, Vec<Value>)>> {
    let after = Value::from(after.map_or(0, |id| id.0));
    let peers: Vec<i64> = match &selection.peer {
        Some(name) => peer_number(connection, name)?.into_iter().collect(),
        None => connection
            .prepare_cached("SELECT id FROM peer ORDER BY id")?
            .query_map([], |row| row.get(0))?
            .collect::<Outcome<_>>()?,
    };
    if selection.peer.is_some() && peers.is_empty() {
        return Ok(Vec::new());
    }
    let states = if selection.states.is_empty() { &STATES[..] } else { &selection.states };
    let everything = selection.peer.is_none() && selection.states.is_empty();
    let of_few =
        selection.delivery.is_some() || selection.study.is_some() || selection.sop_instance.is_some();
    if !of_few && !everything {
        let pairs = peers.iter().flat_map(|peer| states.iter().map(move |state| (*peer, state.number())));
        let of = |(peer, state): (i64, i64)| {
            let condition = "d.id > ?1 AND d.peer = ?2 AND d.state = ?3".to_owned();
            (condition, vec![after.clone(), peer.into(), state.into()])
        };
        return Ok(pairs.map(of).collect());
    }
    let mut condition = "d.id > ?1".to_owned();
    let mut values = vec![after];
    if let Some(DeliveryId(number)) = selection.delivery {
        values.push(number.into());
        condition += " AND d.id = ?2";
    }
    let texts = [("i.sop_instance", &selection.sop_instance), ("s.uid", &selection.study)];
    for (column, text) in texts.into_iter().filter_map(|(column, text)| Some((column, text.clone()?))) {
        values.push(text.into());
        condition += &format!(" AND {column} = ?{}", values.len());
    }
    if !everything {
        let numbers = |numbers: Vec<i64>| numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        let states = states.iter().map(|state| state.number()).collect();
        // The plus keeps SQLite from preferring these to the number or the index of the instance or the study.
        condition += &format!(" AND +d.peer IN ({}) AND +d.state IN ({})", numbers(peers), numbers(states));
    }
    Ok(vec![(condition, values)])
}

pub(super) fn counts(connection: &Connection) -> Outcome<Vec<Count>> {
    connection
        .prepare_cached(
            "SELECT p.name, t.state, t.deliveries FROM tally t JOIN peer p ON p.id = t.peer WHERE t.deliveries > 0 \
             ORDER BY p.name, t.state",
        )?
        .query_map([], |row| {
            Ok(Count { peer: row.get(0)?, state: state(row, 1)?, deliveries: natural(row, 2)? })
        })?
        .collect()
}

/// When the next delivery to a peer is due that cannot be sent now.
pub(super) fn next_due(connection: &Connection, peer: &str) -> Outcome<Option<Moment>> {
    let Some(peer) = peer_number(connection, peer)? else { return Ok(None) };
    let mut next: Option<i64> = None;
    for state in [State::Deferred, State::Claimed, State::Sent] {
        let due: Option<i64> = connection
            .prepare_cached(
                "SELECT min(due) FROM delivery WHERE peer = ?1 AND state = ?2 AND due IS NOT NULL",
            )?
            .query_row([peer, state.number()], |row| row.get(0))?;
        next = [next, due].into_iter().flatten().min();
    }
    Ok(next.map(Moment))
}

pub(super) fn removable(connection: &Connection, before: Moment, most: usize) -> Outcome<Vec<Instance>> {
    connection
        .prepare_cached(
            "SELECT i.sop_instance, i.digest, i.sop_class, i.transfer_syntax, s.uid, i.file, i.bytes, i.checksum \
             FROM instance i JOIN study s ON s.id = i.study \
             WHERE i.open = 0 AND i.keep = 0 AND i.received <= ?1 ORDER BY i.received LIMIT ?2",
        )?
        .query_map(params![before.0, limit(most)], |row| instance(row, 0))?
        .collect()
}
