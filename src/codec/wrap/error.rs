//! Why frames that someone else compressed could not be wrapped.

use super::super::codestream::{CodestreamError, Disagreement};
use super::super::encoder::DecodeError;
use super::super::pool::PoolError;
use super::super::verify::VerifyError;
use crate::dicom::{EncapsulationError, ImagePixelError, RewriteError};
use std::io;

/// Why frames could not be wrapped. What has been written to the output so far is of no use.
#[derive(Debug, thiserror::Error)]
pub enum WrapError {
    /// The transfer syntax is not one of encapsulated frames.
    #[error("{0} has no encapsulated frames")]
    NotEncapsulated(&'static str),
    /// There are more or fewer codestreams than frames.
    #[error("Number of Frames (0028,0008) is {frames}, and there {}", counted(*.codestreams))]
    FrameCount {
        /// Number of Frames of the data set.
        frames: u32,
        /// Codestreams that were given.
        codestreams: usize,
    },
    /// The attributes of the Image Pixel Module do not describe an image.
    #[error("its image pixel attributes are unusable: {0}")]
    Image(#[from] ImagePixelError),
    /// The data set has something that does not go with encapsulated Pixel Data, or that would become wrong.
    #[error("the data set has {0}")]
    Untouchable(String),
    /// The codestream has no header that can be read.
    #[error("frame {frame}: {error}")]
    Header {
        /// The frame, counted from 1.
        frame: u32,
        /// What is wrong with it.
        error: CodestreamError,
    },
    /// The codestream's header contradicts the data set or the transfer syntax.
    #[error("frame {frame}: {}", sentences(.found))]
    Disagrees {
        /// The frame, counted from 1.
        frame: u32,
        /// Every point in which it does; none that was let through.
        found: Vec<Disagreement>,
    },
    /// The codestream cannot be decoded.
    #[error("frame {frame}: {decoder} cannot decode it: {error}")]
    Undecodable {
        /// The frame, counted from 1.
        frame: u32,
        /// The decoder's name.
        decoder: &'static str,
        /// What the decoder says.
        error: DecodeError,
    },
    /// The codestream decodes to something else than the native Pixel Data that it is to take the place of.
    #[error("frame {frame}: {error}")]
    Differs {
        /// The frame, counted from 1.
        frame: u32,
        /// What differs.
        error: VerifyError,
    },
    /// The frames cannot be encapsulated.
    #[error(transparent)]
    Encapsulation(#[from] EncapsulationError),
    /// The elements around the pixel data cannot be written in Explicit VR Little Endian.
    #[error(transparent)]
    Rewrite(#[from] RewriteError),
    /// A decoder panicked.
    #[error("the decoder panicked at frame {frame}: {message}")]
    Panicked {
        /// The frame, counted from 1.
        frame: u32,
        /// What the panic said.
        message: String,
    },
    /// The source could not be read or the output not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<PoolError<WrapError>> for WrapError {
    fn from(error: PoolError<WrapError>) -> WrapError {
        match error {
            PoolError::Job(error) => error,
            PoolError::Panicked { index, message } => {
                WrapError::Panicked { frame: index.saturating_add(1), message }
            }
            PoolError::Io(error) => WrapError::Io(error),
        }
    }
}

fn counted(codestreams: usize) -> String {
    if codestreams == 1 { "is 1 codestream".to_owned() } else { format!("are {codestreams} codestreams") }
}

fn sentences(found: &[Disagreement]) -> String {
    found.iter().map(Disagreement::to_string).collect::<Vec<_>>().join("; ")
}
