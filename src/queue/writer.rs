//! The one thread that writes: what several callers want at the same time shares one transaction, and so one sync.

use super::error::QueueError;
use rusqlite::{Connection, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

/// Hands work to the writing thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

/// More than this is not put into one transaction, so that nobody waits for long.
const MOST_AT_ONCE: usize = 256;

impl Writer {
    /// Begins to write over this connection.
    pub(super) fn start(path: &Path, connection: Connection) -> Result<Self, QueueError> {
        let (jobs, incoming) = channel();
        let (own, thread_path) = (path.to_owned(), path.to_owned());
        let thread = thread::Builder::new()
            .name("queue".to_owned())
            .spawn(move || work_off(&thread_path, connection, &incoming))
            .map_err(|error| QueueError::Failed { path: path.to_owned(), reason: error.to_string() })?;
        Ok(Self { path: own, jobs: Some(jobs), thread: Some(thread) })
    }

    /// Does `work` in a transaction and returns when that is committed. When the work fails, nothing of it is done, and
    /// others in the same transaction are not concerned.
    pub(super) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, QueueError> {
        let (reply, answer) = sync_channel(1);
        let job = Box::new(Asked { work: Some(work), outcome: None, reply });
        let gone =
            || QueueError::Failed { path: self.path.clone(), reason: "its writer has ended".to_owned() };
        self.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The thread ends when nobody can send to it any more; the connection is closed in order then.
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What somebody waits for.
trait Job: Send {
    /// Does it inside the open transaction.
    fn run(&mut self, path: &Path, connection: &Connection);
    /// Tells whoever waits: the outcome of the work, or why the transaction failed.
    fn answer(self: Box<Self>, failed: Option<QueueError>);
}

struct Asked<T, W> {
    work: Option<W>,
    outcome: Option<Result<T, QueueError>>,
    reply: SyncSender<Result<T, QueueError>>,
}

impl<T: Send, W: FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send> Job for Asked<T, W> {
    fn run(&mut self, path: &Path, connection: &Connection) {
        let Some(work) = self.work.take() else { return };
        let done = connection.execute_batch("SAVEPOINT job").and_then(|()| work(connection));
        let end = if done.is_ok() { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
        let done = match (done, connection.execute_batch(end)) {
            (Ok(_), Err(error)) | (Err(error), _) => Err(QueueError::of(path, &error)),
            (Ok(outcome), Ok(())) => Ok(outcome),
        };
        self.outcome = Some(done);
    }

    fn answer(self: Box<Self>, failed: Option<QueueError>) {
        let outcome = match (failed, self.outcome) {
            (Some(error), _) => Err(error),
            (None, Some(outcome)) => outcome,
            (None, None) => return,
        };
        // Whoever asked may have given up.
        let _ = self.reply.send(outcome);
    }
}

fn work_off(path: &Path, mut connection: Connection, incoming: &Receiver<Box<dyn Job>>) {
    while let Ok(first) = incoming.recv() {
        let mut jobs = vec![first];
        // While the last transaction was synced, others have come.
        jobs.extend(incoming.try_iter().take(MOST_AT_ONCE - 1));
        let failed = transact(path, &mut connection, &mut jobs).err();
        for job in jobs {
            job.answer(failed.clone());
        }
    }
}

fn transact(path: &Path, connection: &mut Connection, jobs: &mut [Box<dyn Job>]) -> Result<(), QueueError> {
    let fail = |error: rusqlite::Error| QueueError::of(path, &error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fail)?;
    for job in jobs.iter_mut() {
        job.run(path, &transaction);
    }
    transaction.commit().map_err(fail)
}
