//! One point in which a codestream contradicts the data set around it, and how grave that is.

use crate::dicom::Attribute;
use std::fmt;

/// One point in which a codestream contradicts the data set around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// Which.
    pub point: Point,
    /// What the data set says: a value of [`Point::attribute`].
    pub data_set: String,
    /// What the codestream is or has, as the rest of a sentence that begins with «the codestream».
    pub codestream: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Disagreement { point, data_set, codestream } = self;
        write!(f, "{} is {data_set}, and the codestream {codestream}", point.attribute())
    }
}

/// How grave a disagreement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// Readers cope, and the field is full of it; but one side is wrong.
    Suspicious,
    /// No reader can make of the codestream what the data set says.
    Impossible,
}

/// In which point codestream and data set can disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// The codestream is of another family than the transfer syntax.
    Family,
    /// It is JPEG, but of another process.
    Process,
    /// It has lost something in a lossless transfer syntax.
    Loss,
    /// The number of rows.
    Rows,
    /// The number of columns.
    Columns,
    /// Samples of a pixel.
    Samples,
    /// Samples are wider than Bits Allocated.
    Width,
    /// RLE has a segment for each byte of all samples of a pixel, and here it has not.
    Segments,
    /// Samples have another number of bits than Bits Stored.
    Precision,
    /// The sign.
    Sign,
    /// The colour transform.
    Colour,
    /// The predictor of JPEG Lossless, in the syntax that has only one.
    Selection,
    /// The progression order, in the syntax that has only one.
    Progression,
    /// It is wrapped in the boxes of a file.
    Boxes,
}

use Gravity::{Impossible, Suspicious};

/// Each point with its name, its gravity and the attribute of the data set that speaks of it.
const POINTS: &[(Point, &str, Gravity, Attribute)] = &[
    (Point::Family, "family", Impossible, Attribute::TRANSFER_SYNTAX_UID),
    (Point::Process, "process", Impossible, Attribute::TRANSFER_SYNTAX_UID),
    (Point::Loss, "loss", Impossible, Attribute::TRANSFER_SYNTAX_UID),
    (Point::Rows, "rows", Impossible, Attribute::ROWS),
    (Point::Columns, "columns", Impossible, Attribute::COLUMNS),
    (Point::Samples, "samples", Impossible, Attribute::SAMPLES_PER_PIXEL),
    (Point::Width, "width", Impossible, Attribute::BITS_ALLOCATED),
    (Point::Segments, "segments", Impossible, Attribute::BITS_ALLOCATED),
    (Point::Precision, "precision", Suspicious, Attribute::BITS_STORED),
    (Point::Sign, "sign", Suspicious, Attribute::PIXEL_REPRESENTATION),
    (Point::Colour, "colour", Suspicious, Attribute::PHOTOMETRIC_INTERPRETATION),
    (Point::Selection, "selection", Suspicious, Attribute::TRANSFER_SYNTAX_UID),
    (Point::Progression, "progression", Suspicious, Attribute::TRANSFER_SYNTAX_UID),
    (Point::Boxes, "boxes", Suspicious, Attribute::TRANSFER_SYNTAX_UID),
];

impl Point {
    /// A stable name for JSON and logs.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// How grave a disagreement in this point is.
    pub fn gravity(self) -> Gravity {
        self.row().2
    }

    /// The attribute of the data set that says otherwise.
    pub fn attribute(self) -> Attribute {
        self.row().3
    }

    fn row(self) -> &'static (Point, &'static str, Gravity, Attribute) {
        const FIRST: &(Point, &str, Gravity, Attribute) = &POINTS[0];
        POINTS.iter().find(|(point, ..)| *point == self).unwrap_or(FIRST)
    }
}
