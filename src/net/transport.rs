//! One TCP connection of an association: small reads through a staging buffer, large ones straight to their place.
//!
//! Whenever there is nothing more to read, TCP_QUICKACK is armed again, which acknowledges what has come. Many senders
//! leave Nagle's algorithm on and write headers and bodies apart; with delayed acknowledgements on our side each
//! instance would stall for 40 ms.

use super::handler::{Outcome, Step};
use super::patience::Patience;
use super::stream::Stream;
use std::future::poll_fn;
use std::pin::pin;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

/// From this length on, the body of a PDU is read straight to its place.
const LARGE: usize = 32 * 1024;

/// How much is staged in one read while a peer sends small PDUs: many of them.
const STAGING: usize = 256 * 1024;

/// How much is staged in one read when a peer sends large PDUs: a command set and the headers before a body. All that
/// is staged of the body has to be copied.
const STAGING_BETWEEN_LARGE: usize = 2 * 1024;

/// A connection with what was read of it and not yet used.
#[derive(Debug)]
pub(super) struct Transport {
    stream: Stream,
    /// What was read, of which the bytes before `start` are used up.
    staging: Vec<u8>,
    start: usize,
    /// What `staging` may hold.
    most_staged: usize,
}

impl Transport {
    /// Takes over a connection of which nothing beyond the last PDU was read.
    pub(super) fn new(stream: Stream) -> Transport {
        Transport { stream, staging: Vec::with_capacity(STAGING), start: 0, most_staged: STAGING }
    }

    /// To be told of the length of each P-DATA-TF PDU that has begun: a peer that has sent a large one sends more.
    pub(super) fn pdu_begins(&mut self, length: usize) {
        if length >= LARGE {
            self.most_staged = STAGING_BETWEEN_LARGE;
        }
    }

    /// The connection itself, for its last words.
    pub(super) fn into_stream(self) -> Stream {
        self.stream
    }

    /// The next `N` bytes, for headers.
    ///
    /// # Errors
    /// How the connection ended.
    pub(super) async fn take<const N: usize>(&mut self, patience: &mut Patience) -> Result<[u8; N], Outcome> {
        loop {
            if let Some(bytes) = self.staging[self.start..].first_chunk::<N>() {
                self.start += N;
                return Ok(*bytes);
            }
            self.fill(patience).await?;
        }
    }

    /// Waits until there is something to read; nothing is lost of it when nobody waits any more.
    ///
    /// # Errors
    /// How the connection ended.
    pub(super) async fn wait(&mut self, patience: &mut Patience) -> Result<(), Outcome> {
        if self.start < self.staging.len() { Ok(()) } else { self.fill(patience).await }
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
        if self.start == self.staging.len() {
            if most >= LARGE.min(self.most_staged) {
                return patience.read(read(&mut self.stream, out, most)).await;
            }
            self.fill(patience).await?;
        }
        let staged = &self.staging[self.start..];
        let count = most.min(staged.len());
        out.extend_from_slice(&staged[..count]);
        self.start += count;
        Ok(count)
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// That the peer does not take it in time, or that the connection broke.
    pub(super) async fn write(&mut self, bytes: &[u8], deadline: Instant) -> Result<(), Outcome> {
        let write = async {
            self.stream.write_all(bytes).await?;
            // TLS may hold a part of it back.
            self.stream.flush().await
        };
        match timeout_at(deadline, write).await {
            Ok(result) => result.map_err(Outcome::Broken),
            Err(_) => Err(Outcome::TimedOut(Step::Response)),
        }
    }

    /// Reads more into the staging buffer, in which at most a header is left over.
    async fn fill(&mut self, patience: &mut Patience) -> Result<(), Outcome> {
        self.staging.drain(..self.start);
        self.start = 0;
        let most = self.most_staged.saturating_sub(self.staging.len());
        patience.read(read(&mut self.stream, &mut self.staging, most)).await?;
        Ok(())
    }
}

/// Appends up to `most` bytes to `out`, within its capacity; has all that came before acknowledged when it must wait.
async fn read(stream: &mut Stream, out: &mut Vec<u8>, most: usize) -> std::io::Result<usize> {
    poll_fn(|context| {
        let polled = {
            let mut limited = (&mut *stream).take(most as u64);
            pin!(limited.read_buf(out)).poll(context)
        };
        if polled.is_pending() {
            quick_acknowledge(&*stream);
        }
        polled
    })
    .await
}

/// Asks the kernel to acknowledge at once what was read. The request does not last, so it is made before every wait.
pub(super) fn quick_acknowledge(stream: impl std::os::fd::AsFd) {
    // Without it all works, only slower; so a failure is none.
    #[cfg(target_os = "linux")]
    let _ = rustix::net::sockopt::set_tcp_quickack(stream, true);
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}
