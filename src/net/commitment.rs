//! Storage Commitment Push Model on the wire (PS3.4 Annex J): its SOP class, a report as it comes in, and a request with the
//! way back to whoever made it.

use super::status::Status;
use crate::dicom::TransferSyntax;
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Storage Commitment Push Model SOP Class.
pub const STORAGE_COMMITMENT: &str = "1.2.840.10008.1.20.1";
/// Its well-known SOP instance.
pub(super) const STORAGE_COMMITMENT_INSTANCE: &str = "1.2.840.10008.1.20.1.1";
/// Action Type ID: Request Storage Commitment (PS3.4 J.3.2).
pub(super) const REQUEST_COMMITMENT: u16 = 1;
/// A request or a report has a few dozen bytes for each instance; a longer one than this is not read.
pub(super) const LONGEST_REPORT: u64 = 16 << 20;

/// A received N-EVENT-REPORT request with its data set (PS3.7 10.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventReport {
    /// Event Type ID: 1 where everything is committed, 2 where something is not (PS3.4 J.3.3).
    pub event_type: u16,
    /// How the data set is encoded.
    pub transfer_syntax: &'static TransferSyntax,
    /// The data set.
    pub data_set: Vec<u8>,
}

/// A received N-ACTION request for Storage Commitment with its data set (PS3.7 10.1.4).
#[derive(Clone, Debug)]
pub struct CommitmentRequest {
    /// How the data set is encoded.
    pub transfer_syntax: &'static TransferSyntax,
    /// The data set.
    pub data_set: Vec<u8>,
    /// The way back over the association that it came by.
    pub reporter: Reporter,
}

/// The way back to a peer over an association that it has opened, for as long as that lasts.
#[derive(Clone, Debug)]
pub struct Reporter {
    reports: UnboundedSender<Outgoing>,
    context: u8,
    transfer_syntax: &'static TransferSyntax,
}

/// Why a report has not been taken over an association of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReported {
    /// It has ended, before the report or before its answer.
    #[error("the association has ended")]
    Ended,
    /// The peer has not answered in time.
    #[error("the peer has not answered the report in time")]
    Unanswered,
}

/// A report on its way to the peer.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// The presentation context by which the request came.
    pub(super) context: u8,
    /// Event Type ID.
    pub(super) event_type: u16,
    /// The data set.
    pub(super) data_set: Vec<u8>,
    /// Is told what the peer answers; dropped, it says that there will be no answer.
    pub(super) answer: mpsc::SyncSender<Status>,
}

impl Reporter {
    /// The way back by a presentation context, and what comes by it.
    pub(super) fn new(
        context: u8,
        transfer_syntax: &'static TransferSyntax,
    ) -> (Reporter, UnboundedReceiver<Outgoing>) {
        let (reports, outgoing) = unbounded_channel();
        (Reporter { reports, context, transfer_syntax }, outgoing)
    }

    /// The same way by another presentation context.
    pub(super) fn by(&self, context: u8, transfer_syntax: &'static TransferSyntax) -> Reporter {
        Reporter { context, transfer_syntax, ..self.clone() }
    }

    /// How the data set of a report must be encoded.
    pub fn transfer_syntax(&self) -> &'static TransferSyntax {
        self.transfer_syntax
    }

    /// Whether the association lasts.
    pub fn is_open(&self) -> bool {
        !self.reports.is_closed()
    }

    /// Reports between two messages of the peer, and waits so long for its answer. Blocks.
    ///
    /// # Errors
    /// [`NotReported`]; the peer may have taken the report all the same.
    pub fn report(
        &self,
        event_type: u16,
        data_set: Vec<u8>,
        within: Duration,
    ) -> Result<Status, NotReported> {
        let (answer, answered) = mpsc::sync_channel(1);
        let outgoing = Outgoing { context: self.context, event_type, data_set, answer };
        self.reports.send(outgoing).map_err(|_| NotReported::Ended)?;
        answered.recv_timeout(within).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => NotReported::Unanswered,
            mpsc::RecvTimeoutError::Disconnected => NotReported::Ended,
        })
    }
}
