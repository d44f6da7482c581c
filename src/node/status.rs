//! The one table: what happened → the DIMSE status, the Error Comment and the Offending Element that the peer is told.
//!
//! PS3.4 B.2.3 (C-STORE statuses), PS3.7 C (general statuses). Comments hold no patient data and at most 64 characters.

use crate::codec::Reason;
use crate::dicom::{DataSetError, DataSetErrorKind, InflateError, Tag};
use crate::net::{Status, StoreAnswer};
use crate::queue::QueueError;
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
    /// The instance is stored, and there is no room to write down that it is to be delivered.
    #[error("{0}")]
    OutOfQueue(QueueError),
    /// The instance is stored, and it cannot be written down that it is to be delivered.
    #[error("{0}")]
    Queue(QueueError),
    /// The instance is stored and would have to be delivered, and this node was started without a queue.
    #[error("there is no queue to write its deliveries down in")]
    NoQueue,
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

/// Every status that a failure on the journey can be answered with.
pub const STATUSES: &[Status] = &[
    Status::OUT_OF_RESOURCES,
    Status::STORAGE_ERROR,
    Status::DATA_SET_DOES_NOT_MATCH_SOP_CLASS,
    Status::DATA_SET_DOES_NOT_MATCH_SOP_INSTANCE,
    Status::CANNOT_UNDERSTAND,
    Status::LIMIT_EXCEEDED,
    Status::NOT_CONDENSED,
    Status::INVALID_SOP_INSTANCE,
];

/// One row of the table.
struct Row {
    /// A stable word for logs and metrics.
    name: &'static str,
    /// Status (0000,0900).
    status: Status,
    /// Whether the data set is kept in quarantine.
    quarantines: bool,
    /// Error Comment (0000,0902).
    comment: String,
    /// Offending Element (0000,0901).
    offending: Option<Tag>,
}

impl Failure {
    fn row(&self) -> Row {
        let row = |name, status, quarantines, comment: &str| Row {
            name,
            status,
            quarantines,
            comment: comment.to_owned(),
            offending: None,
        };
        let at = |what: &str, error: &DataSetError| format!("{what} at offset {}", error.offset);
        match self {
            Self::OutOfStorage(_) => row("out_of_storage", Status::OUT_OF_RESOURCES, false, "Out of storage"),
            Self::Storage(_) => row("storage_error", Status::STORAGE_ERROR, false, "Storage error"),
            Self::OutOfQueue(_) => row("queue_full", Status::OUT_OF_RESOURCES, false, "Out of storage"),
            Self::Queue(_) | Self::NoQueue => {
                row("queue_error", Status::STORAGE_ERROR, false, "Storage error")
            }
            Self::Spool(_) => row("spool_error", Status::STORAGE_ERROR, false, "Storage error"),
            Self::SopClassMismatch => Row {
                offending: Some(Tag::SOP_CLASS_UID),
                ..row(
                    "sop_class_mismatch",
                    Status::DATA_SET_DOES_NOT_MATCH_SOP_CLASS,
                    true,
                    "SOP Class differs from the command",
                )
            },
            Self::SopInstanceMismatch => Row {
                offending: Some(Tag::SOP_INSTANCE_UID),
                ..row(
                    "sop_instance_mismatch",
                    Status::DATA_SET_DOES_NOT_MATCH_SOP_INSTANCE,
                    true,
                    "SOP Instance differs from the command",
                )
            },
            Self::Unreadable(error) => {
                row("unreadable", Status::CANNOT_UNDERSTAND, true, &at("Cannot parse", error))
            }
            Self::Deflated(_) => {
                row("unreadable", Status::CANNOT_UNDERSTAND, true, "Cannot inflate the data set")
            }
            Self::PixelDataMissing => Row {
                offending: Some(Tag::PIXEL_DATA),
                ..row("pixel_data_missing", Status::CANNOT_UNDERSTAND, true, "Pixel Data is missing")
            },
            Self::BeyondLimits(error) => {
                row("beyond_limits", Status::LIMIT_EXCEEDED, true, &at("Beyond limits", error))
            }
            Self::Refused(reason) => {
                row("refused", Status::NOT_CONDENSED, true, &format!("Not condensed: {}", reason.name()))
            }
            Self::InvalidUid(tag) => Row {
                offending: Some(*tag),
                ..row("invalid_uid", Status::INVALID_SOP_INSTANCE, true, "Invalid UID")
            },
        }
    }

    /// A stable word for logs and metrics.
    pub fn name(&self) -> &'static str {
        self.row().name
    }

    /// Whether the received data set is put into quarantine, so that even a wrong instance is not lost.
    pub fn quarantines(&self) -> bool {
        self.row().quarantines
    }
}

/// What the peer is told of a failure.
pub fn answer_to(failure: &Failure) -> StoreAnswer {
    let Row { status, comment, offending, .. } = failure.row();
    StoreAnswer { status, comment: Some(comment), offending: offending.into_iter().collect() }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if error.is_out_of_space() { Self::OutOfStorage(error) } else { Self::Storage(error) }
    }
}

impl From<QueueError> for Failure {
    fn from(error: QueueError) -> Self {
        if error.is_out_of_space() { Self::OutOfQueue(error) } else { Self::Queue(error) }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// One failure of each kind that can be made without a disk that fails.
    fn failures() -> Vec<Failure> {
        let path = std::path::Path::new("x");
        let storage = |kind: std::io::ErrorKind| StoreError::new("write", path, kind.into());
        let malformed = |kind| DataSetError { offset: u64::MAX, kind };
        let reason = String::new();
        vec![
            storage(std::io::ErrorKind::StorageFull).into(),
            storage(std::io::ErrorKind::PermissionDenied).into(),
            QueueError::Full { path: path.to_owned(), reason }.into(),
            QueueError::Busy { path: path.to_owned() }.into(),
            malformed(DataSetErrorKind::TooDeep { limit: 64 }).into(),
            malformed(DataSetErrorKind::StrayDelimiter { tag: Tag::ITEM }).into(),
            malformed(DataSetErrorKind::Io(std::io::ErrorKind::Other.into())).into(),
            Failure::Deflated(InflateError::Io(std::io::ErrorKind::Other.into())),
            Failure::PixelDataMissing,
            Failure::InvalidUid(Tag::AFFECTED_SOP_CLASS_UID),
            Failure::SopClassMismatch,
            Failure::SopInstanceMismatch,
            Failure::Refused(Reason::NoTarget),
        ]
    }

    #[test]
    fn every_failure_has_a_listed_status_and_a_comment_that_fits() {
        for failure in failures() {
            let answer = answer_to(&failure);
            assert!(STATUSES.contains(&answer.status), "{failure}: {}", answer.status);
            assert!(answer.comment.is_some_and(|comment| comment.len() <= 64), "{failure}");
        }
    }

    #[test]
    fn want_of_space_and_limits_are_told_apart_from_faults() {
        let told: Vec<u16> = failures().iter().map(|failure| answer_to(failure).status.0).collect();
        assert_eq!(told[..7], [0xA700, 0xA701, 0xA700, 0xA701, 0xC003, 0xC002, 0xA701]);
        assert!(
            failures()[..4].iter().all(|failure| !failure.quarantines()),
            "there is no room to keep it in"
        );
        assert!(failures()[7..].iter().all(Failure::quarantines));
    }
}
