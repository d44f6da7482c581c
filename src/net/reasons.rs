//! Why an association is rejected or aborted, and the two tables of what the peer is told (PS3.8 9.3.4 and 9.3.8).

use std::fmt;

/// Why an association request is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// A presentation context breaks the rules: none at all, a number that is even or used twice.
    MalformedContexts,
    /// The peer takes PDUs that are too short to answer with.
    PeerMaximumTooSmall,
    /// The application context is not that of DICOM.
    ApplicationContextName,
    /// The calling AE title is not one, or may not come in.
    CallingAeTitle,
    /// The called AE title is not ours.
    CalledAeTitle,
    /// The user of the peer does not say who it is, or nobody knows it (PS3.7 D.3.3.7).
    UserIdentity,
    /// Bit 0 of the protocol version is not set.
    ProtocolVersion,
    /// We are about to stop: the peer may try again later.
    TemporaryCongestion,
    /// There is no file descriptor left: the peer may try again later.
    NoDescriptor,
    /// Others are being identified: the peer may try again later.
    Busy,
    /// Nothing can be stored now: the peer may try again later.
    NotReady,
    /// There are as many associations as there may be.
    LocalLimitExceeded,
}

/// Result, source and reason of the A-ASSOCIATE-RJ PDU, and the cause in words.
const REJECTIONS: &[(Rejection, [u8; 3], &str)] = &[
    (Rejection::MalformedContexts, [1, 2, 1], "its presentation contexts are malformed"),
    (Rejection::PeerMaximumTooSmall, [1, 2, 1], "its maximum PDU length is too small to be answered"),
    (Rejection::ApplicationContextName, [1, 1, 2], "its application context name is not that of DICOM"),
    (Rejection::CallingAeTitle, [1, 1, 3], "its calling AE title is not recognized"),
    (Rejection::CalledAeTitle, [1, 1, 7], "it calls an AE title that is not ours"),
    (Rejection::UserIdentity, [1, 2, 1], "its user is not identified"),
    (Rejection::ProtocolVersion, [1, 2, 2], "its protocol version is not supported"),
    (Rejection::NotReady, [2, 3, 1], "nothing can be stored now"),
    (Rejection::NoDescriptor, [2, 3, 1], "no file descriptor is left"),
    (Rejection::Busy, [2, 3, 1], "the users of others are being identified"),
    (Rejection::TemporaryCongestion, [2, 3, 1], "the node is about to stop"),
    (
        Rejection::LocalLimitExceeded,
        [2, 3, 2],
        "there are as many associations as there may be, in all, of its address or of its AE title",
    ),
];

impl Rejection {
    /// Result, source and reason as the A-ASSOCIATE-RJ PDU carries them.
    pub fn code(self) -> [u8; 3] {
        self.row().1
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        REJECTIONS.iter().map(|row| row.0)
    }

    fn row(self) -> &'static (Rejection, [u8; 3], &'static str) {
        // The first row is reached only if the table lacks one, which a test excludes.
        REJECTIONS.iter().find(|row| row.0 == self).unwrap_or(&REJECTIONS[0])
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().2)
    }
}

/// The code of a received A-ASSOCIATE-RJ in words (PS3.8 Table 9-21).
pub fn rejection_in_words([result, source, reason]: [u8; 3]) -> String {
    let reason_words = match (source, reason) {
        (1, 1) => "no reason given",
        (1, 2) => "application context name not supported",
        (1, 3) => "calling AE title not recognized",
        (1, 7) => "called AE title not recognized",
        (2, 1) => "no reason given by the upper layer",
        (2, 2) => "protocol version not supported",
        (3, 1) => "temporary congestion",
        (3, 2) => "local limit exceeded",
        _ => "unknown reason",
    };
    let result_words = match result {
        1 => "for good",
        2 => "for now",
        _ => "with an unknown result",
    };
    format!("{reason_words}, {result_words} ({result},{source},{reason})")
}

