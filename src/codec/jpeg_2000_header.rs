//! What a JPEG 2000 codestream says of itself (ISO/IEC 15444-1 Annex A, its JP2 wrapping Annex I), read before any library
//! sees it: the frame it describes, and whether the structures that it asks for can be there at all.

use std::fmt;

/// What is known of a codestream before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Headers<'b> {
    /// The frame.
    pub(super) frame: FrameHeader,
    /// How it is coded.
    pub(super) style: CodingStyle,
    /// Whether it is wrapped in a JP2 file.
    pub(super) boxed: bool,
    /// The codestream without the boxes.
    pub(super) codestream: &'b [u8],
}

/// What the COD and COC segments say of the whole codestream (A.6.1, A.6.2; ISO/IEC 15444-15 for high throughput).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CodingStyle {
    /// Whether every component of every tile has the reversible 5/3 wavelet.
    pub(super) reversible: bool,
    /// Whether the first three components are transformed together: RCT when reversible, else ICT.
    pub(super) colour_transform: bool,
    /// Whether there are code-blocks of the high-throughput coder.
    pub(super) high_throughput: bool,
    /// The progression order, 0 to 4 (table A.16).
    pub(super) progression: u8,
}

/// What the headers of a codestream say of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// Samples in a row.
    pub(super) columns: u32,
    /// Rows.
    pub(super) rows: u32,
    /// Samples of a pixel, all of them of the same size, precision and sign.
    pub(super) components: u16,
    /// Bits of a sample, 1 to 38.
    pub(super) precision: u8,
    /// Whether samples are signed.
    pub(super) signed: bool,
}

impl fmt::Display for FrameHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.signed { "signed" } else { "unsigned" };
        let FrameHeader { columns, rows, components, precision, .. } = self;
        write!(f, "{columns}x{rows}, {components} components of {precision} bits, {sign}")
    }
}

/// Why a codestream is not fit to be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeaderError {
    /// There is none.
    #[error("there is no JPEG 2000 codestream")]
    NoCodestream,
    /// It ends within its headers.
    #[error("it ends within {0}")]
    Cut(&'static str),
    /// A number in a header that the format does not have.
    #[error("its {what} is {value}")]
    Impossible {
        /// The number's meaning.
        what: &'static str,
        /// The number.
        value: u64,
    },
    /// Something that the format has and DICOM or this decoder has not.
    #[error("it has {0}")]
    Unsupported(&'static str),
    /// It asks for more structures than its bytes could fill.
    #[error("it promises {found} {what}, and its {bytes} bytes hold {most} at most")]
    Promise {
        /// The structures.
        what: &'static str,
        /// How many it asks for.
        found: u64,
        /// How many there can be.
        most: u64,
        /// Its length.
        bytes: usize,
    },
}

/// Finds the codestream, which may be wrapped in a JP2 file (PS3.5 A.4.4 forbids that, and the field has it), and reads
/// its headers.
///
/// # Errors
/// When the headers are cut or impossible, when the components differ from each other, or when more tiles or packets are
/// promised than the bytes could hold.
pub(super) fn read(bytes: &[u8]) -> Result<Headers<'_>, HeaderError> {
    let codestream = unwrap_jp2(bytes)?;
    let mut reader = Reader { bytes: codestream, at: 0, part: "the main header" };
    if reader.u16()? != SOC {
        return Err(HeaderError::NoCodestream);
    }
    if reader.u16()? != SIZ {
        return Err(HeaderError::Unsupported("no SIZ segment behind Start of Codestream"));
    }
    let (frame, grid) = read_size(&mut reader.segment()?)?;
    let most = (codestream.len() / SMALLEST_TILE_PART).min(MOST_TILES) as u64;
    if grid.tiles() > most {
        return Err(HeaderError::Promise {
            what: "tiles",
            found: grid.tiles(),
            most,
            bytes: codestream.len(),
        });
    }
    let (mut style, layers) = check_main_header(&mut reader, &frame, &grid)?;
    check_tile_parts(&mut reader, &frame, &grid, layers, &mut style)?;
    Ok(Headers { frame, style, boxed: bytes.starts_with(&JP2_SIGNATURE), codestream })
}

// Markers (table A.2).
const SOC: u16 = 0xFF4F;
const SIZ: u16 = 0xFF51;
const COD: u16 = 0xFF52;
const COC: u16 = 0xFF53;
const SOT: u16 = 0xFF90;
const SOD: u16 = 0xFF93;
const EOC: u16 = 0xFFD9;
/// MCT, MCC, MCO and CBD of ISO/IEC 15444-2, which only the syntaxes .92 and .93 may have.
const MULTI_COMPONENT: [u16; 4] = [0xFF74, 0xFF75, 0xFF77, 0xFF78];

