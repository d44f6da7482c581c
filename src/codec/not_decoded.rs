//! Why a frame that was to be decoded elsewhere was not.

/// Why there are no cells from elsewhere. Each has a sentence of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDecoded {
    /// The decoder refuses the codestream.
    #[error("{0}")]
    Refused(String),
    /// It was not ready in time.
    #[error("{0}")]
    Late(String),
    /// It came to an end, or gave an answer that is none.
    #[error("{0}")]
    Died(String),
    /// There is nothing that decodes.
    #[error("{0}")]
    Missing(String),
}

impl NotDecoded {
    /// A stable name in snake case, for metrics, logs and receipts.
    pub fn name(&self) -> &'static str {
        match self {
            NotDecoded::Refused(_) => "decode_failed",
            NotDecoded::Late(_) => "decoder_late",
            NotDecoded::Died(_) => "decoder_died",
            NotDecoded::Missing(_) => "decoder_missing",
        }
    }
}
