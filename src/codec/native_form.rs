//! The forms of a native transfer syntax: Explicit and Implicit VR Little Endian, and deflated (PS3.5 A.1, A.2 and A.5).

use crate::dicom::{Headers, TransferSyntax, uids};

/// How a native transfer syntax is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// Of its elements.
    pub(super) headers: Headers,
    /// Whether the whole data set is deflated.
    pub(super) deflated: bool,
}

/// How a native transfer syntax is written; `None` when nothing here writes it.
pub(super) fn form_of(target: &TransferSyntax) -> Option<Form> {
    FORMS.iter().find(|(uid, _)| *uid == target.uid).map(|(_, form)| *form)
}

const FORMS: &[(&str, Form)] = &[
    (uids::IMPLICIT_VR_LITTLE_ENDIAN, Form { headers: Headers::Implicit, deflated: false }),
    (uids::EXPLICIT_VR_LITTLE_ENDIAN, Form { headers: Headers::Explicit, deflated: false }),
    (uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, Form { headers: Headers::Explicit, deflated: true }),
];
