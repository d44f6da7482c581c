//! What an encoder and a decoder of one frame are: the two traits, the frame that they work on, and their errors.

use super::parameters::{Exactness, Parameters};
use crate::dicom::{ImagePixel, Photometric};

/// One frame of native pixel data.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// The stored cells of one frame, little endian, exactly as they were received:
    /// `rows * columns * samples` cells of `bits_allocated / 8` bytes each.
    pub cells: &'a [u8],
    /// How the cells are to be read.
    pub image: &'a ImagePixel,
}

/// Turns one native frame into the codestream of one transfer syntax.
pub trait Encoder: Sync {
    /// A short stable name for logs and for `--encoder`.
    fn name(&self) -> &'static str;

    /// The UID of the transfer syntax whose codestream this encoder writes.
    fn transfer_syntax(&self) -> &'static str;

    /// Replaces the content of `out` by the codestream of `frame` (not padded to even length).
    ///
    /// # Errors
    /// When the frame is not of a kind that this encoder handles, or when the encoder fails. `out` then holds nothing useful.
    fn encode(
        &self,
        frame: &Frame<'_>,
        parameters: &Parameters,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError>;

    /// The Image Pixel attributes that describe the encoded image: a syntax may ask for another Planar Configuration
    /// (0028,0006), a colour transform for another Photometric Interpretation (0028,0004).
    fn image_after(&self, image: &ImagePixel, parameters: &Parameters) -> ImagePixel;

    /// The options of `condenser compress` that it heeds, by which its [`Parameters`] are set.
    fn options(&self) -> &'static [&'static str] {
        &[]
    }

    /// What the decoded cells owe to the ones that were encoded.
    fn exactness(&self, parameters: &Parameters) -> Exactness;

    /// The parameters that it heeds, in words, for those who read what was done to an image (Derivation Description
    /// (0008,2111)); empty when it heeds none. Other words mean other codestreams.
    fn settings(&self, _: &Parameters) -> String {
        String::new()
    }

    /// Whether what it encodes is to become smaller than native cells, and is kept native where it does not.
    fn is_to_shrink(&self) -> bool {
        true
    }

    /// Whether the codestream carries the bits above Bits Stored (0028,0101) too.
    fn keeps_unused_bits(&self) -> bool;
}

/// Turns the codestream of one frame back into native cells.
pub trait Decoder: Sync {
    /// A short stable name for logs.
    fn name(&self) -> &'static str;

    /// The UID of the transfer syntax whose codestream this decoder reads.
    fn transfer_syntax(&self) -> &'static str;

    /// How eagerly frames are verified by this decoder when none is asked for: the most eager one of another make is taken.
    fn eagerness(&self) -> Eagerness {
        Eagerness::ByDecoding
    }

    /// Whether it shares no code with an encoder.
    fn is_of_another_make(&self, encoder: &dyn Encoder) -> bool {
        self.name() != encoder.name()
    }

    /// Whether the codestream was proven to decode to the cells of `original` by a shorter way than to decode it. No says
    /// nothing at all.
    fn proves(&self, _coded: &Coded<'_>, _original: &[u8]) -> bool {
        false
    }

    /// Replaces the content of `cells` by the native cells of one frame, little endian and in the layout of
    /// [`Coded::native`]: its Planar Configuration and Photometric Interpretation, and the sign extended above Bits
    /// Stored when the image is signed.
    ///
    /// # Errors
    /// When the codestream is damaged, or describes another frame than the attributes do.
    fn decode(&self, coded: &Coded<'_>, cells: &mut Vec<u8>) -> Result<(), DecodeError>;
}

/// Whether a decoder verifies frames when none is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Eagerness {
    /// By decoding, as any decoder can.
    ByDecoding,
    /// By a shorter proof ([`Decoder::proves`]).
    ByProof,
}

/// One encoded frame, and how its cells are wanted.
#[derive(Clone, Copy)]
pub struct Coded<'a> {
    /// The codestream; zero bytes may follow it.
    pub codestream: &'a [u8],
    /// The image as the encoded data set describes it.
    pub encoded: &'a ImagePixel,
    /// The image as its cells are wanted: of the same size, and of a layout that the encoded one decodes to.
    pub native: &'a ImagePixel,
}

impl<'a> Coded<'a> {
    /// A codestream of an image whose attributes are the same encoded and native.
    pub fn alike(codestream: &'a [u8], image: &'a ImagePixel) -> Coded<'a> {
        Coded { codestream, encoded: image, native: image }
    }
}

/// Why an encoder gave no codestream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The frame does not have the length that its attributes give it.
    #[error("the frame has {found} bytes, but its attributes ask for {expected}")]
    FrameLength {
        /// Bytes by Rows, Columns, Samples per Pixel and Bits Allocated.
        expected: u64,
        /// Bytes at hand.
        found: u64,
    },
    /// The image is not of a kind that the encoder handles.
    #[error("{encoder} cannot encode {image}")]
    Unsupported {
        /// The encoder's name.
        encoder: &'static str,
        /// The image in a few words.
        image: String,
    },
    /// The codestream would not fit into the 32 bits that its format has for offsets.
    #[error("the codestream does not fit into 32-bit offsets")]
    TooLarge,
    /// A sample lies so near to an end of what Bits Stored can hold that it could be decoded to one beyond: with another sign,
    /// or with bits that are not stored.
    #[error("a sample lies within {near} of an end of its range, and what is decoded might lie beyond")]
    BeyondTheEnds {
        /// The largest error of a sample.
        near: u8,
    },
    /// A foreign library refused.
    #[error("{library} failed while encoding: {message} (code {code})")]
    Library {
        /// The library's name.
        library: &'static str,
        /// The library's own error number.
        code: i32,
        /// The library's own words.
        message: String,
    },
}

/// Why a decoder gave no cells.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The image is not of a kind that the decoder handles.
    #[error("{decoder} cannot decode {image}")]
    Unsupported {
        /// The decoder's name.
        decoder: &'static str,
        /// The image in a few words.
        image: String,
    },
    /// The codestream describes another frame than the attributes do.
    #[error("the codestream says {codestream}, but the attributes say {attributes}")]
    OtherFrame {
        /// What the codestream's own header says.
        codestream: String,
        /// What Image Pixel attributes say.
        attributes: String,
    },
    /// The codestream breaks its own format.
    #[error("the codestream is damaged: {0}")]
    Damaged(String),
    /// A foreign library refused.
    #[error("{library} failed while decoding: {message} (code {code})")]
    Library {
        /// The library's name.
        library: &'static str,
        /// The library's own error number.
        code: i32,
        /// The library's own words.
        message: String,
    },
}

/// The image in a few words, for messages: `512x512 MONOCHROME2, 1 sample, 12 of 16 bits, signed`.
pub(super) fn describe(image: &ImagePixel) -> String {
    format!(
        "{}x{} {}, {} sample{}, {} of {} bits, {}",
        image.columns,
        image.rows,
        Photometric::as_str(&image.photometric),
        image.samples,
        if image.samples == 1 { "" } else { "s" },
        image.bits_stored,
        image.bits_allocated,
        if image.signed { "signed" } else { "unsigned" },
    )
}
