//! From configuration to parts, from parts to a running node, and to an orderly end.

use super::commitment::start_provider;
use super::decoding::Decoding;
use super::deliveries::open_queue;
use super::in_hand::InHand;
use super::journey::Node;
use super::offer::{Offer, open_provider};
use super::peers::Peers;
use super::recent::Recent;
use super::reload::{Load, Reloading};
use super::retention::Retention;
use super::rules_in_force::RulesInForce;
use super::run_error::RunError;
use super::systemd;
use crate::audit::Trail;
use crate::config::Config;
use crate::dicom::Limits;
use crate::forward::{Commitments, Providing};
use crate::net::{Listener, StoreHandler, Tls, serve};
use crate::observe::Counters;
use crate::queue::Queue;
use crate::store::Tree;
use sd_notify::NotifyState;
use std::io;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};

/// Runs a node until SIGTERM or SIGINT, then lets what is under way end. A second signal ends it at once. At SIGHUP the
/// configuration becomes what `load` gives then.
///
/// # Errors
/// [`RunError`] when it cannot start. Once it listens, nothing but a signal ends it.
pub fn run(config: &Config, load: &Load<'_>) -> Result<(), RunError> {
    let tree = Tree::open(&config.store)?;
    let opening = tree.opening();
    tracing::info!(
        store = %config.store.path.display(), durability = ?config.store.durability,
        drafts_removed = opening.drafts_removed,
        sync_milliseconds = %format_args!("{:.2}", opening.sync_time.as_secs_f64() * 1e3), "store opened"
    );
    if let Some(warning) = opening.warning {
        tracing::warn!(store = %config.store.path.display(), warning, "durability is doubtful");
    }
    let queue = open_queue(&tree, config)?;
    let provider = open_provider(config).map_err(RunError::Commitment)?;
    let audit = Trail::start(&config.audit, &config.node.ae_title)?;
    let node = Arc::new(Node { audit, ..Node::new(tree, config, queue) });
    if let Some(provider) = provider {
        node.begin_commitment(provider);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(workers()).enable_all().build()?;
    let attended = runtime.block_on(attend(config, load, &node));
    if let Some(audit) = &node.audit
        && !audit.stop(AUDIT_END)
    {
        tracing::warn!("the audit server was not told all: the next process tells it");
    }
    attended?;
    node.report_counts();
    Ok(())
}

/// How long the end of the node waits for the audit server.
const AUDIT_END: Duration = Duration::from_secs(5);

/// Threads for sockets and timers: one for two cores. The codec pool fills all cores, and each event that wakes a worker
/// wakes another to look for more work, if there is one: it takes a core from a frame and finds nothing.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2)
}

impl Node {
    /// A node over an opened store, and over its queue where rules forward anything.
    pub fn new(tree: Tree, config: &Config, queue: Option<Arc<dyn Queue>>) -> Self {
        let limits = Limits::default();
        let commitments = Arc::new(Commitments::new(&config.peer));
        Self {
            tree: Arc::new(tree),
            queue: queue.map_or_else(OnceLock::new, OnceLock::from),
            rules: RulesInForce::new(config.rules()),
            limits,
            decoding: Arc::new(Decoding::new(config.decoder.clone())),
            counters: Counters::default(),
            in_hand: InHand::default(),
            commitments,
            recent: Recent::default(),
            offer: Offer::new(config),
            ae_title: config.node.ae_title.clone(),
            audit: None,
        }
    }

    fn report_counts(&self) {
        let counts = self.counters.snapshot();
        tracing::info!(
            instances = counts.instances(),
            condensed = counts.count("condensed"),
            kept = counts.count("kept"),
            duplicates = counts.count("duplicate"),
            quarantined = counts.count("quarantined"),
            failed = counts.count("failed"),
            received_bytes = counts.received_bytes,
            stored_bytes = counts.stored_bytes,
            "node stopped"
        );
        for (outcome, count) in counts.outcomes.iter().filter(|(outcome, _)| !outcome.reason().is_empty()) {
            tracing::info!(outcome = outcome.name(), reason = outcome.reason(), count, "outcomes");
        }
    }
}

