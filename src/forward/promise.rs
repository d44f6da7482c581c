//! What becomes of a request for Storage Commitment: it is written down, or refused with a status (PS3.4 J.3.2, PS3.7 10.1.4).

use super::commitment_data_set::RequestError;
use crate::net::Status;
use crate::queue::QueueError;

/// A request that was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promised {
    /// Transaction UID.
    pub transaction: String,
    /// How many instances it names.
    pub instances: usize,
}

/// Why a request for commitment is refused.
#[derive(Debug, thiserror::Error)]
pub enum NotPromised {
    /// It is no request that could be answered.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Its Transaction UID is in use.
    #[error("the Transaction UID is in use already")]
    Duplicate,
    /// Too many reports are owed.
    #[error("too many reports are owed already")]
    TooMany,
    /// It cannot be written down.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// What a peer is told whose request is refused (PS3.7 10.1.4.1.10).
pub fn answer_to_request(error: &NotPromised) -> Status {
    match error {
        NotPromised::Request(RequestError::DataSet(_)) => Status::PROCESSING_FAILURE,
        NotPromised::Request(_) => Status::MISSING_ATTRIBUTE,
        NotPromised::Duplicate => Status::DUPLICATE_TRANSACTION,
        NotPromised::TooMany => Status::RESOURCE_LIMITATION,
        NotPromised::Queue(error) if error.is_out_of_space() => Status::RESOURCE_LIMITATION,
        NotPromised::Queue(_) => Status::PROCESSING_FAILURE,
    }
}
