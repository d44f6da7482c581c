//! The encoder core: encodes the native frames of an instance, losslessly unless it is told otherwise, proves every one, and
//! writes the whole file.
//!
//! No sockets, no clock, no configuration file: usable alone. A new encoder is one file under `encoders` and its row in
//! [`ENCODERS`]; a decoder likewise.
//!
//! The [manual](crate::manual) goes through it task by task.
//!
//! # Compressing an instance
//!
//! Whoever has a data set walks it, says what the file's meta group shall hold, and gives a place to write to:
//!
//! ```
//! use condenser::codec::{Options, compress};
//! use condenser::dicom::{FileMeta, Limits, TransferSyntax, VrEncoding, walk};
//! use std::io::Cursor;
//!
//! # fn element(group: u16, number: u16, vr: &str, value: &[u8]) -> Vec<u8> {
//! #     let long = vr == "OW";
//! #     let mut bytes = [group.to_le_bytes(), number.to_le_bytes()].concat();
//! #     bytes.extend_from_slice(vr.as_bytes());
//! #     if long { bytes.extend_from_slice(&[0, 0]) }
//! #     if long { bytes.extend_from_slice(&(value.len() as u32).to_le_bytes()) }
//! #     else { bytes.extend_from_slice(&(value.len() as u16).to_le_bytes()) }
//! #     [bytes, value.to_vec()].concat()
//! # }
//! # let number = |group, number, value: u16| element(group, number, "US", &value.to_le_bytes());
//! # let mut data_set = Vec::new();
//! # data_set.extend(number(0x28, 0x02, 1));
//! # data_set.extend(element(0x28, 0x04, "CS", b"MONOCHROME2 "));
//! # for (at, value) in [(0x10, 64), (0x11, 64), (0x100, 16), (0x101, 12), (0x102, 11), (0x103, 0)] {
//! #     data_set.extend(number(0x28, at, value));
//! # }
//! # let cells: Vec<u8> = (0..4096u16).flat_map(|at| (at / 64 + at % 64).to_le_bytes()).collect();
//! # data_set.extend(element(0x7FE0, 0x10, "OW", &cells));
//! // `data_set` is an image of 64 x 64 cells in Explicit VR Little Endian.
//! let elements = walk(&data_set, VrEncoding::ExplicitLittle, &Limits::default())?;
//! let target = TransferSyntax::of_name("JPEGLSLossless").ok_or("no such transfer syntax")?;
//! let mut file = Cursor::new(Vec::new());
//! let report = compress(&data_set, &elements, target, &FileMeta::default(), &Options::default(), &mut file)?;
//!
//! assert_eq!((report.frames, report.native_bytes), (1, 8192));
//! assert!(report.encoded_bytes < 8192 && report.verified_by.is_some());
//! let (meta, _) = FileMeta::parse(file.get_ref())?;
//! assert_eq!(meta.transfer_syntax, target.uid);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `Ok` means that every frame was decoded again and found equal. [`CompressError::Kept`] means that the image stays as
//! it is, and its [`Reason`] says why.

mod array;
mod array_error;
mod array_source;
mod attributes;
mod cells;
mod charls;
mod choice;
mod code_sequence;
mod codestream;
mod compress;
mod decoded_pixels;
mod decoders;
mod deflated_data_set;
mod derivation;
mod derived_type;
mod derived_uid;
mod deviation;
mod encoder;
mod encoders;
mod frame_decoder;
mod frame_job;
mod frame_source;
mod instance;
mod jpeg_2000_header;
mod jpeg_stream;
mod jpeg_transform;
mod jpeg_xl_stream;
mod kernel;
mod lossy;
mod lossy_steps;
mod native_file;
mod native_form;
mod native_image;
mod native_pixel_data;
mod native_target;
mod not_decoded;
mod openjpeg;
mod pair;
mod parameters;
mod permission;
mod pixels;
mod pool;
mod profile;
mod reason;
mod report;
mod rle_header;
mod sample;
mod samples;
mod samples_in_memory;
mod scratch;
mod size_limit;
mod suitability;
mod targets;
#[cfg(test)]
mod testing;
mod verify;
mod wrap;

pub use array::{Array, ArrayInstance};
pub use array_error::{ArrayError, Place};
pub use array_source::ArraySource;
pub use choice::{Choice, Chosen, Sampled, compress_as};
pub use codestream::{
    CodedFrame, CodestreamError, CodestreamHeader, Coding, Disagreement, Family, Gravity, Jpeg, Jpeg2000,
    JpegColour, JpegLs, JpegXl, Point, disagreements,
};
pub use compress::{compress, compress_with, decompress};
pub use decoders::DECODERS;
pub use deviation::Deviation;
pub use encoder::{Coded, DecodeError, Decoder, Eagerness, EncodeError, Encoder, Frame};
pub use encoders::ENCODERS;
pub use frame_decoder::{DecodeElsewhere, FrameCoding, FrameDecoder};
pub use instance::Instance;
pub use lossy::Lossy;
pub use native_image::native_image_of;
pub use not_decoded::NotDecoded;
pub use pair::Pair;
pub use parameters::{Exactness, Layers, Parameters};
pub use permission::changes_samples;
pub use profile::{allows, profile_row};
pub use reason::{Reason, Refusal};
pub use report::{CompressError, Derived, Options, Recompress, Report};
pub use samples_in_memory::Samples;
pub use suitability::suitable;
pub use targets::{decoders_of, encoders_of, native_targets, targets};
pub use verify::{VerifyError, verify};
pub use wrap::{WrapError, WrapOptions, WrapReport, wrap};
