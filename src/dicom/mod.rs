//! The nouns of DICOM: identifiers, transfer syntaxes, data elements and data sets (PS3.3, PS3.5, PS3.6, PS3.10).
//!
//! Nothing here does I/O of its own, starts a thread or knows a configuration: bytes come in through [`Source`],
//! and what goes out goes to a writer that the caller brings. Nothing is copied that need not be: a data set is
//! described by *where* its elements lie, so that whoever writes it again can copy the bytes as they were received.

mod bits;
mod byte_order;
mod content;
mod dataset;
mod dataset_error;
mod deflate;
mod dictionary;
mod element;
mod encapsulated_frames;
mod encapsulated_value;
mod encapsulation;
mod fragments;
mod frame_reader;
mod header_writer;
mod image_pixel;
mod image_pixel_attributes;
mod native_pixels;
mod nested_fragments;
mod nested_values;
mod offset_table;
mod part10;
mod patched;
mod photometric;
mod rewrite;
mod sequence_items;
mod source;
mod splice;
mod storage_class;
mod tag;
#[cfg(test)]
pub(crate) mod testing;
mod transfer_syntax;
mod traversal;
mod uid;
mod vr;
mod walk;
mod wildcard;
mod window;

pub use bits::{BitWriter, clear_padding};
pub use dataset::{DataSet, Element, ValueError};
pub use dataset_error::{DataSetError, DataSetErrorKind};
pub use deflate::{InflateError, inflate};
pub use dictionary::keyword_of;
pub use element::{
    Header, HeaderError, Limits, MAX_HEADER_LENGTH, UNDEFINED_LENGTH, guess_encoding, read_header,
};
pub use encapsulated_frames::EncapsulatedFrames;
pub use encapsulated_value::{ExtendedEncapsulation, encapsulate, encapsulate_extended, encapsulate_value};
pub use encapsulation::{Encapsulated, EncapsulatedWriter, EncapsulationError};
pub use fragments::{FragmentRanges, Fragments, FragmentsError};
pub use frame_reader::{ExtendedOffsets, FrameReader};
pub use header_writer::{Headers, put_element_header, put_sequence_item};
pub use image_pixel::ImagePixel;
pub use image_pixel_attributes::{Attribute, ImagePixelError};
pub use native_pixels::{NativePixels, NativePixelsError};
pub use nested_fragments::nested_fragments;
pub use nested_values::nested_values;
pub use offset_table::OffsetTable;
pub use part10::{FileMeta, Part10Error, PrivateInformation};
pub use patched::Patched;
pub use photometric::Photometric;
pub use rewrite::RewriteError;
pub use sequence_items::item_values;
pub use source::{Section, Source, in_pieces};
pub use splice::{Edit, Places, write_as_explicit, write_elements};
pub use storage_class::{STORAGE_CLASSES, StorageClass, VERIFICATION};
pub use tag::Tag;
pub use transfer_syntax::{Fidelity, PixelCoding, TRANSFER_SYNTAXES, TransferSyntax, VrEncoding, uids};
pub use uid::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, Uid, UidError};
pub use vr::Vr;
pub use walk::{walk, walk_as_found};
pub use wildcard::Wildcard;
