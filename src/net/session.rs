//! The messages of an accepted association: one after the other, each answered before the next is read
//! (PS3.7 9.1.1, 9.1.5 and 10.1.4). Between them we may report to the peer, and its answer is a message like others
//! (PS3.7 10.1.1).

use super::command_set::{C_ECHO, N_ACTION, N_EVENT_REPORT, RESPONSE};
use super::commitment::{
    CommitmentRequest, EventReport, LONGEST_REPORT, Outgoing, REQUEST_COMMITMENT, Reporter,
    STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE,
};
use super::common::Common;
use super::dimse_invoker::{Response, write_report_request};
use super::dimse_performer::{Command, Request};
use super::gather::{Bounds, Gather};
use super::handler::{Association, Failure, Outcome, Received, Refusal, Step, StoreAnswer, Tally};
use super::patience::{Patience, last_moment};
use super::pdata::{frame_command, frame_data_set};
use super::reasons::Violation;
use super::received::ReceivedBytes;
use super::receiver::{Incoming, Receiver};
use super::status::Status;
use super::transport::Transport;
use crate::dicom::{Source, Tag, TransferSyntax};
use std::borrow::Cow;
use std::sync::{Arc, mpsc};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

/// An established association.
pub(super) struct Session {
    common: Arc<Common>,
    association: Arc<Association>,
    receiver: Receiver,
    /// The Maximum Length of the peer; 0 for none.
    peer_max: u32,
    tally: Tally,
    /// The size of the last data set: the next one is likely to be as large.
    last_size: u64,
    /// The command sets of the last request and response, and the PDUs of the latter, kept for their memory.
    command: Vec<u8>,
    response: Vec<u8>,
    out: Vec<u8>,
    /// The way back to a peer that has asked for Storage Commitment, and the reports that come by it.
    reports: Option<(Reporter, UnboundedReceiver<Outgoing>)>,
    /// The Message ID of our last report, and who waits for its answer.
    reported: (u16, Option<mpsc::SyncSender<Status>>),
}

impl Session {
    /// An association of which nothing was read yet, with a peer that takes PDUs of up to `peer_max` bytes (0: any).
    pub(super) fn new(
        common: Arc<Common>,
        association: Arc<Association>,
        transport: Transport,
        peer_max: u32,
    ) -> Session {
        let accepted = association.contexts.iter().filter(|context| context.result.is_ok());
        let receiver = Receiver::new(transport, accepted.map(|context| context.id), common.config.max_pdu);
        Session {
            common,
            association,
            receiver,
            peer_max,
            tally: Tally::default(),
            last_size: 0,
            command: Vec::new(),
            response: Vec::new(),
            out: Vec::new(),
            reports: None,
            reported: (0, None),
        }
    }

    /// Answers one message after the other. Gives how it ended, what was done, and the connection for its last words.
    pub(super) async fn run(mut self) -> (Outcome, Tally, Transport) {
        loop {
            if let Err(outcome) = self.message().await {
                return (outcome, self.tally, self.receiver.into_transport());
            }
        }
    }

