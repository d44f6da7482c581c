//! Photometric Interpretation: what the samples of a pixel mean (PS3.3 section C.7.6.3.1.2).

use std::fmt;

/// Photometric Interpretation (PS3.3 section C.7.6.3.1.2).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Photometric {
    /// `MONOCHROME1`: the lowest value is white.
    Monochrome1,
    /// `MONOCHROME2`: the lowest value is black.
    Monochrome2,
    /// `PALETTE COLOR`: cells are indices.
    PaletteColor,
    /// `RGB`.
    Rgb,
    /// `YBR_FULL`.
    YbrFull,
    /// `YBR_FULL_422`: Cb and Cr for every other column.
    YbrFull422,
    /// `YBR_PARTIAL_422` (retired).
    YbrPartial422,
    /// `YBR_PARTIAL_420`: Cb and Cr for every other column of every other row.
    YbrPartial420,
    /// `YBR_ICT`, the irreversible transform of JPEG 2000.
    YbrIct,
    /// `YBR_RCT`, the reversible transform of JPEG 2000.
    YbrRct,
    /// `XYB`, of JPEG XL.
    Xyb,
    /// Anything else, as it stands in the data set without padding.
    Other(String),
}

/// The defined terms, each with its variant.
const TERMS: &[(&str, Photometric)] = &[
    ("MONOCHROME1", Photometric::Monochrome1),
    ("MONOCHROME2", Photometric::Monochrome2),
    ("PALETTE COLOR", Photometric::PaletteColor),
    ("RGB", Photometric::Rgb),
    ("YBR_FULL", Photometric::YbrFull),
    ("YBR_FULL_422", Photometric::YbrFull422),
    ("YBR_PARTIAL_422", Photometric::YbrPartial422),
    ("YBR_PARTIAL_420", Photometric::YbrPartial420),
    ("YBR_ICT", Photometric::YbrIct),
    ("YBR_RCT", Photometric::YbrRct),
    ("XYB", Photometric::Xyb),
];

impl Photometric {
    /// The interpretation of this defined term, written as in the standard and without padding.
    pub fn of(term: &str) -> Photometric {
        let known = TERMS.iter().find(|(name, _)| *name == term);
        known.map_or_else(|| Photometric::Other(term.to_owned()), |(_, photometric)| photometric.clone())
    }

    /// The term.
    pub fn as_str(&self) -> &str {
        match self {
            Photometric::Other(term) => term,
            known => TERMS.iter().find(|(_, photometric)| photometric == known).map_or("", |(name, _)| name),
        }
    }
}

impl fmt::Display for Photometric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photometric_terms_go_both_ways() {
        for (term, photometric) in TERMS {
            assert_eq!(photometric.as_str(), *term);
            assert_eq!(&Photometric::of(term), photometric);
        }
        assert_eq!(Photometric::of("CMYK"), Photometric::Other("CMYK".into()));
        assert_eq!(Photometric::of("rgb").as_str(), "rgb");
    }
}
