//! The journey of one instance, from received bytes to a durable file.

use super::scan::Scanned;
use super::status::Failure;
use crate::codec::{self, CompressError, Options, Reason, Report};
use crate::config::{Compress, Otherwise};
use crate::dicom::{DataSet, FileMeta, Limits, Source, TransferSyntax, in_pieces};
use crate::net::Received;
use crate::observe::Counters;
use crate::store::{Digest, Draft, Identity, Receipt, ReceiptOutcome, Stored, Tree};
use std::io::Write;

/// The parts that a journey passes through.
pub struct Node {
    pub(super) tree: Tree,
    pub(super) compress: Compress,
    pub(super) limits: Limits,
    pub(super) counters: Counters,
}

/// A journey that ended well.
#[derive(Debug)]
pub struct Arrival {
    /// Where the instance lies now, and whether it lay there already.
    pub stored: Stored,
    /// What the encoder did, or why the instance is stored as received. None when it lay there already.
    pub condensed: Option<Result<Report, Reason>>,
    /// Length of the file that was written, in bytes.
    pub file_bytes: u64,
}

impl Node {
    /// Takes one received instance from its bytes to a durable file.
    ///
    /// Returns only when the file is safe to acknowledge: written, proven, synced, under its final name.
    ///
    /// # Errors
    /// A [`Failure`], which `node::status` turns into a DIMSE status. No file under a final name was touched.
    pub fn journey(&self, received: &Received) -> Result<Arrival, Failure> {
        let scanned = Scanned::of(received, &self.limits)?;
        let identity = scanned.identity(received)?;
        let digest = Digest::of(scanned.transfer_syntax.uid, &received.data_set).map_err(Failure::Spool)?;
        if let Some(path) = self.tree.find(&identity, &digest)? {
            return Ok(Arrival { stored: Stored::Same(path), condensed: None, file_bytes: 0 });
        }
        let label = Label { identity: &identity, digest, received: scanned.transfer_syntax };
        let mut draft = self.tree.draft()?;
        let condensed = match self.decide(&scanned) {
            Ok((data_set, target)) => self.condense(&scanned, data_set, target, &label, &mut draft)?,
            Err(reason) => Err(reason),
        };
        if let Err(reason) = &condensed {
            self.keep(received, reason, &label, &mut draft)?;
        }
        let file_bytes = draft.len();
        let stored = self.tree.commit(draft, &identity, &digest)?;
        Ok(Arrival { stored, condensed: Some(condensed), file_bytes })
    }

    /// The elements and the syntax to condense them into, or why the instance stays as it came.
    fn decide<'s>(&self, scanned: &'s Scanned<'_>) -> Result<(&'s DataSet, &'static TransferSyntax), Reason> {
        let target = self.compress.target().ok_or(Reason::NoTarget)?;
        Ok((scanned.contents.as_ref().map_err(Clone::clone)?, target))
    }

    /// Writes the condensed instance into the draft. The inner error is any doubt about the result.
    fn condense(
        &self,
        scanned: &Scanned<'_>,
        data_set: &DataSet,
        target: &'static TransferSyntax,
        label: &Label<'_>,
        draft: &mut Draft,
    ) -> Result<Result<Report, Reason>, Failure> {
        let meta = label.file_meta(target, ReceiptOutcome::Condensed, None);
        let options = Options { verify: self.compress.verify, ..Options::default() };
        match codec::compress(scanned.source(), data_set, target, &meta, &options, draft) {
            Ok(report) => Ok(Ok(report)),
            Err(CompressError::Kept(reason)) => Ok(Err(reason)),
            Err(CompressError::Io(error)) => Err(draft.failure(error).into()),
        }
    }

    /// Writes the instance into the draft as it was received, byte for byte behind the file meta information.
    fn keep(
        &self,
        received: &Received,
        reason: &Reason,
        label: &Label<'_>,
        draft: &mut Draft,
    ) -> Result<(), Failure> {
        if self.compress.otherwise == Otherwise::Refuse && !reason.is_nothing_to_condense() {
            return Err(Failure::Refused(reason.clone()));
        }
        let meta = label.file_meta(received.transfer_syntax, ReceiptOutcome::Kept, Some(reason.name()));
        let data_set = &received.data_set;
        let written = draft
            .reset()
            .and_then(|()| meta.write(draft))
            .and_then(|()| in_pieces(data_set, 0..data_set.len(), |bytes| draft.write_all(&bytes)));
        written.map_err(|error| draft.failure(error).into())
    }
}

/// What the file says of itself: who it is, and what was received.
struct Label<'i> {
    identity: &'i Identity,
    digest: Digest,
    received: &'static TransferSyntax,
}

impl Label<'_> {
    fn file_meta(
        &self,
        transfer_syntax: &TransferSyntax,
        outcome: ReceiptOutcome,
        reason: Option<&str>,
    ) -> FileMeta {
        let receipt = Receipt {
            digest: self.digest,
            transfer_syntax: self.received.uid.to_owned(),
            outcome,
            reason: reason.map(str::to_owned),
        };
        FileMeta {
            sop_class: self.identity.sop_class.as_ref().map(ToString::to_string).unwrap_or_default(),
            sop_instance: self.identity.sop_instance.to_string(),
            transfer_syntax: transfer_syntax.uid.to_owned(),
            sending_ae: Some(self.identity.calling_ae.clone()),
            receiving_ae: Some(self.identity.called_ae.clone()),
            private: Some(receipt.to_private()),
            ..FileMeta::default()
        }
    }
}
