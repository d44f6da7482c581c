//! What becomes of an association request: rejected, or a result for each presentation context
//! (PS3.7 Annex D, PS3.8 7.1.1).
//!
//! The acceptor chooses by its own preference, not by the order of the request: what we store anyway first, then
//! what is cheapest to encode, then whatever loses nothing.

use super::access::Caller;
use super::associate::{APPLICATION_CONTEXT, Associate, ContextItem, MAX_CONTEXTS};
use super::certificate::Certificate;
use super::commitment::STORAGE_COMMITMENT;
use super::config::{Config, UnknownSopClasses, is_ae_title};
use super::handler::{Context, ContextRefusal};
use super::reasons::Rejection;
use super::user::User;
use crate::dicom::{
    Fidelity, PixelCoding, StorageClass, TransferSyntax, Uid, VERIFICATION, VrEncoding, uids,
};
use std::net::IpAddr;

/// A peer that takes no longer PDUs than this could only be answered in crumbs.
pub(super) const SMALLEST_PEER_MAXIMUM: u32 = 64;

/// Decides about a request that came from an address, with a certificate where it came over TLS.
///
/// # Errors
/// The first reason for which it is to be rejected.
pub(super) fn negotiate(
    request: &Associate,
    address: IpAddr,
    certificate: Option<&Certificate>,
    config: &Config,
) -> Result<Vec<Context>, Rejection> {
    if request.protocol_version & 1 == 0 {
        return Err(Rejection::ProtocolVersion);
    }
    if request.application_context != APPLICATION_CONTEXT {
        return Err(Rejection::ApplicationContextName);
    }
    let title = |bytes| str::from_utf8(bytes).ok().filter(|title| is_ae_title(title));
    let called = title(request.called()).ok_or(Rejection::CalledAeTitle)?;
    // A title that is none is shown to nobody's pattern.
    let calling = title(request.calling());
    let caller = Caller { address, certificate, calling: calling.unwrap_or_default(), called };
    config.access.admit(caller, &config.ae_title)?;
    if calling.is_none() {
        return Err(Rejection::CallingAeTitle);
    }
    if !ids_are_sound(&request.contexts) {
        return Err(Rejection::MalformedContexts);
    }
    if (1..SMALLEST_PEER_MAXIMUM).contains(&request.user.max_length) {
        return Err(Rejection::PeerMaximumTooSmall);
    }
    // A peer that provides Storage Commitment reports over an association of its own, and says so by its role.
    let reports = request.user.roles.iter().any(|(uid, _, provides)| uid == STORAGE_COMMITMENT && *provides);
    let commitment = reports || config.commitment;
    Ok(request.contexts.iter().map(|context| answer(context, commitment, config)).collect())
}

/// One of whom the user of the requestor must say to be; `None` where nobody asks. For a request that was not rejected.
pub(super) fn users(
    request: &Associate,
    address: IpAddr,
    certificate: Option<&Certificate>,
    config: &Config,
) -> Option<Vec<User>> {
    let title = |bytes| str::from_utf8(bytes).unwrap_or_default();
    let (calling, called) = (title(request.calling()), title(request.called()));
    config.access.users(Caller { address, certificate, calling, called }, &config.ae_title)
}

/// PS3.8 7.1.1.13: odd numbers from 1 to 255, each once, and at least one.
fn ids_are_sound(contexts: &[ContextItem]) -> bool {
    let mut seen = [false; 256];
    !contexts.is_empty()
        && contexts.len() <= MAX_CONTEXTS
        && contexts.iter().all(|context| {
            let id = usize::from(context.id);
            id % 2 == 1 && !std::mem::replace(&mut seen[id], true)
        })
}

fn answer(context: &ContextItem, commitment: bool, config: &Config) -> Context {
    let result = if commitment && context.abstract_syntax == STORAGE_COMMITMENT {
        choose_plain(&context.transfer_syntaxes).ok_or(ContextRefusal::TransferSyntaxes)
    } else if is_offered(&context.abstract_syntax, config.unknown_sop_classes) {
        choose(&context.transfer_syntaxes, config.preferred).ok_or(ContextRefusal::TransferSyntaxes)
    } else {
        Err(ContextRefusal::AbstractSyntax)
    };
    Context { id: context.id, abstract_syntax: context.abstract_syntax.clone(), result }
}

