//! The data sets of Storage Commitment: what a request lists and what a report says, written and read (PS3.4 Tables J.3-1 and
//! J.3-2).

use crate::dicom::{DataSet, DataSetError, Limits, Tag, TransferSyntax, Uid, VrEncoding, item_values, walk};
use crate::queue::Reference;
use std::collections::HashMap;

/// Event Type IDs (PS3.4 J.3.3.1.2): everything is committed, or something is not.
const ALL_COMMITTED: u16 = 1;
const SOMETHING_FAILED: u16 = 2;
/// Stands where a report gives no reason.
const PROCESSING_FAILURE: u16 = 0x0110;

/// A request for commitment as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) transaction: String,
    pub(super) references: Vec<Reference>,
}

/// Why a request for commitment cannot be granted a report.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Its data set cannot be read.
    #[error("the request cannot be read: {0}")]
    DataSet(#[from] DataSetError),
    /// It has no Transaction UID, or what it has there is no UID.
    #[error("the request has no valid Transaction UID")]
    NoTransaction,
    /// It lists nothing.
    #[error("the request names no instance")]
    NoReference,
    /// An instance of the list lacks its SOP Class or SOP Instance UID.
    #[error("the request names an instance without its UIDs")]
    Incomplete,
}

impl Request {
    /// Reads the data set of a request.
    pub(super) fn read(source: &Vec<u8>, syntax: &TransferSyntax) -> Result<Self, RequestError> {
        let data_set = walk(source, syntax.vr_encoding, &Limits::default())?;
        let transaction = match data_set.text(source, Tag::TRANSACTION_UID) {
            Ok(Some(uid)) if Uid::parse(&uid).is_ok() => uid,
            _ => return Err(RequestError::NoTransaction),
        };
        let wanted = [Tag::REFERENCED_SOP_CLASS_UID, Tag::REFERENCED_SOP_INSTANCE_UID];
        let items = item_values(source, &data_set, Tag::REFERENCED_SOP_SEQUENCE, wanted)?;
        let reference = |[class, instance]: [Option<Vec<u8>>; 2]| {
            Some(Reference { sop_class: text(&class?), sop_instance: text(&instance?) })
        };
        let references: Option<Vec<_>> = items.into_iter().map(reference).collect();
        let references = references.ok_or(RequestError::Incomplete)?;
        if references.is_empty() {
            return Err(RequestError::NoReference);
        }
        Ok(Self { transaction, references })
    }

    /// Its data set, in Implicit VR Little Endian.
    pub(super) fn data_set(&self) -> Vec<u8> {
        let mut writer = Writer::new(VrEncoding::ImplicitLittle);
        writer.uid(Tag::TRANSACTION_UID, &self.transaction);
        writer.sequence(Tag::REFERENCED_SOP_SEQUENCE, &self.references, Writer::reference);
        writer.out
    }
}

/// What a report says: for each instance nothing, or why it is not committed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) transaction: String,
    pub(super) outcomes: HashMap<String, Option<u16>>,
}

impl Report {
    /// Reads the data set of a report; `None` where it has no Transaction UID.
    pub(super) fn read(source: &Vec<u8>, syntax: &TransferSyntax) -> Result<Option<Self>, DataSetError> {
        let data_set = walk(source, syntax.vr_encoding, &Limits::default())?;
        let transaction = match data_set.text(source, Tag::TRANSACTION_UID) {
            Ok(Some(uid)) if !uid.is_empty() => uid,
            _ => return Ok(None),
        };
        let mut outcomes = HashMap::new();
        let wanted = [Tag::REFERENCED_SOP_INSTANCE_UID];
        for [uid] in item_values(source, &data_set, Tag::REFERENCED_SOP_SEQUENCE, wanted)? {
            outcomes.extend(uid.map(|uid| (text(&uid), None)));
        }
        // One that is in both lists is not committed.
        for (uid, reason) in failed(source, &data_set)? {
            outcomes.insert(uid, Some(reason));
        }
        Ok(Some(Self { transaction, outcomes }))
    }
}

/// The report on a transaction: for each instance nothing, or why it is not committed. Gives its Event Type ID and its data
/// set in this syntax, which must be Little Endian.
pub(super) fn report(
    transaction: &str,
    outcomes: &[(Reference, Option<u16>)],
    syntax: &TransferSyntax,
) -> (u16, Vec<u8>) {
    let mut writer = Writer::new(syntax.vr_encoding);
    writer.uid(Tag::TRANSACTION_UID, transaction);
    let failed: Vec<_> =
        outcomes.iter().filter_map(|(reference, reason)| Some((reference, (*reason)?))).collect();
    let committed: Vec<_> =
        outcomes.iter().filter(|(_, reason)| reason.is_none()).map(|(reference, _)| reference).collect();
    if !failed.is_empty() {
        writer.sequence(Tag::FAILED_SOP_SEQUENCE, &failed, |item, (reference, reason)| {
            item.reference(reference);
            item.element(Tag::FAILURE_REASON, b"US", &reason.to_le_bytes());
        });
    }
    if !committed.is_empty() {
        writer
            .sequence(Tag::REFERENCED_SOP_SEQUENCE, &committed, |item, reference| item.reference(reference));
    }
    (if failed.is_empty() { ALL_COMMITTED } else { SOMETHING_FAILED }, writer.out)
}