/// SOT with its segment, and SOD.
const SMALLEST_TILE_PART: usize = 14;
/// The format allows 65535; each costs a decoder some ten kilobytes before it is looked at.
const MOST_TILES: usize = 16384;
/// The bit of the code-block style that stands for the coder of ISO/IEC 15444-15.
const HIGH_THROUGHPUT: u8 = 0x40;
/// The 5/3 wavelet (table A.20).
const REVERSIBLE: u8 = 1;
/// The most levels of the wavelet (table A.15).
const MOST_LEVELS: u8 = 32;
/// No Photometric Interpretation has more (PS3.3 C.7.6.3.1.2; CMYK and ARGB are retired).
const MOST_COMPONENTS: u16 = 4;
/// The largest coordinate that decoders with 32-bit signed numbers can hold.
const MOST_COORDINATE: u32 = i32::MAX as u32;

/// The signature box of a JP2 file (I.5.1).
const JP2_SIGNATURE: [u8; 12] = [0, 0, 0, 12, b'j', b'P', b' ', b' ', 0x0D, 0x0A, 0x87, 0x0A];

/// The content of the first Contiguous Codestream box of a JP2 file (I.4, I.5.4); anything else as it is.
fn unwrap_jp2(bytes: &[u8]) -> Result<&[u8], HeaderError> {
    let Some(mut rest) = bytes.strip_prefix(&JP2_SIGNATURE) else { return Ok(bytes) };
    loop {
        let mut reader = Reader { bytes: rest, at: 0, part: "the boxes of a JP2 file" };
        let (short, kind) = (reader.u32()?, reader.take(4)?);
        let length = match short {
            0 => rest.len() as u64,
            1 => u64::from(reader.u32()?) << 32 | u64::from(reader.u32()?),
            short => u64::from(short),
        };
        let end = usize::try_from(length).unwrap_or(usize::MAX);
        if kind == b"jp2c" {
            // Of a box that is cut the rest may still be a whole image; the library decides.
            return rest.get(reader.at..end.min(rest.len())).ok_or(HeaderError::NoCodestream);
        }
        if end < reader.at {
            return Err(HeaderError::Impossible { what: "box length", value: length });
        }
        rest = rest.get(end..).ok_or(HeaderError::Cut("the boxes of a JP2 file"))?;
    }
}

/// The reference grid (B.2, B.3): where image and tiles begin and end on either axis.
struct Grid {
    across: Axis,
    down: Axis,
}

struct Axis {
    image: (u32, u32),
    first_tile: u32,
    tile: u32,
}

impl Grid {
    fn tiles(&self) -> u64 {
        self.across.tiles().saturating_mul(self.down.tiles())
    }

    /// The grid of one tile alone; tiles are numbered row by row.
    fn of_tile(&self, tile: u32) -> Grid {
        let (row, column) = (u64::from(tile) / self.across.tiles(), u64::from(tile) % self.across.tiles());
        Grid { across: self.across.of_tile(column), down: self.down.of_tile(row) }
    }
}

impl Axis {
    fn tiles(&self) -> u64 {
        u64::from(self.image.1 - self.first_tile).div_ceil(u64::from(self.tile))
    }

    fn of_tile(&self, tile: u64) -> Axis {
        let (low, high) = self.image;
        let start = u64::from(self.first_tile) + tile * u64::from(self.tile);
        // Within the image, so within 32 bits.
        let first_tile = u32::try_from(start).unwrap_or(high).min(high);
        let end = first_tile.saturating_add(self.tile).min(high);
        Axis { image: (low.max(first_tile), end), first_tile, tile: self.tile }
    }

    /// How many precincts there are along this axis in all tiles at a resolution that is `below` halvings under the
    /// full one, precincts being 2^`exponent` samples wide (B.5, B.6).
    fn precincts(&self, below: u32, exponent: u32) -> u64 {
        let reduced = |coordinate: u64| coordinate.div_ceil(1 << below);
        let (low, high) = (u64::from(self.image.0), u64::from(self.image.1));
        (0..self.tiles())
            .map(|tile| {
                let start = u64::from(self.first_tile) + tile * u64::from(self.tile);
                let end = (start + u64::from(self.tile)).min(high);
                let (start, end) = (reduced(start.max(low)), reduced(end));
                if end > start { end.div_ceil(1 << exponent) - (start >> exponent) } else { 0 }
            })
            .sum()
    }
}

