//! Signals that end a command in order: what was begun is dropped, what is done stays.

use std::io::{self, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Whether the user wants the command to end (SIGINT, SIGTERM). A second signal ends it at once.
#[derive(Clone)]
pub(super) struct Interrupt(Arc<AtomicBool>);

/// The signal of a file that grows beyond the limit of the process (`ulimit -f`). It kills the process unless somebody
/// handles it; handled, the write fails with EFBIG and is told like any other want of space.
const SIGXFSZ: i32 = 25;
/// What shells expect of a process that ended by SIGINT.
const ENDED_BY_SIGINT: i32 = 130;

impl Interrupt {
    /// Begins to listen. From now on, these signals no longer end the process by themselves.
    pub(super) fn listen() -> io::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (mut interrupt, mut terminate, too_large) = {
            let _context = runtime.enter();
            (
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::from_raw(SIGXFSZ))?,
            )
        };
        let happened = Arc::clone(&flag);
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            // Held, so that it stays handled.
            let _too_large = too_large;
            loop {
                runtime.block_on(async {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                });
                if happened.swap(true, Ordering::Relaxed) {
                    std::process::exit(ENDED_BY_SIGINT);
                }
            }
        })?;
        Ok(Self(flag))
    }

    /// Whether it happened.
    pub(super) fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// An output that fails as soon as the command is to end, so that a large file does not hold it up.
pub(super) struct Interruptible<'a, W> {
    pub(super) inner: &'a mut W,
    pub(super) interrupt: &'a Interrupt,
}

impl<W: Write> Write for Interruptible<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.interrupt.happened() {
            // Not ErrorKind::Interrupted: that one means «try again».
            return Err(io::Error::other("interrupted"));
        }
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Seek> Seek for Interruptible<'_, W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}