/// The instances that are not committed, and their Failure Reasons.
fn failed(source: &Vec<u8>, data_set: &DataSet) -> Result<Vec<(String, u16)>, DataSetError> {
    let wanted = [Tag::REFERENCED_SOP_INSTANCE_UID, Tag::FAILURE_REASON];
    let items = item_values(source, data_set, Tag::FAILED_SOP_SEQUENCE, wanted)?;
    let reason =
        |value: Option<Vec<u8>>| value.and_then(|value| value.try_into().ok()).map(u16::from_le_bytes);
    let failure =
        |[uid, why]: [Option<Vec<u8>>; 2]| Some((text(&uid?), reason(why).unwrap_or(PROCESSING_FAILURE)));
    Ok(items.into_iter().filter_map(failure).collect())
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_matches([' ', '\0']).to_owned()
}

/// Writes elements in Little Endian, with explicit value representations or without.
struct Writer {
    explicit: bool,
    out: Vec<u8>,
}

impl Writer {
    fn new(encoding: VrEncoding) -> Self {
        Self { explicit: encoding != VrEncoding::ImplicitLittle, out: Vec::new() }
    }

    fn reference(&mut self, reference: &Reference) {
        self.uid(Tag::REFERENCED_SOP_CLASS_UID, &reference.sop_class);
        self.uid(Tag::REFERENCED_SOP_INSTANCE_UID, &reference.sop_instance);
    }

    fn uid(&mut self, tag: Tag, uid: &str) {
        let mut value = uid.as_bytes().to_vec();
        value.resize(value.len().next_multiple_of(2), 0);
        self.element(tag, b"UI", &value);
    }

    /// An element whose value is short: a UID or a number.
    fn element(&mut self, tag: Tag, vr: &[u8; 2], value: &[u8]) {
        self.tag(tag);
        // What was read was read within the limit of a short value (`item_values`), which 16 bits can say.
        if self.explicit {
            self.out.extend_from_slice(vr);
            self.out.extend_from_slice(&(value.len() as u16).to_le_bytes());
        } else {
            self.out.extend_from_slice(&(value.len() as u32).to_le_bytes());
        }
        self.out.extend_from_slice(value);
    }

    fn sequence<T>(&mut self, tag: Tag, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.tag(tag);
        if self.explicit {
            self.out.extend_from_slice(b"SQ\0\0");
        }
        self.counted(|sequence| {
            for item in items {
                sequence.tag(Tag::ITEM);
                sequence.counted(|of_item| write(of_item, item));
            }
        });
    }

    /// A length of four bytes, and what has it. A list is as long as a request was that was read within its limit.
    fn counted(&mut self, write: impl FnOnce(&mut Self)) {
        let place = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        write(self);
        let length = (self.out.len() - place - 4) as u32;
        if let Some(bytes) = self.out.get_mut(place..place + 4) {
            bytes.copy_from_slice(&length.to_le_bytes());
        }
    }

    fn tag(&mut self, tag: Tag) {
        self.out.extend_from_slice(&tag.group.to_le_bytes());
        self.out.extend_from_slice(&tag.element.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::uids;

    fn reference(number: u32) -> Reference {
        Reference { sop_class: "1.2.840".to_owned(), sop_instance: format!("1.2.{number}") }
    }

    fn syntax(uid: &str) -> &'static TransferSyntax {
        TransferSyntax::of_uid(uid).unwrap()
    }

    #[test]
    fn a_request_that_is_written_is_the_one_that_is_read() {
        let request =
            Request { transaction: "2.25.7".to_owned(), references: vec![reference(1), reference(22)] };
        let read = Request::read(&request.data_set(), syntax(uids::IMPLICIT_VR_LITTLE_ENDIAN)).unwrap();
        assert_eq!(read, request);
    }

    #[test]
    fn a_report_says_of_each_instance_what_became_of_it_in_either_syntax() {
        let outcomes = [(reference(1), None), (reference(2), Some(0x0112)), (reference(33), None)];
        for uid in [uids::IMPLICIT_VR_LITTLE_ENDIAN, uids::EXPLICIT_VR_LITTLE_ENDIAN] {
            let (event_type, data_set) = report("2.25.7", &outcomes, syntax(uid));
            let read = Report::read(&data_set, syntax(uid)).unwrap().unwrap();
            assert_eq!((event_type, read.transaction.as_str()), (2, "2.25.7"));
            let expected =
                outcomes.iter().map(|(reference, reason)| (reference.sop_instance.clone(), *reason));
            assert_eq!(read.outcomes, expected.collect());
            let (event_type, data_set) = report("2.25.7", &outcomes[..1], syntax(uid));
            assert_eq!(event_type, 1);
            assert_eq!(Report::read(&data_set, syntax(uid)).unwrap().unwrap().outcomes.len(), 1);
        }
    }

    #[test]
    fn what_a_request_lacks_is_said() {
        let implicit = syntax(uids::IMPLICIT_VR_LITTLE_ENDIAN);
        let read = |transaction: &str, references: Vec<Reference>| {
            let transaction = transaction.to_owned();
            Request::read(&Request { transaction, references }.data_set(), implicit)
        };
        for transaction in ["", "1..2", "what"] {
            let read = read(transaction, vec![reference(1)]);
            assert!(matches!(read, Err(RequestError::NoTransaction)), "{transaction}");
        }
        assert!(matches!(read("1.2", Vec::new()), Err(RequestError::NoReference)));
        let mut writer = Writer::new(VrEncoding::ImplicitLittle);
        writer.uid(Tag::TRANSACTION_UID, "1.2");
        writer.sequence(Tag::REFERENCED_SOP_SEQUENCE, &["1.3"], |item, uid| {
            item.uid(Tag::REFERENCED_SOP_INSTANCE_UID, uid);
        });
        assert!(matches!(Request::read(&writer.out, implicit), Err(RequestError::Incomplete)));
        let cut = writer.out.len() - 3;
        assert!(matches!(
            Request::read(&writer.out[..cut].to_vec(), implicit),
            Err(RequestError::DataSet(_))
        ));
    }
}
