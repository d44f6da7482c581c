//! Storage Commitment Push Model on the wire (PS3.4 Annex J): its SOP class, and a report as it comes in.

use crate::dicom::TransferSyntax;

/// Storage Commitment Push Model SOP Class.
pub const STORAGE_COMMITMENT: &str = "1.2.840.10008.1.20.1";
/// Its well-known SOP instance.
pub(super) const STORAGE_COMMITMENT_INSTANCE: &str = "1.2.840.10008.1.20.1.1";
/// Action Type ID: Request Storage Commitment (PS3.4 J.3.2).
pub(super) const REQUEST_COMMITMENT: u16 = 1;
/// A report has a few dozen bytes for each instance; a longer one than this is not read.
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
