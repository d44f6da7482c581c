//! What the node tells the audit trail: facts, of which messages are made.

use std::fmt;
use std::net::IpAddr;

/// Something that happened.
#[derive(Debug)]
pub enum Fact {
    /// An instance was or is to be transferred.
    Transfer(Transfer),
    /// No more will come of it.
    Ended(Flow),
    /// Instances were removed from the store: Study Instance UID and SOP Class UID of one of them.
    Removed {
        /// Study Instance UID.
        study: String,
        /// SOP Class UID.
        sop_class: String,
    },
    /// Something that whoever watches over security wants to know.
    Alarm(Alarm),
    /// The file is to be opened anew: it may have been moved away.
    Reopen,
}

/// One instance on its way.
#[derive(Debug)]
pub struct Transfer {
    /// Between whom.
    pub flow: Flow,
    /// Patient ID.
    pub patient: PatientId,
    /// Study Instance UID; nothing where it is not known.
    pub study: String,
    /// SOP Class UID.
    pub sop_class: String,
    /// What became of it.
    pub outcome: TransferOutcome,
}

/// Patient ID (0010,0020); nothing where it is not known.
pub enum PatientId {
    /// This one.
    Known(String),
    /// What a look at the instance says; taken by the thread of the trail, and only if it is wanted.
    Look(Box<dyn FnOnce() -> String + Send>),
}

impl PatientId {
    pub(super) fn get(self) -> String {
        match self {
            Self::Known(id) => id,
            Self::Look(look) => look(),
        }
    }
}

impl fmt::Debug for PatientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whatever prints a fact, a log does not get to know the patient.
        f.write_str("PatientId(…)")
    }
}

/// Between whom instances are transferred.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// To this node.
    Received {
        /// The number of the association.
        association: u64,
        /// The AE title of the sender.
        calling: String,
        /// The AE title that it called.
        called: String,
        /// Its address.
        address: IpAddr,
    },
    /// To a peer.
    Sent {
        /// The AE title that we give ourselves.
        calling: String,
        /// The AE title of the peer.
        called: String,
        /// Its host.
        host: String,
    },
}

/// What became of an instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransferOutcome {
    /// It is about to be sent.
    Begins,
    /// The receiver has it now and had it not before.
    New,
    /// The receiver has it; it had it before, or it is not known whether it had.
    Held,
    /// It was not taken; why, in words that say nothing of the patient.
    Failed(String),
}

/// A security alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alarm {
    /// Whether somebody was refused, rather than the configuration of the node changed.
    pub refused: bool,
    /// What the peer calls itself, where it has said so.
    pub ae_title: Option<String>,
    /// Its address.
    pub address: Option<IpAddr>,
    /// What happened, in words.
    pub what: String,
}
