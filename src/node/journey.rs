//! The journey of one instance, from received bytes to a durable file and the deliveries that are due of it.

use super::decoding::Decoding;
use super::in_hand::InHand;
use super::offer::Offer;
use super::recent::Recent;
use super::rules_in_force::RulesInForce;
use super::scan::Scanned;
use super::status::Failure;
use crate::audit::Trail;
use crate::codec::{self, Chosen, CompressError, Lossy, Reason, Recompress};
use crate::dicom::{FileMeta, Limits, Source, Tag, TransferSyntax, Uid, in_pieces};
use crate::forward::Commitments;
use crate::net::Received;
use crate::observe::Counters;
use crate::queue::Queue;
use crate::rule::{Compress, Decision, Facts, Rules};
use crate::store::{Digest, Draft, Identity, Receipt, ReceiptOutcome, Stored, Tree};
use std::borrow::Cow;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// The parts that a journey passes through.
pub struct Node {
    pub(super) tree: Arc<Tree>,
    pub(super) queue: OnceLock<Arc<dyn Queue>>,
    pub(super) rules: RulesInForce,
    pub(super) limits: Limits,
    pub(super) decoding: Arc<Decoding>,
    pub(super) counters: Counters,
    pub(super) in_hand: InHand,
    pub(super) commitments: Arc<Commitments>,
    pub(super) offer: Offer,
    pub(super) recent: Recent,
    /// The AE title of the node.
    pub(super) ae_title: String,
    pub(super) audit: Option<Trail>,
}

/// A journey that ended well.
#[derive(Debug)]
pub struct Arrival {
    /// Where the instance lies now, and whether it lay there already.
    pub stored: Stored,
    /// The SOP Instance UID under which it lies there, where samples may have changed and it is another than the received one.
    pub derived: Option<Uid>,
    /// What the encoder did, or why the instance is stored as received. None when it lay there already.
    pub condensed: Option<Result<Chosen, Reason>>,
    /// Length of the file that was written, in bytes.
    pub file_bytes: u64,
    /// The name of the rule that decided, if one did.
    pub rule: Option<String>,
    /// How many peers it is to be delivered to that were not to have it before.
    pub queued: usize,
    /// Patient ID, for the audit trail alone; empty where it is not known.
    pub patient_id: String,
    /// Study Instance UID; empty where it is not known.
    pub study: String,
}

impl Arrival {
    /// An instance that lay there already.
    fn again(path: PathBuf, derived: Option<Uid>) -> Self {
        Self::at(Stored::Same(path), derived)
    }

    /// An instance of which nothing else is known yet.
    fn at(stored: Stored, derived: Option<Uid>) -> Self {
        Self {
            stored,
            derived,
            condensed: None,
            file_bytes: 0,
            rule: None,
            queued: 0,
            patient_id: String::new(),
            study: String::new(),
        }
    }
}

impl Node {
    /// Takes one received instance from its bytes to a durable file, and writes down whom it is to be delivered to.
    ///
    /// Returns only when it is safe to acknowledge: the file written, proven, synced, under its final name, and its
    /// deliveries committed.
    ///
    /// # Errors
    /// A [`Failure`], which `node::status` turns into a DIMSE status. Where it is one of the queue, the file is there:
    /// the sender's next try finds it and writes its deliveries down. Otherwise no file under a final name was touched.
    pub fn journey(&self, received: &Received) -> Result<Arrival, Failure> {
        let scanned = Scanned::of(received, &self.limits)?;
        let identity = scanned.identity(received)?;
        let digest = Digest::of(scanned.transfer_syntax.uid, &received.data_set).map_err(Failure::Spool)?;
        let _held = self.in_hand.take(&digest);
        let rules = self.rules.of(received.association.id);
        let decision = decide(&rules, &scanned, received)?;
        let mut label = Label { identity: &identity, digest, received: scanned.transfer_syntax };
        let derived = self.derived(&decision.compress, &label)?;
        let mut arrival = match self.tree.find(&under(&identity, derived.as_ref()), &digest)? {
            Some(found) => {
                label.digest = found.digest;
                Arrival::again(found.path, derived)
            }
            None => self.take_in(&scanned, received, &decision.compress, &label)?,
        };
        arrival.queued = self.enqueue(&arrival, &label, decision)?;
        self.remember(&arrival, &label);
        arrival.rule.clone_from(&decision.rule);
        arrival.study = identity.study.as_ref().map(ToString::to_string).unwrap_or_default();
        arrival.patient_id = identity.patient_id;
        Ok(arrival)
    }

    /// Remembers where the instance lies, for whoever asks for its commitment.
    fn remember(&self, arrival: &Arrival, label: &Label<'_>) {
        let uid = arrival.derived.as_ref().unwrap_or(&label.identity.sop_instance).to_string();
        self.recent.insert(&uid, self.tree.below(arrival.stored.path()));
        if let Stored::Beside { existing, .. } = &arrival.stored {
            self.recent.insert(&uid, self.tree.below(existing));
        }
    }

