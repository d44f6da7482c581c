//! From configuration to parts, from parts to a running node, and to an orderly end.

use super::decoding::Decoding;
use super::deliveries::{NoQueue, open_queue};
use super::demand::Demand;
use super::in_hand::InHand;
use super::journey::Node;
use super::recent::Recent;
use super::retention::Retention;
use crate::audit::{Alarm, AuditError, Fact, Trail};
use crate::config::Config;
use crate::dicom::Limits;
use crate::forward::{Commitments, Couriers, Depot, Evidence, Provider, Providing};
use crate::net::{Listener, StoreHandler, Tls, TlsError, serve};
use crate::observe::{Counters, Escaped};
use crate::queue::{Queue, QueueError};
use crate::store::{Durability, StoreError, Tree};
use sd_notify::NotifyState;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};

/// So many instances are known by where they lie, some 300 bytes each.
const RECENT: usize = 50_000;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store is not usable.
    #[error("the store cannot be used: {0}")]
    Store(#[from] StoreError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}{}", way_out(error))]
    Listen {
        /// The address as configured.
        address: SocketAddr,
        /// The operating system's answer.
        error: io::Error,
    },
    /// The queue of deliveries is not usable.
    #[error("no delivery can be queued: {0}")]
    Queue(#[from] NoQueue),
    /// The transactions of Storage Commitment are not usable.
    #[error("Storage Commitment cannot be offered: {}", without_transactions(.0))]
    Commitment(QueueError),
    /// There is no audit trail, and one is wanted.
    #[error("{0}")]
    Audit(#[from] AuditError),
    /// TLS cannot be spoken.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The runtime or the signal handlers cannot be set up.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

/// Runs a node until SIGTERM or SIGINT, then lets what is under way end. A second signal ends it at once.
///
/// # Errors
/// [`RunError`] when it cannot start. Once it listens, nothing but a signal ends it.
pub fn run(config: &Config) -> Result<(), RunError> {
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
    let provider = provider(config).map_err(RunError::Commitment)?;
    let audit = Trail::start(&config.audit, &config.node.ae_title)?;
    let node = Arc::new(Node { audit, ..Node::new(tree, config, queue.clone()) }.providing(provider));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(workers()).enable_all().build()?;
    let attended = runtime.block_on(attend(config, &node, queue));
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
        let committing = config.peer.iter().filter(|peer| peer.commit);
        Self {
            tree: Arc::new(tree),
            queue,
            rules: config.rules(),
            limits,
            decoding: Arc::new(Decoding::new(config.decoder.clone())),
            counters: Counters::default(),
            in_hand: InHand::default(),
            commitments,
            recent: Recent::new(0),
            provider: None,
            demand: Demand {
                after: config.commitment.after,
                committing: committing.map(|peer| peer.name.clone()).collect(),
            },
            ae_title: config.node.ae_title.clone(),
            audit: None,
        }
    }

    /// The same with a provider of Storage Commitment, where that is offered.
    fn providing(self, provider: Option<Arc<Provider>>) -> Self {
        Self { recent: Recent::new(if provider.is_some() { RECENT } else { 0 }), provider, ..self }
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
async fn attend(config: &Config, node: &Arc<Node>, queue: Option<Arc<dyn Queue>>) -> Result<(), RunError> {
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
    let retention =
        queue.as_ref().map(|queue| Retention::start(node, queue, config.store.keep)).transpose()?;
    let evidence = Arc::clone(node) as Arc<dyn Evidence>;
    let providing = node.provider.as_ref().map(|provider| provider.start(&evidence)).transpose()?;
    drop(evidence);
    let couriers = queue.map(|queue| start_couriers(config, node, &queue)).transpose()?;
    let (drain, drained) = watch::channel(false);
    let handler = Arc::clone(node) as Arc<dyn StoreHandler>;
    let serving = tokio::spawn(serve(listeners, Arc::new(config.node.clone()), handler, drained));
    tell_systemd(NotifyState::Ready);
    while signals.next().await == Asked::Reload {
        reload(tls.as_deref(), node);
    }
    tracing::info!("draining: no new associations, running transfers end");
    tell_systemd(NotifyState::Stopping);
    drain.send_replace(true);
    drop(retention);
    let delivering = end_of(couriers, providing, config.node.deadlines.drain)?;
    tokio::select! {
        _ = async { tokio::join!(serving, delivering) } => (),
        () = signals.end() => tracing::warn!("stopped at once by a second signal"),
    }
    Ok(())
}

/// The provider of Storage Commitment, where that is offered.
fn provider(config: &Config) -> Result<Option<Arc<Provider>>, QueueError> {
    if !config.commitment.offer {
        return Ok(None);
    }
    let durable = config.store.durability == Durability::Full;
    let provider = Provider::new(&config.commitment, &config.peer, config.transactions_path(), durable)?;
    Ok(Some(Arc::new(provider)))
}

/// What is wrong, and what is to be done: nothing else is lost with them than the transactions.
fn without_transactions(error: &QueueError) -> String {
    match error {
        QueueError::Damaged { path, reason } => format!(
            "{} is damaged ({reason}); move it away with its -wal and -shm: whoever waits for a report asks again",
            path.display()
        ),
        error => error.to_string(),
    }
}

fn start_couriers(config: &Config, node: &Arc<Node>, queue: &Arc<dyn Queue>) -> io::Result<Couriers> {
    let depot = Arc::clone(node) as Arc<dyn Depot>;
    for peer in &config.peer {
        tracing::info!(to = %Escaped(&peer.name), ae_title = %Escaped(&peer.ae_title), address = %peer.address,
            associations = peer.concurrency, "delivering");
    }
    Couriers::start(&config.peer, &config.node.ae_title, queue, &depot, &node.commitments)
}

/// Asks the couriers and the provider of Storage Commitment to end; what is given back ends when they have, or when their time is over.
fn end_of(
    couriers: Option<Couriers>,
    providing: Option<Providing>,
    at_most: Duration,
) -> io::Result<oneshot::Receiver<()>> {
    let (told, end) = oneshot::channel();
    thread::Builder::new().name("couriers' end".to_owned()).spawn(move || {
        if let Some(providing) = &providing {
            providing.ask_to_stop();
        }
        if couriers.is_some_and(|couriers| !couriers.stop(at_most)) {
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

/// Reads certificates, key and revocation lists again; all else stays as it was at the start.
fn reload(tls: Option<&Tls>, node: &Node) {
    node.audit(|| Fact::Reopen);
    match tls.map(Tls::reload) {
        None => tracing::info!("nothing to reload: there is no [node.tls]"),
        Some(Ok(())) => {
            let what = "certificates and revocation lists reloaded";
            tracing::info!("{what}");
            node.audit(|| {
                Fact::Alarm(Alarm { refused: false, ae_title: None, address: None, what: what.to_owned() })
            });
        }
        Some(Err(error)) => tracing::error!(%error, "not reloaded: what was read before stays in force"),
    }
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

/// Without systemd there is no socket to write to, which is no fault.
fn tell_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}

fn way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; stop what listens there, or choose another port with --listen",
        io::ErrorKind::PermissionDenied => "; choose a port above 1023, or let systemd open it",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address",
        _ => "",
    }
}
