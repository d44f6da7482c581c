//! The SIZ segment: the size of the image, its tiles and its components (ISO/IEC 15444-1 A.5.1).

use super::error::HeaderError;
use super::frame_header::FrameHeader;
use super::grid::{Axis, Grid};
use super::segments::Reader;

/// No Photometric Interpretation has more (PS3.3 C.7.6.3.1.2; CMYK and ARGB are retired).
const MOST_COMPONENTS: u16 = 4;
/// The largest coordinate that decoders with 32-bit signed numbers can hold.
const MOST_COORDINATE: u32 = i32::MAX as u32;

/// The frame and the grid that the segment describes.
///
/// # Errors
/// What cannot be, and components that differ from each other.
pub(super) fn read_size(siz: &mut Reader<'_>) -> Result<(FrameHeader, Grid), HeaderError> {
    siz.u16()?; // Rsiz: what the library cannot do it says itself.
    let (x1, y1, x0, y0) = (siz.u32()?, siz.u32()?, siz.u32()?, siz.u32()?);
    let (tile_x, tile_y, tile_x0, tile_y0) = (siz.u32()?, siz.u32()?, siz.u32()?, siz.u32()?);
    let across = Axis { image: (x0, x1), first_tile: tile_x0, tile: tile_x };
    let down = Axis { image: (y0, y1), first_tile: tile_y0, tile: tile_y };
    for axis in [&across, &down] {
        let ((low, high), first) = (axis.image, axis.first_tile);
        // The first tile must reach into the image (B.3).
        let sound = low < high
            && high <= MOST_COORDINATE
            && first <= low
            && axis.tile > 0
            && first.checked_add(axis.tile).is_none_or(|end| end > low);
        if !sound {
            return Err(HeaderError::Impossible { what: "image or tile size", value: u64::from(high) });
        }
    }
    let components = siz.u16()?;
    if components > MOST_COMPONENTS {
        return Err(HeaderError::Unsupported("more than four components"));
    }
    let mut first = None;
    for _ in 0..components {
        let (depth, across, down) = (siz.u8()?, siz.u8()?, siz.u8()?);
        if (across, down) != (1, 1) {
            return Err(HeaderError::Unsupported("subsampled components"));
        }
        if *first.get_or_insert(depth) != depth {
            return Err(HeaderError::Unsupported("components of different precision or sign"));
        }
    }
    let depth = first.ok_or(HeaderError::Impossible { what: "number of components", value: 0 })?;
    let precision = (depth & 0x7F) + 1;
    if precision > 38 {
        return Err(HeaderError::Impossible { what: "precision", value: u64::from(precision) });
    }
    let (columns, rows) = (x1 - x0, y1 - y0);
    let frame = FrameHeader { columns, rows, components, precision, signed: depth & 0x80 != 0 };
    Ok((frame, Grid { across, down }))
}
