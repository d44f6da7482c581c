//! What the segments between the frames and scans of a codestream define (ISO/IEC 10918-1 B.2.4).

use super::super::super::encoder::DecodeError;
use super::super::super::jpeg_stream::{Segment, marker};
use super::huffman_code::HuffmanCode;

/// All that has been defined so far.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// Huffman codes for DC coefficients and for lossless differences.
    pub(crate) dc: [Option<HuffmanCode>; 4],
    /// Huffman codes for AC coefficients.
    pub(crate) ac: [Option<HuffmanCode>; 4],
    /// Quantisation tables in zig-zag order.
    pub(crate) quantisation: [Option<[u16; 64]>; 4],
    /// Minimum coded units between two restart markers, 0 for none.
    pub(crate) restart_interval: usize,
}

impl Tables {
    /// Heeds a segment that is neither a frame nor a scan header; those that mean nothing for decoding are passed over.
    ///
    /// # Errors
    /// When its content has not the form of B.2.4, or when it says that the codestream is of a kind that is not read.
    pub(super) fn take(&mut self, segment: &Segment<'_>) -> Result<(), DecodeError> {
        let damaged = |what: &str| Err(DecodeError::Damaged(what.to_owned()));
        match (segment.marker, segment.content) {
            (marker::DEFINE_HUFFMAN_TABLES, content) => self.define_huffman_codes(content),
            (marker::DEFINE_QUANTISATION_TABLES, content) => self.define_quantisation(content),
            (marker::DEFINE_RESTART_INTERVAL, [high, low]) => {
                self.restart_interval = usize::from(u16::from_be_bytes([*high, *low]));
                Ok(())
            }
            (marker::DEFINE_RESTART_INTERVAL, _) => damaged("its restart interval has no two bytes"),
            (marker::START_OF_IMAGE, _) => damaged("there is another Start of Image"),
            (marker::END_OF_IMAGE, _) => damaged("it ends before all components have been decoded"),
            (marker::DEFINE_NUMBER_OF_LINES, _) => damaged("it has a DNL marker, which is not read"),
            // DHP and EXP (B.3).
            (0xDE | 0xDF, _) => damaged("it is hierarchical"),
            _ => Ok(()),
        }
    }

    fn define_huffman_codes(&mut self, mut content: &[u8]) -> Result<(), DecodeError> {
        let damaged = |what: &str| DecodeError::Damaged(format!("a Huffman table {what}"));
        while let [place, rest @ ..] = content {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or_else(|| damaged("is cut short"))?;
            let codes = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(codes).ok_or_else(|| damaged("is cut short"))?;
            let tables = match place >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err(damaged("has an unknown class")),
            };
            let table =
                tables.get_mut(usize::from(place & 15)).ok_or_else(|| damaged("has an unknown place"))?;
            *table = Some(HuffmanCode::new(counts, symbols)?);
            content = rest;
        }
        Ok(())
    }

    fn define_quantisation(&mut self, mut content: &[u8]) -> Result<(), DecodeError> {
        let damaged = |what: &str| DecodeError::Damaged(format!("a quantisation table {what}"));
        while let [place, rest @ ..] = content {
            let bytes = match place >> 4 {
                0 => 1,
                1 => 2,
                _ => return Err(damaged("has an unknown precision")),
            };
            let (steps, rest) = rest.split_at_checked(64 * bytes).ok_or_else(|| damaged("is cut short"))?;
            let table = self.quantisation.get_mut(usize::from(place & 15));
            let table = table.ok_or_else(|| damaged("has an unknown place"))?;
            let mut found = [0; 64];
            for (step, from) in found.iter_mut().zip(steps.chunks_exact(bytes)) {
                *step = from.iter().fold(0, |value, byte| value << 8 | u16::from(*byte));
            }
            if found.contains(&0) {
                return Err(damaged("has a step of zero"));
            }
            *table = Some(found);
            content = rest;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(marker: u8, content: &[u8]) -> Result<Tables, DecodeError> {
        let mut tables = Tables::default();
        tables.take(&Segment { marker, content, end: 0 }).map(|()| tables)
    }

    #[test]
    fn damaged_huffman_tables_are_errors() {
        let define = |content: &[u8]| take(marker::DEFINE_HUFFMAN_TABLES, content);
        let mut sound = vec![0, 2];
        sound.extend([0; 15]);
        sound.extend([3, 4]);
        let tables = define(&[sound.clone(), [&[0x13], &sound[1..]].concat()].concat()).unwrap();
        assert!(tables.dc[0].is_some() && tables.ac[3].is_some() && tables.dc[1].is_none());
        for cut in 1..sound.len() {
            assert!(define(&sound[..cut]).is_err(), "{cut}");
        }
        for (at, value) in [(0, 4), (0, 0x21), (1, 3)] {
            let mut damaged = sound.clone();
            damaged[at] = value;
            damaged.push(0);
            assert!(define(&damaged).is_err(), "{at}");
        }
    }

    #[test]
    fn quantisation_tables_have_one_byte_a_step_or_two() {
        let define = |content: &[u8]| take(marker::DEFINE_QUANTISATION_TABLES, content);
        let mut content = vec![1];
        content.extend(1..=64);
        content.push(0x13);
        content.extend((0..64).flat_map(|at| [1, at]));
        let tables = define(&content).unwrap();
        assert_eq!(tables.quantisation[1].unwrap()[63], 64);
        assert_eq!(tables.quantisation[3].unwrap()[63], 256 + 63);
        for cut in [1, 64, 66, content.len() - 1] {
            assert!(define(&content[..cut]).is_err(), "{cut}");
        }
        for (at, value) in [(0, 4), (0, 0x20), (9, 0)] {
            let mut damaged = content.clone();
            damaged[at] = value;
            assert!(define(&damaged).is_err(), "{at}");
        }
    }
}
