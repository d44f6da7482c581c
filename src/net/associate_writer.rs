//! A-ASSOCIATE-RQ and A-ASSOCIATE-AC as they go out (PS3.8 9.3.2 and 9.3.3, PS3.7 Annex D).

use super::associate::{APPLICATION_CONTEXT, Associate};
use super::commitment::STORAGE_COMMITMENT;
use super::handler::{Context, ContextRefusal};
use super::pdu::HEADER_LEN;
use crate::dicom::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, uids};
use dicom_ul::pdu::{
    AssociationAC, AssociationRQ, Pdu, PresentationContextProposed, PresentationContextResult,
    PresentationContextResultReason, RequestorRoles, UserVariableItem, WriteError, write_pdu,
};

/// An A-ASSOCIATE-AC PDU: it gives back the names of the request and says what became of each context, and, where that is
/// wanted, that the user was identified.
///
/// # Errors
/// Those of the encoder, when a text does not fit its field.
pub(super) fn write_acceptance(
    request: &Associate,
    contexts: &[Context],
    max_pdu: u32,
    is_identified: bool,
) -> Result<Vec<u8>, WriteError> {
    let mut user_variables = implementation(max_pdu);
    if is_identified && request.user.identity.as_ref().is_some_and(|identity| identity.wants_response) {
        // PS3.7 D.3.3.7.2: the response to a username, with a passcode or without, is empty.
        user_variables.push(UserVariableItem::Unknown(0x59, vec![0, 0]));
    }
    if request.user.asynchronous {
        user_variables.push(UserVariableItem::Unknown(0x53, vec![0, 1, 0, 1]));
    }
    for (sop_class, scu, scp) in &request.user.roles {
        let accepted = |context: &Context| context.result.is_ok() && context.abstract_syntax == *sop_class;
        if contexts.iter().any(accepted) {
            let roles = RequestorRoles { scu: *scu, scp: *scp && sop_class == STORAGE_COMMITMENT };
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

/// An A-ASSOCIATE-RQ PDU; of the SOP class `provides` we are the provider.
///
/// # Errors
/// Those of the encoder, when a text does not fit its field.
pub(super) fn write_request(
    calling: &str,
    called: &str,
    contexts: Vec<PresentationContextProposed>,
    max_pdu: u32,
    provides: Option<&str>,
) -> Result<Vec<u8>, WriteError> {
    let mut user_variables = implementation(max_pdu);
    if let Some(sop_class) = provides {
        let roles = RequestorRoles { scu: false, scp: true };
        user_variables.push(UserVariableItem::ScuScpRoleSelectionSubItem(sop_class.to_owned(), roles));
    }
    let request = AssociationRQ {
        protocol_version: 1,
        calling_ae_title: calling.to_owned(),
        called_ae_title: called.to_owned(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: contexts,
        user_variables,
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

#[cfg(test)]
mod tests {
    use super::super::associate::UserInformation;
    use super::*;
    use crate::dicom::TransferSyntax;

    #[test]
    fn the_acceptance_gives_back_the_names_and_answers_what_was_asked() {
        let request = Associate {
            protocol_version: 1,
            names: std::array::from_fn(|at| b' ' + at as u8),
            application_context: APPLICATION_CONTEXT.to_owned(),
            contexts: Vec::new(),
            user: UserInformation {
                asynchronous: true,
                roles: vec![("1.2.840.10008.1.1".into(), true, true), ("1.2.3".into(), false, true)],
                ..UserInformation::default()
            },
        };
        let contexts = [
            Context {
                id: 1,
                abstract_syntax: "1.2.840.10008.1.1".into(),
                result: Ok(TransferSyntax::of_uid("1.2.840.10008.1.2").unwrap()),
            },
            Context { id: 3, abstract_syntax: "1.2.3".into(), result: Err(ContextRefusal::AbstractSyntax) },
        ];
        let bytes = write_acceptance(&request, &contexts, 131_072, true).unwrap();
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
        let bytes = write_request("SENDER", "CONDENSER", contexts.clone(), 65_536, Some("1.2")).unwrap();
        let Some(Pdu::AssociationRQ(read)) = dicom_ul::pdu::read_pdu(&bytes[..], 131_072, true).unwrap()
        else {
            panic!("no request");
        };
        assert_eq!(read.presentation_contexts, contexts);
        let ours = Associate::parse(&bytes[6..]).unwrap();
        assert_eq!((ours.called(), ours.calling()), (&b"CONDENSER"[..], &b"SENDER"[..]));
        assert_eq!(ours.contexts[0].transfer_syntaxes.len(), 2);
        assert_eq!(ours.user.roles, [("1.2".to_owned(), false, true)]);
    }
}
