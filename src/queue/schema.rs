//! The tables of the SQLite queue and of the transactions beside it, their versions, and how a database is opened.

use super::error::QueueError;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// What a database of ours holds.
pub(super) struct Schema {
    /// Says in the head of the file whose database it is.
    application_id: i64,
    /// The steps from one version of the schema to the next; a new one is appended, none is ever changed.
    migrations: &'static [&'static str],
}

/// The queue of deliveries: «Cond».
pub(super) const DELIVERIES: Schema = Schema { application_id: 0x436F_6E64, migrations: MIGRATIONS };
/// The transactions of Storage Commitment: «Comm».
pub(super) const TRANSACTIONS: Schema = Schema { application_id: 0x436F_6D6D, migrations: OF_TRANSACTIONS };

/// What was asked for (`asked`) and what became of each of it (`outcome`), both JSON; `due` is when there is something to do
/// about it, and empty once it is reported or given up.
const OF_TRANSACTIONS: &[&str] = &["
CREATE TABLE transaction_of_peer (
    uid TEXT PRIMARY KEY,
    calling TEXT NOT NULL,
    called TEXT NOT NULL,
    asked TEXT NOT NULL,
    outcome TEXT,
    received INTEGER NOT NULL,
    due INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT
) STRICT;
CREATE INDEX transaction_due ON transaction_of_peer (due) WHERE due IS NOT NULL;
CREATE INDEX transaction_done ON transaction_of_peer (received) WHERE due IS NULL;
"];

/// The steps to the queue of deliveries.
///
/// What is counted is kept as it changes (`tally`, `instance.open`): nothing ever goes through all rows. Times are
/// milliseconds since 1970; priorities are 0 (high) to 2 (low), so that the index is in the order of claims; studies are
/// numbered as they come, so that the lowest number is the oldest study.
const MIGRATIONS: &[&str] = &["
CREATE TABLE property (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO property VALUES ('id', lower(hex(randomblob(16))));

CREATE TABLE peer (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE study (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE instance (
    id INTEGER PRIMARY KEY,
    sop_instance TEXT NOT NULL,
    digest BLOB NOT NULL,
    sop_class TEXT NOT NULL,
    transfer_syntax TEXT NOT NULL,
    study INTEGER NOT NULL REFERENCES study,
    file TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    checksum BLOB,
    received INTEGER NOT NULL,
    open INTEGER NOT NULL,               -- deliveries of it that are not delivered
    keep INTEGER NOT NULL DEFAULT 0,     -- its file stays for good
    UNIQUE (sop_instance, digest)
) STRICT;
CREATE INDEX instance_study ON instance (study);
CREATE INDEX instance_removable ON instance (received) WHERE open = 0 AND keep = 0;

CREATE TABLE delivery (
    id INTEGER PRIMARY KEY,
    peer INTEGER NOT NULL REFERENCES peer,
    instance INTEGER NOT NULL REFERENCES instance,
    study INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    state INTEGER NOT NULL,
    queued INTEGER NOT NULL,
    due INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    unanswered INTEGER NOT NULL DEFAULT 0,
    status INTEGER,
    error TEXT,
    changed INTEGER NOT NULL,
    UNIQUE (instance, peer)
) STRICT;
CREATE INDEX delivery_order ON delivery (peer, priority, study, id) WHERE state = 0;
CREATE INDEX delivery_state ON delivery (peer, state, id);
CREATE INDEX delivery_due ON delivery (peer, state, due) WHERE due IS NOT NULL;

CREATE TABLE tally (
    peer INTEGER NOT NULL, state INTEGER NOT NULL, deliveries INTEGER NOT NULL, PRIMARY KEY (peer, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER delivery_added AFTER INSERT ON delivery BEGIN
    INSERT INTO tally VALUES (NEW.peer, NEW.state, 1)
        ON CONFLICT (peer, state) DO UPDATE SET deliveries = deliveries + 1;
END;
CREATE TRIGGER delivery_moved AFTER UPDATE OF state ON delivery WHEN OLD.state <> NEW.state BEGIN
    UPDATE tally SET deliveries = deliveries - 1 WHERE peer = OLD.peer AND state = OLD.state;
    INSERT INTO tally VALUES (NEW.peer, NEW.state, 1)
        ON CONFLICT (peer, state) DO UPDATE SET deliveries = deliveries + 1;
    UPDATE instance SET open = open + (OLD.state = 5) - (NEW.state = 5)
        WHERE id = NEW.instance AND (OLD.state = 5 OR NEW.state = 5);
END;
CREATE TRIGGER delivery_removed AFTER DELETE ON delivery BEGIN
    UPDATE tally SET deliveries = deliveries - 1 WHERE peer = OLD.peer AND state = OLD.state;
    UPDATE instance SET open = open - (OLD.state <> 5) WHERE id = OLD.instance;
END;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, action TEXT NOT NULL, selection TEXT NOT NULL,
    deliveries INTEGER NOT NULL
) STRICT;
", "
-- Instances that retention has removed, and the names of the peers that have them (JSON).
CREATE TABLE passed_on (
    sop_instance TEXT PRIMARY KEY, sop_class TEXT NOT NULL, peers TEXT NOT NULL, at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX passed_on_at ON passed_on (at);
"];

/// For another process to end its transaction, which all of ours do within milliseconds.
const PATIENCE: Duration = Duration::from_secs(15);
/// Pages in memory for each connection, in KiB.
const CACHE_KIB: i64 = 16 * 1024;
/// What is left of the write-ahead log after it was copied into the database, in bytes.
const LOG_REMAINS: i64 = 16 << 20;

/// Whether a database may be made where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    Create,
    Refuse,
}

/// Opens the connection that writes, and brings the schema up to date.
///
/// `durable`: what was committed survives a loss of power.
pub(super) fn open_writer(
    path: &Path,
    schema: &Schema,
    absent: Absent,
    durable: bool,
) -> Result<Connection, QueueError> {
    if !path.exists() {
        if absent == Absent::Refuse {
            return Err(QueueError::Missing { path: path.to_owned() });
        }
        create_file(path).map_err(|error| failed(path, &error))?;
    }
    let open = || -> Result<Connection, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        set_up(&connection)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", if durable { "full" } else { "off" })?;
        connection.pragma_update(None, "journal_size_limit", LOG_REMAINS)?;
        Ok(connection)
    };
    let mut connection = open().map_err(|error| QueueError::of(path, &error))?;
    migrate(path, schema, &mut connection)?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, QueueError> {
    let open = || -> Result<Connection, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        set_up(&connection)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    };
    open().map_err(|error| QueueError::of(path, &error))
}

/// What no two queues have in common.
pub(super) fn identity(connection: &Connection) -> Result<String, rusqlite::Error> {
    connection.query_row("SELECT value FROM property WHERE name = 'id'", [], |row| row.get(0))
}

fn set_up(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn migrate(path: &Path, schema: &Schema, connection: &mut Connection) -> Result<(), QueueError> {
    let known = schema.migrations.len() as i64;
    let fail = |error: rusqlite::Error| QueueError::of(path, &error);
    // Whoever comes second finds it done.
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(fail)?;
    let number = |name| transaction.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(fail);
    let (found, application) = (number("user_version")?, number("application_id")?);
    let tables = "SELECT 1 FROM sqlite_schema LIMIT 1";
    let filled = transaction.query_row(tables, [], |_| Ok(())).optional().map_err(fail)?.is_some();
    if filled && application != schema.application_id {
        let reason = "it is another program's database".to_owned();
        return Err(QueueError::Damaged { path: path.to_owned(), reason });
    }
    if found > known {
        return Err(QueueError::Newer { path: path.to_owned(), found, known });
    }
    if found < known {
        for step in schema.migrations.iter().skip(usize::try_from(found).unwrap_or(0)) {
            transaction.execute_batch(step).map_err(fail)?;
        }
        transaction.pragma_update(None, "application_id", schema.application_id).map_err(fail)?;
        transaction.pragma_update(None, "user_version", known).map_err(fail)?;
        transaction.commit().map_err(fail)?;
    }
    Ok(())
}

/// Paths in it may hold values of patients, so it is for the service and its group alone; the files beside it follow.
fn create_file(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o640).open(path).map(drop)
}

fn failed(path: &Path, error: &std::io::Error) -> QueueError {
    let (path, reason) = (path.to_owned(), error.to_string());
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            QueueError::Full { path, reason }
        }
        _ => QueueError::Failed { path, reason },
    }
}
