//! OpenJPEG behind a safe face: encodes and decodes one JPEG 2000 codestream (ISO/IEC 15444-1, PS3.5 A.4.4) in memory;
//! high-throughput ones (ISO/IEC 15444-15) it decodes.
//!
//! OpenJPEG works on one array of 32-bit samples a component, and keeps to one thread here: frames run in parallel.
//! Every handle is destroyed by `Drop`, so an error leaks nothing, and what the library says goes into the error.

mod decode;
mod encode;
mod error;
mod handle;
mod image;
mod stream;

pub(super) use decode::decode;
pub(super) use encode::{MOST_PRECISION, MOST_TRANSFORMED_PRECISION, Settings, encode};
pub(super) use error::Error;
pub(super) use image::MOST_SAMPLES;
