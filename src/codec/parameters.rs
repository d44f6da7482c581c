//! What a caller may choose of an encoding beyond its transfer syntax: error bound, quality, size, colour transform.

/// How an encoder is to encode. Each encoder heeds what its syntax knows and ignores the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// JPEG-LS Near-Lossless: the largest error of a sample, 0 to 255 (NEAR, ISO/IEC 14495-1).
    pub near: u8,
    /// JPEG Baseline and Extended: 1 to 100, the scale of the quantisation tables of ISO/IEC 10918-1 Annex K.
    pub quality: u8,
    /// JPEG 2000: what its quality layers aim at.
    pub layers: Layers,
    /// JPEG 2000, and JPEG Baseline: whether RGB is decorrelated (RCT, ICT, YCbCr) before it is encoded.
    pub colour_transform: bool,
}

/// What the quality layers of a JPEG 2000 codestream aim at (ISO/IEC 15444-1 B.3).
#[derive(Debug, Clone, PartialEq)]
pub enum Layers {
    /// One layer with everything: with the reversible transform the codestream is lossless.
    Everything,
    /// Compression ratios of native to encoded size, falling, each at least 1; the last layer is the largest.
    Ratios(Vec<f32>),
    /// Peak signal-to-noise ratios in dB, rising.
    Psnrs(Vec<f32>),
}

/// What decoded cells owe to the cells that were encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exactness {
    /// They are equal, bit for bit.
    Exact,
    /// No sample differs by more than this.
    Within(u32),
    /// They look alike; how far they differ is measured.
    Close,
}

impl Default for Parameters {
    /// What DCMTK's encoders do when nothing is said (`near` 2, quality 90); everything of a JPEG 2000 image.
    fn default() -> Parameters {
        Parameters { near: 2, quality: 90, layers: Layers::Everything, colour_transform: true }
    }
}
