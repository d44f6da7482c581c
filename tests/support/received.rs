//! An instance as the network side hands it to a node.

use condenser::dicom::{TransferSyntax, Uid};
use condenser::net::{Association, Received, ReceivedBytes, ReceivedUid};
use std::sync::Arc;
use std::time::Duration;

/// Received from MODALITY, in the transfer syntax of this UID.
pub(crate) fn received(
    syntax: &str,
    data_set: ReceivedBytes,
    sop_class: &str,
    sop_instance: &str,
) -> Received {
    let uid = |text: &str| ReceivedUid { text: text.to_owned(), uid: Uid::parse(text) };
    Received {
        association: Arc::new(Association {
            id: 1,
            certificate: None,
            peer: ([127, 0, 0, 1], 4242).into(),
            calling: "MODALITY".to_owned(),
            called: "CONDENSER".to_owned(),
            user: None,
            implementation_class_uid: None,
            implementation_version_name: None,
            contexts: Vec::new(),
        }),
        context_id: 1,
        transfer_syntax: TransferSyntax::of_uid(syntax).unwrap(),
        message_id: 1,
        sop_class: uid(sop_class),
        sop_instance: uid(sop_instance),
        move_originator: None,
        data_set,
        duration: Duration::ZERO,
    }
}