/// Verification, every Storage SOP class of the standard and, if so configured, what may be one that we do not know.
fn is_offered(abstract_syntax: &str, unknown: UnknownSopClasses) -> bool {
    abstract_syntax == VERIFICATION
        || StorageClass::of_uid(abstract_syntax).is_some()
        || unknown == UnknownSopClasses::Accept && may_be_storage(abstract_syntax)
}

/// A SOP class that the standard does not define may be a private Storage SOP class. One below the root of the
/// standard is another service, unless it is where new Storage SOP classes are added.
fn may_be_storage(abstract_syntax: &str) -> bool {
    const STANDARD: &str = "1.2.840.10008.";
    const STORAGE: &str = "1.2.840.10008.5.1.4.1.1.";
    Uid::parse(abstract_syntax).is_ok()
        && (!abstract_syntax.starts_with(STANDARD) || abstract_syntax.starts_with(STORAGE))
        && !NOT_STORAGE.contains(&abstract_syntax)
}

/// Services that were registered among the Storage SOP classes.
const NOT_STORAGE: &[&str] = &[
    "1.2.840.10008.5.1.4.1.1.200.4", // Protocol Approval Information Model - FIND
    "1.2.840.10008.5.1.4.1.1.200.5", // Protocol Approval Information Model - MOVE
    "1.2.840.10008.5.1.4.1.1.200.6", // Protocol Approval Information Model - GET
    "1.2.840.10008.5.1.4.1.1.201.2", // Inventory - FIND
    "1.2.840.10008.5.1.4.1.1.201.3", // Inventory - MOVE
    "1.2.840.10008.5.1.4.1.1.201.4", // Inventory - GET
    "1.2.840.10008.5.1.4.1.1.201.5", // Inventory Creation
    "1.2.840.10008.5.1.4.1.1.201.6", // Repository Query
];

/// The transfer syntax that suits us best; of equals the one that the peer named first.
fn choose(proposed: &[String], preferred: Option<&TransferSyntax>) -> Option<&'static TransferSyntax> {
    proposed
        .iter()
        .filter_map(|uid| TransferSyntax::of_uid(uid))
        .filter(|syntax| carries_data_sets(syntax))
        .min_by_key(|syntax| if preferred == Some(*syntax) { 0 } else { rank(syntax) })
}

/// For what has no pixels and is written by us too: Little Endian, Explicit VR before Implicit VR.
fn choose_plain(proposed: &[String]) -> Option<&'static TransferSyntax> {
    let plain = [uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN];
    plain.into_iter().find(|uid| proposed.iter().any(|other| other == uid)).and_then(TransferSyntax::of_uid)
}

/// Whether an instance in this syntax is all there: a data set, with its pixels inside.
fn carries_data_sets(syntax: &TransferSyntax) -> bool {
    syntax.vr_encoding != VrEncoding::NotElements && syntax.pixel_coding != PixelCoding::Referenced
}

