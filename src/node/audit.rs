//! What of the node's doings the audit trail is told (PS3.15 A.5.3).

use super::journey::{Arrival, Node};
use crate::audit::{Alarm, Fact, Flow, PatientId, Transfer, TransferOutcome};
use crate::dicom::{FileMeta, Limits, Section, Tag, TransferSyntax, VrEncoding, inflate, walk_as_found};
use crate::forward::Destination;
use crate::net::{Association, Connection, Outcome, Received, Rejection};
use crate::queue::{Delivery, Instance};
use crate::store::{Stored, Tree};
use std::path::Path;
use std::sync::Arc;

impl Node {
    /// Tells the audit trail, if there is one.
    pub(super) fn audit(&self, fact: impl FnOnce() -> Fact) {
        if let Some(trail) = &self.audit {
            trail.note(fact());
        }
    }

    /// An instance was stored, or lay there already.
    pub(super) fn audit_arrival(&self, received: &Received, arrival: &Arrival) {
        let is_known = arrival.condensed.is_none() || matches!(arrival.stored, Stored::Same(_));
        self.audit(|| {
            Fact::Transfer(Transfer {
                flow: flow_of(&received.association),
                patient: PatientId::Known(arrival.patient_id.clone()),
                study: arrival.study.clone(),
                sop_class: received.sop_class.text.clone(),
                outcome: if is_known { TransferOutcome::Held } else { TransferOutcome::New },
            })
        });
    }

    /// An instance was not stored. What it says of itself is not known, or not to be trusted.
    pub(super) fn audit_failure(&self, association: &Association, sop_class: &str, reason: &str) {
        self.audit(|| {
            Fact::Transfer(Transfer {
                flow: flow_of(association),
                patient: PatientId::Known(String::new()),
                study: String::new(),
                sop_class: sop_class.to_owned(),
                outcome: TransferOutcome::Failed(reason.to_owned()),
            })
        });
    }

    /// A connection has ended. Whether somebody was refused who may not come in.
    pub(super) fn audit_end(&self, connection: &Connection) {
        if let Some(association) = &connection.association {
            self.audit(|| Fact::Ended(flow_of(association)));
        }
        let is_refusal = match &connection.outcome {
            Outcome::Rejected(rejection) => {
                matches!(
                    rejection,
                    Rejection::CallingAeTitle | Rejection::CalledAeTitle | Rejection::UserIdentity
                )
            }
            Outcome::Handshake(_) | Outcome::Stranger | Outcome::Unknown => true,
            _ => false,
        };
        if is_refusal {
            self.audit(|| {
                Fact::Alarm(Alarm {
                    refused: true,
                    ae_title: connection.calling.clone(),
                    address: Some(connection.peer.ip()),
                    what: connection.outcome.to_string(),
                })
            });
        }
    }

    /// An instance is sent to a peer, was taken by it, or is held.
    pub(super) fn audit_delivery(&self, at: &Destination<'_>, delivery: &Delivery, outcome: TransferOutcome) {
        let Some(trail) = &self.audit else { return };
        let (tree, file) = (Arc::clone(&self.tree), delivery.instance.file.clone());
        trail.note(Fact::Transfer(Transfer {
            flow: Flow::Sent {
                calling: at.calling.unwrap_or(&self.ae_title).to_owned(),
                called: at.ae_title.to_owned(),
                host: at.address.host.clone(),
            },
            patient: PatientId::Look(Box::new(move || patient_of(&tree, &file).unwrap_or_default())),
            study: delivery.instance.study.clone(),
            sop_class: delivery.instance.sop_class.clone(),
            outcome,
        }));
    }

    /// An instance that every peer has was removed.
    pub(super) fn audit_removal(&self, instance: &Instance) {
        self.audit(|| Fact::Removed { study: instance.study.clone(), sop_class: instance.sop_class.clone() });
    }
}

fn flow_of(association: &Association) -> Flow {
    Flow::Received {
        association: association.id,
        calling: association.calling.clone(),
        called: association.called.clone(),
        address: association.peer.ip(),
    }
}

/// Patient ID of a file of the store; `None` where it cannot be read.
fn patient_of(tree: &Tree, file: &str) -> Option<String> {
    let file = tree.open_file(Path::new(file)).ok()??;
    let (meta, offset) = FileMeta::parse(&file).ok()?;
    let encoding = TransferSyntax::of_uid(&meta.transfer_syntax)?.vr_encoding;
    let (section, limits) = (Section::from(&file, offset).ok()?, Limits::default());
    if encoding == VrEncoding::DeflatedExplicitLittle {
        let inflated = inflate(&section, &limits).ok()?;
        let data_set = walk_as_found(&inflated, Some(VrEncoding::ExplicitLittle), &limits).ok()?;
        return data_set.text(&inflated, Tag::PATIENT_ID).ok()?;
    }
    let data_set = walk_as_found(&section, Some(encoding), &limits).ok()?;
    data_set.text(&section, Tag::PATIENT_ID).ok()?
}