/// The SIZ segment (A.5.1).
fn read_size(siz: &mut Reader<'_>) -> Result<(FrameHeader, Grid), HeaderError> {
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

/// All segments up to the first tile-part, which is left to be read. Gives the coding style and the number of layers.
fn check_main_header(
    reader: &mut Reader<'_>,
    frame: &FrameHeader,
    grid: &Grid,
) -> Result<(CodingStyle, u16), HeaderError> {
    let mut styles = CodingStyles::new(frame, grid, reader.bytes.len(), None);
    loop {
        match reader.u16()? {
            SOT => {
                reader.at -= 2;
                let missing = HeaderError::Unsupported("no COD segment in the main header");
                return Ok((styles.found, styles.layers.ok_or(missing)?));
            }
            marker => styles.check(marker, reader)?,
        }
    }
}

/// The headers of all tile-parts: every tile must have one, and what a tile says for itself must be possible too.
fn check_tile_parts(
    reader: &mut Reader<'_>,
    frame: &FrameHeader,
    grid: &Grid,
    layers: u16,
    style: &mut CodingStyle,
) -> Result<(), HeaderError> {
    reader.part = "a tile-part";
    let tiles = usize::try_from(grid.tiles()).unwrap_or(usize::MAX);
    let mut seen = vec![false; tiles];
    loop {
        let start = reader.at;
        match reader.u16() {
            Ok(SOT) => {}
            // Padding, or End of Codestream; some writers leave it away.
            Ok(EOC | 0) | Err(_) => break,
            Ok(other) => {
                return Err(HeaderError::Impossible { what: "tile-part marker", value: u64::from(other) });
            }
        }
        let mut sot = reader.segment()?;
        let (tile, length) = (sot.u16()?, sot.u32()?);
        let place = seen.get_mut(usize::from(tile));
        *place.ok_or(HeaderError::Impossible { what: "tile number", value: u64::from(tile) })? = true;
        let only = grid.of_tile(u32::from(tile));
        let mut styles = CodingStyles::new(frame, &only, reader.bytes.len(), Some(layers));
        loop {
            match reader.u16()? {
                SOD => break,
                marker => styles.check(marker, reader)?,
            }
        }
        style.reversible &= styles.found.reversible;
        style.colour_transform |= styles.found.colour_transform;
        style.high_throughput |= styles.found.high_throughput;
        // Zero stands for the rest of the codestream (A.4.2).
        let end = if length == 0 { usize::MAX } else { start.saturating_add(length as usize) };
        if end < reader.at {
            return Err(HeaderError::Impossible { what: "tile-part length", value: u64::from(length) });
        }
        reader.at = end;
    }
    if seen.contains(&false) {
        return Err(HeaderError::Cut("its tiles: some have no tile-part"));
    }
    Ok(())
}

/// What the coding styles of one header ask for.
struct CodingStyles<'h> {
    frame: &'h FrameHeader,
    grid: &'h Grid,
    /// The length of the whole codestream.
    bytes: usize,
    /// The number of layers by the latest COD segment.
    layers: Option<u16>,
    /// How many more styles this header may hold: one for all components, and one for each.
    left: u32,
    /// What they say together; the progression of the latest COD segment.
    found: CodingStyle,
}