/// The smaller, the better. Native comes before encapsulated because what is encapsulated is kept as it is.
fn rank(syntax: &TransferSyntax) -> u8 {
    match (syntax.uid, syntax.pixel_coding, syntax.fidelity) {
        (uids::EXPLICIT_VR_LITTLE_ENDIAN, ..) => 1,
        (uids::IMPLICIT_VR_LITTLE_ENDIAN, ..) => 2,
        (_, PixelCoding::Native, _) => 3,
        (_, _, Fidelity::Lossless) => 4,
        (_, _, Fidelity::Lossy) => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::associate::UserInformation;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

    fn context(id: u8, abstract_syntax: &str, transfer_syntaxes: &[&str]) -> ContextItem {
        ContextItem {
            id,
            result: 0,
            abstract_syntax: abstract_syntax.to_owned(),
            transfer_syntaxes: transfer_syntaxes.iter().map(|uid| (*uid).to_owned()).collect(),
        }
    }

    fn request(contexts: Vec<ContextItem>) -> Associate {
        let mut names = [b' '; 64];
        names[..9].copy_from_slice(b"CONDENSER");
        names[16..22].copy_from_slice(b"SENDER");
        Associate {
            protocol_version: 1,
            names,
            application_context: APPLICATION_CONTEXT.to_owned(),
            contexts,
            user: UserInformation::default(),
        }
    }

    fn chosen(transfer_syntaxes: &[&str], preferred: Option<&str>) -> Result<&'static str, ContextRefusal> {
        let config = Config { preferred: preferred.and_then(TransferSyntax::of_uid), ..Config::default() };
        let contexts =
            negotiate(&request(vec![context(1, CT, transfer_syntaxes)]), HERE, None, &config).unwrap();
        contexts[0].result.map(|syntax| syntax.uid)
    }

    #[test]
    fn our_preference_decides_not_the_order_of_the_request() {
        use uids::*;
        let all = [
            JPEG_BASELINE,
            JPEG_2000_LOSSLESS,
            JPEG_LS_LOSSLESS,
            EXPLICIT_VR_BIG_ENDIAN,
            IMPLICIT_VR_LITTLE_ENDIAN,
            EXPLICIT_VR_LITTLE_ENDIAN,
        ];
        assert_eq!(chosen(&all, Some(JPEG_LS_LOSSLESS)), Ok(JPEG_LS_LOSSLESS));
        assert_eq!(chosen(&all, Some(RLE_LOSSLESS)), Ok(EXPLICIT_VR_LITTLE_ENDIAN), "it is not proposed");
        assert_eq!(chosen(&all, None), Ok(EXPLICIT_VR_LITTLE_ENDIAN));
        assert_eq!(chosen(&all[..5], None), Ok(IMPLICIT_VR_LITTLE_ENDIAN));
        assert_eq!(chosen(&all[..4], None), Ok(EXPLICIT_VR_BIG_ENDIAN));
        assert_eq!(chosen(&all[..3], None), Ok(JPEG_2000_LOSSLESS), "of equals the first");
        assert_eq!(chosen(&all[..1], None), Ok(JPEG_BASELINE));
        assert_eq!(chosen(&["1.2.840.10008.1.2.4.100", JPEG_2000_LOSSLESS], None), Ok(JPEG_2000_LOSSLESS));
    }

    #[test]
    fn syntaxes_without_the_whole_instance_are_not_accepted() {
        let private = "1.2.840.113619.5.2";
        let jpip = "1.2.840.10008.1.2.4.94";
        let xml = "1.2.840.10008.1.2.6.2";
        assert_eq!(chosen(&[private, jpip, xml, "", "junk"], None), Err(ContextRefusal::TransferSyntaxes));
        assert_eq!(chosen(&[], None), Err(ContextRefusal::TransferSyntaxes));
    }

    #[test]
    fn n37_what_is_known_not_to_be_storage_is_refused() {
        let cases = [
            (VERIFICATION, true, true),
            (CT, true, true),
            ("1.2.840.10008.5.1.4.1.1.200.1", true, true), // CT Defined Procedure Protocol Storage
            ("1.2.840.10008.5.1.4.1.1.9999.1", true, false), // a Storage SOP class of the future
            ("1.2.826.0.1.3680043.8.1", true, false),      // private
            ("1.2.840.10008.5.1.4.1.2.2.1", false, false), // Study Root - FIND
            ("1.2.840.10008.3.1.2.3.3", false, false),     // Modality Performed Procedure Step
            ("1.2.840.10008.1.20.1", false, false),        // Storage Commitment Push Model
            ("1.2.840.10008.5.1.4.1.1.201.5", false, false), // Inventory Creation
            ("", false, false),
            ("1.2.x", false, false),
        ];
        for (abstract_syntax, accepted, accepted_when_strict) in cases {
            for (unknown, expected) in
                [(UnknownSopClasses::Accept, accepted), (UnknownSopClasses::Refuse, accepted_when_strict)]
            {
                let config = Config { unknown_sop_classes: unknown, ..Config::default() };
                let contexts = vec![context(1, abstract_syntax, &[uids::IMPLICIT_VR_LITTLE_ENDIAN])];
                let contexts = negotiate(&request(contexts), HERE, None, &config).unwrap();
                let result = contexts[0].result.map(|_| ());
                let expected = if expected { Ok(()) } else { Err(ContextRefusal::AbstractSyntax) };
                assert_eq!(result, expected, "{abstract_syntax} {unknown:?}");
            }
        }
    }

    #[test]
    fn commitment_is_accepted_where_it_is_offered_or_reported_and_in_what_we_can_write() {
        use uids::*;
        let result = |offered: bool, reports: bool, syntaxes: &[&str]| {
            let mut request = request(vec![context(1, STORAGE_COMMITMENT, syntaxes)]);
            request.user.roles = vec![(STORAGE_COMMITMENT.to_owned(), !reports, reports)];
            let config = Config { commitment: offered, ..Config::default() };
            negotiate(&request, HERE, None, &config).unwrap()[0].result.map(|syntax| syntax.uid)
        };
        let both = [IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN];
        assert_eq!(result(true, false, &both), Ok(EXPLICIT_VR_LITTLE_ENDIAN));
        assert_eq!(result(false, true, &both[..1]), Ok(IMPLICIT_VR_LITTLE_ENDIAN));
        assert_eq!(result(false, false, &both), Err(ContextRefusal::AbstractSyntax));
        let others = [EXPLICIT_VR_BIG_ENDIAN, JPEG_LS_LOSSLESS];
        assert_eq!(result(true, false, &others), Err(ContextRefusal::TransferSyntaxes));
    }

    #[test]
    fn requests_are_rejected_for_the_reason_of_the_table() {
        let sound = || request(vec![context(1, CT, &[uids::IMPLICIT_VR_LITTLE_ENDIAN])]);
        let rejection = |change: &dyn Fn(&mut Associate)| {
            let mut request = sound();
            change(&mut request);
            negotiate(&request, HERE, None, &Config::default()).err()
        };
        assert_eq!(rejection(&|_| ()), None);
        assert_eq!(rejection(&|r| r.protocol_version = 0), Some(Rejection::ProtocolVersion));
        assert_eq!(rejection(&|r| r.protocol_version = 3), None, "only bit 0 is tested");
        assert_eq!(rejection(&|r| r.application_context.clear()), Some(Rejection::ApplicationContextName));
        assert_eq!(rejection(&|r| r.names[0] = b'c'), Some(Rejection::CalledAeTitle), "case matters");
        assert_eq!(rejection(&|r| r.names[9] = 0), None, "padded with NUL");
        assert_eq!(rejection(&|r| r.names[..16].rotate_right(3)), None, "leading spaces do not count");
        assert_eq!(rejection(&|r| r.names[..16].fill(b' ')), Some(Rejection::CalledAeTitle));
        for byte in [0x0A, 0x1B, 0xC3, b'\\'] {
            assert_eq!(rejection(&|r| r.names[17] = byte), Some(Rejection::CallingAeTitle), "{byte:02X}");
        }
        assert_eq!(rejection(&|r| r.names[16..32].fill(b' ')), Some(Rejection::CallingAeTitle));
        for id in [0, 2, 254] {
            assert_eq!(rejection(&|r| r.contexts[0].id = id), Some(Rejection::MalformedContexts), "{id}");
        }
        assert_eq!(rejection(&|r| r.contexts.clear()), Some(Rejection::MalformedContexts));
        assert_eq!(
            rejection(&|r| r.contexts.push(r.contexts[0].clone())),
            Some(Rejection::MalformedContexts),
            "the same number twice"
        );
        for maximum in [1, 7, 63] {
            assert_eq!(rejection(&|r| r.user.max_length = maximum), Some(Rejection::PeerMaximumTooSmall));
        }
        for maximum in [0, 64, u32::MAX] {
            assert_eq!(rejection(&|r| r.user.max_length = maximum), None, "{maximum}");
        }
    }
}
