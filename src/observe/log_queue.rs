//! Lines of the log on their way to standard error: a thread of its own writes them, and nobody else waits for it.
//!
//! Standard error is a pipe in most installations. When nobody reads it any more (a full disk of the journal, a stopped
//! terminal) a write to it waits for ever, and reception must not wait with it: lines that find the queue full are
//! dropped and counted.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// The most lines that wait to be written; some hundred bytes each.
const LONGEST_QUEUE: usize = 4096;

/// How long the end of the process waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// What the thread is asked for.
enum Order {
    Write(Vec<u8>),
    /// To answer, which it does when all lines before are written.
    Answer(SyncSender<()>),
}

/// Where lines are handed over. Clones hand them to the same thread.
#[derive(Clone, Debug)]
pub(super) struct LogQueue {
    orders: SyncSender<Order>,
    dropped: Arc<AtomicU64>,
}

/// Waits, when it is dropped, until the lines that were logged so far are written; not for ever.
#[derive(Debug)]
#[must_use = "the last lines are lost when the process ends without it"]
pub struct LogEnd(Option<LogQueue>);

impl LogQueue {
    /// Starts the thread that writes to `out`.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (orders, taken) = sync_channel(LONGEST_QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        thread::Builder::new().name("log".to_owned()).spawn(move || write(&taken, &counted, out))?;
        Ok(Self { orders, dropped })
    }
}

impl LogEnd {
    pub(super) fn of(queue: Option<LogQueue>) -> Self {
        Self(queue)
    }
}

impl Drop for LogEnd {
    fn drop(&mut self) {
        let Some(queue) = &self.0 else { return };
        let (answer, answered) = sync_channel(1);
        // A full queue means that nobody reads: there is nothing to wait for.
        if queue.orders.try_send(Order::Answer(answer)).is_ok() {
            let _ = answered.recv_timeout(LAST_LINES);
        }
    }
}

/// Writes until everybody who could hand over a line is gone.
fn write(taken: &Receiver<Order>, dropped: &AtomicU64, mut out: impl Write) {
    while let Ok(order) = taken.recv() {
        match order {
            // There is nowhere to say that the log cannot be written.
            Order::Write(line) => drop(out.write_all(&line)),
            Order::Answer(answer) => drop(answer.send(())),
        }
        let lines = dropped.swap(0, Ordering::Relaxed);
        if lines > 0 {
            tracing::warn!(lines, "lines of the log were dropped: nobody took them");
        }
    }
}

impl Write for &LogQueue {
    /// Takes one whole line: the subscriber formats an event before it writes it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.orders.try_send(Order::Write(line.to_vec())) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogQueue {
    type Writer = &'a LogQueue;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// The queue to standard error, which the whole process shares; none where its thread cannot be started.
pub(super) fn standard_error() -> Option<LogQueue> {
    static QUEUE: OnceLock<Option<LogQueue>> = OnceLock::new();
    QUEUE.get_or_init(|| LogQueue::start(io::stderr()).ok()).clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Blocks until it is let go, then keeps what is written.
    #[derive(Clone)]
    struct Gate(Arc<Mutex<Vec<u8>>>);

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn p17_nobody_waits_for_a_log_that_nobody_takes() {
        let gate = Gate(Arc::default());
        let closed = gate.0.lock().unwrap();
        let queue = LogQueue::start(gate.clone()).unwrap();
        for _ in 0..2 * LONGEST_QUEUE {
            (&queue).write_all(b"line\n").unwrap();
        }
        let dropped = queue.dropped.load(Ordering::Relaxed) as usize;
        assert!((LONGEST_QUEUE - 1..=LONGEST_QUEUE).contains(&dropped), "{dropped}");
        drop(LogEnd::of(Some(queue.clone())));
        drop(closed);
        // Now there is room again, and the end waits for all that was taken.
        let written = || gate.0.lock().unwrap().len() / 5;
        let (answer, answered) = sync_channel(1);
        queue.orders.send(Order::Answer(answer)).unwrap();
        answered.recv().unwrap();
        assert_eq!(written(), 2 * LONGEST_QUEUE - dropped);
        (&queue).write_all(b"last\n").unwrap();
        drop(LogEnd::of(Some(queue)));
        assert_eq!(written(), 2 * LONGEST_QUEUE - dropped + 1);
    }
}
