//! What a JPEG 2000 codestream says of itself (ISO/IEC 15444-1 Annex A, its JP2 wrapping Annex I), read before any library
//! sees it: the frame it describes, and whether the structures that it asks for can be there at all.

mod coding_style;
mod error;
mod frame_header;
mod grid;
mod headers;
mod jp2;
mod segments;
mod size;

pub(super) use frame_header::FrameHeader;
pub(super) use headers::{Headers, read};
