//! The coded values of audit messages (PS3.15 A.5.3, PS3.16 CID 400 to 405).

/// A coded value: code, coding scheme and meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) value: &'static str,
    pub(super) scheme: &'static str,
    pub(super) meaning: &'static str,
}

const fn dcm(value: &'static str, meaning: &'static str) -> Code {
    Code { value, scheme: "DCM", meaning }
}

// Events (CID 400).
pub(super) const APPLICATION_ACTIVITY: Code = dcm("110100", "Application Activity");
pub(super) const BEGIN_TRANSFERRING: Code = dcm("110102", "Begin Transferring DICOM Instances");
pub(super) const INSTANCES_ACCESSED: Code = dcm("110103", "DICOM Instances Accessed");
pub(super) const INSTANCES_TRANSFERRED: Code = dcm("110104", "DICOM Instances Transferred");
pub(super) const SECURITY_ALERT: Code = dcm("110113", "Security Alert");

// Their types (CID 401, CID 403).
pub(super) const APPLICATION_START: Code = dcm("110120", "Application Start");
pub(super) const APPLICATION_STOP: Code = dcm("110121", "Application Stop");
pub(super) const NODE_AUTHENTICATION: Code = dcm("110126", "Node Authentication");
pub(super) const SECURITY_CONFIGURATION: Code = dcm("110129", "Security Configuration");

// Roles of participants (CID 402).
pub(super) const APPLICATION: Code = dcm("110150", "Application");
pub(super) const DESTINATION: Code = dcm("110152", "Destination Role ID");
pub(super) const SOURCE: Code = dcm("110153", "Source Role ID");

// Kinds of identifiers of participating objects (CID 404, and what the schema itself defines).
pub(super) const STUDY_INSTANCE_UID: Code = dcm("110180", "Study Instance UID");
pub(super) const NODE_ID: Code = dcm("110182", "Node ID");
pub(super) const PATIENT_NUMBER: Code = Code { value: "2", scheme: "RFC-3881", meaning: "Patient Number" };
