//! One TCP connection of an association: reads through a staging buffer, large remainders straight to their place.
//!
//! Every read arms TCP_QUICKACK again. Many senders leave Nagle's algorithm on and write headers and bodies apart;
//! with delayed acknowledgements on our side each instance would stall for 40 ms.

use super::handler::{Outcome, Step};
use super::patience::Patience;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// Two PDUs of the usual maximum.
const STAGING: usize = 256 * 1024;

/// With so much missing, the detour through the staging buffer costs more than a read of its own.
const DIRECT: usize = 64 * 1024;

/// A connection with what was read of it and not yet used.
#[derive(Debug)]
pub(super) struct Transport {
    stream: TcpStream,
    staging: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Transport {
    /// Takes over a connection of which nothing beyond the last PDU was read.
    pub(super) fn new(stream: TcpStream) -> Transport {
        Transport { stream, staging: vec![0; STAGING].into_boxed_slice(), start: 0, end: 0 }
    }

    /// The connection itself, for its last words.
    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// The next `N` bytes, for headers.
    ///
    /// # Errors
    /// How the connection ended.
    pub(super) async fn take<const N: usize>(&mut self, patience: &mut Patience) -> Result<[u8; N], Outcome> {
        loop {
            if let Some(bytes) = self.staging[self.start..self.end].first_chunk::<N>() {
                self.start += N;
                return Ok(*bytes);
            }
            self.fill(patience).await?;
        }
    }

    /// Appends at least one and at most `most` bytes to `out`, within its capacity. Gives how many.
    ///
    /// # Errors
    /// How the connection ended.
    pub(super) async fn append(
        &mut self,
        out: &mut Vec<u8>,
        most: usize,
        patience: &mut Patience,
    ) -> Result<usize, Outcome> {
        let most = most.min(out.capacity() - out.len());
        if self.start == self.end {
            if most >= DIRECT {
                let mut limited = (&mut self.stream).take(most as u64);
                let count = patience.read(limited.read_buf(out)).await?;
                quick_acknowledge(&self.stream);
                return Ok(count);
            }
            self.fill(patience).await?;
        }
        let count = most.min(self.end - self.start);
        out.extend_from_slice(&self.staging[self.start..self.start + count]);
        self.start += count;
        Ok(count)
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// That the peer does not take it in time, or that the connection broke.
    pub(super) async fn write(&mut self, bytes: &[u8], deadline: Instant) -> Result<(), Outcome> {
        match timeout_at(deadline, self.stream.write_all(bytes)).await {
            Ok(result) => result.map_err(Outcome::Broken),
            Err(_) => Err(Outcome::TimedOut(Step::Response)),
        }
    }

    /// Reads more into the staging buffer, which must not be full.
    async fn fill(&mut self, patience: &mut Patience) -> Result<(), Outcome> {
        if self.start > 0 {
            // At most a header is left over.
            self.staging.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        self.end += patience.read(self.stream.read(&mut self.staging[self.end..])).await?;
        quick_acknowledge(&self.stream);
        Ok(())
    }
}

/// Asks the kernel to acknowledge what was read at once. The request does not last, so it is made after every read.
pub(super) fn quick_acknowledge(stream: impl std::os::fd::AsFd) {
    // Without it all works, only slower; so a failure is none.
    #[cfg(target_os = "linux")]
    let _ = rustix::net::sockopt::set_tcp_quickack(stream, true);
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}
