//! A-ASSOCIATE-RQ and A-ASSOCIATE-AC: reading them with bounds, whatever else they hold, and writing them
//! (PS3.8 9.3.2 and 9.3.3, PS3.7 Annex D).

use super::handler::{Context, ContextRefusal};
use super::pdu::HEADER_LEN;
use super::reasons::Violation;
use crate::dicom::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, uids};
use dicom_ul::pdu::{
    AssociationAC, AssociationRQ, Pdu, PresentationContextProposed, PresentationContextResult,
    PresentationContextResultReason, RequestorRoles, UserVariableItem, WriteError, write_pdu,
};

/// The application context name of DICOM (PS3.7 Annex A).
pub(super) const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";

/// As many contexts as there are odd numbers from 1 to 255.
pub(super) const MAX_CONTEXTS: usize = 128;

/// Transfer syntaxes of one context that are looked at; the standard does not define as many.
pub(super) const MAX_TRANSFER_SYNTAXES: usize = 64;

/// The contents of an A-ASSOCIATE-RQ or A-ASSOCIATE-AC PDU.
#[derive(Clone, Debug)]
pub(super) struct Associate {
    /// One bit for each version; bit 0 is the only one defined.
    pub(super) protocol_version: u16,
    /// Called AE title, calling AE title and 32 reserved bytes: what an acceptor sends back as it came.
    pub(super) names: [u8; 64],
    /// The application context name; empty when there is none.
    pub(super) application_context: String,
    /// The presentation contexts in their order, at most one more than there may be.
    pub(super) contexts: Vec<ContextItem>,
    /// The user information; that of the last item when there are several.
    pub(super) user: UserInformation,
}

/// A presentation context item of either PDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ContextItem {
    /// The number of the context.
    pub(super) id: u8,
    /// The result; without meaning in a request.
    pub(super) result: u8,
    /// The abstract syntax; empty in an acceptance.
    pub(super) abstract_syntax: String,
    /// The transfer syntaxes; one in an acceptance.
    pub(super) transfer_syntaxes: Vec<String>,
}

/// What is known of the user information item (PS3.7 Annex D).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UserInformation {
    /// Maximum length received; 0 means that there is none.
    pub(super) max_length: u32,
    /// Implementation Class UID.
    pub(super) implementation_class_uid: Option<String>,
    /// Implementation Version Name.
    pub(super) implementation_version_name: Option<String>,
    /// Whether an asynchronous operations window is asked for.
    pub(super) asynchronous: bool,
    /// SCP/SCU role selections: SOP class, whether the requestor is SCU, whether it is SCP.
    pub(super) roles: Vec<(String, bool, bool)>,
}

impl Associate {
    /// Reads what follows the PDU header. Unknown items are passed over, as PS3.8 9.3.1 wants.
    ///
    /// # Errors
    /// [`Violation::Items`] when items do not fit into each other or the fixed part is cut.
    pub(super) fn parse(body: &[u8]) -> Result<Associate, Violation> {
        let (fixed, items) = body.split_at_checked(68).ok_or(Violation::Items)?;
        let (version, names) = fixed.split_at(4);
        let mut associate = Associate {
            protocol_version: be_u16(version).ok_or(Violation::Items)?,
            names: names.try_into().map_err(|_| Violation::Items)?,
            application_context: String::new(),
            contexts: Vec::new(),
            user: UserInformation::default(),
        };
        for item in Items(items) {
            match item? {
                (0x10, value) => associate.application_context = text(value),
                (0x20 | 0x21, value) if associate.contexts.len() <= MAX_CONTEXTS => {
                    associate.contexts.push(ContextItem::parse(value)?);
                }
                (0x50, value) => associate.user = UserInformation::parse(value)?,
                _ => (),
            }
        }
        Ok(associate)
    }

    /// The called AE title, without padding.
    pub(super) fn called(&self) -> &[u8] {
        trim(&self.names[..16])
    }

    /// The calling AE title, without padding.
    pub(super) fn calling(&self) -> &[u8] {
        trim(&self.names[16..32])
    }
}

