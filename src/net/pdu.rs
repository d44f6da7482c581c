//! The header that all protocol data units share, and the units that are always the same (PS3.8 9.3).

/// A-ASSOCIATE-RQ.
pub(super) const ASSOCIATE_RQ: u8 = 0x01;
/// A-ASSOCIATE-AC.
pub(super) const ASSOCIATE_AC: u8 = 0x02;
/// A-ASSOCIATE-RJ.
pub(super) const ASSOCIATE_RJ: u8 = 0x03;
/// P-DATA-TF.
pub(super) const P_DATA_TF: u8 = 0x04;
/// A-RELEASE-RQ.
pub(super) const RELEASE_RQ: u8 = 0x05;
/// A-RELEASE-RP.
pub(super) const RELEASE_RP: u8 = 0x06;
/// A-ABORT.
pub(super) const ABORT: u8 = 0x07;

/// Bytes of a PDU header.
pub(super) const HEADER_LEN: usize = 6;

/// The longest A-ASSOCIATE-RQ or -AC that is read: 128 contexts with many transfer syntaxes fit in well.
pub(super) const MAX_ASSOCIATE: u32 = 128 * 1024;

/// The length of A-ASSOCIATE-RJ, A-RELEASE-RQ, A-RELEASE-RP and A-ABORT after the header.
pub(super) const SHORT_PDU: u32 = 4;

/// The first six bytes of every PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The PDU type; anything, until it is checked.
    pub(super) kind: u8,
    /// A byte that is to be sent as 0 and not tested, but tells DICOM from other protocols.
    pub(super) reserved: u8,
    /// The bytes that follow, as the peer says.
    pub(super) length: u32,
}

impl Header {
    /// Takes a header apart.
    pub(super) fn parse([kind, reserved, a, b, c, d]: [u8; HEADER_LEN]) -> Header {
        Header { kind, reserved, length: u32::from_be_bytes([a, b, c, d]) }
    }

    /// Whether the type is one of PS3.8 9.3.
    pub(super) fn is_known(&self) -> bool {
        (ASSOCIATE_RQ..=ABORT).contains(&self.kind)
    }
}

/// An A-ASSOCIATE-RJ PDU with result, source and reason.
pub(super) fn reject([result, source, reason]: [u8; 3]) -> [u8; 10] {
    [ASSOCIATE_RJ, 0, 0, 0, 0, 4, 0, result, source, reason]
}

/// An A-ABORT PDU with source and reason.
pub(super) fn abort([source, reason]: [u8; 2]) -> [u8; 10] {
    [ABORT, 0, 0, 0, 0, 4, 0, 0, source, reason]
}

/// An A-RELEASE-RQ PDU.
pub(super) const RELEASE_RQ_PDU: [u8; 10] = [RELEASE_RQ, 0, 0, 0, 0, 4, 0, 0, 0, 0];

/// An A-RELEASE-RP PDU.
pub(super) const RELEASE_RP_PDU: [u8; 10] = [RELEASE_RP, 0, 0, 0, 0, 4, 0, 0, 0, 0];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::reasons::{Rejection, Violation};
    use dicom_ul::pdu::{self, Pdu};

    #[test]
    fn a_header_is_taken_apart() {
        let header = Header::parse(*b"\x04\x00\x00\x02\x00\x01");
        assert_eq!(header, Header { kind: P_DATA_TF, reserved: 0, length: 131_073 });
        assert!(header.is_known());
        assert!(!Header::parse(*b"GET / ").is_known());
        assert!(!Header::parse([0; 6]).is_known());
    }

    #[test]
    fn another_implementation_reads_the_short_units() {
        let read = |bytes: &[u8]| pdu::read_pdu(bytes, 16_384, true).unwrap().unwrap();
        assert_eq!(read(&RELEASE_RQ_PDU), Pdu::ReleaseRQ);
        assert_eq!(read(&RELEASE_RP_PDU), Pdu::ReleaseRP);
        let source = pdu::AbortRQSource::ServiceProvider(pdu::AbortRQServiceProviderReason::UnexpectedPdu);
        assert_eq!(read(&abort(Violation::UnexpectedPdu(1).code())), Pdu::AbortRQ { source });
        let rejected = pdu::AssociationRJ {
            result: pdu::AssociationRJResult::Transient,
            source: pdu::AssociationRJSource::ServiceProviderPresentation(
                pdu::AssociationRJServiceProviderPresentationReason::LocalLimitExceeded,
            ),
        };
        assert_eq!(read(&reject(Rejection::LocalLimitExceeded.code())), Pdu::AssociationRJ(rejected));
    }
}
