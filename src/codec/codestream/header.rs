//! What the header of a frame's codestream says, of whichever family it is.

use super::family::Family;
use std::fmt;

/// What the header of a frame's codestream says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodestreamHeader {
    /// The frame; `None` where the header does not tell (RLE has no size and no depth).
    pub frame: Option<CodedFrame>,
    /// How it is coded.
    pub coding: Coding,
}

/// The frame by its codestream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodedFrame {
    /// Samples in a row.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// Samples of a pixel.
    pub samples: u16,
    /// Bits of a sample.
    pub precision: u8,
    /// Whether samples are signed; `None` where the format knows no sign, as JPEG and JPEG-LS.
    pub signed: Option<bool>,
}

/// How a frame is coded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coding {
    /// RLE, in so many segments: 1 to 15.
    Rle {
        /// One for each byte of all samples of a pixel.
        segments: u8,
    },
    /// JPEG.
    Jpeg(Jpeg),
    /// JPEG-LS.
    JpegLs(JpegLs),
    /// JPEG 2000, high-throughput or not.
    Jpeg2000(Jpeg2000),
    /// JPEG XL.
    JpegXl(JpegXl),
}

/// JPEG (ISO/IEC 10918-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jpeg {
    /// The number of its frame header: 0 for SOF0 (baseline), 3 for SOF3 (lossless), and so on to 15.
    pub process: u8,
    /// The process in words.
    pub process_name: &'static str,
    /// The selection value of the first scan, 1 to 7: the predictor of the lossless processes (table H.1). Of the others the
    /// first coefficient of the scan, 0.
    pub selection: u8,
    /// The point transform of the first scan: how many low bits a lossless process leaves out.
    pub point_transform: u8,
    /// The sampling factors of each component, horizontal and vertical.
    pub sampling: Vec<(u8, u8)>,
    /// What three components are, as far as the codestream tells.
    pub colour: JpegColour,
}

/// What the three components of a JPEG codestream are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JpegColour {
    /// It does not say.
    Unsaid,
    /// Not transformed, by Adobe's marker (APP14, transform 0) or components that are called R, G and B.
    Untransformed,
    /// YCbCr, by Adobe's marker (transform 1), a JFIF header, or chrominance that is subsampled.
    YCbCr,
}

/// JPEG-LS (ISO/IEC 14495-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JpegLs {
    /// NEAR of the first scan: the largest error of a sample; 0 is lossless.
    pub near: u8,
    /// ILV of the first scan: 0 component by component, 1 by line, 2 by sample.
    pub interleave: u8,
    /// Whether it has HP's colour transform, which the standard does not know.
    pub colour_transform: bool,
}

/// JPEG 2000 (ISO/IEC 15444-1, -15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jpeg2000 {
    /// Whether any code-block is of the high-throughput coder.
    pub high_throughput: bool,
    /// Whether it has the reversible 5/3 wavelet everywhere, and not the irreversible 9/7.
    pub reversible: bool,
    /// Whether the components are transformed: RCT when reversible, else ICT.
    pub colour_transform: bool,
    /// The progression order, 0 to 4: LRCP, RLCP, RPCL, PCRL, CPRL.
    pub progression: u8,
    /// Whether it is wrapped in the boxes of a JP2 file, which PS3.5 A.4.4 forbids.
    pub boxed: bool,
}

/// JPEG XL (ISO/IEC 18181-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JpegXl {
    /// Whether the first frame is modular, and not of quantised DCT coefficients.
    pub modular: bool,
    /// Whether colours are in XYB.
    pub xyb: bool,
    /// Whether colours are in the YCbCr of a JPEG image.
    pub ycbcr: bool,
    /// Whether the JPEG image that it was made of can be had back, bit for bit.
    pub jpeg_reconstruction: bool,
}

impl CodestreamHeader {
    /// The family of the codestream.
    pub fn family(&self) -> Family {
        match &self.coding {
            Coding::Rle { .. } => Family::Rle,
            Coding::Jpeg(_) => Family::Jpeg,
            Coding::JpegLs(_) => Family::JpegLs,
            Coding::Jpeg2000(coding) if coding.high_throughput => Family::HighThroughputJpeg2000,
            Coding::Jpeg2000(_) => Family::Jpeg2000,
            Coding::JpegXl(_) => Family::JpegXl,
        }
    }