impl ContextItem {
    fn parse(item: &[u8]) -> Result<ContextItem, Violation> {
        let (&[id, _, result, _], items) = item.split_first_chunk().ok_or(Violation::Items)?;
        let mut context =
            ContextItem { id, result, abstract_syntax: String::new(), transfer_syntaxes: Vec::new() };
        for item in Items(items) {
            match item? {
                (0x30, value) => context.abstract_syntax = text(value),
                (0x40, value) if context.transfer_syntaxes.len() < MAX_TRANSFER_SYNTAXES => {
                    context.transfer_syntaxes.push(text(value));
                }
                _ => (),
            }
        }
        Ok(context)
    }
}

impl UserInformation {
    fn parse(items: &[u8]) -> Result<UserInformation, Violation> {
        let mut user = UserInformation::default();
        for item in Items(items) {
            match item? {
                (0x51, value) => {
                    let bytes: [u8; 4] = value.try_into().map_err(|_| Violation::Items)?;
                    user.max_length = u32::from_be_bytes(bytes);
                }
                (0x52, value) => user.implementation_class_uid = Some(text(value)),
                (0x53, _) => user.asynchronous = true,
                (0x54, value) if user.roles.len() < MAX_CONTEXTS => {
                    let (length, rest) = value.split_at_checked(2).ok_or(Violation::Items)?;
                    let length = usize::from(be_u16(length).ok_or(Violation::Items)?);
                    let (uid, roles) = rest.split_at_checked(length).ok_or(Violation::Items)?;
                    let &[scu, scp, ..] = roles else { return Err(Violation::Items) };
                    user.roles.push((text(uid), scu == 1, scp == 1));
                }
                (0x55, value) => user.implementation_version_name = Some(text(value)),
                _ => (),
            }
        }
        Ok(user)
    }
}

/// An A-ASSOCIATE-AC PDU: it gives back the names of the request and says what became of each context.
///
/// # Errors
/// Those of the encoder, when a text does not fit its field.
pub(super) fn write_acceptance(
    request: &Associate,
    contexts: &[Context],
    max_pdu: u32,
) -> Result<Vec<u8>, WriteError> {
    let mut user_variables = implementation(max_pdu);
    if request.user.asynchronous {
        user_variables.push(UserVariableItem::Unknown(0x53, vec![0, 1, 0, 1]));
    }
    for (sop_class, scu, _) in &request.user.roles {
        let accepted = |context: &Context| context.result.is_ok() && context.abstract_syntax == *sop_class;
        if contexts.iter().any(accepted) {
            let roles = RequestorRoles { scu: *scu, scp: false };
            user_variables.push(UserVariableItem::ScuScpRoleSelectionSubItem(sop_class.clone(), roles));
        }
    }
    let acceptance = AssociationAC {
        protocol_version: 1,
        calling_ae_title: String::new(),
        called_ae_title: String::new(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: contexts.iter().map(result_item).collect(),
        user_variables,
    };
    let mut bytes = Vec::new();
    write_pdu(&mut bytes, &Pdu::AssociationAC(acceptance))?;
    if let Some(names) = bytes.get_mut(HEADER_LEN + 4..HEADER_LEN + 68) {
        names.copy_from_slice(&request.names);
    }
    Ok(bytes)
}

/// An A-ASSOCIATE-RQ PDU.
///
/// # Errors
/// Those of the encoder, when a text does not fit its field.
pub(super) fn write_request(
    calling: &str,
    called: &str,
    contexts: Vec<PresentationContextProposed>,
    max_pdu: u32,
) -> Result<Vec<u8>, WriteError> {
    let request = AssociationRQ {
        protocol_version: 1,
        calling_ae_title: calling.to_owned(),
        called_ae_title: called.to_owned(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: contexts,
        user_variables: implementation(max_pdu),
    };
    let mut bytes = Vec::new();
    write_pdu(&mut bytes, &Pdu::AssociationRQ(request))?;
    Ok(bytes)
}

/// The user information that both sides send.
fn implementation(max_pdu: u32) -> Vec<UserVariableItem> {
    vec![
        UserVariableItem::MaxLength(max_pdu),
        UserVariableItem::ImplementationClassUID(IMPLEMENTATION_CLASS_UID.to_owned()),
        UserVariableItem::ImplementationVersionName(IMPLEMENTATION_VERSION_NAME.to_owned()),
    ]
}

/// A refused context carries a transfer syntax too, which means nothing but must be there.
fn result_item(context: &Context) -> PresentationContextResult {
    use PresentationContextResultReason as Reason;
    let (reason, transfer_syntax) = match context.result {
        Ok(transfer_syntax) => (Reason::Acceptance, transfer_syntax.uid),
        Err(ContextRefusal::User) => (Reason::UserRejection, uids::IMPLICIT_VR_LITTLE_ENDIAN),
        Err(ContextRefusal::NoReason) => (Reason::NoReason, uids::IMPLICIT_VR_LITTLE_ENDIAN),
        Err(ContextRefusal::AbstractSyntax) => {
            (Reason::AbstractSyntaxNotSupported, uids::IMPLICIT_VR_LITTLE_ENDIAN)
        }
        Err(ContextRefusal::TransferSyntaxes) => {
            (Reason::TransferSyntaxesNotSupported, uids::IMPLICIT_VR_LITTLE_ENDIAN)
        }
    };
    PresentationContextResult { id: context.id, reason, transfer_syntax: transfer_syntax.to_owned() }
}

/// The items of a variable field: type, reserved byte, 16-bit length, value.
struct Items<'a>(&'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = Result<(u8, &'a [u8]), Violation>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let item = self.0.split_first_chunk().and_then(|(&[kind, _, high, low], rest)| {
            let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
            self.0 = rest;
            Some((kind, value))
        });
        if item.is_none() {
            // What is left cannot be read; there is nothing to go on with.
            self.0 = &[];
        }
        Some(item.ok_or(Violation::Items))
    }
}