/// Listens, serves, delivers, and ends in order.
async fn attend(config: &Config, load: &Load<'_>, node: &Arc<Node>) -> Result<(), RunError> {
    let mut signals = Signals::new()?;
    let tls = config.node.tls.as_ref().map(Tls::load).transpose()?.map(Arc::new);
    let mut listeners = Vec::new();
    let with_tls = config.node.tls.iter().flat_map(|tls| &tls.listen).map(|address| (*address, tls.clone()));
    for (address, tls) in config.node.listen.iter().map(|address| (*address, None)).chain(with_tls) {
        let listen = |error| RunError::Listen { address, error };
        let socket = TcpListener::bind(address).await.map_err(listen)?;
        let address = socket.local_addr()?;
        tracing::info!(%address, tls = tls.is_some(), ae_title = config.node.ae_title, to = %config.compress.to,
            verify = config.compress.verify, "listening");
        listeners.push(Listener { socket, tls });
    }
    if config.access.is_this_machine_only()
        && config.node.listen.iter().any(|address| !address.ip().is_loopback())
    {
        tracing::warn!("nobody but this machine may come in: name others by [[access]] or by --allow");
    }
    let retention = node.queue().map(|queue| Retention::start(node, queue, config.store.keep)).transpose()?;
    let mut retention = retention.flatten();
    let mut providing = node.offer.provider().map(|provider| start_provider(provider, node)).transpose()?;
    let mut peers = Peers::start(node, config)?;
    let (drain, drained) = watch::channel(false);
    let handler = Arc::clone(node) as Arc<dyn StoreHandler>;
    let (acceptor, settings) = watch::channel(Arc::new(config.node.clone()));
    let serving = tokio::spawn(serve(listeners, settings, handler, drained));
    systemd::tell(NotifyState::Ready);
    systemd::feed_watchdog();
    let mut reloading = Reloading {
        node,
        tls: tls.as_deref(),
        acceptor: &acceptor,
        peers: &mut peers,
        retention: &mut retention,
        providing: &mut providing,
        config: config.clone(),
    };
    while signals.next().await == Asked::Reload {
        reloading.reload(load);
    }
    let drain_time = reloading.config.node.deadlines.drain;
    tracing::info!("draining: no new associations, running transfers end");
    systemd::tell(NotifyState::Stopping);
    drain.send_replace(true);
    drop(retention);
    let delivering = end_of(peers, providing, drain_time)?;
    tokio::select! {
        _ = async { tokio::join!(serving, delivering) } => (),
        () = signals.end() => tracing::warn!("stopped at once by a second signal"),
    }
    Ok(())
}

/// Asks the couriers and the provider of Storage Commitment to end; what is given back ends when they have, or when their time
/// is over.
fn end_of(
    peers: Peers,
    providing: Option<Providing>,
    at_most: Duration,
) -> io::Result<oneshot::Receiver<()>> {
    let (told, end) = oneshot::channel();
    thread::Builder::new().name("couriers' end".to_owned()).spawn(move || {
        if let Some(providing) = &providing {
            providing.ask_to_stop();
        }
        if !peers.stop(at_most) {
            tracing::warn!("a delivery is still without its answer: it is made again by the next process");
        }
        if providing.is_some_and(|providing| !providing.stop(at_most)) {
            tracing::warn!(
                "a commitment report is still without its answer: it is made again by the next process"
            );
        }
        // Nobody listens any more after a second signal.
        let _ = told.send(());
    })?;
    Ok(end)
}

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Reload,
    End,
}

/// The signals that ask the node to reload or to stop, and those that would kill it if nobody listened.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// A write beyond the file size limit shall fail with EFBIG, which the sender is told of, and not end the process;
    /// the others mean nothing here, and who sends one by mistake shall not end it either.
    _unheeded: [Signal; 3],
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            _unheeded: [
                signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?,
                signal(SignalKind::user_defined1())?,
                signal(SignalKind::user_defined2())?,
            ],
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.hang_up.recv() => Asked::Reload,
        }
    }

    /// Waits for one that asks for the end.
    async fn end(&mut self) {
        while self.next().await != Asked::End {}
    }
}
