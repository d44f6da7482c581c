//! What couriers need of the node that they work for: the files, and somebody to tell what happened.

use super::config::PeerConfig;
use super::schedule::HoldReason;
use crate::codec::DecodeElsewhere;
use crate::dicom::TransferSyntax;
use crate::net::{PeerAddress, Status};
use crate::queue::Delivery;
use crate::store::{FileSource, StoreError};
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The node as couriers see it. All methods may block; a courier calls them from its own thread.
pub trait Depot: Send + Sync {
    /// Opens a file of the store by its path below the store's folder; `None` where there is none.
    ///
    /// # Errors
    /// The store's own.
    fn open(&self, file: &str) -> Result<Option<FileSource>, StoreError>;

    /// A file without a name, for what is too large to be converted in memory.
    ///
    /// # Errors
    /// What the system says.
    fn spool(&self) -> io::Result<File>;

    /// Where the codestreams of an instance that came from a peer are decoded, when another peer does not take them; none
    /// decodes them here.
    fn decoding(&self) -> Option<Arc<dyn DecodeElsewhere>> {
        None
    }

    /// Is told that a delivery is about to be sent; each try again.
    fn begins(&self, at: &Destination<'_>, delivery: &Delivery) {
        let _ = (at, delivery);
    }

    /// Is told of each event, once.
    fn happened(&self, at: &Destination<'_>, event: Event<'_>);
}

/// Which peer something happened at.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'e> {
    /// The name of the peer in the configuration.
    pub peer: &'e str,
    /// The AE title that is called.
    pub ae_title: &'e str,
    /// Where it listens.
    pub address: &'e PeerAddress,
    /// The AE title that we give ourselves there; `None`: that of the node.
    pub calling: Option<&'e str>,
}

impl<'e> Destination<'e> {
    pub(super) fn of(config: &'e PeerConfig) -> Self {
        let PeerConfig { name, ae_title, address, calling, .. } = config;
        Self { peer: name, ae_title, address, calling: calling.as_deref() }
    }
}

/// What happened on a courier's way.
#[derive(Clone, Copy, Debug)]
pub enum Event<'e> {
    /// The peer has the instance.
    Delivered {
        /// Which.
        delivery: &'e Delivery,
        /// Success or a warning.
        status: Status,
        /// How it was encoded on the wire.
        transfer_syntax: &'static TransferSyntax,
        /// The length of its data set on the wire.
        bytes: u64,
        /// From the first byte to the answer.
        duration: Duration,
    },
    /// It is tried again later.
    Deferred {
        /// Which.
        delivery: &'e Delivery,
        /// When.
        after: Duration,
        /// What went wrong.
        error: &'e str,
    },
    /// It waits for the operator: somebody has to look.
    Held {
        /// Which.
        delivery: &'e Delivery,
        /// Why it is not tried again.
        reason: HoldReason,
        /// What went wrong the last time.
        error: &'e str,
    },
    /// There is no association with the peer, or each one breaks.
    Unavailable {
        /// When it is tried again.
        after: Duration,
        /// How many times in a row.
        failures: u32,
        /// Whether somebody has to change something.
        misconfigured: bool,
        /// What went wrong.
        error: &'e str,
    },
    /// The peer has taken responsibility for the instance.
    Committed {
        /// Which.
        delivery: &'e Delivery,
    },
    /// The peer was asked to commit instances.
    CommitmentAsked {
        /// Transaction UID.
        transaction: &'e str,
        /// How many.
        instances: usize,
    },
    /// The peer cannot be asked to commit.
    NotCommitting {
        /// When it is tried again.
        after: Duration,
        /// How many times in a row.
        failures: u32,
        /// What went wrong.
        error: &'e str,
    },
    /// The peer answers again.
    Available,
    /// The queue fails; what was answered stays with the courier until it can be written down.
    QueueFailed {
        /// What it says.
        error: &'e str,
    },
}