/// How a peer broke the rules of the upper layer or of the message exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Violation {
    /// The PDU type is none of PS3.8 9.3.
    #[error("a PDU of unknown type {0:#04X}")]
    UnrecognizedPdu(u8),
    /// The PDU type is known, but has no place here.
    #[error("a PDU of type {0:#04X} where it has no place")]
    UnexpectedPdu(u8),
    /// The PDU is longer than we take.
    #[error("a PDU of {length} bytes, where {max} are the most")]
    PduTooLong {
        /// As the header says.
        length: u32,
        /// What we said or imply that we take.
        max: u32,
    },
    /// The PDU is too short for what it must hold.
    #[error("a PDU of type {kind:#04X} with the impossible length {length}")]
    PduLength {
        /// The PDU type.
        kind: u8,
        /// As the header says.
        length: u32,
    },
    /// The items of an association request do not fit into each other.
    #[error("an association request whose items do not fit into each other")]
    Items,
    /// A presentation data value that is shorter than its own header or longer than the rest of its PDU.
    #[error("a presentation data value with the impossible length {0}")]
    PdvLength(u32),
    /// A presentation context that was not accepted.
    #[error("a presentation data value on context {0}, which was not accepted")]
    ContextNotAccepted(u8),
    /// A fragment on another context than the message it would belong to.
    #[error("a fragment on context {found} within a message on context {expected}")]
    ContextChanged {
        /// The context of the message.
        expected: u8,
        /// The context of the fragment.
        found: u8,
    },
    /// A data set fragment although no command announced it.
    #[error("a data set fragment that no command announced")]
    DataSetWithoutCommand,
    /// A command fragment although the data set of the last command is not complete.
    #[error("a command before the data set of the last one was complete")]
    CommandWithinDataSet,
    /// The association is to be released although a message is not complete.
    #[error("a release in the middle of a message")]
    ReleaseWithinMessage,
    /// A command set that is longer than any real one.
    #[error("a command set of more than {max} bytes")]
    CommandSetTooLong {
        /// The most that we take.
        max: usize,
    },
    /// A command set that cannot be read, or cannot be answered for lack of a Message ID.
    #[error("a command set that cannot be answered")]
    UnanswerableCommand,
    /// A response, although nothing was asked.
    #[error("a response to a question that was not asked (command field {0:04X})")]
    UnexpectedResponse(u16),
}

impl Violation {
    /// Source and reason as the A-ABORT PDU carries them (PS3.8 Table 9-26). What the upper layer finds is aborted
    /// by the provider; what only the DIMSE layer above it can find, by the user.
    pub fn code(self) -> [u8; 2] {
        match self {
            Violation::UnrecognizedPdu(_) => [2, 1],
            Violation::UnexpectedPdu(_) | Violation::ReleaseWithinMessage => [2, 2],
            Violation::PduTooLong { .. }
            | Violation::PduLength { .. }
            | Violation::Items
            | Violation::PdvLength(_)
            | Violation::ContextNotAccepted(_)
            | Violation::ContextChanged { .. }
            | Violation::DataSetWithoutCommand
            | Violation::CommandWithinDataSet => [2, 6],
            Violation::CommandSetTooLong { .. }
            | Violation::UnanswerableCommand
            | Violation::UnexpectedResponse(_) => [0, 0],
        }
    }
}

/// The code of an A-ABORT in words (PS3.8 Table 9-26).
pub fn abort_in_words([source, reason]: [u8; 2]) -> String {
    let words = match (source, reason) {
        (0, _) => "by its application",
        (2, 0) => "by its upper layer, reason not specified",
        (2, 1) => "by its upper layer, unrecognized PDU",
        (2, 2) => "by its upper layer, unexpected PDU",
        (2, 4) => "by its upper layer, unrecognized PDU parameter",
        (2, 5) => "by its upper layer, unexpected PDU parameter",
        (2, 6) => "by its upper layer, invalid PDU parameter value",
        _ => "for an unknown reason",
    };
    format!("{words} ({source},{reason})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rejection_has_its_row() {
        let all = [
            Rejection::MalformedContexts,
            Rejection::PeerMaximumTooSmall,
            Rejection::ApplicationContextName,
            Rejection::CallingAeTitle,
            Rejection::CalledAeTitle,
            Rejection::UserIdentity,
            Rejection::ProtocolVersion,
            Rejection::NotReady,
            Rejection::NoDescriptor,
            Rejection::Busy,
            Rejection::TemporaryCongestion,
            Rejection::LocalLimitExceeded,
        ];
        assert_eq!(all.len(), REJECTIONS.len());
        for rejection in all {
            assert_eq!(rejection.row().0, rejection);
        }
    }

    #[test]
    fn codes_are_shown_in_words() {
        let words = rejection_in_words(Rejection::CalledAeTitle.code());
        assert_eq!(words, "called AE title not recognized, for good (1,1,7)");
        assert_eq!(
            abort_in_words(Violation::UnrecognizedPdu(9).code()),
            "by its upper layer, unrecognized PDU (2,1)"
        );
    }
}
