//! Who an instance is: what the store needs to know of it in order to find its place.

use crate::dicom::Uid;

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
