//! All couriers of a node: each peer has its own, and its own breaker; all end together.

use super::commitments::Commitments;
use super::committer::Committer;
use super::config::PeerConfig;
use super::courier::Courier;
use super::depot::Depot;
use super::ending::Ending;
use super::gate::Gate;
use crate::net::RequestorOptions;
use crate::queue::Queue;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

/// The running couriers.
#[derive(Debug)]
pub struct Couriers {
    ending: Arc<Ending>,
    /// Closed when the last courier has dropped its end.
    running: Receiver<()>,
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
        commitments: &Arc<Commitments>,
    ) -> io::Result<Self> {
        let ending = Arc::new(Ending::default());
        let (alive, running): (Sender<()>, _) = channel();
        let couriers = Self { ending: Arc::clone(&ending), running };
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
                if let Err(error) = start(&format!("courier-{number}"), &alive, || courier.run()) {
                    couriers.stop(Duration::ZERO);
                    return Err(error);
                }
            }
            if !config.commit {
                continue;
            }
            let committer = Committer {
                options: options(config, calling),
                config: config.clone(),
                queue: Arc::clone(queue),
                depot: Arc::clone(depot),
                commitments: Arc::clone(commitments),
                ending: Arc::clone(&ending),
            };
            if let Err(error) = start("committer", &alive, || committer.run()) {
                couriers.stop(Duration::ZERO);
                return Err(error);
            }
        }
        Ok(couriers)
    }

    /// Asks all couriers to end: each one does when the instance on its way has its answer.
    pub fn ask_to_end(&self) {
        self.ending.ask();
    }

    /// Whether all of them have ended.
    pub fn have_ended(&self) -> bool {
        matches!(self.running.try_recv(), Err(TryRecvError::Disconnected))
    }

    /// Asks all couriers to end and waits for them: each one ends when the instance on its way has its answer. Whether all
    /// have ended in time. What is still on its way then is sent again by the next process.
    pub fn stop(self, at_most: Duration) -> bool {
        self.ask_to_end();
        matches!(self.running.recv_timeout(at_most), Err(RecvTimeoutError::Disconnected))
    }
}

fn start(name: &str, alive: &Sender<()>, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let alive = alive.clone();
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        work();
        drop(alive);
    })?;
    Ok(())
}

/// How a peer is spoken to; `calling` is the AE title of the node.
pub(super) fn options(config: &PeerConfig, calling: &str) -> RequestorOptions {
    let deadlines = &config.deadlines;
    RequestorOptions {
        connect: deadlines.connect,
        associate: deadlines.associate,
        send: deadlines.send,
        response: deadlines.response,
        tls: config.tls.clone().map(|tls| (tls, config.address.host.clone())),
        ..RequestorOptions::new(config.calling.as_deref().unwrap_or(calling), &config.ae_title)
    }
}
