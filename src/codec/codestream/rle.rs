//! RLE: the header tells how many segments there are, and no more (PS3.5 G.5).

use super::super::rle_header::RleHeader;
use super::header::{CodestreamHeader, Coding};

/// Reads the header of a frame; its segments must lie within the frame.
pub(super) fn read(codestream: &[u8]) -> Result<CodestreamHeader, String> {
    let header = RleHeader::read(codestream)?;
    header.spans(codestream)?;
    let segments = u8::try_from(header.segments).unwrap_or(u8::MAX);
    Ok(CodestreamHeader { frame: None, coding: Coding::Rle { segments } })
}
