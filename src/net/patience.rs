//! How long a peer is waited for: deadlines that count from the start of a step, a minimum rate within a message,
//! and the end of the node.

use super::config::Deadlines;
use super::handler::{Outcome, Step};
use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// When the node stops: nothing while it runs, then the moment at which everything still running is aborted.
pub(super) type Drain = watch::Receiver<Option<Instant>>;

/// What bounds the waits of one step.
#[derive(Debug)]
pub(super) struct Patience {
    step: Step,
    deadline: Instant,
    rate: Option<Rate>,
    drain: Drain,
}

/// A minimum of bytes for each stretch of time.
#[derive(Debug)]
struct Rate {
    window: Duration,
    minimum: u64,
    end: Instant,
    received: u64,
}

impl Patience {
    /// For a step without a minimum rate, from now on.
    pub(super) fn new(step: Step, time: Duration, drain: Drain) -> Patience {
        Patience { step, deadline: Instant::now() + time, rate: None, drain }
    }

    /// For a message, from now on.
    pub(super) fn for_message(deadlines: &Deadlines, drain: Drain) -> Patience {
        let window = deadlines.rate_window;
        let minimum = u128::from(deadlines.minimum_rate) * window.as_millis() / 1_000;
        let rate = (minimum > 0).then(|| Rate {
            window,
            minimum: u64::try_from(minimum).unwrap_or(u64::MAX),
            end: Instant::now() + window,
            received: 0,
        });
        Patience { rate, ..Patience::new(Step::Message, deadlines.message, drain) }
    }

    /// Waits for bytes to be read.
    ///
    /// # Errors
    /// When there is no more time, the node stops, the peer has closed the connection or the connection broke.
    pub(super) async fn read(
        &mut self,
        read: impl Future<Output = io::Result<usize>>,
    ) -> Result<usize, Outcome> {
        let mut read = pin!(read);
        loop {
            let until = self.rate.as_ref().map_or(self.deadline, |rate| rate.end.min(self.deadline));
            tokio::select! {
                biased;
                result = &mut read => return self.received(result),
                () = ended(&mut self.drain, self.step) => return Err(Outcome::Drained),
                () = sleep_until(until) => self.expired()?,
            }
        }
    }

    /// Grants the time that we needed ourselves.
    pub(super) fn extend(&mut self, time: Duration) {
        self.deadline += time;
        if let Some(rate) = &mut self.rate {
            rate.end += time;
        }
    }

    fn received(&mut self, result: io::Result<usize>) -> Result<usize, Outcome> {
        let count = match result {
            Ok(0) => return Err(Outcome::PeerClosed(self.step)),
            Ok(count) => count,
            Err(error) => return Err(Outcome::Broken(error)),
        };
        if let Some(rate) = &mut self.rate {
            rate.received += count as u64;
        }
        // A peer that always has a byte ready must not escape its deadlines by that.
        if self.rate.as_ref().is_some_and(|rate| Instant::now() >= rate.end)
            || Instant::now() >= self.deadline
        {
            self.expired()?;
        }
        Ok(count)
    }

    /// A deadline or a stretch of time has passed.
    fn expired(&mut self) -> Result<(), Outcome> {
        let now = Instant::now();
        if now >= self.deadline {
            return Err(Outcome::TimedOut(self.step));
        }
        if let Some(rate) = &mut self.rate
            && now >= rate.end
        {
            if rate.received < rate.minimum {
                return Err(Outcome::TooSlow);
            }
            rate.end = now + rate.window;
            rate.received = 0;
        }
        Ok(())
    }
}

/// Waits until the node's end concerns a step: at once when nothing is under way, at the last moment otherwise.
async fn ended(drain: &mut Drain, step: Step) {
    let last_moment = drained(drain).await;
    if step != Step::Idle {
        sleep_until(last_moment).await;
    }
}

/// Waits for the moment at which everything still running is aborted.
pub(super) async fn last_moment(drain: &Drain) {
    let moment = drained(&mut drain.clone()).await;
    sleep_until(moment).await;
}

/// Waits for the node to be asked to stop; gives the moment at which everything still running is aborted.
pub(super) async fn drained(drain: &mut Drain) -> Instant {
    let moment = drain.wait_for(Option::is_some).await.ok().and_then(|moment| *moment);
    match moment {
        Some(moment) => moment,
        // Nobody is left who could ask.
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    fn deadlines() -> Deadlines {
        Deadlines {
            message: Duration::from_secs(100),
            minimum_rate: 10,
            rate_window: Duration::from_secs(30),
            ..Deadlines::default()
        }
    }

    /// Reads that take a second each.
    async fn second(bytes: usize) -> io::Result<usize> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(bytes)
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_ends_at_its_deadline_however_often_bytes_come() {
        let (_sender, drain) = watch::channel(None);
        let start = Instant::now();
        let mut patience = Patience::new(Step::Request, Duration::from_secs(15), drain);
        let outcome = loop {
            if let Err(outcome) = patience.read(second(1)).await {
                break outcome;
            }
        };
        assert!(matches!(outcome, Outcome::TimedOut(Step::Request)), "{outcome:?}");
        assert_eq!(start.elapsed().as_secs(), 15);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_always_has_a_byte_ready_does_not_escape() {
        let (_sender, drain) = watch::channel(None);
        let mut patience = Patience::new(Step::Request, Duration::from_secs(15), drain.clone());
        let mut slow = Patience::for_message(&deadlines(), drain);
        for second in 1..=30 {
            tokio::time::advance(Duration::from_secs(1)).await;
            let step = patience.read(std::future::ready(Ok(1))).await;
            assert_eq!(step.is_ok(), second < 15, "{second} s");
            let message = slow.read(std::future::ready(Ok(1))).await;
            assert_eq!(message.is_ok(), second < 30, "{second} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_must_keep_its_rate_in_every_stretch() {
        let (_sender, drain) = watch::channel(None);
        for (rate, seconds, expected) in [(9, 30, "too_slow"), (10, 100, "timed_out")] {
            let start = Instant::now();
            let mut patience = Patience::for_message(&deadlines(), drain.clone());
            let outcome = loop {
                if let Err(outcome) = patience.read(second(rate)).await {
                    break outcome;
                }
            };
            assert_eq!((outcome.name(), start.elapsed().as_secs()), (expected, seconds));
        }
        let mut patience = Patience::for_message(&deadlines(), drain);
        assert!(matches!(patience.read(pending()).await, Err(Outcome::TooSlow)), "silence is slow too");
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_we_needed_ourselves_is_granted() {
        let (_sender, drain) = watch::channel(None);
        let start = Instant::now();
        let mut patience = Patience::new(Step::Idle, Duration::from_secs(5), drain);
        patience.extend(Duration::from_secs(5));
        assert!(patience.read(pending()).await.is_err());
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_node_comes_at_once_between_messages_and_at_last_within_them() {
        let (sender, drain) = watch::channel(None);
        let start = Instant::now();
        sender.send(Some(start + Duration::from_secs(30))).unwrap();
        for (step, seconds) in [(Step::Idle, 0), (Step::Message, 30)] {
            let mut patience = Patience::new(step, Duration::from_secs(60), drain.clone());
            assert!(matches!(patience.read(pending()).await, Err(Outcome::Drained)));
            assert_eq!(start.elapsed().as_secs(), seconds);
        }
    }
}
