//! Takes apart what a peer sends over an association: PDUs, presentation data values, command sets and data sets
//! (PS3.8 9.3.5 to 9.3.8). All bounds are checked on the headers, before anything is read or kept.

use super::command_set::MAX_COMMAND_SET;
use super::gather::Gather;
use super::handler::Outcome;
use super::patience::Patience;
use super::pdata::{Demultiplexer, Fragment, PDV_HEADER_LEN};
use super::pdu::{ABORT, HEADER_LEN, Header, P_DATA_TF, RELEASE_RQ, SHORT_PDU};
use super::reasons::Violation;
use super::transport::Transport;

/// The receiving half of an accepted association.
pub(super) struct Receiver {
    transport: Transport,
    demultiplexer: Demultiplexer,
    max_pdu: u32,
    /// Bytes of the current P-DATA-TF PDU that were not read yet.
    left: u32,
}

/// What comes next over an association.
enum Event {
    /// A fragment, whose bytes are still to be read.
    Fragment(Fragment),
    /// A-RELEASE-RQ.
    Release,
}

/// A complete command set, or the wish to end.
pub(super) enum Incoming {
    /// A command set on this presentation context.
    Command(u8),
    /// A-RELEASE-RQ.
    Release,
}

impl Receiver {
    /// For an association on which these contexts were accepted and PDUs of up to `max_pdu` bytes are taken.
    pub(super) fn new(
        transport: Transport,
        contexts: impl IntoIterator<Item = u8>,
        max_pdu: u32,
    ) -> Receiver {
        Receiver { transport, demultiplexer: Demultiplexer::new(contexts), max_pdu, left: 0 }
    }

    /// The connection, to write to.
    pub(super) fn transport(&mut self) -> &mut Transport {
        &mut self.transport
    }

    /// The connection, for its last words.
    pub(super) fn into_transport(self) -> Transport {
        self.transport
    }

    /// Waits until a message begins, or the wish to end; nothing is lost of it when nobody waits any more.
    ///
    /// # Errors
    /// How the connection ends.
    pub(super) async fn wait(&mut self, patience: &mut Patience) -> Result<(), Outcome> {
        if self.left > 0 { Ok(()) } else { self.transport.wait(patience).await }
    }

    /// Reads the next command set into `command`. `between` bounds the wait for its first fragment; when that has
    /// begun, `within` says what bounds the rest of the message.
    ///
    /// # Errors
    /// How the connection ends.
    pub(super) async fn command(
        &mut self,
        command: &mut Vec<u8>,
        mut between: Patience,
        within: impl FnOnce() -> Patience,
    ) -> Result<(Incoming, Patience), Outcome> {
        command.clear();
        command.reserve(MAX_COMMAND_SET);
        let Event::Fragment(mut fragment) = self.next(&mut between).await? else {
            return Ok((Incoming::Release, between));
        };
        let mut patience = within();
        loop {
            if fragment.length > MAX_COMMAND_SET - command.len() {
                return Err(Outcome::Aborted(Violation::CommandSetTooLong { max: MAX_COMMAND_SET }));
            }
            let mut missing = fragment.length;
            while missing > 0 {
                missing -= self.transport.append(command, missing, &mut patience).await?;
            }
            if fragment.is_last {
                return Ok((Incoming::Command(fragment.context), patience));
            }
            fragment = self.next_fragment(&mut patience).await?;
        }
    }

    /// Says whether the command set that was just read announced a data set.
    pub(super) fn command_read(&mut self, has_data_set: bool) {
        self.demultiplexer.command_read(has_data_set);
    }

    /// Reads the data set that the last command announced.
    ///
    /// # Errors
    /// How the connection ends.
    pub(super) async fn data_set(
        &mut self,
        gather: &mut Gather,
        patience: &mut Patience,
    ) -> Result<(), Outcome> {
        loop {
            let fragment = self.next_fragment(patience).await?;
            let mut missing = fragment.length;
            while missing > 0 {
                let start = tokio::time::Instant::now();
                let room = gather.room(missing).await;
                patience.extend(start.elapsed());
                missing -= self.transport.append(room, missing, patience).await?;
            }
            if fragment.is_last {
                return Ok(());
            }
        }
    }

    /// The next fragment of a message that has begun.
    async fn next_fragment(&mut self, patience: &mut Patience) -> Result<Fragment, Outcome> {
        match self.next(patience).await? {
            Event::Fragment(fragment) => Ok(fragment),
            Event::Release => Err(Outcome::Aborted(Violation::ReleaseWithinMessage)),
        }
    }

    async fn next(&mut self, patience: &mut Patience) -> Result<Event, Outcome> {
        if self.left == 0 {
            let header = Header::parse(self.transport.take::<HEADER_LEN>(patience).await?);
            match self.check(header).map_err(Outcome::Aborted)? {
                P_DATA_TF => {
                    self.left = header.length;
                    self.transport.pdu_begins(header.length as usize);
                }
                kind => {
                    let [_, _, source, reason] = self.transport.take(patience).await?;
                    return match kind {
                        ABORT => Err(Outcome::PeerAborted([source, reason])),
                        _ => Ok(Event::Release),
                    };
                }
            }
        }
        if self.left < PDV_HEADER_LEN as u32 {
            return Err(Outcome::Aborted(Violation::PdvLength(self.left)));
        }
        let header = self.transport.take::<PDV_HEADER_LEN>(patience).await?;
        let fragment = self.demultiplexer.fragment(header, self.left).map_err(Outcome::Aborted)?;
        // The demultiplexer has checked that header and fragment lie within the PDU.
        self.left -= (PDV_HEADER_LEN + fragment.length) as u32;
        Ok(Event::Fragment(fragment))
    }

    /// The type of a PDU that may come in state Sta6 of PS3.8 9.2, with a length that it may have.
    fn check(&self, header: Header) -> Result<u8, Violation> {
        let Header { kind, length, .. } = header;
        match kind {
            P_DATA_TF if length > self.max_pdu => Err(Violation::PduTooLong { length, max: self.max_pdu }),
            P_DATA_TF if length < PDV_HEADER_LEN as u32 => Err(Violation::PduLength { kind, length }),
            RELEASE_RQ | ABORT if length != SHORT_PDU => Err(Violation::PduLength { kind, length }),
            P_DATA_TF | RELEASE_RQ | ABORT => Ok(kind),
            _ if header.is_known() => Err(Violation::UnexpectedPdu(kind)),
            _ => Err(Violation::UnrecognizedPdu(kind)),
        }
    }
}
