//! The couriers of a running node, peer by peer: those of a peer whose settings change end and others begin.

use super::journey::Node;
use crate::config::Config;
use crate::forward::{Couriers, Depot, PeerConfig};
use crate::observe::Escaped;
use std::io;
use std::slice;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The couriers of all peers.
#[derive(Default)]
pub(super) struct Peers {
    /// Each with the settings that they work by.
    at_work: Vec<(PeerConfig, Couriers)>,
    /// Those that a reload has asked to end.
    leaving: Vec<Couriers>,
}

impl Peers {
    /// Starts those of all peers, if there is a queue.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub(super) fn start(node: &Arc<Node>, config: &Config) -> io::Result<Self> {
        let mut peers = Self::default();
        for peer in &config.peer {
            peers.begin(node, config, peer)?;
        }
        Ok(peers)
    }

    /// Ends the couriers of peers that are not there any more or have other settings, and starts those of new ones. What is
    /// on its way goes on as it began; the queue gives nothing to two couriers.
    pub(super) fn exchange(&mut self, node: &Arc<Node>, config: &Config) {
        self.leaving.retain(|couriers| !couriers.have_ended());
        let (kept, gone) = std::mem::take(&mut self.at_work)
            .into_iter()
            .partition(|(peer, _): &(PeerConfig, Couriers)| config.peer.contains(peer));
        self.at_work = kept;
        for (peer, couriers) in gone {
            tracing::info!(to = %Escaped(&peer.name), "delivering no more with the old settings");
            couriers.ask_to_end();
            self.leaving.push(couriers);
        }
        for peer in &config.peer {
            if self.at_work.iter().any(|(known, _)| known == peer) {
                continue;
            }
            if let Err(error) = self.begin(node, config, peer) {
                tracing::error!(to = %Escaped(&peer.name), %error, "nothing is delivered: reload again");
            }
        }
    }

    fn begin(&mut self, node: &Arc<Node>, config: &Config, peer: &PeerConfig) -> io::Result<()> {
        let Some(queue) = node.queue() else { return Ok(()) };
        tracing::info!(to = %Escaped(&peer.name), ae_title = %Escaped(&peer.ae_title), address = %peer.address,
            associations = peer.concurrency, "delivering");
        let depot = Arc::clone(node) as Arc<dyn Depot>;
        let (peers, calling) = (slice::from_ref(peer), &config.node.ae_title);
        let couriers = Couriers::start(peers, calling, queue, &depot, &node.commitments)?;
        self.at_work.push((peer.clone(), couriers));
        Ok(())
    }

    /// Asks all to end. Whether they have ended in time; what is still on its way then is sent again by the next process.
    pub(super) fn stop(self, at_most: Duration) -> bool {
        let all: Vec<Couriers> =
            self.at_work.into_iter().map(|(_, couriers)| couriers).chain(self.leaving).collect();
        all.iter().for_each(Couriers::ask_to_end);
        let end = Instant::now() + at_most;
        all.into_iter().all(|couriers| couriers.stop(end.saturating_duration_since(Instant::now())))
    }
}
