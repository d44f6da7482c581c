//! JPEG Baseline and Extended (ISO/IEC 10918-1 Annex F, Processes 1, 2 and 4; PS3.5 8.2.1): sequential frames of 8 or 12 bits.
//!
//! # The algorithm
//!
//! A frame has one to four components of which some may have fewer samples. Each is cut into blocks of 8 x 8, whose
//! cosine transform was divided by the steps of a quantisation table and coded by Huffman tables. Here the way back: codes
//! (`block`), transform (`inverse_dct`), as many samples as there are pixels (`upsampling`), colours (`colour`).
//!
//! What the standard leaves open is done as the Independent JPEG Group's library does it, so that the samples are those
//! of DCMTK and GDCM, bit for bit.
//!
//! # Which colours
//!
//! Photometric Interpretation says what the components are, unless the codestream knows better: by Adobe's segment, a JFIF
//! segment, shared samples, or components named R, G and B. Files whose attributes contradict their codestream are common, and in
//! all that were met the codestream was right.
//!
//! # What hostile codestreams can do
//!
//! Memory is taken for a component only when the codestream is long enough for its blocks, time is bounded by the blocks
//! of a frame, arithmetic wraps. A scan whose bits end early is an error, and no grey rest of an image.

use super::super::super::codestream::{CodestreamHeader, Coding, JpegColour};
use super::super::super::encoder::{Coded, DecodeError, Decoder, describe};
use super::super::super::jpeg_stream::{FrameHeader, marker};
use super::super::jpeg::{Layout, read};
use super::colour::ybr_to_rgb;
use super::plane::Plane;
use super::{scan, upsampling};
use crate::dicom::{ImagePixel, Photometric, uids};

/// The project's own decoder of sequential JPEG.
pub(crate) struct JpegDct {
    transfer_syntax: &'static str,
    /// Bits of a sample.
    precisions: &'static [u8],
}

const NAME: &str = "condenser";

impl JpegDct {
    /// Process 1.
    pub(crate) const BASELINE: JpegDct = JpegDct { transfer_syntax: uids::JPEG_BASELINE, precisions: &[8] };
    /// Processes 2 and 4.
    pub(crate) const EXTENDED: JpegDct =
        JpegDct { transfer_syntax: uids::JPEG_EXTENDED, precisions: &[8, 12] };
}

impl Decoder for JpegDct {
    fn name(&self) -> &'static str {
        NAME
    }

    fn transfer_syntax(&self) -> &'static str {
        self.transfer_syntax
    }

    fn decode(&self, coded: &Coded<'_>, cells: &mut Vec<u8>) -> Result<(), DecodeError> {
        let image = coded.native;
        let unsupported = || DecodeError::Unsupported { decoder: NAME, image: describe(image) };
        let fits = matches!(image.bits_allocated, 8 | 16)
            && matches!(image.samples, 1 | 3)
            && !image.signed
            && image.has_whole_pixels();
        if !fits {
            return Err(unsupported());
        }
        let mut planes: Vec<Plane> = Vec::new();
        let around = read(
            coded.codestream,
            |frame| self.check(frame, image),
            |around, header, start| {
                if planes.is_empty() {
                    planes = planes_of(&around.frame);
                }
                scan::decode(around, header, start, &mut planes)
            },
        )?;
        let converts = converts_to_rgb(coded)?;
        write(&planes, around.frame.precision, converts, image, cells);
        Ok(())
    }
}

impl JpegDct {
    /// The frame must be a sequential one of the size that the attributes say.
    fn check(&self, frame: &FrameHeader, image: &ImagePixel) -> Result<(), DecodeError> {
        let sequential = matches!(frame.process, marker::BASELINE | marker::EXTENDED);
        if !sequential || !self.precisions.contains(&frame.precision) {
            return Err(DecodeError::OtherFrame {
                codestream: format!("{} JPEG of {} bits", frame.process_name(), frame.precision),
                attributes: format!("sequential JPEG of {:?} bits, Huffman coded", self.precisions),
            });
        }
        frame.check(image)?;
        if planes_of(frame).iter().any(|plane| plane.share.0.is_none() || plane.share.1.is_none()) {
            let image = format!("{} with samples shared by parts of pixels", describe(image));
            return Err(DecodeError::Unsupported { decoder: NAME, image });
        }
        Ok(())
    }
}

fn planes_of(frame: &FrameHeader) -> Vec<Plane> {
    frame.components.iter().map(|component| Plane::new(frame, component)).collect()
}

/// Whether Y, Cb and Cr are to become R, G and B.
fn converts_to_rgb(coded: &Coded<'_>) -> Result<bool, DecodeError> {
    if coded.native.samples != 3 {
        return Ok(false);
    }
    let said = match CodestreamHeader::read(coded.codestream).map(|header| header.coding) {
        Ok(Coding::Jpeg(jpeg)) => jpeg.colour,
        _ => JpegColour::Unsaid,
    };
    let is_ybr = match said {
        JpegColour::YCbCr => true,
        JpegColour::Untransformed => false,
        JpegColour::Unsaid => coded.encoded.photometric != Photometric::Rgb,
    };
    let wants_rgb = coded.native.photometric == Photometric::Rgb;
    if !is_ybr && !wants_rgb {
        return Err(DecodeError::OtherFrame {
            codestream: "red, green and blue".to_owned(),
            attributes: describe(coded.native),
        });
    }
    Ok(is_ybr && wants_rgb)
}

/// Writes all cells of a frame.
fn write(planes: &[Plane], precision: u8, converts: bool, image: &ImagePixel, cells: &mut Vec<u8>) {
    let layout = Layout::of(image);
    cells.clear();
    cells.resize(layout.frame_bytes(), 0);
    let mut rows: [Vec<u16>; 3] = std::array::from_fn(|_| vec![0; usize::from(image.columns)]);
    for y in 0..usize::from(image.rows) {
        for (plane, row) in planes.iter().zip(&mut rows) {
            upsampling::row(plane, y, row);
        }
        if converts {
            ybr_to_rgb(&mut rows, precision);
        }
        for (place, row) in rows.iter().enumerate().take(planes.len()) {
            layout.put(y, &[place], row, cells);
        }
    }
}
