//! The coding styles of a codestream (COD and COC, ISO/IEC 15444-1 A.6.1, A.6.2): what they ask for, and whether the bytes can
//! hold it.

use super::error::HeaderError;
use super::frame_header::FrameHeader;
use super::grid::Grid;
use super::segments::{COC, COD, Reader};

/// What the COD and COC segments say of the whole codestream (A.6.1, A.6.2; ISO/IEC 15444-15 for high throughput).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodingStyle {
    /// Whether every component of every tile has the reversible 5/3 wavelet.
    pub(crate) reversible: bool,
    /// Whether the first three components are transformed together: RCT when reversible, else ICT.
    pub(crate) colour_transform: bool,
    /// Whether there are code-blocks of the high-throughput coder.
    pub(crate) high_throughput: bool,
    /// The progression order, 0 to 4 (table A.16).
    pub(crate) progression: u8,
}

/// MCT, MCC, MCO and CBD of ISO/IEC 15444-2, which only the syntaxes .92 and .93 may have.
const MULTI_COMPONENT: [u16; 4] = [0xFF74, 0xFF75, 0xFF77, 0xFF78];

/// The bit of the code-block style that stands for the coder of ISO/IEC 15444-15.
const HIGH_THROUGHPUT: u8 = 0x40;
/// The 5/3 wavelet (table A.20).
const REVERSIBLE: u8 = 1;
/// The most levels of the wavelet (table A.15).
const MOST_LEVELS: u8 = 32;
/// What the coding styles of one header ask for.
pub(super) struct CodingStyles<'h> {
    frame: &'h FrameHeader,
    grid: &'h Grid,
    /// The length of the whole codestream.
    bytes: usize,
    /// The number of layers by the latest COD segment.
    pub(super) layers: Option<u16>,
    /// How many more styles this header may hold: one for all components, and one for each.
    left: u32,
    /// What they say together; the progression of the latest COD segment.
    pub(super) found: CodingStyle,
}

impl<'h> CodingStyles<'h> {
    pub(super) fn new(
        frame: &'h FrameHeader,
        grid: &'h Grid,
        bytes: usize,
        layers: Option<u16>,
    ) -> CodingStyles<'h> {
        let found =
            CodingStyle { reversible: true, colour_transform: false, high_throughput: false, progression: 0 };
        CodingStyles { frame, grid, bytes, layers, left: 1 + u32::from(frame.components), found }
    }

    /// Reads the segment of a marker, and checks it when it holds a coding style.
    pub(super) fn check(&mut self, marker: u16, reader: &mut Reader<'_>) -> Result<(), HeaderError> {
        if marker < 0xFF00 {
            return Err(HeaderError::Impossible { what: "marker", value: u64::from(marker) });
        }
        if MULTI_COMPONENT.contains(&marker) {
            return Err(HeaderError::Unsupported("a multi-component transform of Part 2"));
        }
        let mut segment = reader.segment()?;
        match marker {
            // A.6.1: the style, the progression order, the layers, the transform, and then as in COC.
            COD => {
                let style = segment.u8()?;
                self.found.progression = segment.u8()?;
                self.layers = Some(segment.u16()?);
                self.found.colour_transform |= segment.u8()? != 0;
                self.check_packets(&mut segment, style, self.frame.components)
            }
            // A.6.2: the component (in one byte: there are few) and its style.
            COC => {
                segment.u8()?;
                let style = segment.u8()?;
                self.check_packets(&mut segment, style, 1)
            }
            _ => Ok(()),
        }
    }

    /// Counts the packets (B.9: one for each precinct of each resolution, component and layer) of a coding style.
    /// Even an empty packet has one byte, so there cannot be more of them than bytes.
    fn check_packets(
        &mut self,
        style: &mut Reader<'_>,
        has_precincts: u8,
        components: u16,
    ) -> Result<(), HeaderError> {
        let many = HeaderError::Unsupported("more coding styles than components");
        self.left = self.left.checked_sub(1).ok_or(many)?;
        let (levels, layers) = (style.u8()?, self.layers.unwrap_or(1));
        if levels > MOST_LEVELS {
            return Err(HeaderError::Impossible { what: "number of levels", value: u64::from(levels) });
        }
        if layers == 0 {
            return Err(HeaderError::Impossible { what: "number of layers", value: 0 });
        }
        style.take(2)?; // Code-block width and height.
        self.found.high_throughput |= style.u8()? & HIGH_THROUGHPUT != 0;
        self.found.reversible &= style.u8()? == REVERSIBLE;
        let mut precincts = 0_u64;
        for resolution in 0..=levels {
            let sizes = if has_precincts & 1 == 1 { style.u8()? } else { 0xFF };
            let below = u32::from(levels - resolution);
            let across = self.grid.across.precincts(below, u32::from(sizes & 0x0F));
            let down = self.grid.down.precincts(below, u32::from(sizes >> 4));
            precincts = precincts.saturating_add(across.saturating_mul(down));
        }
        let found = precincts.saturating_mul(u64::from(components)).saturating_mul(u64::from(layers));
        let (most, bytes) = (self.bytes as u64, self.bytes);
        if found > most {
            return Err(HeaderError::Promise { what: "packets", found, most, bytes });
        }
        Ok(())
    }
}
