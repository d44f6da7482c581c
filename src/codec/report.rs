//! What is asked of a compression, and what is told of it: options, report, error.

use super::deviation::Deviation;
use super::parameters::{Exactness, Parameters};
use super::reason::Reason;
use crate::dicom::{OffsetTable, TransferSyntax};
use std::io;

/// How to compress.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether every frame is decoded again and compared before the file counts.
    pub verify: bool,
    /// Which offset table to write; `None` takes the Basic Offset Table where 32 bits surely suffice, else the Extended.
    pub offset_table: Option<OffsetTable>,
    /// The name of the encoder; `None` takes the first for the target.
    pub encoder: Option<String>,
    /// What the encoder is to aim at, where its syntax leaves a choice.
    pub parameters: Parameters,
}

impl Default for Options {
    fn default() -> Options {
        Options { verify: true, offset_table: None, encoder: None, parameters: Parameters::default() }
    }
}

/// What has been written.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The transfer syntax of the file.
    pub target: &'static TransferSyntax,
    /// The encoder's name.
    pub encoder: &'static str,
    /// The name of the decoder that proved every frame; `None` when verification was switched off.
    pub verified_by: Option<&'static str>,
    /// What the decoded cells owe to the native ones.
    pub exactness: Exactness,
    /// How far the decoded cells were found to lie from the native ones; `None` when verification was switched off.
    pub deviation: Option<Deviation>,
    /// The number of frames.
    pub frames: u32,
    /// Bytes of the native pixel data, without its pad byte.
    pub native_bytes: u64,
    /// Bytes of all codestreams, with their pad bytes.
    pub encoded_bytes: u64,
    /// Bytes of the whole file.
    pub file_bytes: u64,
}

/// Why there is no compressed file. What has been written to the output so far is of no use.
#[derive(Debug, thiserror::Error)]
pub enum CompressError {
    /// The instance is to be kept as it was received.
    #[error("kept as received: {0}")]
    Kept(Reason),
    /// The source could not be read or the output not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}
