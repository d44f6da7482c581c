//! The one table: what happened → the DIMSE status, the Error Comment and the Offending Element that the peer is told.
//!
//! PS3.4 B.2.3 (C-STORE statuses), PS3.7 C (general statuses). Comments hold no patient data and at most 64 characters.

use crate::codec::Reason;
use crate::dicom::{DataSetError, DataSetErrorKind, InflateError, Tag};
use crate::net::{Status, StoreAnswer};
use crate::store::StoreError;

/// Why an instance is not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The volume, its quota or its inodes are exhausted.
    #[error("out of storage: {0}")]
    OutOfStorage(StoreError),
    /// The store failed in a way that more room would not cure.
    #[error("storage error: {0}")]
    Storage(StoreError),
    /// The received bytes could not be read back from the spool.
    #[error("the spooled data set cannot be read: {0}")]
    Spool(std::io::Error),
    /// The data set cannot be walked to its end.
    #[error("the data set is malformed: {0}")]
    Unreadable(DataSetError),
    /// The data set goes beyond what the walker allows (depth, number of elements).
    #[error("the data set goes beyond the limits: {0}")]
    BeyondLimits(DataSetError),
    /// A deflated data set does not inflate.
    #[error("the deflated data set is damaged: {0}")]
    Deflated(InflateError),
    /// An image without its pixels: the data set was cut at an element boundary.
    #[error("the data set describes an image and holds no Pixel Data")]
    PixelDataMissing,
    /// A UID of the command breaks the rules of PS3.5 9.1.
    #[error("{0} is not a valid UID")]
    InvalidUid(Tag),
    /// Affected SOP Class UID and (0008,0016) differ.
    #[error("the data set is of another SOP Class than the command")]
    SopClassMismatch,
    /// Affected SOP Instance UID and (0008,0018) differ.
    #[error("the data set is another SOP Instance than the command")]
    SopInstanceMismatch,
    /// `otherwise = "refuse"`, and the instance could not be condensed.
    #[error("not condensed, and the configuration refuses what is not: {0}")]
    Refused(Reason),
}

/// One row: a stable name, the status, whether the data set is kept in quarantine.
struct Row(&'static str, Status, bool);

impl Failure {
    fn row(&self) -> Row {
        match self {
            Self::OutOfStorage(_) => Row("out_of_storage", Status::OUT_OF_RESOURCES, false),
            Self::Storage(_) => Row("storage_error", Status::STORAGE_ERROR, false),
            Self::Spool(_) => Row("spool_error", Status::STORAGE_ERROR, false),
            Self::SopClassMismatch => {
                Row("sop_class_mismatch", Status::DATA_SET_DOES_NOT_MATCH_SOP_CLASS, true)
            }
            Self::SopInstanceMismatch => {
                Row("sop_instance_mismatch", Status::DATA_SET_DOES_NOT_MATCH_SOP_INSTANCE, true)
            }
            Self::Unreadable(_) => Row("unreadable", Status::CANNOT_UNDERSTAND, true),
            Self::Deflated(_) => Row("unreadable", Status::CANNOT_UNDERSTAND, true),
            Self::PixelDataMissing => Row("pixel_data_missing", Status::CANNOT_UNDERSTAND, true),
            Self::BeyondLimits(_) => Row("beyond_limits", Status::LIMIT_EXCEEDED, true),
            Self::Refused(_) => Row("refused", Status::NOT_CONDENSED, true),
            Self::InvalidUid(_) => Row("invalid_uid", Status::INVALID_SOP_INSTANCE, true),
        }
    }

    /// A stable word for logs and metrics.
    pub fn name(&self) -> &'static str {
        self.row().0
    }

    /// Whether the received data set is put into quarantine, so that even a wrong instance is not lost.
    pub fn quarantines(&self) -> bool {
        self.row().2
    }

    fn comment(&self) -> String {
        match self {
            Self::OutOfStorage(_) => "Out of storage".to_owned(),
            Self::Storage(_) | Self::Spool(_) => "Storage error".to_owned(),
            Self::SopClassMismatch => "SOP Class differs from the command".to_owned(),
            Self::SopInstanceMismatch => "SOP Instance differs from the command".to_owned(),
            Self::Unreadable(error) => format!("Cannot parse at offset {}", error.offset),
            Self::BeyondLimits(error) => format!("Beyond limits at offset {}", error.offset),
            Self::Deflated(_) => "Cannot inflate the data set".to_owned(),
            Self::PixelDataMissing => "Pixel Data is missing".to_owned(),
            Self::Refused(reason) => format!("Not condensed: {}", reason.name()),
            Self::InvalidUid(_) => "Invalid UID".to_owned(),
        }
    }

    fn offending(&self) -> Vec<Tag> {
        match self {
            Self::SopClassMismatch => vec![Tag::SOP_CLASS_UID],
            Self::SopInstanceMismatch => vec![Tag::SOP_INSTANCE_UID],
            Self::PixelDataMissing => vec![Tag::PIXEL_DATA],
            Self::InvalidUid(tag) => vec![*tag],
            _ => Vec::new(),
        }
    }
}

/// What the peer is told of a failure.
pub fn answer_to(failure: &Failure) -> StoreAnswer {
    StoreAnswer { status: failure.row().1, comment: Some(failure.comment()), offending: failure.offending() }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if error.is_out_of_space() { Self::OutOfStorage(error) } else { Self::Storage(error) }
    }
}

impl From<DataSetError> for Failure {
    fn from(error: DataSetError) -> Self {
        match error.kind {
            DataSetErrorKind::Io(error) => Self::Spool(error),
            DataSetErrorKind::TooDeep { .. } | DataSetErrorKind::TooManyElements { .. } => {
                Self::BeyondLimits(error)
            }
            _ => Self::Unreadable(error),
        }
    }
}
