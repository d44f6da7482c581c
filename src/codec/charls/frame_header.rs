//! What a JPEG-LS frame header says, and how long frame and codestream may be by it.

/// What a JPEG-LS frame header says (C.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Samples in a row, 1 to 65535.
    pub(crate) columns: u32,
    /// Rows, 1 to 65535.
    pub(crate) rows: u32,
    /// Bits of a sample, 2 to 16.
    pub(crate) precision: u32,
    /// Samples of a pixel, 1 to 255.
    pub(crate) components: u32,
}

impl FrameHeader {
    /// Bytes that one sample has in memory: one up to 8 bits, else two.
    pub(crate) fn bytes_per_sample(&self) -> usize {
        if self.precision <= 8 { 1 } else { 2 }
    }

    /// Bytes of all samples in memory; `None` when that overflows.
    pub(crate) fn frame_bytes(&self) -> Option<usize> {
        let bytes = self.columns as usize;
        bytes
            .checked_mul(self.rows as usize)?
            .checked_mul(self.components as usize)?
            .checked_mul(self.bytes_per_sample())
    }

    /// A length that no codestream of such a frame exceeds.
    ///
    /// A sample takes at most LIMIT bits (A.2.1), run lengths included, and bit stuffing adds at most one in seven (A.1).
    pub(super) fn codestream_bound(&self) -> Option<usize> {
        let limit = 2 * (self.precision + self.precision.max(8)) as usize;
        let samples = self.frame_bytes()? / self.bytes_per_sample();
        samples.checked_mul(limit)?.checked_add(6).map(|bits| bits / 7)?.checked_add(HEADERS)
    }
}

/// Room for the markers before and behind the samples, with margin.
pub(super) const HEADERS: usize = 4096;
