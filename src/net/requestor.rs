//! A-ASSOCIATE as requestor, and C-ECHO and C-STORE as a user of them (PS3.8 9.2, PS3.7 9.1.1 and 9.1.5).
//!
//! Plain blocking sockets: whoever sends has nothing else to do meanwhile. Each step has its deadline.

use super::associate::Associate;
use super::associate_writer::write_request;
use super::commitment::EventReport;
use super::conversation::{Conversation, last};
use super::dimse_performer::Request;
use super::exchange::Exchange;
use super::handler::{Context, ContextRefusal, StoreAnswer};
use super::negotiation::SMALLEST_PEER_MAXIMUM;
use super::pdu::{ASSOCIATE_AC, ASSOCIATE_RJ, RELEASE_RP, RELEASE_RQ_PDU, abort};
use super::peer_tls::PeerTls;
use super::proposal::{items, results};
use super::reasons::Violation;
use super::requestor_error::{CONNECTING, RELEASING, RequestorError};
use super::requestor_options::{ProposedContext, RequestorOptions};
use super::status::Status;
use crate::dicom::{Source, TransferSyntax, VERIFICATION};
use std::io::IoSlice;
use std::net::ToSocketAddrs;
use std::time::{Duration, Instant};

/// An association that we asked for.
#[derive(Debug)]
pub struct Requestor {
    exchange: Exchange,
    contexts: Vec<Context>,
    /// For the answer to the wish to release the association.
    release_time: Duration,
}

impl Requestor {
    /// Connects and negotiates an association. Which contexts were accepted is said by [`Requestor::contexts`]; it may
    /// be none.
    ///
    /// # Errors
    /// When there is no connection, no association, or nothing that can be worked with.
    pub fn connect(
        address: impl ToSocketAddrs,
        options: RequestorOptions,
        proposed: &[ProposedContext],
    ) -> Result<Requestor, RequestorError> {
        let (calling, called) = (&options.calling, &options.called);
        let request = write_request(calling, called, items(proposed)?, options.max_pdu, options.provides)
            .map_err(RequestorError::Request)?;
        let tls = options.tls.as_ref().map(|(tls, host)| PeerTls::load(tls, host, "peer")).transpose()?;
        let mut conversation = Conversation::open(address, options.connect, options.max_pdu)?;
        let deadline = Instant::now() + options.associate;
        if let Some(tls) = tls {
            conversation = conversation.secured(&tls, deadline)?;
        }
        conversation.write(&mut [IoSlice::new(&request)], deadline, CONNECTING)?;
        let body = match conversation.read_pdu(deadline, CONNECTING)? {
            (ASSOCIATE_AC, body) => body,
            (ASSOCIATE_RJ, body) => return Err(RequestorError::Rejected(last(&body))),
            (kind, _) => return Err(conversation.violated(Violation::UnexpectedPdu(kind))),
        };
        let acceptance = Associate::parse(&body).map_err(|violation| conversation.violated(violation))?;
        let peer_max = acceptance.user.max_length;
        if (1..SMALLEST_PEER_MAXIMUM).contains(&peer_max) {
            conversation.last_words(abort([0, 0]));
            return Err(RequestorError::PeerMaximum(peer_max));
        }
        let mut contexts = results(proposed, &acceptance);
        // Many acceptors say nothing of roles and mean well; one that says no is not asked to take what it does not want.
        for (sop_class, _, provides) in &acceptance.user.roles {
            if options.provides == Some(sop_class.as_str()) && !provides {
                let refused = contexts.iter_mut().filter(|context| context.abstract_syntax == *sop_class);
                refused.for_each(|context| context.result = Err(ContextRefusal::User));
            }
        }
        let accepted = contexts.iter().filter(|context| context.result.is_ok()).map(|context| context.id);
        let exchange = Exchange::new(conversation, accepted, peer_max, &options);
        Ok(Requestor { exchange, contexts, release_time: options.release })
    }

    /// The contexts that were proposed, in that order, and what became of each.
    pub fn contexts(&self) -> &[Context] {
        &self.contexts
    }

    /// The number of an accepted context for this SOP class in this transfer syntax.
    pub fn context(&self, abstract_syntax: &str, transfer_syntax: &TransferSyntax) -> Option<u8> {
        self.contexts
            .iter()
            .find(|context| {
                context.abstract_syntax == abstract_syntax && context.result == Ok(transfer_syntax)
            })
            .map(|context| context.id)
    }

    /// Asks the peer for a sign of life: C-ECHO.
    ///
    /// # Errors
    /// When Verification was not accepted or the association is at its end.
    pub fn echo(&mut self) -> Result<StoreAnswer, RequestorError> {
        let is_verification =
            |context: &&Context| context.abstract_syntax == VERIFICATION && context.result.is_ok();
        let context = self.contexts.iter().find(is_verification).ok_or(RequestorError::NoVerification)?.id;
        self.exchange.echo(context)
    }