    /// What the codestream has lost for certain, by its header; `None` when it may be lossless.
    pub fn loss(&self) -> Option<String> {
        match &self.coding {
            Coding::Jpeg(jpeg) if !is_lossless(jpeg.process) => Some(format!("is {}", jpeg.process_name)),
            Coding::Jpeg(jpeg) if jpeg.point_transform > 0 => {
                Some(format!("leaves out the low bits of samples (point transform {})", jpeg.point_transform))
            }
            Coding::JpegLs(jpeg_ls) if jpeg_ls.near > 0 => {
                Some(format!("is near-lossless (NEAR {})", jpeg_ls.near))
            }
            Coding::Jpeg2000(coding) if !coding.reversible => {
                Some("has the irreversible 9/7 wavelet".to_owned())
            }
            Coding::JpegXl(coding) if coding.xyb || !coding.modular => {
                Some("has quantised coefficients or XYB colours".to_owned())
            }
            _ => None,
        }
    }
}

impl fmt::Display for CodedFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CodedFrame { columns, rows, samples, precision, signed } = self;
        let samples_word = if *samples == 1 { "sample" } else { "samples" };
        let bits_word = if *precision == 1 { "bit" } else { "bits" };
        write!(f, "{columns} x {rows}, {samples} {samples_word} of {precision} {bits_word}")?;
        match signed {
            Some(true) => f.write_str(", signed"),
            Some(false) => f.write_str(", unsigned"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for CodestreamHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.family())?;
        if let Coding::Jpeg(jpeg) = &self.coding {
            write!(f, " {} (SOF{})", jpeg.process_name, jpeg.process)?;
        }
        if let Some(frame) = &self.frame {
            write!(f, ", {frame}")?;
        }
        match &self.coding {
            Coding::Rle { segments } => {
                write!(f, ", {segments} {}", if *segments == 1 { "segment" } else { "segments" })
            }
            Coding::Jpeg(jpeg) => jpeg.details(f),
            Coding::JpegLs(JpegLs { near, interleave, colour_transform }) => {
                let interleave = ["by component", "by line", "by sample"].get(usize::from(*interleave));
                write!(f, ", NEAR {near}, {}", interleave.unwrap_or(&"interleaved in an unknown way"))?;
                f.write_str(if *colour_transform { ", HP's colour transform" } else { "" })
            }
            Coding::Jpeg2000(coding) => {
                f.write_str(if coding.reversible { ", reversible 5/3" } else { ", irreversible 9/7" })?;
                f.write_str(match (coding.colour_transform, coding.reversible) {
                    (false, _) => ", no colour transform",
                    (true, true) => ", colour transform RCT",
                    (true, false) => ", colour transform ICT",
                })?;
                write!(f, ", {}", progression(coding.progression))?;
                f.write_str(if coding.boxed { ", in JP2 boxes" } else { "" })
            }
            Coding::JpegXl(coding) => {
                f.write_str(if coding.modular { ", modular" } else { ", DCT" })?;
                f.write_str(if coding.xyb { ", XYB" } else { "" })?;
                f.write_str(if coding.ycbcr { ", YCbCr" } else { "" })?;
                f.write_str(if coding.jpeg_reconstruction { ", a JPEG image can be had back" } else { "" })
            }
        }
    }
}

impl Jpeg {
    fn details(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_lossless(self.process) {
            write!(f, ", selection value {}", self.selection)?;
        }
        if self.point_transform > 0 {
            write!(f, ", point transform {}", self.point_transform)?;
        }
        if self.sampling.len() < 2 {
            return Ok(());
        }
        let sampling: Vec<String> =
            self.sampling.iter().map(|(across, down)| format!("{across}x{down}")).collect();
        write!(f, ", sampling {}", sampling.join(" "))?;
        f.write_str(match self.colour {
            JpegColour::Unsaid => "",
            JpegColour::Untransformed => ", colours not transformed",
            JpegColour::YCbCr => ", YCbCr",
        })
    }
}

/// Whether a process of JPEG is lossless: SOF3, 7, 11 and 15 (ISO/IEC 10918-1 table B.1).
pub(super) fn is_lossless(process: u8) -> bool {
    process % 4 == 3
}

/// The name of a progression order (ISO/IEC 15444-1 table A.16).
pub(super) fn progression(order: u8) -> &'static str {
    ["LRCP", "RLCP", "RPCL", "PCRL", "CPRL"].get(usize::from(order)).unwrap_or(&"an unknown progression")
}
