//! What keeps bytes from being a data set, and where that was seen.

use super::element::HeaderError;
use super::tag::Tag;
use std::io;

/// Why bytes are no data set, and where that was seen.
#[derive(Debug, thiserror::Error)]
#[error("{kind} at offset {offset}")]
pub struct DataSetError {
    /// How many bytes into the data set the header lies that could not be accepted.
    pub offset: u64,
    /// What is wrong.
    #[source]
    pub kind: DataSetErrorKind,
}

/// What is wrong with a data set.
#[derive(Debug, thiserror::Error)]
pub enum DataSetErrorKind {
    /// A header is cut off, or is none.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A declared length is more than the data set, or the sequence or item around it, still has.
    #[error("{tag} declares {length} bytes and {available} are left")]
    Overrun {
        /// The element or item.
        tag: Tag,
        /// The length that it declares.
        length: u32,
        /// How many bytes are left.
        available: u64,
    },
    /// A sequence, item or Pixel Data of undefined length has no delimiter.
    #[error("{tag} is never delimited")]
    NotDelimited {
        /// What was opened and not closed.
        tag: Tag,
    },
    /// An item or a delimiter stands where an element is expected.
    #[error("{tag} stands where no item or delimiter belongs")]
    StrayDelimiter {
        /// What was found.
        tag: Tag,
    },
    /// An element stands where an item or the end of a sequence is expected.
    #[error("{tag} stands where an item belongs")]
    NotAnItem {
        /// What was found.
        tag: Tag,
    },
    /// A delimiter has a length.
    #[error("the delimiter {tag} has the length {length}")]
    DelimiterLength {
        /// The delimiter.
        tag: Tag,
        /// Its length, which has to be 0.
        length: u32,
    },
    /// An undefined length where the standard has none.
    #[error("{tag} may not be of undefined length")]
    UndefinedLength {
        /// The element or fragment.
        tag: Tag,
    },
    /// More sequences within each other than [`Limits::depth`](super::element::Limits::depth).
    #[error("sequences are nested deeper than {limit} levels")]
    TooDeep {
        /// The limit.
        limit: u16,
    },
    /// More elements than [`Limits::top_level_elements`](super::element::Limits::top_level_elements).
    #[error("there are more than {limit} elements")]
    TooManyElements {
        /// The limit.
        limit: usize,
    },
    /// A command element (group 0000) or file meta information (group 0002), which no data set has.
    #[error("{tag} does not belong in a data set")]
    ForeignGroup {
        /// The element.
        tag: Tag,
    },
    /// The bytes cannot be read.
    #[error("the data set cannot be read: {0}")]
    Io(#[from] io::Error),
}
