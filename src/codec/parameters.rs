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

impl Layers {
    /// Whether the layers can be aimed at: up to 100, each better than the one before.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> Result<(), String> {
        let (targets, least, falling) = match self {
            Layers::Everything => return Ok(()),
            Layers::Ratios(ratios) => (ratios, 1.0, true),
            Layers::Psnrs(psnrs) => (psnrs, 0.0, false),
        };
        if targets.is_empty() || targets.len() > MOST_LAYERS {
            return Err(format!("there are {} layers, and there can be 1 to {MOST_LAYERS}", targets.len()));
        }
        if let Some(target) = targets.iter().find(|target| !target.is_finite() || **target < least) {
            return Err(format!("{target} is no target of a layer, {least} is the least"));
        }
        let ordered = |pair: &[f32]| matches!(pair, [a, b] if if falling { a > b } else { a < b });
        if !targets.windows(2).all(ordered) {
            let order = if falling { "fall" } else { "rise" };
            return Err(format!("layers get better one by one, so their targets must {order}"));
        }
        Ok(())
    }
}

/// OpenJPEG's parameters have places for so many.
pub(super) const MOST_LAYERS: usize = 100;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_get_better_one_by_one() {
        for (layers, right) in [
            (Layers::Everything, true),
            (Layers::Ratios(vec![20.0, 10.0, 1.0]), true),
            (Layers::Ratios(vec![10.0, 20.0]), false),
            (Layers::Ratios(vec![10.0, 10.0]), false),
            (Layers::Ratios(vec![0.5]), false),
            (Layers::Ratios(vec![]), false),
            (Layers::Ratios(vec![f32::NAN]), false),
            (Layers::Psnrs(vec![30.0, 40.5]), true),
            (Layers::Psnrs(vec![40.0, 30.0]), false),
            (Layers::Psnrs(vec![-1.0]), false),
            (Layers::Psnrs(vec![f32::INFINITY]), false),
            (Layers::Psnrs((1..=101_u8).map(f32::from).collect()), false),
        ] {
            assert_eq!(layers.check().is_ok(), right, "{layers:?}");
        }
    }
}
