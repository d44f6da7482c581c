//! Reads the header of a codestream, by its first bytes, whatever transfer syntax it is said to be of.

use super::family::Family;
use super::header::CodestreamHeader;
use super::{jpeg, jpeg_2000, jpeg_xl, rle};

/// Why the header of a codestream cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodestreamError {
    /// It begins like a codestream of the family, and goes on otherwise.
    #[error("its {family} header cannot be read: {message}")]
    Header {
        /// The family, by its signature.
        family: Family,
        /// What is wrong with it.
        message: String,
    },
    /// It has no signature, as RLE, and is no RLE either.
    #[error("it begins like no codestream, and as RLE: {0}")]
    Unknown(String),
}

impl CodestreamHeader {
    /// Reads the header of one frame's codestream, which zero bytes may follow. Nothing is decoded.
    ///
    /// ```
    /// use condenser::codec::{CodestreamHeader, Coding};
    ///
    /// let mut codestream = vec![0; 66];
    /// (codestream[0], codestream[4]) = (1, 64);
    /// let header = CodestreamHeader::read(&codestream)?;
    /// assert_eq!(header.coding, Coding::Rle { segments: 1 });
    /// assert_eq!(header.to_string(), "RLE, 1 segment");
    /// # Ok::<(), condenser::codec::CodestreamError>(())
    /// ```
    ///
    /// # Errors
    /// When no header of a known family is there, or when it is cut or breaks its format.
    pub fn read(codestream: &[u8]) -> Result<CodestreamHeader, CodestreamError> {
        match FAMILIES.iter().find(|(signature, ..)| codestream.starts_with(signature)) {
            Some((_, family, reader)) => {
                reader(codestream).map_err(|message| CodestreamError::Header { family: *family, message })
            }
            None => rle::read(codestream).map_err(CodestreamError::Unknown),
        }
    }
}

type Reader = fn(&[u8]) -> Result<CodestreamHeader, String>;

/// How the codestreams of each family begin; JPEG-LS like JPEG, high-throughput like plain JPEG 2000.
const FAMILIES: &[(&[u8], Family, Reader)] = &[
    (b"\xFF\xD8", Family::Jpeg, jpeg::read),
    (b"\xFF\x4F", Family::Jpeg2000, jpeg_2000::read),
    (b"\0\0\0\x0CjP  ", Family::Jpeg2000, jpeg_2000::read),
    (b"\xFF\x0A", Family::JpegXl, jpeg_xl::read),
    (b"\0\0\0\x0CJXL ", Family::JpegXl, jpeg_xl::read),
];
