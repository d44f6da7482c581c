//! What is asked of a compression, and what is told of it: options, report, error.

use super::deviation::Deviation;
use super::frame_decoder::DecodeElsewhere;
use super::lossy::Lossy;
use super::parameters::{Exactness, Parameters};
use super::pool::PoolError;
use super::reason::Reason;
use crate::dicom::{
    DataSetError, DataSetErrorKind, EncapsulationError, OffsetTable, RewriteError, TransferSyntax, Uid,
};
use serde::Deserialize;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

/// How to compress.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether every frame is decoded again and compared before the file counts.
    pub verify: bool,
    /// The name of the decoder that verifies; `None` takes the one that proves the encoder's work the fastest.
    pub verify_with: Option<String>,
    /// Which offset table to write; `None` takes the Basic Offset Table where 32 bits surely suffice, else the Extended.
    pub offset_table: Option<OffsetTable>,
    /// The name of the encoder; `None` takes the first for the target.
    pub encoder: Option<String>,
    /// What the encoder is to aim at, where its syntax leaves a choice.
    pub parameters: Parameters,
    /// Whether the encoded pixel data may be larger than the native one. By default such an instance is kept as it came.
    pub may_grow: bool,
    /// Whether samples may change. What they become is then an instance of its own, with its own UID.
    pub lossy: Lossy,
    /// Whether pixel data that came compressed is decoded and encoded anew.
    pub recompress: Recompress,
    /// Where pixel data that came compressed is decoded; `None` decodes it here. Somebody else's codestreams are hostile until
    /// they are decoded: whoever takes them from a network wants another process.
    pub decoding: Option<Arc<dyn DecodeElsewhere>>,
    /// Whether the YCbCr of lossy JPEG is decoded to YBR_FULL instead of RGB.
    pub keep_ybr: bool,
}

/// Which pixel data that came compressed is decoded and encoded anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum Recompress {
    /// None: it stays as it came.
    #[default]
    Never,
    /// That of a transfer syntax which loses nothing.
    LosslessOnly,
    /// All that a decoder here reads.
    Always,
}

impl Recompress {
    /// All choices.
    pub const ALL: &[Recompress] = &[Recompress::Never, Recompress::LosslessOnly, Recompress::Always];

    /// The word for it in configuration files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Recompress::Never => "never",
            Recompress::LosslessOnly => "lossless-only",
            Recompress::Always => "always",
        }
    }
}

impl TryFrom<String> for Recompress {
    type Error = String;

    fn try_from(name: String) -> Result<Recompress, String> {
        name.parse()
    }
}

impl FromStr for Recompress {
    type Err = String;

    fn from_str(name: &str) -> Result<Recompress, String> {
        let choice = Recompress::ALL.iter().copied().find(|which| which.name() == name);
        choice.ok_or_else(|| {
            let names: Vec<&str> = Recompress::ALL.iter().map(|which| which.name()).collect();
            format!("`{name}` is none of {}", names.join(", "))
        })
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            verify: true,
            verify_with: None,
            offset_table: None,
            encoder: None,
            parameters: Parameters::default(),
            may_grow: false,
            lossy: Lossy::default(),
            recompress: Recompress::default(),
            decoding: None,
            keep_ybr: false,
        }
    }
}

/// What has been written.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The transfer syntax of the file.
    pub target: &'static TransferSyntax,
    /// The name of the decoder that gave the native cells; `None` when they came native.
    pub decoder: Option<&'static str>,
    /// The encoder's name; `None` in a native transfer syntax that is not deflated.
    pub encoder: Option<&'static str>,
    /// The name of the decoder that proved every frame; `None` when verification was switched off.
    pub verified_by: Option<&'static str>,
    /// What the decoded cells owe to the native ones.
    pub exactness: Exactness,
    /// How far the decoded cells were found to lie from the native ones; `None` when verification was switched off.
    pub deviation: Option<Deviation>,
    /// The instance that was written, where it is not the one that was given: samples may have changed.
    pub derived: Option<Derived>,
    /// The number of frames that were encoded or decoded; 0 when only headers were written anew.
    pub frames: u32,
    /// Bytes of the native pixel data, without its pad byte; of a deflated data set, all of it.
    pub native_bytes: u64,
    /// Bytes of all codestreams, with their pad bytes; of native pixel data, all of it.
    pub encoded_bytes: u64,
    /// Bytes of the whole file.
    pub file_bytes: u64,
}

/// An instance that was derived with loss from the one that was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// Its SOP Instance UID.
    pub sop_instance: Uid,
    /// Native to encoded bytes, as its Lossy Image Compression Ratio (0028,2112) says.
    pub ratio: f64,
    /// Peak signal-to-noise ratio in dB, infinite when no sample changed; `None` when verification was switched off.
    pub psnr: Option<f64>,
}

impl From<RewriteError> for CompressError {
    fn from(error: RewriteError) -> CompressError {
        match error {
            RewriteError::Io(error) => CompressError::Io(error),
            other => CompressError::Kept(Reason::HeaderNotRewritable(other.to_string())),
        }
    }
}

impl From<DataSetError> for CompressError {
    fn from(error: DataSetError) -> CompressError {
        match error.kind {
            DataSetErrorKind::Io(error) => CompressError::Io(error),
            _ => CompressError::Kept(Reason::HeaderNotRewritable(error.to_string())),
        }
    }
}

impl From<EncapsulationError> for CompressError {
    fn from(error: EncapsulationError) -> CompressError {
        match error {
            EncapsulationError::Io(error) => CompressError::Io(error),
            other => CompressError::Kept(Reason::ImagePixelUnusable(other.to_string())),
        }
    }
}

impl From<PoolError<CompressError>> for CompressError {
    fn from(error: PoolError<CompressError>) -> CompressError {
        match error {
            PoolError::Job(error) => error,
            PoolError::Panicked { index, message } => {
                CompressError::Kept(Reason::EncoderPanicked { frame: index.saturating_add(1), message })
            }
            PoolError::Io(error) => CompressError::Io(error),
        }
    }
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
