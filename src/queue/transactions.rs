//! Reports that are owed to peers: transactions of Storage Commitment that were promised a report and have not had it yet
//! (PS3.4 J.3), in an SQLite database beside the queue and as durable as it.
//!
//! One that is reported or given up is remembered for some time, so that its Transaction UID is not used twice.

use super::error::QueueError;
use super::rows::{Moment, limit};
use super::schema::{self, Absent, TRANSACTIONS};
use super::writer::Writer;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The opened database.
#[derive(Debug)]
pub struct Transactions {
    path: std::path::PathBuf,
    writer: Writer,
    reader: Mutex<Connection>,
}

/// An instance as a request for commitment names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Referenced SOP Class UID.
    #[serde(rename = "class")]
    pub sop_class: String,
    /// Referenced SOP Instance UID.
    #[serde(rename = "instance")]
    pub sop_instance: String,
}

/// What a peer has asked to be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Transaction UID.
    pub uid: String,
    /// The AE title of whoever asked.
    pub calling: String,
    /// The AE title that it asked.
    pub called: String,
    /// What it asked for.
    pub references: Vec<Reference>,
    /// What became of each of them, once that is known: nothing, or why it is not committed.
    pub outcome: Option<Vec<Option<u16>>>,
    /// When it asked.
    pub received: SystemTime,
    /// How often a report was tried.
    pub attempts: u32,
}

/// More than this are not owed at a time.
const MOST_OWED: i64 = 100_000;
/// For so long a Transaction UID is not used again.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// What lies farther ahead comes from a clock that was set back since, and counts as now.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// What became of the wish to begin a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is written down.
    Yes,
    /// Its UID is in use.
    Duplicate,
    /// Too many are owed a report already.
    TooMany,
}

impl Transactions {
    /// Opens the database, and makes it when there is none. `durable`: what was committed survives a loss of power.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn open(path: &Path, durable: bool) -> Result<Self, QueueError> {
        let connection = schema::open_writer(path, &TRANSACTIONS, Absent::Create, durable)?;
        let reader = Mutex::new(schema::open_reader(path)?);
        Ok(Self { path: path.to_owned(), writer: Writer::start(path, connection)?, reader })
    }

    /// Writes a transaction down, durably; there is something to do about it after `pause`.
    ///
    /// # Errors
    /// [`QueueError`]; nothing is written down then.
    pub fn begin(&self, transaction: &Transaction, pause: Duration) -> Result<Begun, QueueError> {
        let transaction = transaction.clone();
        self.writer.write(move |connection| begin(connection, &transaction, pause))
    }

    /// There is something to do about everything that is owed: for the one process that does it, when it starts.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn recover(&self) -> Result<(), QueueError> {
        let now = Moment::now().0;
        self.writer.write(move |connection| {
            connection
                .prepare_cached("UPDATE transaction_of_peer SET due = ?1 WHERE due > ?1")?
                .execute([now])
                .map(drop)
        })
    }

    /// Transactions about which there is something to do now, the oldest first, at most `most`.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn due(&self, most: usize) -> Result<Vec<Transaction>, QueueError> {
        let now = Moment::now();
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT uid, calling, called, asked, outcome, received, attempts FROM transaction_of_peer \
                     WHERE due <= ?1 OR due > ?2 ORDER BY received LIMIT ?3",
                )?
                .query_map(params![now.0, now.after(LONGEST_WAIT).0, limit(most)], transaction)?
                .collect()
        })
    }

    /// How long it takes until there is something to do; `None` where nothing is owed.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn next_due(&self) -> Result<Option<Duration>, QueueError> {
        let due = self.read(|connection| {
            connection
                .prepare_cached("SELECT min(due) FROM transaction_of_peer WHERE due IS NOT NULL")?
                .query_row([], |row| row.get::<_, Option<i64>>(0))
        })?;
        let now = Moment::now().0;
        Ok(due.map(|due| Duration::from_millis(u64::try_from(due.saturating_sub(now)).unwrap_or(0))))
    }

    /// Writes down what became of what a transaction asked for.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn judged(&self, uid: &str, outcome: &[Option<u16>]) -> Result<(), QueueError> {
        // Numbers and nulls: nothing that JSON could refuse.
        let outcome = serde_json::to_string(outcome).unwrap_or_default();
        self.change(uid, "UPDATE transaction_of_peer SET outcome = ?2 WHERE uid = ?1", outcome)
    }

    /// There is nothing to do about it before `pause` is over; it is no attempt at a report.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn wait(&self, uid: &str, pause: Duration) -> Result<(), QueueError> {
        let due = Moment::now().after(pause.min(LONGEST_WAIT)).0;
        self.change(uid, "UPDATE transaction_of_peer SET due = ?2 WHERE uid = ?1 AND due IS NOT NULL", due)
    }

    /// A report was not taken, and is tried again after `pause`.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn put_off(&self, uid: &str, pause: Duration, error: &str) -> Result<(), QueueError> {
        let due = Moment::now().after(pause.min(LONGEST_WAIT)).0;
        let (uid, error) = (uid.to_owned(), error.to_owned());
        self.writer.write(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE transaction_of_peer SET due = ?2, attempts = attempts + 1, error = ?3 WHERE uid = ?1",
                )?
                .execute(params![uid, due, error])
                .map(drop)
        })
    }

    /// Nothing is owed any more: it was reported, or given up for this reason.
    ///
    /// # Errors
    /// [`QueueError`]; the report will be made again.
    pub fn finish(&self, uid: &str, error: Option<&str>) -> Result<(), QueueError> {
        let error = error.map(str::to_owned);
        self.change(uid, "UPDATE transaction_of_peer SET due = NULL, error = ?2 WHERE uid = ?1", error)
    }

    fn change(
        &self,
        uid: &str,
        statement: &'static str,
        value: impl rusqlite::ToSql + Send + 'static,
    ) -> Result<(), QueueError> {
        let uid = uid.to_owned();
        self.writer.write(move |connection| {
            connection.prepare_cached(statement)?.execute(params![uid, value]).map(drop)
        })
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>) -> Result<T, QueueError> {
        // A panic while reading leaves a connection that can still read.
        let connection = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        read(&connection).map_err(|error| QueueError::of(&self.path, &error))
    }
}

