//! Storage Commitment as the node offers it (PS3.4 Annex J): its provider, which begins with the node or by a reload, and how
//! far an instance must have come before it is committed.

use crate::config::Config;
use crate::forward::{After, Provider};
use crate::queue::QueueError;
use crate::store::Durability;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// The provider, if there is one, and what it demands of an instance.
#[derive(Debug)]
pub(super) struct Offer {
    provider: OnceLock<Arc<Provider>>,
    demand: RwLock<Arc<Demand>>,
}

/// How far an instance must have come, and the peers that commit what they are sent.
#[derive(Debug)]
pub(super) struct Demand {
    pub(super) after: After,
    pub(super) committing: HashSet<String>,
}

impl Offer {
    /// No provider yet.
    pub(super) fn new(config: &Config) -> Self {
        Self { provider: OnceLock::new(), demand: RwLock::new(Arc::new(Demand::of(config))) }
    }

    /// The provider, where there is one.
    pub(super) fn provider(&self) -> Option<&Arc<Provider>> {
        self.provider.get()
    }

    /// There is one from now on.
    pub(super) fn begin(&self, provider: Arc<Provider>) {
        // It was asked before whether there is one, by the only one who begins any.
        let _ = self.provider.set(provider);
    }

    /// What is demanded of an instance now.
    pub(super) fn demand(&self) -> Arc<Demand> {
        Arc::clone(&self.demand.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The settings from now on; what was promised is judged and reported by them as well.
    pub(super) fn exchange(&self, config: &Config) {
        *self.demand.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Demand::of(config));
        if let Some(provider) = self.provider() {
            provider.exchange(&config.commitment, &config.peer);
        }
    }
}

impl Demand {
    fn of(config: &Config) -> Self {
        let committing = config.peer.iter().filter(|peer| peer.commit);
        Self {
            after: config.commitment.after,
            committing: committing.map(|peer| peer.name.clone()).collect(),
        }
    }
}

/// The provider of Storage Commitment, where that is offered.
///
/// # Errors
/// [`QueueError`], when its transactions cannot be read.
pub(super) fn open_provider(config: &Config) -> Result<Option<Arc<Provider>>, QueueError> {
    if !config.commitment.offer {
        return Ok(None);
    }
    let durable = config.store.durability == Durability::Full;
    let provider = Provider::new(&config.commitment, &config.peer, config.transactions_path(), durable)?;
    Ok(Some(Arc::new(provider)))
}
