//! CharLS behind a safe face: encodes and decodes one JPEG-LS frame (ISO/IEC 14495-1, PS3.5 A.4.3) by its C API.
//!
//! CharLS catches its own C++ exceptions at the C API and returns error codes; every handle is destroyed by `Drop`, so an
//! error leaks nothing.

mod alignment;
mod decode;
mod encode;
mod error;
mod frame_header;

pub(super) use decode::Opened;
pub(super) use encode::encode;
pub(super) use error::Error;
pub(super) use frame_header::FrameHeader;
