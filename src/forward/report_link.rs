//! An association over which a peer is told what has become of its requests for Storage Commitment (PS3.4 J.3.3): opened by us,
//! under the AE title that the peer has asked, with the role of the provider.

use super::commitment_data_set::report;
use super::config::PeerConfig;
use super::couriers::options;
use crate::dicom::{TransferSyntax, uids};
use crate::net::{ProposedContext, Requestor, RequestorError, RequestorOptions, STORAGE_COMMITMENT, Status};
use crate::queue::{Reference, Transaction};

/// An association of ours with a peer that is owed reports.
pub(super) struct ReportLink {
    requestor: Requestor,
    context: u8,
    syntax: &'static TransferSyntax,
}

impl ReportLink {
    /// Opens one as the provider, under the AE title that the peer has asked.
    pub(super) fn open(peer: &PeerConfig, called: &str) -> Result<Self, NotTaken> {
        let known = [uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN];
        let transfer_syntaxes: Vec<_> = known.into_iter().filter_map(TransferSyntax::of_uid).collect();
        let abstract_syntax = STORAGE_COMMITMENT.to_owned();
        let proposed = [ProposedContext { abstract_syntax, transfer_syntaxes: transfer_syntaxes.clone() }];
        let options = RequestorOptions { provides: Some(STORAGE_COMMITMENT), ..options(peer, called) };
        let address = (peer.address.host.as_str(), peer.address.port);
        let requestor = Requestor::connect(address, options, &proposed)?;
        let accepted = |syntax: &&'static TransferSyntax| requestor.context(STORAGE_COMMITMENT, syntax);
        let found = transfer_syntaxes.iter().find_map(|syntax| Some((accepted(syntax)?, *syntax)));
        let (context, syntax) = found.ok_or(NotTaken::NotOffered)?;
        Ok(Self { requestor, context, syntax })
    }

    pub(super) fn report(&mut self, transaction: &Transaction) -> Result<Status, NotTaken> {
        let (event_type, data_set) = report(&transaction.uid, &outcomes(transaction), self.syntax);
        Ok(self.requestor.report_commitment(self.context, event_type, &data_set)?.status)
    }

    pub(super) fn close(self) {
        // Everything that counts was answered before.
        let _ = self.requestor.release();
    }
}

/// Why a report was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotTaken {
    #[error("no [[peer]] has the AE title {0}, and its association has ended")]
    Nowhere(String),
    #[error("{0}")]
    NoAssociation(#[from] RequestorError),
    #[error("the peer does not take reports on Storage Commitment")]
    NotOffered,
    #[error("the peer has not taken another report of the same round")]
    Gone,
    #[error("the peer answers the report with {0}")]
    Refused(Status),
}

/// What is to be reported of each instance.
pub(super) fn outcomes(transaction: &Transaction) -> Vec<(Reference, Option<u16>)> {
    let known = transaction.outcome.as_deref().unwrap_or_default();
    // Nothing is committed of which nothing is known.
    let reason = |at: usize| known.get(at).copied().unwrap_or(Some(Status::PROCESSING_FAILURE.0));
    transaction.references.iter().enumerate().map(|(at, reference)| (reference.clone(), reason(at))).collect()
}