    /// Sends an instance: C-STORE with a data set that is encoded in the transfer syntax of the context.
    ///
    /// # Errors
    /// When the context was not accepted (the association goes on), or the association is at its end.
    pub fn store(
        &mut self,
        context: u8,
        sop_class: &str,
        sop_instance: &str,
        data_set: &dyn Source,
    ) -> Result<StoreAnswer, RequestorError> {
        self.accepted(context)?;
        self.exchange.store(context, sop_class, sop_instance, data_set)
    }

    /// Asks the peer for Storage Commitment of the instances that a data set lists (PS3.4 J.3.2).
    ///
    /// # Errors
    /// As [`Requestor::store`].
    pub fn request_commitment(
        &mut self,
        context: u8,
        data_set: &dyn Source,
    ) -> Result<StoreAnswer, RequestorError> {
        self.accepted(context)?;
        self.exchange.request_commitment(context, data_set)
    }

    /// Reports on Storage Commitment to whoever has asked for it (PS3.4 J.3.3).
    ///
    /// # Errors
    /// As [`Requestor::store`].
    pub fn report_commitment(
        &mut self,
        context: u8,
        event_type: u16,
        data_set: &dyn Source,
    ) -> Result<StoreAnswer, RequestorError> {
        self.accepted(context)?;
        self.exchange.report_commitment(context, event_type, data_set)
    }

    /// Waits so long for a report on Storage Commitment, answers it with what `judge` says, and releases the association.
    /// A peer may as well report over an association of its own.
    ///
    /// # Errors
    /// There was no report in time, or something else than one. The association is at its end.
    pub fn await_report(
        mut self,
        context: u8,
        within: Duration,
        judge: impl FnOnce(&EventReport) -> Status,
    ) -> Result<(), RequestorError> {
        let transfer_syntax = self.accepted(context)?;
        let (command, data_set) = self.exchange.request(Instant::now() + within)?;
        let answer = match command.request {
            Request::Event { event_type } => judge(&EventReport { event_type, transfer_syntax, data_set }),
            _ => Status::UNRECOGNIZED_OPERATION,
        };
        self.exchange.respond(context, &command, &answer.into())?;
        self.release()
    }

    /// Whether the peer seems to be there still: after a pause it may have ended the association.
    pub fn is_open(&mut self) -> bool {
        self.exchange.is_quiet()
    }

    /// Ends the association in order.
    ///
    /// # Errors
    /// When the peer does not agree in time; the association is at its end all the same.
    pub fn release(self) -> Result<(), RequestorError> {
        let deadline = Instant::now() + self.release_time;
        let mut conversation = self.exchange.into_conversation();
        conversation.write(&mut [IoSlice::new(&RELEASE_RQ_PDU)], deadline, RELEASING)?;
        match conversation.read_pdu(deadline, RELEASING)? {
            (RELEASE_RP, _) => Ok(()),
            (kind, _) => Err(conversation.violated(Violation::UnexpectedPdu(kind))),
        }
    }

    fn accepted(&self, context: u8) -> Result<&'static TransferSyntax, RequestorError> {
        let known = self.contexts.iter().find(|known| known.id == context);
        known.and_then(|known| known.result.ok()).ok_or(RequestorError::ContextNotAccepted(context))
    }

    /// Ends the association at once.
    pub fn abort(self) {
        self.exchange.into_conversation().last_words(abort([0, 0]));
    }
}

#[cfg(test)]
mod tests {
    use super::super::command_set::C_ECHO;
    use super::super::pdu::reject;
    use super::super::testing::{self, USER_ABORT, hasty, response};
    use super::*;
    use std::io::Read;
    use std::net::{SocketAddr, TcpStream};
    use std::thread::JoinHandle;

    /// A peer that reads the association request, and says `answer` and then `then`.
    fn peer(answer: &[u8], then: &[u8]) -> (SocketAddr, JoinHandle<Vec<u8>>) {
        let read_request = |stream: &mut TcpStream| {
            let mut header = [0; 6];
            stream.read_exact(&mut header).unwrap();
            let length = u32::from_be_bytes(header[2..].try_into().unwrap());
            stream.read_exact(&mut vec![0; length as usize]).unwrap();
        };
        testing::peer(read_request, [answer, then].concat())
    }

    fn proposed() -> Vec<ProposedContext> {
        let syntax = |uid| TransferSyntax::of_uid(uid).unwrap();
        let transfer_syntaxes = vec![syntax("1.2.840.10008.1.2.1"), syntax("1.2.840.10008.1.2")];
        [VERIFICATION, "1.2.840.10008.5.1.4.1.1.2", "1.2.3"]
            .map(|uid| ProposedContext {
                abstract_syntax: uid.to_owned(),
                transfer_syntaxes: transfer_syntaxes.clone(),
            })
            .to_vec()
    }