    async fn message(&mut self) -> Result<(), Outcome> {
        let common = Arc::clone(&self.common);
        let (deadlines, drain) = (&common.config.deadlines, &common.drain);
        let mut between = Patience::new(Step::Idle, deadlines.idle, drain.clone());
        if let Some(report) = self.report_or_message(&mut between).await? {
            return self.send_report(report).await;
        }
        let mut start = Instant::now();
        let (incoming, mut patience) = self
            .receiver
            .command(&mut self.command, between, || {
                start = Instant::now();
                Patience::for_message(deadlines, drain.clone())
            })
            .await?;
        let Incoming::Command(context_id) = incoming else { return Err(Outcome::Released) };
        if let Some(response) = self.answer_to_report() {
            return self.reported(&response, &mut patience).await;
        }
        let command = Command::parse(&self.command).map_err(Outcome::Aborted)?;
        self.receiver.command_read(command.has_data_set);

        let context = self.association.contexts.iter().find(|context| context.id == context_id);
        let (abstract_syntax, transfer_syntax) = context
            .and_then(|context| Some((context.abstract_syntax.as_str(), context.result.ok()?)))
            // The receiver lets no other context through.
            .ok_or(Outcome::Aborted(Violation::ContextNotAccepted(context_id)))?;
        let answer = match judge(&command, abstract_syntax) {
            Verdict::Store => self.store(&command, context_id, transfer_syntax, start, &mut patience).await?,
            Verdict::Answer(answer) => {
                self.skip_data_set(command.has_data_set, &mut patience).await?;
                self.tell(&command, &answer);
                answer
            }
            Verdict::Event { event_type } => self.event(event_type, transfer_syntax, &mut patience).await?,
            Verdict::Commitment => self.commitment(context_id, transfer_syntax, &mut patience).await?,
            Verdict::Ignore => return self.skip_data_set(command.has_data_set, &mut patience).await,
        };
        self.respond(context_id, &command, &answer).await
    }

    /// Reads the data set of a C-STORE request, hands the instance over and waits for the answer.
    async fn store(
        &mut self,
        command: &Command,
        context_id: u8,
        transfer_syntax: &'static TransferSyntax,
        start: Instant,
        patience: &mut Patience,
    ) -> Result<StoreAnswer, Outcome> {
        let Request::Store { sop_class, sop_instance, move_originator } = command.request.clone() else {
            return Err(Outcome::Aborted(Violation::UnanswerableCommand));
        };
        let data_set = match self.data_set(patience).await? {
            Ok(data_set) => data_set,
            Err(failure) => return Ok(self.common.handler.failed(&self.association, &failure)),
        };
        let received = Received {
            association: Arc::clone(&self.association),
            context_id,
            transfer_syntax,
            message_id: command.message_id,
            sop_class,
            sop_instance,
            move_originator,
            data_set,
            duration: start.elapsed(),
        };
        self.tally.stores += 1;
        self.tally.data_set_bytes += self.last_size;
        let handler = Arc::clone(&self.common.handler);
        let job = spawn_blocking(move || handler.store(received));
        // At the last moment nobody waits for the handler any more; what it still does, it does unheard.
        let answer = tokio::select! {
            biased;
            answer = job => answer,
            () = last_moment(&self.common.drain) => return Err(Outcome::Drained),
        };
        let answer =
            answer.unwrap_or_else(|_| self.common.handler.failed(&self.association, &Failure::Panicked));
        self.tally.stored += u64::from(answer.status.is_performed());
        Ok(answer)
    }

    /// Reads a report on Storage Commitment, hands it over and waits for the answer.
    async fn event(
        &mut self,
        event_type: u16,
        transfer_syntax: &'static TransferSyntax,
        patience: &mut Patience,
    ) -> Result<StoreAnswer, Outcome> {
        let Some(data_set) = self.list_of_instances(patience).await? else {
            return Ok(Status::LIMIT_EXCEEDED.into());
        };
        let report = EventReport { event_type, transfer_syntax, data_set };
        let (handler, association) = (Arc::clone(&self.common.handler), Arc::clone(&self.association));
        let answer = spawn_blocking(move || handler.event_reported(&association, &report)).await;
        Ok(answer.unwrap_or_else(|_| Status::PROCESSING_FAILURE.into()))
    }

    /// Reads a request for Storage Commitment, hands it over and waits for the answer.
    async fn commitment(
        &mut self,
        context_id: u8,
        transfer_syntax: &'static TransferSyntax,
        patience: &mut Patience,
    ) -> Result<StoreAnswer, Outcome> {
        let Some(data_set) = self.list_of_instances(patience).await? else {
            return Ok(Status::RESOURCE_LIMITATION.into());
        };
        let (reporter, _) = self.reports.get_or_insert_with(|| Reporter::new(context_id, transfer_syntax));
        let reporter = reporter.by(context_id, transfer_syntax);
        let request = CommitmentRequest { transfer_syntax, data_set, reporter };
        let (handler, association) = (Arc::clone(&self.common.handler), Arc::clone(&self.association));
        let answer = spawn_blocking(move || handler.commitment_requested(&association, request)).await;
        Ok(answer.unwrap_or_else(|_| Status::PROCESSING_FAILURE.into()))
    }

