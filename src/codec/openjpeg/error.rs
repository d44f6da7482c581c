//! Why OpenJPEG gave no result.

/// Why OpenJPEG gave no result, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Error(pub(crate) String);
