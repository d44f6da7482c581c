//! Who an instance is: what the store needs to know of it in order to find its place.

use crate::dicom::{DataSet, Source, Tag, Uid, ValueError};
use std::io;

/// The validated UIDs of an instance, and the values that a layout may name. The latter are text as received; the
/// layout makes them safe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// SOP Instance UID (0008,0018).
    pub sop_instance: Uid,
    /// SOP Class UID (0008,0016).
    pub sop_class: Option<Uid>,
    /// Study Instance UID (0020,000D).
    pub study: Option<Uid>,
    /// Series Instance UID (0020,000E).
    pub series: Option<Uid>,
    /// Modality (0008,0060).
    pub modality: String,
    /// Patient ID (0010,0020).
    pub patient_id: String,
    /// Study Date (0008,0020).
    pub study_date: String,
    /// The AE title of the sender.
    pub calling_ae: String,
    /// The AE title that it called.
    pub called_ae: String,
}

impl Identity {
    /// What a data set says of itself, received by `called_ae` from `calling_ae`. An attribute that is missing, or no
    /// value of its kind, counts as unknown here: whether that is acceptable is not for the store to say.
    ///
    /// # Errors
    /// Those of the source.
    pub fn of(
        sop_instance: Uid,
        source: &dyn Source,
        data_set: &DataSet,
        calling_ae: &str,
        called_ae: &str,
    ) -> io::Result<Self> {
        let uid = |tag| known(data_set.uid(source, tag));
        let text = |tag| Ok::<_, io::Error>(known(data_set.text(source, tag))?.unwrap_or_default());
        Ok(Self {
            sop_instance,
            sop_class: uid(Tag::SOP_CLASS_UID)?,
            study: uid(Tag::STUDY_INSTANCE_UID)?,
            series: uid(Tag::SERIES_INSTANCE_UID)?,
            modality: text(Tag::MODALITY)?,
            patient_id: text(Tag::PATIENT_ID)?,
            study_date: text(Tag::STUDY_DATE)?,
            calling_ae: calling_ae.to_owned(),
            called_ae: called_ae.to_owned(),
        })
    }

    /// An instance of which nothing else is known.
    pub fn new(sop_instance: Uid) -> Self {
        Self {
            sop_instance,
            sop_class: None,
            study: None,
            series: None,
            modality: String::new(),
            patient_id: String::new(),
            study_date: String::new(),
            calling_ae: String::new(),
            called_ae: String::new(),
        }
    }
}

/// A value that could be read and is one of its kind.
fn known<T>(value: Result<Option<T>, ValueError>) -> io::Result<Option<T>> {
    match value {
        Ok(value) => Ok(value),
        Err(ValueError::Io(error)) => Err(error),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::{Element, Vr, VrEncoding};

    #[test]
    fn a_data_set_says_what_it_is_and_nonsense_counts_as_unknown() {
        let values = [
            (Tag::SOP_CLASS_UID, Vr::UI, &b"1.2.840.10008.5.1.4.1.1.2\0"[..]),
            (Tag::STUDY_DATE, Vr::DA, b"20260102"),
            (Tag::MODALITY, Vr::CS, b"CT"),
            (Tag::STUDY_INSTANCE_UID, Vr::UI, b"../../etc"),
        ];
        let mut bytes = Vec::new();
        let mut elements = Vec::new();
        for (tag, vr, value) in values {
            let start = bytes.len() as u64;
            bytes.extend_from_slice(value);
            let end = bytes.len() as u64;
            elements.push(Element {
                tag,
                vr: Some(vr),
                start,
                value: start..end,
                end,
                undefined_length: false,
            });
        }
        let len = bytes.len() as u64;
        let data_set = DataSet { vr_encoding: VrEncoding::ExplicitLittle, elements, len, fragments: 0 };
        let uid = Uid::parse("1.2.3").unwrap();
        let identity = Identity::of(uid.clone(), &bytes, &data_set, "CT1", "CONDENSER").unwrap();
        let expected = Identity {
            sop_class: Some(Uid::parse("1.2.840.10008.5.1.4.1.1.2").unwrap()),
            modality: "CT".to_owned(),
            study_date: "20260102".to_owned(),
            calling_ae: "CT1".to_owned(),
            called_ae: "CONDENSER".to_owned(),
            ..Identity::new(uid)
        };
        assert_eq!(identity, expected);
    }
}
