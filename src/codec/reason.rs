//! Why an instance is kept as it was received instead of being compressed: each with a stable name and a sentence.

use super::encoder::EncodeError;
use super::not_decoded::NotDecoded;
use super::verify::VerifyError;

/// Why an instance is kept as it was received.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// No target was asked for.
    #[error("no compression is asked for")]
    NoTarget,
    /// No encoder makes the target syntax.
    #[error("no encoder here makes {0}")]
    NoEncoder(String),
    /// There is no decoder under the name that is asked for.
    #[error("there is no decoder {name} to verify {target} with")]
    NoVerifier {
        /// The name.
        name: String,
        /// The transfer syntax's keyword.
        target: String,
    },
    /// Decompressing was asked for, into a syntax that is not native.
    #[error("{0} is not a native transfer syntax")]
    NotNative(&'static str),
    /// No decoder reads the syntax in which the pixels came.
    #[error("no decoder here reads {0}")]
    NoDecoder(String),
    /// A deflated data set that inflates to more than the limits allow, so that nothing can be known of it.
    #[error("it inflates to more than the limits allow")]
    InflatesBeyondLimit,
    /// The pixels came compressed.
    #[error("its pixel data came compressed already")]
    AlreadyCompressed,
    /// The pixels came compressed with loss, and only lossless ones are to be encoded anew.
    #[error("its pixel data came compressed in a lossy transfer syntax")]
    LossyCompressed,
    /// The fragments of the pixel data cannot be told apart, or contradict their tables.
    #[error("its fragments are unusable: {0}")]
    FragmentsUnusable(String),
    /// A frame that came compressed could not be decoded.
    #[error("frame {frame} could not be decoded: {error}")]
    DecodeFailed {
        /// The frame, counted from 1.
        frame: u32,
        /// What the decoder says.
        error: VerifyError,
    },
    /// Native pixel data has a length of 32 bits.
    #[error("its {bytes} bytes of cells are more than native pixel data can have")]
    TooLongForNative {
        /// Bytes of all frames.
        bytes: u64,
    },
    /// There is no pixel data at the top level.
    #[error("it has no Pixel Data (7FE0,0010)")]
    NoPixelData,
    /// The pixels are floating point numbers, which no encapsulated syntax takes (PS3.5 A.4).
    #[error("it has {0}, and PS3.5 A.4 lets only Pixel Data (7FE0,0010) be encapsulated")]
    FloatPixelData(&'static str),
    /// The data set is signed, and a signature covers the bytes of the pixels as they were.
    #[error("it has a digital signature {0}, which the new encoding would break")]
    DigitalSignature(&'static str),
    /// The encoding may change samples, and that is not allowed.
    #[error("{0} would change samples, and lossy compression is not allowed")]
    LossyRefused(&'static str),
    /// Mammography, of which no sample may change.
    #[error("it is mammography, which is not compressed with loss unless that is allowed for mammography")]
    LossyMammography,
    /// The samples are labels or measured quantities.
    #[error("it is a {0}, whose samples are labels or quantities and no picture: none may change")]
    NoPicture(String),
    /// Some attributes are encrypted, and they describe the instance as it was.
    #[error(
        "it has Encrypted Attributes (0400,0500), which would describe another instance than the derived one"
    )]
    EncryptedAttributes,
    /// What is derived with loss has to say of which instance.
    #[error("it has no valid SOP Class UID and SOP Instance UID, which a derived instance has to refer to")]
    Unidentified,
    /// Cells of one bit.
    #[error("its cells have one bit, and {target} takes {takes}")]
    OneBit {
        /// The keyword of the target syntax.
        target: &'static str,
        /// What the target syntax takes.
        takes: String,
    },
    /// PS3.5 8.2 does not let the target syntax carry such an image.
    #[error("it is {image}, and {target} takes {takes}")]
    NotInProfile {
        /// The keyword of the target syntax.
        target: &'static str,
        /// What the image is.
        image: String,
        /// What the target syntax takes, of the row that comes nearest.
        takes: String,
    },
    /// High Bit is not Bits Stored - 1.
    #[error("its High Bit is {high_bit}, and {bits_stored} bits stored from bit 0 on end at {}", bits_stored.saturating_sub(1))]
    HighBit {
        /// High Bit (0028,0102).
        high_bit: u16,
        /// Bits Stored (0028,0101).
        bits_stored: u16,
    },
    /// Bits Stored is more than Bits Allocated.
    #[error("its Bits Stored is {bits_stored}, and its Bits Allocated only {bits_allocated}")]
    BitsStored {
        /// Bits Stored (0028,0101).
        bits_stored: u16,
        /// Bits Allocated (0028,0100).
        bits_allocated: u16,
    },
    /// The bits above Bits Stored carry something that the target syntax would drop.
    #[error("frame {frame} has bits above Bits Stored that carry something, and {target} would drop them")]
    UnusedBits {
        /// The frame, counted from 1.
        frame: u32,
        /// The keyword of the target syntax.
        target: &'static str,
    },
    /// There is less pixel data than the attributes ask for.
    #[error("its pixel data has {found} bytes, and its attributes ask for {expected}")]
    PixelDataShort {
        /// Bytes by the attributes.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// There is more pixel data than the attributes ask for.
    #[error("its pixel data has {found} bytes, and its attributes ask for only {expected}")]
    PixelDataLong {
        /// Bytes by the attributes.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The attributes of the Image Pixel Module do not describe an image.
    #[error("its image pixel attributes are unusable: {0}")]
    ImagePixelUnusable(String),
    /// The elements around the pixel data cannot be written in the encoding of the target.
    #[error("its elements cannot be written in the other encoding: {0}")]
    HeaderNotRewritable(String),
    /// The encoded pixel data is not smaller.
    #[error("compressed it would not be smaller than its {native_bytes} bytes")]
    Grew {
        /// Bytes of the native pixel data.
        native_bytes: u64,
    },
    /// The data set was deflated, and did not inflate to what it was.
    #[error("deflated it was not proven: it does not inflate to what it was")]
    NotInflated,
    /// The encoder failed.
    #[error("frame {frame} could not be encoded: {error}")]
    EncodeFailed {
        /// The frame, counted from 1.
        frame: u32,
        /// What the encoder says.
        error: EncodeError,
    },
    /// A frame did not come back as it was.
    #[error("frame {frame} was not proven: {error}")]
    Mismatch {
        /// The frame, counted from 1.
        frame: u32,
        /// What differs.
        error: VerifyError,
    },
    /// None of several targets takes it.
    #[error("no target takes it: {}", sentences(.0))]
    NoneFits(Vec<Refusal>),
    /// The encoder or the decoder panicked.
    #[error("the codec panicked at frame {frame}: {message}")]
    EncoderPanicked {
        /// The frame, counted from 1.
        frame: u32,
        /// What the panic said.
        message: String,
    },
}

/// Why one of several targets could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The keyword of the target.
    pub target: &'static str,
    /// Why not.
    pub reason: Reason,
}

fn sentences(refused: &[Refusal]) -> String {
    let each: Vec<String> =
        refused.iter().map(|refusal| format!("{}: {}", refusal.target, refusal.reason)).collect();
    each.join("; ")
}

impl Reason {
    /// The reason of one refusal, or of all of them.
    pub(super) fn all_of(mut refused: Vec<Refusal>) -> Reason {
        match (refused.pop(), refused.is_empty()) {
            (None, _) => Reason::NoTarget,
            (Some(only), true) => only.reason,
            (Some(last), false) => {
                refused.push(last);
                Reason::NoneFits(refused)
            }
        }
    }

    /// Whether another target may take the instance. What is wrong with the instance itself is wrong for all.
    pub(super) fn is_about_the_target(&self) -> bool {
        matches!(
            self,
            Reason::NoEncoder(_)
                | Reason::LossyRefused(_)
                | Reason::LossyMammography
                | Reason::NoPicture(_)
                | Reason::EncryptedAttributes
                | Reason::OneBit { .. }
                | Reason::NotInProfile { .. }
                | Reason::HighBit { .. }
                | Reason::UnusedBits { .. }
                | Reason::Grew { .. }
                | Reason::EncodeFailed { .. }
                | Reason::NotInflated
                | Reason::Mismatch { .. }
                | Reason::EncoderPanicked { .. }
        )
    }

    /// Whether there was nothing to condense in the first place: no target, no image, or one that is compressed already.
    pub fn is_nothing_to_condense(&self) -> bool {
        matches!(
            self,
            Reason::NoTarget | Reason::NoPixelData | Reason::AlreadyCompressed | Reason::LossyCompressed
        )
    }

    /// What became of the decoder elsewhere, where that has failed and not only refused a codestream: somebody should look.
    pub fn lost_decoder(&self) -> Option<&NotDecoded> {
        match self {
            Reason::DecodeFailed { error: VerifyError::Elsewhere { error, .. }, .. }
                if !matches!(error, NotDecoded::Refused(_)) =>
            {
                Some(error)
            }
            _ => None,
        }
    }

    /// A stable name in snake case, for metrics, logs and receipts.
    pub fn name(&self) -> &'static str {
        match self {
            Reason::NoTarget => "no_target",
            Reason::NoEncoder(_) => "no_encoder",
            Reason::NoVerifier { .. } => "no_verifier",
            Reason::NotNative(_) => "not_native",
            Reason::NoDecoder(_) => "no_decoder",
            Reason::InflatesBeyondLimit => "inflates_beyond_limit",
            Reason::AlreadyCompressed => "already_compressed",
            Reason::LossyCompressed => "lossy_compressed",
            Reason::FragmentsUnusable(_) => "fragments_unusable",
            Reason::DecodeFailed { error: VerifyError::Elsewhere { error, .. }, .. } => error.name(),
            Reason::DecodeFailed { .. } => "decode_failed",
            Reason::TooLongForNative { .. } => "too_long_for_native",
            Reason::NoPixelData => "no_pixel_data",
            Reason::FloatPixelData(_) => "float_pixel_data",
            Reason::DigitalSignature(_) => "digital_signature",
            Reason::LossyRefused(_) => "lossy_refused",
            Reason::LossyMammography => "lossy_mammography",
            Reason::NoPicture(_) => "no_picture",
            Reason::EncryptedAttributes => "encrypted_attributes",
            Reason::Unidentified => "unidentified",
            Reason::OneBit { .. } => "one_bit",
            Reason::NotInProfile { .. } => "not_in_profile",
            Reason::HighBit { .. } => "high_bit",
            Reason::BitsStored { .. } => "bits_stored",
            Reason::UnusedBits { .. } => "unused_bits",
            Reason::PixelDataShort { .. } => "pixel_data_short",
            Reason::PixelDataLong { .. } => "pixel_data_long",
            Reason::ImagePixelUnusable(_) => "image_pixel_unusable",
            Reason::HeaderNotRewritable(_) => "header_not_rewritable",
            Reason::Grew { .. } => "grew",
            Reason::NotInflated => "not_inflated",
            Reason::EncodeFailed { .. } => "encode_failed",
            Reason::Mismatch { .. } => "verify_mismatch",
            Reason::NoneFits(_) => "none_fits",
            Reason::EncoderPanicked { .. } => "encoder_panicked",
        }
    }
}