fn be_u16(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// A text without padding. What is longer than any UID or name is cut, so that it equals none that is known.
fn text(bytes: &[u8]) -> String {
    let bytes = trim(bytes);
    String::from_utf8_lossy(bytes.get(..65).unwrap_or(bytes)).into_owned()
}

/// Without the spaces around it and without the NULs that some peers pad with.
fn trim(bytes: &[u8]) -> &[u8] {
    let is_padding = |byte: &u8| *byte == b' ' || *byte == 0;
    let start = bytes.iter().position(|b| !is_padding(b)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|b| !is_padding(b)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::TransferSyntax;

    /// Written by hand from PS3.8 Tables 9-11 to 9-16 and PS3.7 Tables D.3-1 to D.3-9.
    fn request() -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&[0, 1, 0, 0]);
        bytes.extend_from_slice(b"CONDENSER       SENDER          ");
        bytes.extend_from_slice(&[0xAB; 32]);
        bytes.extend_from_slice(b"\x10\x00\x00\x151.2.840.10008.3.1.1.1");
        bytes.extend_from_slice(b"\x77\x00\x00\x03???");
        bytes.extend_from_slice(b"\x20\x00\x00\x2E\x01\x00\x00\x00");
        bytes.extend_from_slice(b"\x30\x00\x00\x111.2.840.10008.1.1");
        bytes.extend_from_slice(b"\x40\x00\x00\x111.2.840.10008.1.2");
        bytes.extend_from_slice(b"\x50\x00\x00\x26");
        bytes.extend_from_slice(b"\x51\x00\x00\x04\x00\x00\x40\x00");
        bytes.extend_from_slice(b"\x52\x00\x00\x071.2.3.4");
        bytes.extend_from_slice(b"\x53\x00\x00\x04\x00\x05\x00\x05");
        bytes.extend_from_slice(b"\x55\x00\x00\x03OLD");
        bytes.extend_from_slice(b"\x66\x00\x00\x00");
        bytes
    }

    #[test]
    fn a_request_is_read_past_items_that_nobody_knows() {
        let associate = Associate::parse(&request()).unwrap();
        assert_eq!(associate.protocol_version, 1);
        assert_eq!((associate.called(), associate.calling()), (&b"CONDENSER"[..], &b"SENDER"[..]));
        assert_eq!(associate.application_context, APPLICATION_CONTEXT);
        let context = &associate.contexts[0];
        assert_eq!((context.id, context.abstract_syntax.as_str()), (1, "1.2.840.10008.1.1"));
        assert_eq!(context.transfer_syntaxes, ["1.2.840.10008.1.2"]);
        assert_eq!(associate.user.max_length, 16_384);
        assert_eq!(associate.user.implementation_class_uid.as_deref(), Some("1.2.3.4"));
        assert_eq!(associate.user.implementation_version_name.as_deref(), Some("OLD"));
        assert!(associate.user.asynchronous);
    }

    #[test]
    fn every_cut_of_a_request_is_a_violation_or_a_shorter_request() {
        let whole = request();
        let ends_of_items = [68, 93, 100, 150, whole.len()];
        for end in 0..whole.len() {
            assert_eq!(Associate::parse(&whole[..end]).is_ok(), ends_of_items.contains(&end), "cut at {end}");
        }
    }

    #[test]
    fn items_are_bounded_by_the_item_around_them() {
        for (at, value) in [(71, 0xFF), (103, 0x2F), (111, 0x12), (157, 0x05)] {
            let mut bytes = request();
            bytes[at] = value;
            assert_eq!(Associate::parse(&bytes).err(), Some(Violation::Items), "byte {at}");
        }
    }

    #[test]
    fn the_acceptance_gives_back_the_names_and_answers_what_was_asked() {
        let mut request = Associate::parse(&request()).unwrap();
        request.user.roles = vec![("1.2.840.10008.1.1".into(), true, true), ("1.2.3".into(), false, true)];
        let contexts = [
            Context {
                id: 1,
                abstract_syntax: "1.2.840.10008.1.1".into(),
                result: Ok(TransferSyntax::of_uid("1.2.840.10008.1.2").unwrap()),
            },
            Context { id: 3, abstract_syntax: "1.2.3".into(), result: Err(ContextRefusal::AbstractSyntax) },
        ];
        let bytes = write_acceptance(&request, &contexts, 131_072).unwrap();
        assert_eq!(bytes[..2], [2, 0]);
        assert_eq!(u32::from_be_bytes(bytes[2..6].try_into().unwrap()) as usize, bytes.len() - 6);
        assert_eq!(bytes[10..74], request.names);
        let tail = b"\x53\x00\x00\x04\x00\x01\x00\x01\x54\x00\x00\x15\x00\x111.2.840.10008.1.1\x01\x00";
        assert!(bytes.ends_with(tail), "one operation at a time, and the requestor is SCU");

        let acceptance = Associate::parse(&bytes[6..]).unwrap();
        let results: Vec<_> =
            acceptance.contexts.iter().map(|context| (context.id, context.result)).collect();
        assert_eq!(results, [(1, 0), (3, 3)]);
        assert_eq!(acceptance.contexts[0].transfer_syntaxes, ["1.2.840.10008.1.2"]);
        assert_eq!(acceptance.user.max_length, 131_072);
        assert_eq!(acceptance.user.implementation_class_uid.as_deref(), Some(IMPLEMENTATION_CLASS_UID));
    }

    #[test]
    fn another_implementation_reads_the_same_request() {
        let contexts = vec![PresentationContextProposed {
            id: 1,
            abstract_syntax: "1.2.840.10008.1.1".into(),
            transfer_syntaxes: vec!["1.2.840.10008.1.2.1".into(), "1.2.840.10008.1.2".into()],
        }];
        let bytes = write_request("SENDER", "CONDENSER", contexts.clone(), 65_536).unwrap();
        let Some(Pdu::AssociationRQ(read)) = dicom_ul::pdu::read_pdu(&bytes[..], 131_072, true).unwrap()
        else {
            panic!("no request");
        };
        assert_eq!(read.presentation_contexts, contexts);
        let ours = Associate::parse(&bytes[6..]).unwrap();
        assert_eq!((ours.called(), ours.calling()), (&b"CONDENSER"[..], &b"SENDER"[..]));
        assert_eq!(ours.contexts[0].transfer_syntaxes.len(), 2);
    }
}