fn begin(
    connection: &Connection,
    transaction: &Transaction,
    pause: Duration,
) -> Result<Begun, rusqlite::Error> {
    let now = Moment::now();
    connection
        .prepare_cached("DELETE FROM transaction_of_peer WHERE due IS NULL AND received < ?1")?
        .execute([now.before(REMEMBERED).0])?;
    let known = connection
        .prepare_cached("SELECT 1 FROM transaction_of_peer WHERE uid = ?1")?
        .query_row([&transaction.uid], |_| Ok(()))
        .optional()?;
    if known.is_some() {
        return Ok(Begun::Duplicate);
    }
    let owed: i64 = connection
        .prepare_cached("SELECT count(*) FROM transaction_of_peer WHERE due IS NOT NULL")?
        .query_row([], |row| row.get(0))?;
    if owed >= MOST_OWED {
        return Ok(Begun::TooMany);
    }
    // Text, and nothing that JSON could refuse.
    let asked = serde_json::to_string(&transaction.references).unwrap_or_default();
    connection
        .prepare_cached(
            "INSERT INTO transaction_of_peer (uid, calling, called, asked, received, due) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            transaction.uid,
            transaction.calling,
            transaction.called,
            asked,
            now.0,
            now.after(pause).0
        ])?;
    Ok(Begun::Yes)
}

fn transaction(row: &Row<'_>) -> Result<Transaction, rusqlite::Error> {
    let (asked, outcome): (String, Option<String>) = (row.get(3)?, row.get(4)?);
    let unreadable = |column, error: serde_json::Error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    };
    let outcome = outcome.map(|text| serde_json::from_str(&text)).transpose();
    Ok(Transaction {
        uid: row.get(0)?,
        calling: row.get(1)?,
        called: row.get(2)?,
        references: serde_json::from_str(&asked).map_err(|error| unreadable(3, error))?,
        outcome: outcome.map_err(|error| unreadable(4, error))?,
        received: Moment(row.get(5)?).time(),
        attempts: row.get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uid: &str) -> Transaction {
        let reference =
            |number: u8| Reference { sop_class: "1.2".to_owned(), sop_instance: format!("1.3.{number}") };
        Transaction {
            uid: uid.to_owned(),
            calling: "CT1".to_owned(),
            called: "CONDENSER".to_owned(),
            references: vec![reference(1), reference(2)],
            outcome: None,
            received: SystemTime::now(),
            attempts: 0,
        }
    }

    fn uids(transactions: &Transactions) -> Vec<(String, u32)> {
        transactions.due(10).unwrap().into_iter().map(|owed| (owed.uid, owed.attempts)).collect()
    }

    #[test]
    fn what_is_owed_survives_its_process_with_what_became_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("commitment.db");
        let transactions = Transactions::open(&path, true).unwrap();
        assert_eq!(transactions.begin(&asked("1.2"), Duration::ZERO).unwrap(), Begun::Yes);
        transactions.judged("1.2", &[None, Some(0x0112)]).unwrap();
        drop(transactions);
        let transactions = Transactions::open(&path, true).unwrap();
        let owed = transactions.due(10).unwrap();
        assert_eq!(owed.len(), 1);
        assert_eq!(owed[0].outcome, Some(vec![None, Some(0x0112)]));
        assert_eq!((&owed[0].references, &owed[0].calling), (&asked("1.2").references, &"CT1".to_owned()));
    }

    #[test]
    fn a_transaction_is_due_when_it_is_and_its_uid_is_not_used_twice() {
        let folder = tempfile::tempdir().unwrap();
        let transactions = Transactions::open(&folder.path().join("commitment.db"), false).unwrap();
        assert_eq!(transactions.next_due().unwrap(), None);
        transactions.begin(&asked("1.2"), Duration::ZERO).unwrap();
        transactions.begin(&asked("1.3"), Duration::from_secs(3600)).unwrap();
        assert_eq!(uids(&transactions), [("1.2".to_owned(), 0)]);
        transactions.put_off("1.2", Duration::ZERO, "nobody listens").unwrap();
        assert_eq!(uids(&transactions), [("1.2".to_owned(), 1)]);
        transactions.wait("1.2", Duration::from_secs(60)).unwrap();
        assert!(uids(&transactions).is_empty());
        let next = transactions.next_due().unwrap().unwrap();
        assert!(next > Duration::from_secs(50) && next <= Duration::from_secs(60), "{next:?}");
        transactions.finish("1.2", None).unwrap();
        transactions.finish("1.3", Some("expired")).unwrap();
        assert_eq!(transactions.next_due().unwrap(), None);
        for uid in ["1.2", "1.3"] {
            assert_eq!(transactions.begin(&asked(uid), Duration::ZERO).unwrap(), Begun::Duplicate, "{uid}");
        }
    }
}
