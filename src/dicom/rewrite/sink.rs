//! What a pass through an element is for: to measure it, or to write it.

use super::super::content::Content;
use super::super::tag::Tag;
use super::super::vr::Vr;
use std::io;
use std::ops::Range;

/// Why elements cannot be written in another encoding.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The source is not what was walked.
    #[error("the data set has changed at offset {offset}")]
    Changed {
        /// Of the header that is not there.
        offset: u64,
    },
    /// Encapsulated fragments, which exist in little endian only.
    #[error("{tag} is encapsulated in a big endian data set")]
    BigEndianFragments {
        /// The element.
        tag: Tag,
    },
    /// Encapsulated fragments, which exist in explicit encodings only (PS3.5 section A.4).
    #[error("{tag} is encapsulated, which implicit and native data sets cannot be")]
    NativeFragments {
        /// The element.
        tag: Tag,
    },
    /// More sequences and items in one element than can be measured.
    #[error("{tag} holds too many items")]
    TooManyItems {
        /// The element of the outermost level.
        tag: Tag,
    },
    /// The source or the writer failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Takes an element in the order in which it is written.
pub(super) trait Sink {
    /// An element whose value lies at `value`, with numbers of `swapped` bytes to turn round.
    fn element(&mut self, tag: Tag, vr: Vr, value: Range<u64>, swapped: usize) -> Result<(), RewriteError>;
    /// An element or, without a VR, an item is entered.
    fn open(&mut self, tag: Tag, vr: Option<Vr>, undefined: bool) -> Result<(), RewriteError>;
    /// What was entered last is left. `content` is what it consists of.
    fn close(&mut self, content: Content) -> Result<(), RewriteError>;
    /// Bytes that are the same in the output.
    fn verbatim(&mut self, range: Range<u64>) -> Result<(), RewriteError>;
}
