//! Why a codestream is not fit to be decoded.

/// Why a codestream is not fit to be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    /// There is none.
    #[error("there is no JPEG 2000 codestream")]
    NoCodestream,
    /// It ends within its headers.
    #[error("it ends within {0}")]
    Cut(&'static str),
    /// A number in a header that the format does not have.
    #[error("its {what} is {value}")]
    Impossible {
        /// The number's meaning.
        what: &'static str,
        /// The number.
        value: u64,
    },
    /// Something that the format has and DICOM or this decoder has not.
    #[error("it has {0}")]
    Unsupported(&'static str),
    /// It asks for more structures than its bytes could fill.
    #[error("it promises {found} {what}, and its {bytes} bytes hold {most} at most")]
    Promise {
        /// The structures.
        what: &'static str,
        /// How many it asks for.
        found: u64,
        /// How many there can be.
        most: u64,
        /// Its length.
        bytes: usize,
    },
}
