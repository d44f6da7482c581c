//! How frames that someone else compressed are to be wrapped, and what came of it.

use super::super::codestream::Disagreement;
use super::super::deviation::Deviation;
use crate::dicom::{ImagePixel, OffsetTable};

/// How strictly frames that someone else compressed are taken, and how they are written.
#[derive(Debug, Clone)]
pub struct WrapOptions {
    /// Which offset table to write; `None` takes the Basic Offset Table where 32 bits suffice, else the Extended.
    pub offset_table: Option<OffsetTable>,
    /// Whether disagreements that are only [`Gravity::Suspicious`](super::super::Gravity::Suspicious) are let through. They are in the report then.
    pub accept_suspicious: bool,
    /// Whether every frame is decoded, where a decoder here reads the transfer syntax; and compared with the native Pixel
    /// Data of the data set, where it has one.
    pub decode: bool,
}

impl Default for WrapOptions {
    /// Nothing that is odd is let through, and every frame is decoded.
    fn default() -> WrapOptions {
        WrapOptions { offset_table: None, accept_suspicious: false, decode: true }
    }
}

/// What has been wrapped.
#[derive(Debug, Clone, PartialEq)]
pub struct WrapReport {
    /// The image as the data set of the file describes it.
    pub image: ImagePixel,
    /// The decoder that decoded every frame; `None` when none was asked to, or none reads the transfer syntax.
    pub decoded_by: Option<&'static str>,
    /// How far the decoded samples lie from those of the native Pixel Data whose place they take; `None` when there was
    /// nothing to compare with, or nothing was decoded. All are equal where the transfer syntax is a lossless one.
    pub deviation: Option<Deviation>,
    /// What was let through, of each frame (from 1).
    pub suspicious: Vec<(u32, Disagreement)>,
    /// Bytes of all codestreams, with their pad bytes.
    pub encoded_bytes: u64,
    /// Bytes of the whole file.
    pub file_bytes: u64,
}
