//! One process that decodes for a node: begun, asked until a deadline, and killed at the latest when nobody needs it.

use super::decoder_protocol::{Request, Response, read_message, write_message};
use super::decoder_worker::WorkerLimits;
use crate::codec::FrameCoding;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process that decodes with one decoder.
#[derive(Debug)]
pub(super) struct DecoderProcess {
    child: Child,
    stream: UnixStream,
    /// The decoder's name.
    pub(super) decoder: &'static str,
}

/// Why a process gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// The deadline has passed.
    #[error("it took too long")]
    Late,
    /// What became of it, or what it said that is no answer.
    #[error("{0}")]
    Died(String),
}

/// The name of the hidden command.
pub const DECODE_FOR_NODE: &str = "decode-for-node";
/// What the process tree calls it.
const NAME: &str = "condenser";
/// So much of its last words is kept.
const LAST_WORDS: u64 = 400;

impl DecoderProcess {
    /// Starts `program`, which limits itself before it reads a byte.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn begin(program: &Path, limits: WorkerLimits, decoder: &'static str) -> io::Result<Self> {
        let (stream, theirs) = UnixStream::pair()?;
        let output = theirs.try_clone()?;
        let child = Command::new(program)
            .arg0(NAME)
            .arg(DECODE_FOR_NODE)
            .args(["--memory", &limits.memory.to_string()])
            .args(["--processor-seconds", &limits.processor_seconds.to_string()])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(OwnedFd::from(output)))
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(Self { child, stream, decoder })
    }

    /// Has a codestream decoded; of cells, at most `frame_bytes` bytes are taken.
    ///
    /// # Errors
    /// [`NoAnswer`]; the process is of no use any more.
    pub(super) fn ask(
        &mut self,
        coding: &FrameCoding,
        codestream: &[u8],
        frame_bytes: u64,
        until: Instant,
    ) -> Result<(Response, Vec<u8>), NoAnswer> {
        let mut stream = Timed { stream: &self.stream, until };
        let answer = write_message(&mut stream, &Request::of(coding, self.decoder), codestream)
            .and_then(|()| read_message(&mut stream, frame_bytes)?.ok_or_else(ended));
        answer.map_err(|error| match error.kind() {
            // A socket whose time is up says one or the other.
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => NoAnswer::Late,
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                NoAnswer::Died(self.ending())
            }
            _ => NoAnswer::Died(format!("the decoding process gave an answer that is none: {error}")),
        })
    }

    /// How it came to its end.
    fn ending(&mut self) -> String {
        // It has closed its side: it has ended, or is killed here.
        let _ = self.child.kill();
        let how = match self.child.wait() {
            Ok(status) => match (status.signal(), status.code()) {
                (Some(signal), _) => format!("the decoding process died of signal {signal}"),
                (None, Some(code)) => format!("the decoding process ended with exit code {code}"),
                (None, None) => "the decoding process ended".to_owned(),
            },
            Err(error) => format!("the decoding process is lost: {error}"),
        };
        match self.last_words() {
            Some(words) => format!("{how}: {words}"),
            None => how,
        }
    }

    /// The end of what it wrote to standard error, which is where a program says that it is out of memory.
    fn last_words(&mut self) -> Option<String> {
        let stderr = self.child.stderr.take()?;
        // Whoever else holds the other end does not make us wait.
        rustix::io::ioctl_fionbio(&stderr, true).ok()?;
        let mut words = Vec::new();
        // What was read before an error is kept.
        let _ = stderr.take(LAST_WORDS).read_to_end(&mut words);
        let words = String::from_utf8_lossy(&words);
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(words).filter(|words| !words.is_empty())
    }
}

impl Drop for DecoderProcess {
    fn drop(&mut self) {
        // It may have ended already; without the wait it would stay as a zombie.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ended() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

/// A stream whose every step ends at the same deadline.
struct Timed<'s> {
    stream: &'s UnixStream,
    until: Instant,
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(bytes)
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
