//! What the codestream of a frame says of itself, and whether that is what the data set around it says (PS3.5 8.2, A.4).

mod colours;
mod disagreement;
mod family;
mod header;
mod jpeg;
mod jpeg_2000;
mod jpeg_xl;
mod judge;
mod read;
mod rle;

pub use disagreement::{Disagreement, Gravity, Point};
pub use family::Family;
pub use header::{CodedFrame, CodestreamHeader, Coding, Jpeg, Jpeg2000, JpegColour, JpegLs, JpegXl};
pub use judge::disagreements;
pub use read::CodestreamError;
