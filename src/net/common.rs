//! What all connections of an acceptor have in common.

use super::config::Config;
use super::handler::StoreHandler;
use super::patience::Drain;
use super::received::Budget;
use super::shares::Shares;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Settings, the handler, and what is shared out among connections. New settings make a new one, which shares the rest.
pub(super) struct Common {
    /// The settings.
    pub(super) config: Arc<Config>,
    /// Whoever keeps what comes in.
    pub(super) handler: Arc<dyn StoreHandler>,
    /// The memory for data sets.
    pub(super) memory: Arc<Budget>,
    /// All associations.
    pub(super) associations: Arc<Shares<()>>,
    /// The associations of each address.
    pub(super) of_address: Arc<Shares<IpAddr>>,
    /// The associations of each calling AE title.
    pub(super) of_calling: Arc<Shares<String>>,
    /// Who compares a passcode: one at a time, for it costs much time and memory.
    pub(super) identifying: Arc<Semaphore>,
    /// When the node stops.
    pub(super) drain: Drain,
}
