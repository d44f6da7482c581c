//! All couriers of a node: each peer has its own, and its own breaker; all end together.

use super::config::PeerConfig;
use super::courier::Courier;
use super::depot::Depot;
use super::ending::Ending;
use super::gate::Gate;
use crate::net::RequestorOptions;
use crate::queue::Queue;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The running couriers.
#[derive(Debug)]
pub struct Couriers {
    ending: Arc<Ending>,
    threads: Vec<JoinHandle<()>>,
}

impl Couriers {
    /// Starts them: as many for each peer as it may have associations. `calling` is the AE title of the node.
    ///
    /// # Errors
    /// When the system gives no more threads; those that were started end.
    pub fn start(
        peers: &[PeerConfig],
        calling: &str,
        queue: &Arc<dyn Queue>,
        depot: &Arc<dyn Depot>,
    ) -> io::Result<Self> {
        let ending = Arc::new(Ending::default());
        let mut couriers = Self { ending: Arc::clone(&ending), threads: Vec::new() };
        for config in peers {
            let gate = Arc::new(Gate::new(config.retry.clone()));
            for number in 1..=config.concurrency {
                let courier = Courier {
                    config: config.clone(),
                    options: options(config, calling),
                    queue: Arc::clone(queue),
                    depot: Arc::clone(depot),
                    gate: Arc::clone(&gate),
                    ending: Arc::clone(&ending),
                    settled: Vec::new(),
                };
                let name = format!("{}-{number}", config.name);
                match thread::Builder::new().name(name).spawn(|| courier.run()) {
                    Ok(thread) => couriers.threads.push(thread),
                    Err(error) => {
                        couriers.stop(Duration::ZERO);
                        return Err(error);
                    }
                }
            }
        }
        Ok(couriers)
    }

    /// Asks all couriers to end and waits for them: each one ends when the instance on its way has its answer. Whether all
    /// have ended in time. What is still on its way then is sent again by the next process.
    pub fn stop(self, at_most: Duration) -> bool {
        self.ending.ask();
        let last_moment = Instant::now() + at_most;
        while Instant::now() < last_moment && self.threads.iter().any(|thread| !thread.is_finished()) {
            thread::sleep(Duration::from_millis(10));
        }
        self.threads.iter().all(JoinHandle::is_finished)
    }
}

fn options(config: &PeerConfig, calling: &str) -> RequestorOptions {
    let deadlines = &config.deadlines;
    RequestorOptions {
        connect: deadlines.connect,
        associate: deadlines.associate,
        send: deadlines.send,
        response: deadlines.response,
        ..RequestorOptions::new(config.calling.as_deref().unwrap_or(calling), &config.ae_title)
    }
}
