//! The wish that all couriers end, and waiting that it interrupts.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Not asked for at first.
#[derive(Debug, Default)]
pub(super) struct Ending {
    asked: Mutex<bool>,
    news: Condvar,
}

impl Ending {
    /// Asks for the end.
    pub(super) fn ask(&self) {
        *self.lock() = true;
        self.news.notify_all();
    }

    /// Whether it was asked for.
    pub(super) fn is_asked_for(&self) -> bool {
        *self.lock()
    }

    /// Waits so long, or until the end is asked for.
    pub(super) fn wait(&self, at_most: Duration) {
        let asked = self.lock();
        if !*asked {
            // Woken too early once in a while, the caller looks again.
            drop(self.news.wait_timeout(asked, at_most).unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        // A flag: no panic can leave it half written.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn waiting_ends_with_the_wish() {
        let ending = Ending::default();
        std::thread::scope(|scope| {
            let started = Instant::now();
            scope.spawn(|| {
                while !ending.is_asked_for() {
                    ending.wait(Duration::from_secs(60));
                }
            });
            ending.ask();
            assert!(started.elapsed() < Duration::from_secs(30));
        });
        ending.wait(Duration::from_secs(60));
    }
}
