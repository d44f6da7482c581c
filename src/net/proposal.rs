//! Presentation contexts as the requestor has them: what is proposed, and what became of each (PS3.8 9.3.2.2 and 9.3.3.2).

use super::associate::{Associate, ContextItem, MAX_CONTEXTS};
use super::handler::{Context, ContextRefusal};
use super::requestor_error::RequestorError;
use super::requestor_options::ProposedContext;
use crate::dicom::TransferSyntax;
use dicom_ul::pdu::PresentationContextProposed;

/// The items that propose these contexts: they are numbered 1, 3, 5 and so on.
///
/// # Errors
/// When there are more of them than numbers.
pub(super) fn items(
    proposed: &[ProposedContext],
) -> Result<Vec<PresentationContextProposed>, RequestorError> {
    if proposed.len() > MAX_CONTEXTS {
        return Err(RequestorError::TooManyContexts(proposed.len()));
    }
    let item = |(id, context): (u8, &ProposedContext)| PresentationContextProposed {
        id,
        abstract_syntax: context.abstract_syntax.clone(),
        transfer_syntaxes: context.transfer_syntaxes.iter().map(|s| s.uid.to_owned()).collect(),
    };
    Ok(numbered(proposed).map(item).collect())
}

/// What became of each context, in the order in which they were proposed. An answer that cannot be is none.
pub(super) fn results(proposed: &[ProposedContext], acceptance: &Associate) -> Vec<Context> {
    let context = |(id, proposed): (u8, &ProposedContext)| {
        let answer = acceptance.contexts.iter().find(|item| item.id == id);
        Context {
            id,
            abstract_syntax: proposed.abstract_syntax.clone(),
            result: answer.ok_or(ContextRefusal::NoReason).and_then(|item| result(proposed, item)),
        }
    };
    numbered(proposed).map(context).collect()
}

/// PS3.8 Table 9-18: one of the transfer syntaxes that were proposed, or a refusal.
fn result(proposed: &ProposedContext, item: &ContextItem) -> Result<&'static TransferSyntax, ContextRefusal> {
    match item.result {
        0 => proposed
            .transfer_syntaxes
            .iter()
            .find(|syntax| item.transfer_syntaxes.first().is_some_and(|uid| uid == syntax.uid))
            .copied()
            .ok_or(ContextRefusal::NoReason),
        1 => Err(ContextRefusal::User),
        3 => Err(ContextRefusal::AbstractSyntax),
        4 => Err(ContextRefusal::TransferSyntaxes),
        _ => Err(ContextRefusal::NoReason),
    }
}

fn numbered(proposed: &[ProposedContext]) -> impl Iterator<Item = (u8, &ProposedContext)> {
    (1..=u8::MAX).step_by(2).zip(proposed)
}

#[cfg(test)]
mod tests {
    use super::super::associate::UserInformation;
    use super::*;
    use crate::dicom::uids;

    const IMPLICIT: &str = uids::IMPLICIT_VR_LITTLE_ENDIAN;
    const EXPLICIT: &str = uids::EXPLICIT_VR_LITTLE_ENDIAN;

    fn contexts(count: usize) -> Vec<ProposedContext> {
        let syntax = |uid| TransferSyntax::of_uid(uid).unwrap();
        let context = |number| ProposedContext {
            abstract_syntax: format!("1.2.{number}"),
            transfer_syntaxes: vec![syntax(EXPLICIT), syntax(IMPLICIT)],
        };
        (0..count).map(context).collect()
    }

    #[test]
    fn contexts_have_odd_numbers_as_long_as_there_are_any() {
        let items = items(&contexts(128)).unwrap();
        assert!(items.iter().map(|item| item.id).eq((1..=255).step_by(2)));
        assert_eq!(items[1].abstract_syntax, "1.2.1");
        assert_eq!(items[1].transfer_syntaxes, [EXPLICIT, IMPLICIT]);
        assert!(matches!(super::items(&contexts(129)), Err(RequestorError::TooManyContexts(129))));
    }

    #[test]
    fn each_answer_has_its_meaning_and_what_cannot_be_has_none() {
        let big = uids::EXPLICIT_VR_BIG_ENDIAN;
        let cases: &[(u8, u8, &str, Result<&str, ContextRefusal>)] = &[
            (1, 0, IMPLICIT, Ok(IMPLICIT)),
            (1, 0, big, Err(ContextRefusal::NoReason)),
            (1, 0, "", Err(ContextRefusal::NoReason)),
            (1, 1, IMPLICIT, Err(ContextRefusal::User)),
            (1, 2, IMPLICIT, Err(ContextRefusal::NoReason)),
            (1, 3, IMPLICIT, Err(ContextRefusal::AbstractSyntax)),
            (1, 4, IMPLICIT, Err(ContextRefusal::TransferSyntaxes)),
            (1, 5, IMPLICIT, Err(ContextRefusal::NoReason)),
            (3, 0, IMPLICIT, Err(ContextRefusal::NoReason)),
        ];
        for (id, result, transfer_syntax, expected) in cases {
            let acceptance = Associate {
                protocol_version: 1,
                names: [0; 64],
                application_context: String::new(),
                contexts: vec![ContextItem {
                    id: *id,
                    result: *result,
                    abstract_syntax: String::new(),
                    transfer_syntaxes: vec![(*transfer_syntax).to_owned()],
                }],
                user: UserInformation::default(),
            };
            let found = results(&contexts(1), &acceptance);
            assert_eq!((found.len(), found[0].id, found[0].abstract_syntax.as_str()), (1, 1, "1.2.0"));
            let found = found[0].result.map(|syntax| syntax.uid);
            assert_eq!(found, *expected, "{id} {result} {transfer_syntax}");
        }
    }
}