    /// Reads the data set of a request or a report; `None` when it is too long, or cannot be kept.
    async fn list_of_instances(&mut self, patience: &mut Patience) -> Result<Option<Vec<u8>>, Outcome> {
        let bounds = Bounds { data_set: LONGEST_REPORT, memory: LONGEST_REPORT };
        let Ok(data_set) = self.data_set_within(bounds, patience).await? else { return Ok(None) };
        Ok(data_set.bytes(0..data_set.len()).map(Cow::into_owned).ok())
    }

    /// Waits for the peer to begin a message, or for a report to send: one at a time.
    async fn report_or_message(&mut self, patience: &mut Patience) -> Result<Option<Outgoing>, Outcome> {
        let Some((_, reports)) = self.reports.as_mut().filter(|_| self.reported.1.is_none()) else {
            return Ok(None);
        };
        tokio::select! {
            biased;
            begun = self.receiver.wait(patience) => begun.map(|()| None),
            report = reports.recv() => Ok(report),
        }
    }

    async fn send_report(&mut self, report: Outgoing) -> Result<(), Outcome> {
        let message_id = self.reported.0.checked_add(1).unwrap_or(1);
        self.reported = (message_id, Some(report.answer));
        self.response.clear();
        write_report_request(report.event_type, message_id, &mut self.response);
        self.out.clear();
        frame_command(report.context, &self.response, self.peer_max, &mut self.out);
        let our_max = self.common.config.max_pdu;
        frame_data_set(report.context, &report.data_set, self.peer_max, our_max, &mut self.out);
        self.write().await
    }

    /// What was just read, if it is what our report is answered with.
    fn answer_to_report(&self) -> Option<Response> {
        let (message_id, waiting) = &self.reported;
        let response = Response::parse(&self.command)?;
        let belongs = response.field == N_EVENT_REPORT | RESPONSE && response.message_id == *message_id;
        (belongs && waiting.is_some()).then_some(response)
    }

    async fn reported(&mut self, response: &Response, patience: &mut Patience) -> Result<(), Outcome> {
        self.receiver.command_read(response.has_data_set);
        if let Some(waiting) = self.reported.1.take() {
            // Whoever waited may have given up.
            let _ = waiting.try_send(response.answer.status);
        }
        self.skip_data_set(response.has_data_set, patience).await
    }

    /// Reads a data set to keep.
    async fn data_set(&mut self, patience: &mut Patience) -> Result<Result<ReceivedBytes, Failure>, Outcome> {
        let limits = &self.common.config.limits;
        let bounds = Bounds { data_set: limits.data_set, memory: limits.memory_per_data_set };
        self.data_set_within(bounds, patience).await
    }

    async fn data_set_within(
        &mut self,
        bounds: Bounds,
        patience: &mut Patience,
    ) -> Result<Result<ReceivedBytes, Failure>, Outcome> {
        let Common { handler, memory, .. } = &*self.common;
        let mut gather = Gather::new(bounds, self.last_size, memory, Arc::clone(handler));
        self.receiver.data_set(&mut gather, patience).await?;
        self.last_size = gather.len();
        Ok(gather.finish().await)
    }

    /// Reads a data set, if there is one, that nobody wants.
    async fn skip_data_set(&mut self, is_there: bool, patience: &mut Patience) -> Result<(), Outcome> {
        if !is_there {
            return Ok(());
        }
        let mut gather = Gather::discard(&self.common.memory, Arc::clone(&self.common.handler));
        self.receiver.data_set(&mut gather, patience).await
    }

