//! The node as the network sees it: every instance goes on its journey, and only here is it logged and counted.

use super::journey::{Arrival, Node};
use super::status::{Failure, answer_to};
use crate::codec::Reason;
use crate::dicom::{FileMeta, Source};
use crate::forward;
use crate::net::{
    self, Association, CommitmentRequest, Connection, EventReport, Received, Refusal, Status, StoreAnswer,
    StoreHandler,
};
use crate::observe::{Escaped, Outcome};
use crate::store::{QuarantineNote, Stored};
use std::fs::File;
use std::io;
use std::time::Instant;
use tracing::field::display;

impl StoreHandler for Node {
    fn is_ready(&self) -> bool {
        self.tree.check().inspect_err(|error| tracing::error!(%error, "nothing can be stored")).is_ok()
    }

    fn spool(&self) -> io::Result<File> {
        self.tree.spool()
    }

    fn store(&self, received: Received) -> StoreAnswer {
        let started = Instant::now();
        match self.journey(&received) {
            Ok(arrival) => self.arrived(&received, &arrival, started),
            Err(failure) => self.failed_on_the_way(&received, &failure),
        }
    }

    fn failed(&self, association: &Association, failure: &net::Failure) -> StoreAnswer {
        let answer = answer_to_network(failure);
        self.audit_failure(association, "", &failure.to_string());
        self.counters.add(Outcome::Failed("not_received"), 0, 0);
        tracing::error!(
            association = association.id, address = %association.peer, peer = %Escaped(&association.calling),
            status = %answer.status, reason = %failure, "instance not received"
        );
        answer
    }

    fn event_reported(&self, association: &Association, report: &EventReport) -> StoreAnswer {
        let Some(queue) = self.queue() else { return Status::UNRECOGNIZED_OPERATION.into() };
        match self.commitments.reported(report, queue.as_ref(), self) {
            Ok(()) => Status::SUCCESS.into(),
            Err(error) => {
                let answer = StoreAnswer::from(forward::answer_to(&error));
                tracing::warn!(
                    association = association.id, address = %association.peer,
                    peer = %Escaped(&association.calling), status = %answer.status,
                    explanation = %Escaped(&error.to_string()), "report on Storage Commitment refused"
                );
                answer
            }
        }
    }

    fn commitment_requested(&self, association: &Association, request: CommitmentRequest) -> StoreAnswer {
        self.promise(association, request)
    }

    fn refused(&self, association: &Association, refusal: &Refusal) {
        tracing::warn!(
            association = association.id, address = %association.peer, peer = %Escaped(&association.calling),
            status = %refusal.status, reason = %Escaped(&refusal.reason), "command refused"
        );
    }

    fn opened(&self, association: &Association) {
        self.rules.begin(association.id);
        let accepted = association.contexts.iter().filter(|context| context.result.is_ok()).count();
        tracing::info!(
            association = association.id, address = %association.peer, peer = %Escaped(&association.calling),
            software = %Escaped(association.implementation_version_name.as_deref().unwrap_or("-")),
            certificate = association.certificate.as_ref().map(display),
            user = association.user.as_deref().map(|user| display(Escaped(user))),
            contexts = association.contexts.len(), accepted, "association opened"
        );
    }

    fn closed(&self, connection: &Connection) {
        self.rules.end(connection.id);
        self.audit_end(connection);
        let peer = connection.association.as_ref().map(|association| association.calling.as_str());
        let peer = Escaped(peer.or(connection.calling.as_deref()).unwrap_or("-"));
        let outcome = connection.outcome.to_string();
        let (id, address, outcome) = (connection.id, connection.peer, Escaped(&outcome));
        let (tally, seconds) = (&connection.tally, connection.duration.as_secs_f64());
        if matches!(connection.outcome, net::Outcome::Released) {
            tracing::info!(association = id, %address, %peer, %outcome, stores = tally.stores, stored = tally.stored,
                echoes = tally.echoes, bytes = tally.data_set_bytes, seconds, "association closed");
        } else {
            tracing::warn!(association = id, %address, %peer, %outcome, stores = tally.stores, stored = tally.stored,
                echoes = tally.echoes, bytes = tally.data_set_bytes, seconds, "association closed");
        }
    }

    fn accept_failed(&self, error: &io::Error) {
        tracing::error!(%error, "no connection can be accepted");
    }
}

