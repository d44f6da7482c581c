//! The main header of a codestream and the headers of its tile-parts (ISO/IEC 15444-1 A.3, A.4).

use super::coding_style::{CodingStyle, CodingStyles};
use super::error::HeaderError;
use super::frame_header::FrameHeader;
use super::grid::Grid;
use super::jp2::{JP2_SIGNATURE, unwrap_jp2};
use super::segments::{EOC, Reader, SIZ, SOC, SOD, SOT};
use super::size::read_size;

/// What is known of a codestream before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Headers<'b> {
    /// The frame.
    pub(crate) frame: FrameHeader,
    /// How it is coded.
    pub(crate) style: CodingStyle,
    /// Whether it is wrapped in a JP2 file.
    pub(crate) boxed: bool,
    /// The codestream without the boxes.
    pub(crate) codestream: &'b [u8],
}

/// Finds the codestream, which may be wrapped in a JP2 file (PS3.5 A.4.4 forbids that, and the field has it), and reads
/// its headers.
///
/// # Errors
/// When the headers are cut or impossible, when the components differ from each other, or when more tiles or packets are
/// promised than the bytes could hold.
pub(crate) fn read(bytes: &[u8]) -> Result<Headers<'_>, HeaderError> {
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

/// SOT with its segment, and SOD.
const SMALLEST_TILE_PART: usize = 14;
/// The format allows 65535; each costs a decoder some ten kilobytes before it is looked at.
const MOST_TILES: usize = 16384;
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

#[cfg(test)]
mod tests {
    use super::super::segments::COD;
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
