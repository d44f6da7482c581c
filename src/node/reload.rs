//! A new configuration for a running node, on SIGHUP: what can be exchanged is, what cannot is named and kept.
//!
//! Associations that are open go on with what they began with. A configuration with anything wrong changes nothing.

use super::commitment::start_provider;
use super::deliveries::{open_queue, report};
use super::journey::Node;
use super::offer::open_provider;
use super::peers::Peers;
use super::retention::Retention;
use super::run_error::RunError;
use crate::audit::{Alarm, Fact};
use crate::config::Config;
use crate::forward::Providing;
use crate::net::{self, Tls};
use crate::observe::{Escaped, set_log_level};
use std::fmt::Debug;
use std::sync::Arc;
use tokio::sync::watch;

/// Gives the configuration as it is to be now, or what is wrong with it.
pub type Load<'l> = dyn Fn() -> Result<Config, String> + 'l;

/// A setting of the start: its key, and its value as text to compare.
type Kept = (&'static str, fn(&Config) -> String);

/// What stays as it was at the start.
const KEPT: &[Kept] = &[
    ("node.ae_title", |config| shown(&config.node.ae_title)),
    ("node.listen", |config| shown(&config.node.listen)),
    ("node.tls.listen", |config| shown(&config.node.tls.as_ref().map(|tls| &tls.listen))),
    ("store", |config| shown(&config.store)),
    ("queue.url", |config| shown(&config.queue_url())),
    ("log.format", |config| shown(&config.log.format)),
    ("audit", |config| shown(&config.audit)),
];

/// The parts of a running node that take a new configuration.
pub(super) struct Reloading<'r> {
    pub(super) node: &'r Arc<Node>,
    pub(super) tls: Option<&'r Tls>,
    pub(super) acceptor: &'r watch::Sender<Arc<net::Config>>,
    pub(super) peers: &'r mut Peers,
    pub(super) retention: &'r mut Option<Retention>,
    pub(super) providing: &'r mut Option<Providing>,
    /// What is in force.
    pub(super) config: Config,
}

impl Reloading<'_> {
    /// Takes what `load` gives, as far as it can be exchanged, and says what came of it.
    pub(super) fn reload(&mut self, load: &Load<'_>) {
        self.node.audit(|| Fact::Reopen);
        let exchanged = load().and_then(|new| self.exchange(new).map_err(|error| error.to_string()));
        match exchanged {
            Ok(kept) => {
                let kept = kept.join(", ");
                if kept.is_empty() {
                    tracing::info!("configuration reloaded");
                } else {
                    tracing::warn!(until_a_restart = %kept, "configuration reloaded, but some of it stays as it was");
                }
                // Not before, so that the line above is written whatever level is the new one.
                set_log_level(self.config.log.level);
                let what = "the configuration was reloaded".to_owned();
                self.node
                    .audit(|| Fact::Alarm(Alarm { refused: false, ae_title: None, address: None, what }));
            }
            Err(error) => {
                tracing::error!(explanation = %Escaped(&error), "not reloaded: all stays as it was");
            }
        }
    }

    /// Puts a configuration in force. Gives the keys whose new values wait for a restart.
    ///
    /// # Errors
    /// What cannot be read or opened; nothing has changed then.
    fn exchange(&mut self, new: Config) -> Result<Vec<&'static str>, RunError> {
        let differs = |(_, value): &&Kept| value(&new) != value(&self.config);
        let kept: Vec<&'static str> = KEPT.iter().filter(differs).map(|(key, _)| *key).collect();
        let config = self.with_kept(new);
        let node = self.node;
        // All that can fail comes first.
        let tls = config.node.tls.as_ref().map(Tls::load).transpose()?;
        let queue = match node.queue() {
            Some(_) => None,
            None => open_queue(&node.tree, &config)?,
        };
        let provider = match node.offer.provider() {
            Some(_) => None,
            None => open_provider(&config).map_err(RunError::Commitment)?,
        };
        let retention =
            queue.as_ref().map(|queue| Retention::start(node, queue, config.store.keep)).transpose()?;
        let providing = provider.as_ref().map(|provider| start_provider(provider, node)).transpose()?;

        if let (Some(now), Some(new)) = (self.tls, tls) {
            now.exchange(new);
        }
        match (queue, node.queue()) {
            (Some(queue), _) => {
                node.begin_queue(queue);
                *self.retention = retention.flatten();
            }
            (None, Some(queue)) => {
                if let Err(error) = report(queue.as_ref(), &config) {
                    tracing::error!(explanation = %Escaped(&error.to_string()), "queue failed");
                }
            }
            (None, None) => {}
        }
        if let Some(provider) = provider {
            node.begin_commitment(provider);
            *self.providing = providing;
        }
        node.offer.exchange(&config);
        node.commitments.exchange(&config.peer);
        self.peers.exchange(node, &config);
        node.rules.exchange(config.rules());
        self.acceptor.send_replace(Arc::new(config.node.clone()));
        self.config = config;
        Ok(kept)
    }

    /// A new configuration with what cannot be exchanged.
    fn with_kept(&self, new: Config) -> Config {
        let old = self.config.clone();
        let mut config = Config { store: old.store, queue: old.queue, audit: old.audit, ..new };
        config.log.format = old.log.format;
        config.node.ae_title = old.node.ae_title;
        config.node.listen = old.node.listen;
        config.node.tls = match (config.node.tls, old.node.tls) {
            (Some(new), Some(old)) => Some(net::TlsConfig { listen: old.listen, ..new }),
            (_, old) => old,
        };
        config
    }
}

fn shown(value: &impl Debug) -> String {
    format!("{value:?}")
}
