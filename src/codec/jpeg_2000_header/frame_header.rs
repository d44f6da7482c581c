//! The frame that the headers of a codestream describe.

use std::fmt;

/// What the headers of a codestream say of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Samples in a row.
    pub(crate) columns: u32,
    /// Rows.
    pub(crate) rows: u32,
    /// Samples of a pixel, all of them of the same size, precision and sign.
    pub(crate) components: u16,
    /// Bits of a sample, 1 to 38.
    pub(crate) precision: u8,
    /// Whether samples are signed.
    pub(crate) signed: bool,
}

impl fmt::Display for FrameHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.signed { "signed" } else { "unsigned" };
        let FrameHeader { columns, rows, components, precision, .. } = self;
        write!(f, "{columns}x{rows}, {components} components of {precision} bits, {sign}")
    }
}