    /// Counts or reports what is answered without the handler.
    fn tell(&mut self, command: &Command, answer: &StoreAnswer) {
        if answer.status.is_performed() {
            self.tally.echoes += u64::from(command.field == C_ECHO);
            return;
        }
        let refusal = Refusal {
            command_field: command.field,
            status: answer.status,
            reason: answer.comment.clone().unwrap_or_default(),
        };
        self.common.handler.refused(&self.association, &refusal);
    }

    async fn respond(
        &mut self,
        context_id: u8,
        command: &Command,
        answer: &StoreAnswer,
    ) -> Result<(), Outcome> {
        self.response.clear();
        command.respond(answer, &mut self.response);
        self.out.clear();
        frame_command(context_id, &self.response, self.peer_max, &mut self.out);
        self.write().await
    }

    /// Writes what is ready.
    async fn write(&mut self) -> Result<(), Outcome> {
        let deadline = Instant::now() + self.common.config.deadlines.response;
        tokio::select! {
            biased;
            written = self.receiver.transport().write(&self.out, deadline) => written,
            () = last_moment(&self.common.drain) => Err(Outcome::Drained),
        }
    }
}

/// What is to be done about a command.
enum Verdict {
    /// Hand it over.
    Store,
    /// Hand over what is reported.
    Event { event_type: u16 },
    /// Hand over what is asked for.
    Commitment,
    /// It is answered here.
    Answer(StoreAnswer),
    /// It has no response.
    Ignore,
}

/// PS3.7 Annex C, as far as the command set and the presentation context alone decide.
fn judge(command: &Command, abstract_syntax: &str) -> Verdict {
    let refuse = |status, comment: &str, offending: Option<Tag>| {
        Verdict::Answer(StoreAnswer {
            status,
            comment: Some(comment.to_owned()),
            offending: offending.into_iter().collect(),
        })
    };
    let of_another_class =
        command.sop_class.as_ref().is_some_and(|sop_class| sop_class.text != abstract_syntax);
    let is_of_commitment = matches!(command.field, N_ACTION | N_EVENT_REPORT);
    match &command.request {
        Request::Cancel => Verdict::Ignore,
        Request::Unrecognized => {
            refuse(Status::UNRECOGNIZED_OPERATION, "Only C-STORE and C-ECHO are offered", None)
        }
        _ if is_of_commitment && abstract_syntax != STORAGE_COMMITMENT => {
            refuse(Status::UNRECOGNIZED_OPERATION, "Only Storage Commitment has actions and events", None)
        }
        Request::Mistyped(tag) => {
            refuse(Status::MISTYPED_ARGUMENT, &format!("Missing or mistyped {tag}"), Some(*tag))
        }
        Request::Echo | Request::Store { .. } | Request::Event { .. } | Request::Action { .. }
            if of_another_class =>
        {
            refuse(
                Status::SOP_CLASS_NOT_SUPPORTED,
                "SOP class is not that of the presentation context",
                Some(Tag::AFFECTED_SOP_CLASS_UID),
            )
        }
        Request::Event { event_type } => Verdict::Event { event_type: *event_type },
        Request::Echo | Request::Store { .. } if abstract_syntax == STORAGE_COMMITMENT => {
            refuse(Status::UNRECOGNIZED_OPERATION, "This context is for Storage Commitment", None)
        }
        Request::Action { .. }
            if command.sop_instance.as_ref().is_none_or(|uid| uid.text != STORAGE_COMMITMENT_INSTANCE) =>
        {
            refuse(Status::NO_SUCH_SOP_INSTANCE, "Not the well-known instance", None)
        }
        Request::Action { action_type } if *action_type != REQUEST_COMMITMENT => {
            refuse(Status::NO_SUCH_ACTION, "Only the request for Storage Commitment", None)
        }
        Request::Action { .. } => Verdict::Commitment,
        Request::Echo => Verdict::Answer(StoreAnswer::from(Status::SUCCESS)),
        Request::Store { .. } => Verdict::Store,
    }
}