    /// An acceptance with one result for each context, and this Maximum Length.
    fn acceptance(max_length: u32, results: &[(u8, u8, &str)]) -> Vec<u8> {
        use dicom_ul::pdu::*;
        let reasons = [
            PresentationContextResultReason::Acceptance,
            PresentationContextResultReason::UserRejection,
            PresentationContextResultReason::NoReason,
            PresentationContextResultReason::AbstractSyntaxNotSupported,
        ];
        let pdu = Pdu::AssociationAC(AssociationAC {
            protocol_version: 1,
            calling_ae_title: "SENDER".into(),
            called_ae_title: "ARCHIVE".into(),
            application_context_name: "1.2.840.10008.3.1.1.1".into(),
            presentation_contexts: results
                .iter()
                .map(|(id, reason, transfer_syntax)| PresentationContextResult {
                    id: *id,
                    reason: reasons[usize::from(*reason)].clone(),
                    transfer_syntax: (*transfer_syntax).to_owned(),
                })
                .collect(),
            user_variables: vec![UserVariableItem::MaxLength(max_length)],
        });
        let mut bytes = Vec::new();
        write_pdu(&mut bytes, &pdu).unwrap();
        bytes
    }

    fn accepting() -> Vec<u8> {
        acceptance(16_384, &[(1, 0, "1.2.840.10008.1.2.1"), (3, 0, "1.2.840.10008.1.2"), (5, 3, "")])
    }

    fn refused(answer: &[u8]) -> (RequestorError, Vec<u8>) {
        let (address, peer) = peer(answer, &[]);
        let error = Requestor::connect(address, hasty(), &proposed()).unwrap_err();
        (error, peer.join().unwrap())
    }

    #[test]
    fn results_are_matched_to_what_was_proposed() {
        let (address, peer) = peer(&accepting(), &response(1, C_ECHO, 1));
        let mut requestor = Requestor::connect(address, hasty(), &proposed()).unwrap();
        let results: Vec<_> =
            requestor.contexts().iter().map(|c| (c.id, c.result.map(|syntax| syntax.uid))).collect();
        let expected = [
            (1, Ok("1.2.840.10008.1.2.1")),
            (3, Ok("1.2.840.10008.1.2")),
            (5, Err(ContextRefusal::AbstractSyntax)),
        ];
        assert_eq!(results, expected);
        let implicit = TransferSyntax::of_uid("1.2.840.10008.1.2").unwrap();
        assert_eq!(requestor.context("1.2.840.10008.5.1.4.1.1.2", implicit), Some(3));
        assert_eq!(requestor.context(VERIFICATION, implicit), None);
        assert!(requestor.echo().unwrap().status.is_performed());
        let error = requestor.store(5, "1.2.3", "1.2.4", &vec![0u8; 4]).unwrap_err();
        assert!(matches!(error, RequestorError::ContextNotAccepted(5)), "{error}");
        requestor.abort();
        assert!(peer.join().unwrap().ends_with(&USER_ABORT));
    }

    #[test]
    fn refusals_are_told_in_words() {
        let (error, _) = refused(&reject([1, 1, 7]));
        assert_eq!(
            error.to_string(),
            "the peer rejected the association: called AE title not recognized, for good (1,1,7)"
        );
        let (error, _) = refused(&abort([2, 6]));
        assert_eq!(
            error.to_string(),
            "the peer aborted the association by its upper layer, invalid PDU parameter value (2,6)"
        );
        let (error, sent) = refused(b"HTTP/1.1 400 Bad Request\r\n");
        assert!(matches!(error, RequestorError::Violation(Violation::UnrecognizedPdu(b'H'))), "{error}");
        assert!(sent.is_empty() || sent == abort([2, 1]));
        let (error, sent) = refused(b"\x02\x00\xFF\xFF\xFF\xFF");
        assert!(matches!(error, RequestorError::Violation(Violation::PduLength { .. })), "{error}");
        assert_eq!(sent, abort([2, 6]));
    }

    #[test]
    fn n15_a_peer_that_takes_only_crumbs_is_left() {
        for maximum in [1, 7, 63] {
            let (error, sent) = refused(&acceptance(maximum, &[(1, 0, "1.2.840.10008.1.2")]));
            assert!(matches!(error, RequestorError::PeerMaximum(m) if m == maximum), "{error}");
            assert_eq!(sent, USER_ABORT);
        }
    }

    #[test]
    fn silence_has_an_end() {
        let (error, _) = refused(&[]);
        assert_eq!(error.to_string(), "the peer took too long while the association was requested");
    }

    #[test]
    fn more_contexts_than_numbers_cannot_be_proposed() {
        let many = vec![proposed().remove(0); 129];
        let error = Requestor::connect("127.0.0.1:1", hasty(), &many).unwrap_err();
        assert!(matches!(error, RequestorError::TooManyContexts(129)));
    }
}
