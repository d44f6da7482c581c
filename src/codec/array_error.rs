//! Why an array is not the pixel data of a data set, from both sides.

use crate::dicom::{Attribute, DataSetError, ImagePixelError, RewriteError};
use std::fmt;
use std::io;

/// Where a sample lies in an array, each number from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The frame.
    pub frame: usize,
    /// The row.
    pub row: usize,
    /// The column.
    pub column: usize,
    /// The sample of the pixel.
    pub sample: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { frame, row, column, sample } = self;
        write!(f, "[{frame}, {row}, {column}, {sample}]")
    }
}

/// Why an array is not the pixel data of a data set.
#[derive(Debug, thiserror::Error)]
pub enum ArrayError {
    /// The array contradicts itself.
    #[error("the array has the shape {shape:?} (frames, rows, columns, samples), and {found} samples")]
    Length {
        /// Frames, rows, columns, samples.
        shape: [usize; 4],
        /// How many samples there are.
        found: usize,
    },
    /// The data set describes another shape.
    #[error("{attribute} is {expected}, and the array has {found} {what}{}", if *.found == 1 { "" } else { "s" })]
    Shape {
        /// What the data set says.
        attribute: Attribute,
        /// What it says.
        expected: usize,
        /// What the array has.
        found: usize,
        /// Of what.
        what: &'static str,
    },
    /// Pixels that share samples have no such array.
    #[error(
        "Photometric Interpretation (0028,0004) is {0}, whose pixels share samples, and the array has all of each"
    )]
    Subsampled(String),
    /// The data set describes samples of another type.
    #[error(
        "Bits Allocated (0028,0100) is {bits_allocated} and Pixel Representation (0028,0103) is {}, {}, and the array has \
         {found}",
        u8::from(*.signed),
        taken(*.bits_allocated, *.signed)
    )]
    Type {
        /// Bits Allocated.
        bits_allocated: u16,
        /// Whether Pixel Representation is 1.
        signed: bool,
        /// The type of the array's samples.
        found: &'static str,
    },
    /// A sample needs more bits.
    #[error("Bits Stored (0028,0101) is {bits_stored}, which takes {}, and the array has {value} at {place}", range(*.bits_stored, *.signed))]
    Range {
        /// Bits Stored.
        bits_stored: u16,
        /// Whether Pixel Representation is 1.
        signed: bool,
        /// The first sample that is beyond it.
        value: i64,
        /// Where it lies.
        place: Place,
    },
    /// The data set describes no image.
    #[error("its image pixel attributes are unusable: {0}")]
    Image(#[from] ImagePixelError),
    /// The elements of the data set cannot be written in Explicit VR Little Endian.
    #[error(transparent)]
    Rewrite(#[from] RewriteError),
    /// What was written cannot be read.
    #[error(transparent)]
    DataSet(#[from] DataSetError),
    /// The source failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn taken(bits_allocated: u16, signed: bool) -> String {
    if matches!(bits_allocated, 8 | 16 | 32) {
        format!("which takes {}{bits_allocated}", if signed { 'i' } else { 'u' })
    } else {
        "which no type of samples here has".to_owned()
    }
}

fn range(bits_stored: u16, signed: bool) -> String {
    let bits = u32::from(bits_stored.min(32));
    if signed {
        let half = 1_i64 << bits.saturating_sub(1);
        format!("{} to {}", -half, half - 1)
    } else {
        format!("0 to {}", (1_i64 << bits) - 1)
    }
}