impl Node {
    fn arrived(&self, received: &Received, arrival: &Arrival, started: Instant) -> StoreAnswer {
        let outcome = match &arrival.condensed {
            None => Outcome::Duplicate,
            Some(_) if matches!(arrival.stored, Stored::Same(_)) => Outcome::Duplicate,
            Some(Ok(_)) => Outcome::Condensed,
            Some(Err(reason)) => Outcome::Kept(reason.name()),
        };
        let received_bytes = received.data_set.len();
        self.counters.add(outcome, received_bytes, arrival.file_bytes);
        self.audit_arrival(received, arrival);
        let path = arrival.stored.path().display().to_string();
        let reason = arrival.condensed.as_ref().and_then(|condensed| condensed.as_ref().err());
        let explanation = reason.map(ToString::to_string);
        let explanation = explanation.as_deref().map(|sentence| display(Escaped(sentence)));
        let rule = arrival.rule.as_deref().map(|name| display(Escaped(name)));
        let queued = Some(arrival.queued).filter(|queued| *queued > 0);
        let chosen = arrival.condensed.as_ref().and_then(|condensed| condensed.as_ref().ok());
        let to = chosen.map(|chosen| chosen.report.target.keyword);
        let passed_over = chosen.filter(|chosen| !chosen.refused.is_empty()).map(|chosen| {
            let each = chosen.refused.iter().map(|refusal| format!("{}: {}", refusal.target, refusal.reason));
            each.collect::<Vec<_>>().join("; ")
        });
        let passed_over = passed_over.as_deref().map(|sentence| display(Escaped(sentence)));
        let ratio = received_bytes as f64 / arrival.file_bytes.max(1) as f64;
        let derived = arrival.derived.as_ref().map(display);
        // What was measured of an instance that lost something.
        let lost = chosen.map(|chosen| &chosen.report).filter(|report| report.derived.is_some());
        let largest_error = lost.and_then(|report| report.deviation).map(|deviation| deviation.largest);
        let psnr = lost.and_then(|report| report.derived.as_ref()).and_then(|derived| derived.psnr);
        tracing::info!(
            association = received.association.id, address = %received.association.peer,
            peer = %Escaped(&received.association.calling), instance = %Escaped(&received.sop_instance.text),
            outcome = outcome.name(), to, passed_over, reason = reason.map(Reason::name), explanation,
            received = received.transfer_syntax.keyword, bytes = received_bytes, stored_bytes = arrival.file_bytes,
            ratio = %format_args!("{ratio:.2}"), derived, largest_error, psnr, rule, queued, milliseconds = started.elapsed().as_millis() as u64,
            file = %Escaped(&path), "instance stored"
        );
        if let Some(lost) = reason.and_then(Reason::lost_decoder) {
            tracing::warn!(
                association = received.association.id, address = %received.association.peer,
                peer = %Escaped(&received.association.calling), instance = %Escaped(&received.sop_instance.text),
                reason = lost.name(), explanation = %Escaped(&lost.to_string()), "decoding process lost"
            );
        }
        if let Stored::Beside { path, existing } = &arrival.stored {
            tracing::warn!(
                association = received.association.id, address = %received.association.peer,
                peer = %Escaped(&received.association.calling), instance = %Escaped(&received.sop_instance.text),
                file = %Escaped(&path.display().to_string()), existing = %Escaped(&existing.display().to_string()),
                "another content under a known SOP Instance UID: both are kept"
            );
        }
        Status::SUCCESS.into()
    }

    fn failed_on_the_way(&self, received: &Received, failure: &Failure) -> StoreAnswer {
        let answer = answer_to(failure);
        self.audit_failure(&received.association, &received.sop_class.text, failure.name());
        let kept = if failure.quarantines() { self.quarantine(received, failure) } else { None };
        let outcome = match &kept {
            Some(_) => Outcome::Quarantined(failure.name()),
            None => Outcome::Failed(failure.name()),
        };
        self.counters.add(outcome, received.data_set.len(), 0);
        tracing::error!(
            association = received.association.id, address = %received.association.peer,
            peer = %Escaped(&received.association.calling), instance = %Escaped(&received.sop_instance.text),
            outcome = outcome.name(), reason = failure.name(), status = %answer.status,
            explanation = %Escaped(&failure.to_string()), file = %Escaped(kept.as_deref().unwrap_or("-")),
            "instance not stored"
        );
        answer
    }

    /// Keeps what cannot be stored as an instance; the file's path, or nothing when even that failed.
    fn quarantine(&self, received: &Received, failure: &Failure) -> Option<String> {
        let association = &received.association;
        let meta = FileMeta {
            sop_class: received.sop_class.text.clone(),
            sop_instance: received.sop_instance.text.clone(),
            transfer_syntax: received.transfer_syntax.uid.to_owned(),
            sending_ae: Some(association.calling.clone()),
            receiving_ae: Some(association.called.clone()),
            ..FileMeta::default()
        };
        let note = QuarantineNote {
            reason: failure.name().to_owned(),
            explanation: failure.to_string(),
            sop_class: received.sop_class.text.clone(),
            sop_instance: received.sop_instance.text.clone(),
            transfer_syntax: received.transfer_syntax.uid.to_owned(),
            calling_ae: association.calling.clone(),
            called_ae: association.called.clone(),
            peer: association.peer.to_string(),
        };
        match self.tree.quarantine(&meta, &received.data_set, &note) {
            Ok(path) => Some(path.display().to_string()),
            Err(error) => {
                tracing::error!(association = association.id, %error, "cannot put the data set into quarantine");
                None
            }
        }
    }
}

/// What a sender is told of an instance that the network side could not hand over.
fn answer_to_network(failure: &net::Failure) -> StoreAnswer {
    let (status, comment) = match failure {
        net::Failure::Panicked => (Status::STORAGE_ERROR, "Internal error"),
        net::Failure::Spool(error) if is_full(error) => (Status::OUT_OF_RESOURCES, "Out of storage"),
        net::Failure::Spool(_) => (Status::STORAGE_ERROR, "Storage error"),
        net::Failure::TooLarge { .. } => (Status::OUT_OF_RESOURCES, "Data set is larger than the limit"),
    };
    StoreAnswer { status, comment: Some(comment.to_owned()), offending: Vec::new() }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