impl<'h> CodingStyles<'h> {
    fn new(frame: &'h FrameHeader, grid: &'h Grid, bytes: usize, layers: Option<u16>) -> CodingStyles<'h> {
        let found =
            CodingStyle { reversible: true, colour_transform: false, high_throughput: false, progression: 0 };
        CodingStyles { frame, grid, bytes, layers, left: 1 + u32::from(frame.components), found }
    }

    /// Reads the segment of a marker, and checks it when it holds a coding style.
    fn check(&mut self, marker: u16, reader: &mut Reader<'_>) -> Result<(), HeaderError> {
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

/// Big-endian numbers one behind the other.
struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    /// What an end comes within.
    part: &'static str,
}

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], HeaderError> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(HeaderError::Cut(self.part))?;
        self.at += count;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, HeaderError> {
        Ok(self.take(1)?.iter().fold(0, |_, byte| *byte))
    }

    fn u16(&mut self) -> Result<u16, HeaderError> {
        Ok(self.take(2)?.iter().fold(0, |number, byte| number << 8 | u16::from(*byte)))
    }

    fn u32(&mut self) -> Result<u32, HeaderError> {
        Ok(self.take(4)?.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    /// The content of a marker's segment, which begins with its length (A.1.1).
    fn segment(&mut self) -> Result<Reader<'b>, HeaderError> {
        let length = self.u16()?;
        let Some(content) = length.checked_sub(2) else {
            return Err(HeaderError::Impossible { what: "segment length", value: u64::from(length) });
        };
        Ok(Reader { bytes: self.take(usize::from(content))?, at: 0, part: "a marker segment" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A codestream of one empty tile-part: 60x40 in tiles of `tile`, two levels, `layers` layers; `style` is Scod with
    /// what follows it in COD.
    fn codestream(tile: u32, layers: u16, style: &[u8], components: u16) -> Vec<u8> {
        let mut bytes = [SOC, SIZ, 38 + 3 * components, 0].map(u16::to_be_bytes).concat();
        for number in [60, 40, 0, 0, tile, tile, 0, 0] {
            bytes.extend(u32::to_be_bytes(number));
        }
        bytes.extend(components.to_be_bytes());
        (0..components).for_each(|_| bytes.extend([11, 1, 1]));
        let (first, rest) = style.split_first().unwrap();
        bytes.extend([COD, 7 + rest.len() as u16].map(u16::to_be_bytes).concat());
        bytes.extend([*first, 0]);
        bytes.extend(layers.to_be_bytes());
        bytes.push(0);
        bytes.extend(rest);
        for at in 0..60_u32.div_ceil(tile) * 40_u32.div_ceil(tile) {
            bytes.extend([SOT, 10, at as u16, 0, 14, 1, SOD].map(u16::to_be_bytes).concat());
        }
        bytes.extend(EOC.to_be_bytes());
        bytes
    }

    const PLAIN: [u8; 6] = [0, 2, 4, 4, 0, 1];

    fn promise(codestream: &[u8]) -> (&'static str, u64) {
        match read(codestream) {
            Err(HeaderError::Promise { what, found, .. }) => (what, found),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_frame_is_read_and_padding_may_follow() {
        let mut bytes = codestream(60, 1, &PLAIN, 3);
        let expected = FrameHeader { columns: 60, rows: 40, components: 3, precision: 12, signed: false };
        let style =
            CodingStyle { reversible: true, colour_transform: false, high_throughput: false, progression: 0 };
        let headers = Headers { frame: expected, style, boxed: false, codestream: &bytes };
        assert_eq!(read(&bytes), Ok(headers));
        bytes.push(0);
        assert!(read(&bytes).is_ok());
        assert_eq!(expected.to_string(), "60x40, 3 components of 12 bits, unsigned");
    }

    #[test]
    fn a_jp2_file_gives_its_codestream() {
        let inner = codestream(60, 1, &PLAIN, 1);
        let length = (inner.len() as u32 + 8).to_be_bytes();
        let other = [0, 0, 0, 9, b'f', b'r', b'e', b'e', 7];
        for head in [length.to_vec(), vec![0; 4]] {
            let file = [&JP2_SIGNATURE[..], &other, &head, b"jp2c", &inner].concat();
            let found = read(&file).unwrap();
            assert_eq!((found.codestream, found.boxed), (inner.as_slice(), true));
        }
        let long = [&[0, 0, 0, 1][..], b"jp2c", &(inner.len() as u64 + 16).to_be_bytes()].concat();
        let file = [&JP2_SIGNATURE[..], &long, &inner].concat();
        assert_eq!(read(&file).unwrap().codestream, inner.as_slice());
        let endless = [&JP2_SIGNATURE[..], &[0, 0, 0, 3], b"free"].concat();
        assert_eq!(read(&endless), Err(HeaderError::Impossible { what: "box length", value: 3 }));
        assert!(matches!(read(&JP2_SIGNATURE), Err(HeaderError::Cut(_))));
    }

    #[test]
    fn the_coding_style_is_that_of_all_tiles_together() {
        let bytes = codestream(20, 1, &PLAIN, 3);
        let style = |bytes: &[u8]| read(bytes).unwrap().style;
        let cod = bytes.windows(2).position(|two| two == COD.to_be_bytes()).unwrap();
        let with = |at: usize, byte: u8| {
            let mut bytes = bytes.clone();
            bytes[cod + at] = byte;
            style(&bytes)
        };
        assert_eq!(with(5, 2).progression, 2);
        assert!(with(8, 1).colour_transform && !with(8, 0).colour_transform);
        assert!(with(12, 0x40).high_throughput && !with(12, 0x3F).high_throughput);
        assert!(with(13, 1).reversible && !with(13, 0).reversible && !with(13, 2).reversible);
        // The second of six tiles alone has the 9/7 wavelet and the other coder.
        let mut late = bytes.clone();
        let sod = late.windows(2).enumerate().filter(|(_, two)| *two == SOD.to_be_bytes()).nth(1).unwrap().0;
        late.splice(sod..sod, [&[0xFF, 0x53, 0, 9, 2, 0][..], &[2, 4, 4, 0x40, 0]].concat());
        late[sod - 3] += 11;
        let mixed = style(&late);
        assert!(!mixed.reversible && mixed.high_throughput && !mixed.colour_transform);
    }

    /// A few bytes that ask a decoder for gigabytes of tiles or packets.
    #[test]
    fn what_the_bytes_cannot_hold_is_not_believed() {
        let mut tiny_tiles = codestream(60, 1, &PLAIN, 1);
        tiny_tiles[24..32].copy_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1]);
        assert_eq!(promise(&tiny_tiles), ("tiles", 2400));
        assert_eq!(promise(&codestream(60, u16::MAX, &PLAIN, 1)), ("packets", 3 * 65535));
        // Precincts of one sample at every resolution: 60x40, 30x20 and 15x10 of them.
        let dots = [1, 2, 4, 4, 0, 1, 0, 0, 0];
        assert_eq!(promise(&codestream(60, 1, &dots, 3)), ("packets", 3 * (2400 + 600 + 150)));
        // The same said by a tile of its own.
        let mut late = codestream(60, 1, &PLAIN, 3);
        let sod = late.windows(2).position(|two| two == SOD.to_be_bytes()).unwrap();
        let style: Vec<u8> = [COD, 15].map(u16::to_be_bytes).concat();
        late.splice(sod..sod, [&style[..], &[1, 0, 0, 1, 0, 2, 4, 4, 0, 1, 0, 0, 0]].concat());
        late[sod - 6..sod - 2].copy_from_slice(&[0; 4]);
        assert_eq!(promise(&late), ("packets", 3 * (2400 + 600 + 150)));
    }

    /// Precincts are counted as they lie on the grid, in tiles that begin within one.
    #[test]
    fn precincts_lie_on_the_grid() {
        let axis = Axis { image: (5, 60), first_tile: 5, tile: 20 };
        assert_eq!(axis.tiles(), 3);
        // 5..25, 25..45 and 45..60 in precincts of 16: four parts of 0..16, 16..32, 32..48 and 48..64 each cut once or not.
        assert_eq!(axis.precincts(0, 4), 2 + 2 + 2);
        assert_eq!(axis.precincts(0, 15), 3);
        // Halved twice: 2..7, 7..12, 12..15 in precincts of four.
        assert_eq!(axis.precincts(2, 2), 2 + 2 + 1);
        let middle = axis.of_tile(1);
        assert_eq!((middle.image, middle.tiles(), middle.precincts(0, 4)), ((25, 45), 1, 2));
    }

    #[test]
    fn every_odd_header_has_its_error() {
        let sound = codestream(20, 1, &PLAIN, 3);
        assert!(read(&sound).is_ok());
        let changed = |at: usize, byte: u8| {
            let mut bytes = sound.clone();
            bytes[at] = byte;
            read(&bytes).unwrap_err().to_string()
        };
        assert_eq!(changed(1, 0), "there is no JPEG 2000 codestream");
        assert_eq!(changed(3, 0x52), "it has no SIZ segment behind Start of Codestream");
        assert_eq!(changed(8, 0xFF), "its image or tile size is 4278190140");
        assert_eq!(changed(11, 0), "its image or tile size is 0");
        assert_eq!(changed(41, 5), "it has more than four components");
        assert_eq!(changed(41, 0), "its number of components is 0");
        assert_eq!(changed(45, 12), "it has components of different precision or sign");
        assert_eq!(changed(46, 2), "it has subsampled components");
        assert_eq!(changed(60, 33), "its number of levels is 33");
        assert_eq!(changed(52, 0x74), "it has a multi-component transform of Part 2");
        let last = sound.len() - 16;
        assert_eq!(changed(last + 5, 9), "its tile number is 9");
        assert_eq!(changed(last + 5, 0), "it ends within its tiles: some have no tile-part");
        assert_eq!(changed(last + 9, 5), "its tile-part length is 5");
        assert!(read(&sound[..50]).is_err() && read(&[]).is_err());
    }
}
