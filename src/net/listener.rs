//! Listens, gives each connection a task of its own, and comes to an end when asked to.

use super::acceptor::{attend, turn_away, unserved};
use super::common::Common;
use super::config::Config;
use super::handler::{Outcome, StoreHandler};
use super::patience::{Drain, drained};
use super::reasons::Rejection;
use super::received::Budget;
use super::shares::{Share, Shares};
use super::spare::Spare;
use super::tls::Tls;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// How long no connection is accepted after one could not be: file descriptors do not come back at once.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// A socket to accept connections on, and whether TLS is spoken there.
pub struct Listener {
    /// The socket.
    pub socket: TcpListener,
    /// TLS, and nothing else, where it is spoken.
    pub tls: Option<Arc<Tls>>,
}

/// Accepts associations on all of `listeners` until `drain` becomes true, then lets what is under way end.
///
/// An association between two messages is aborted as soon as `drain` is true; one within a message, or whose instance
/// is being stored, has `deadlines.drain` to end it. New requests are rejected as "temporary congestion" meanwhile.
/// Returns when all connections are closed. If the sender of `drain` is dropped, the end is never asked for.
///
/// `settings` may be exchanged: connections that come from then on are served by the new one.
pub async fn serve(
    listeners: Vec<Listener>,
    settings: watch::Receiver<Arc<Config>>,
    handler: Arc<dyn StoreHandler>,
    mut drain: watch::Receiver<bool>,
) {
    let (end, ended) = watch::channel(None);
    let config = Arc::clone(&settings.borrow());
    let listening = Arc::new(Listening {
        common: Mutex::new(Arc::new(Common {
            memory: Budget::new(config.limits.memory),
            associations: Shares::new(config.limits.associations),
            of_address: Shares::new(config.limits.associations_per_address),
            of_calling: Shares::new(config.limits.associations_per_calling),
            config: Arc::clone(&config),
            handler,
            identifying: Arc::new(Semaphore::new(1)),
            drain: ended,
        })),
        settings: settings.clone(),
        connections: Shares::new(config.limits.connections),
        of_address: Shares::new(config.limits.connections_per_address),
        last_id: AtomicU64::new(0),
    });
    let mut listeners: JoinSet<()> =
        listeners.into_iter().map(|listener| Arc::clone(&listening).listen(listener)).collect();
    let asked = async {
        if drain.wait_for(|drain| *drain).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = asked => {
            end.send_replace(Some(Instant::now() + settings.borrow().deadlines.drain));
        }
        // Only when there are no listeners at all, or a bug ended them.
        () = async { while listeners.join_next().await.is_some() {} } => (),
    }
    while listeners.join_next().await.is_some() {}
}

/// What the listeners have in common.
struct Listening {
    common: Mutex<Arc<Common>>,
    settings: watch::Receiver<Arc<Config>>,
    connections: Arc<Shares<()>>,
    of_address: Arc<Shares<IpAddr>>,
    last_id: AtomicU64,
}

impl Listening {
    /// Accepts on one socket until the node stops and the connections that came by it are closed.
    async fn listen(self: Arc<Self>, listener: Listener) {
        let mut drain: Drain = self.common().drain.clone();
        let mut tasks = JoinSet::new();
        let mut spare = Spare::new();
        loop {
            // Another thread may have had the descriptor while it was given up.
            spare.refill();
            tokio::select! {
                accepted = listener.socket.accept() => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer, &listener, &mut tasks),
                    Err(error) => {
                        self.common().handler.accept_failed(&error);
                        if !(Spare::is_wanted(&error) && self.send_back(&mut spare, &listener).await) {
                            sleep(AFTER_FAILURE).await;
                        }
                    }
                },
                Some(_) = tasks.join_next() => (),
                last_moment = drained(&mut drain) => {
                    self.finish(&listener, &mut tasks, last_moment).await;
                    break;
                }
            }
        }
        drop(listener);
        while tasks.join_next().await.is_some() {}
    }

    /// Goes on accepting, so that peers are told to try again later, until all is done or the last moment has come.
    async fn finish(&self, listener: &Listener, tasks: &mut JoinSet<()>, last_moment: Instant) {
        while !tasks.is_empty() {
            tokio::select! {
                biased;
                () = sleep_until(last_moment) => return,
                _ = tasks.join_next() => (),
                Ok((stream, peer)) = listener.socket.accept() => self.admit(stream, peer, listener, tasks),
            }
        }
    }

    /// Starts the task of a connection, or closes it when it may not come in or there are too many.
    fn admit(&self, stream: TcpStream, peer: SocketAddr, listener: &Listener, tasks: &mut JoinSet<()>) {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let common = self.common();
        match self.place(&common, peer.ip()) {
            Ok(place) => {
                let tls = listener.tls.clone();
                tasks.spawn(async move {
                    let connection = attend(Arc::clone(&common), stream, tls, peer, id).await;
                    // Whoever is told that it is closed may count on its place being free.
                    drop(place);
                    common.handler.closed(&connection);
                });
            }
            Err(outcome) => common.handler.closed(&unserved(peer, id, outcome)),
        }
    }

    /// Has one who waits come back later, when there is no file descriptor left but the spare one. Whether anybody waited.
    async fn send_back(&self, spare: &mut Spare, listener: &Listener) -> bool {
        let Some((stream, peer)) = spare.accept(&listener.socket).await else { return false };
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let common = self.common();
        let is_known = common.config.access.knows(peer.ip());
        let connection = if is_known && listener.tls.is_none() {
            turn_away(&common, stream, peer, id, Rejection::NoDescriptor).await
        } else {
            drop(stream);
            unserved(peer, id, if is_known { Outcome::TurnedAway } else { Outcome::Unknown })
        };
        spare.refill();
        common.handler.closed(&connection);
        true
    }

    /// A place for a connection from an address.
    fn place(&self, common: &Common, address: IpAddr) -> Result<Place, Outcome> {
        if !common.config.access.knows(address) {
            return Err(Outcome::Unknown);
        }
        let of_address = self.of_address.take(&address).ok_or(Outcome::TurnedAway)?;
        let of_all = self.connections.take(&()).ok_or(Outcome::TurnedAway)?;
        Ok(Place { _of_all: of_all, _of_address: of_address })
    }

    /// What a connection that comes now has in common with others, by the settings that are in force now.
    fn common(&self) -> Arc<Common> {
        let config = Arc::clone(&self.settings.borrow());
        let mut common = self.common.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&common.config, &config) {
            let limits = &config.limits;
            common.memory.set_most(limits.memory);
            common.associations.set_most(limits.associations);
            common.of_address.set_most(limits.associations_per_address);
            common.of_calling.set_most(limits.associations_per_calling);
            self.connections.set_most(limits.connections);
            self.of_address.set_most(limits.connections_per_address);
            *common = Arc::new(Common {
                config,
                handler: Arc::clone(&common.handler),
                memory: Arc::clone(&common.memory),
                associations: Arc::clone(&common.associations),
                of_address: Arc::clone(&common.of_address),
                of_calling: Arc::clone(&common.of_calling),
                identifying: Arc::clone(&common.identifying),
                drain: common.drain.clone(),
            });
        }
        Arc::clone(&common)
    }
}

/// What a connection holds for as long as it lasts.
struct Place {
    _of_all: Share<()>,
    _of_address: Share<IpAddr>,
}