    /// Condenses the instance into a draft, or keeps it as it came, and gives the draft its place.
    fn take_in(
        &self,
        scanned: &Scanned<'_>,
        received: &Received,
        compress: &Compress,
        label: &Label<'_>,
    ) -> Result<Arrival, Failure> {
        let mut draft = self.tree.draft()?;
        let condensed = condense(compress, &self.decoding, scanned, label, &mut draft)?;
        if let Err(reason) = &condensed {
            keep(compress, received, reason, label, &mut draft)?;
        }
        let file_bytes = draft.len();
        let derived = condensed.as_ref().ok().and_then(|chosen| chosen.report.derived.as_ref());
        let derived = derived.map(|derived| derived.sop_instance.clone());
        let stored = self.tree.commit(draft, &under(label.identity, derived.as_ref()), &label.digest)?;
        if let Some(derived) = &derived {
            self.tree.note_derived(&label.identity.sop_instance, &label.digest, derived)?;
        }
        Ok(Arrival { condensed: Some(condensed), file_bytes, ..Arrival::at(stored, derived) })
    }

    /// What was derived from this very instance when it came before; only where something may be derived at all.
    fn derived(&self, compress: &Compress, label: &Label<'_>) -> Result<Option<Uid>, Failure> {
        if compress.lossy == Lossy::Refused {
            return Ok(None);
        }
        Ok(self.tree.derived_from(&label.identity.sop_instance, &label.digest)?)
    }
}

/// What is to be done with the instance.
fn decide<'r>(rules: &'r Rules, scanned: &Scanned<'_>, received: &Received) -> Result<&'r Decision, Failure> {
    let association = &received.association;
    let facts = Facts {
        calling: &association.calling,
        called: &association.called,
        from: Some(association.peer.ip()),
        sop_class: &received.sop_class.text,
        transfer_syntax: received.transfer_syntax.uid,
        modality: &scanned.text(Tag::MODALITY)?,
        station_name: &scanned.text(Tag::STATION_NAME)?,
        body_part: &scanned.text(Tag::BODY_PART_EXAMINED)?,
    };
    Ok(rules.decide(&facts))
}

/// Writes the condensed instance into the draft. The inner error is why it stays as it came: there is nothing to condense
/// or no syntax to condense it into, or any doubt about the result.
fn condense(
    compress: &Compress,
    decoding: &Arc<Decoding>,
    scanned: &Scanned<'_>,
    label: &Label<'_>,
    draft: &mut Draft,
) -> Result<Result<Chosen, Reason>, Failure> {
    let Some(choice) = compress.choice() else { return Ok(Err(Reason::NoTarget)) };
    let data_set = match &scanned.contents {
        Ok(data_set) => data_set,
        Err(reason) => return Ok(Err(reason.clone())),
    };
    let meta = label.file_meta(label.received, ReceiptOutcome::Condensed, None);
    let (source, mut options) = (scanned.source(), compress.options());
    if options.recompress != Recompress::Never {
        // What a peer has compressed is decoded where it can do no harm.
        options.decoding = Some(decoding.of_instance(compress));
    }
    match codec::compress_as(&choice, source, data_set, &meta, &options, draft, Draft::reset) {
        Ok(chosen) => Ok(Ok(chosen)),
        Err(CompressError::Kept(reason)) => Ok(Err(reason)),
        Err(CompressError::Io(error)) => Err(draft.failure(error).into()),
    }
}

/// The identity under which an instance is stored: its own, or that of the one that was derived from it.
fn under<'i>(received: &'i Identity, derived: Option<&Uid>) -> Cow<'i, Identity> {
    match derived {
        None => Cow::Borrowed(received),
        Some(derived) => Cow::Owned(Identity { sop_instance: derived.clone(), ..received.clone() }),
    }
}

/// Writes the instance into the draft as it was received, byte for byte behind the file meta information.
fn keep(
    compress: &Compress,
    received: &Received,
    reason: &Reason,
    label: &Label<'_>,
    draft: &mut Draft,
) -> Result<(), Failure> {
    if compress.refuses(received.transfer_syntax, reason) {
        return Err(Failure::Refused(reason.clone()));
    }
    let meta = label.file_meta(received.transfer_syntax, ReceiptOutcome::Kept, Some(reason.name()));
    let data_set = &received.data_set;
    let written = draft
        .reset()
        .and_then(|()| draft.reserve(data_set.len()))
        .and_then(|()| meta.write(draft))
        .and_then(|()| in_pieces(data_set, 0..data_set.len(), |bytes| draft.write_all(&bytes)));
    written.map_err(|error| draft.failure(error).into())
}

/// What the file says of itself: who it is, and what was received.
pub(super) struct Label<'i> {
    pub(super) identity: &'i Identity,
    pub(super) digest: Digest,
    pub(super) received: &'static TransferSyntax,
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
            stored: (outcome == ReceiptOutcome::Condensed).then_some(Digest::UNKNOWN),
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
