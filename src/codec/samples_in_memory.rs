//! A slice of samples with its type, and the cells that its samples are stored as (PS3.5 8.1.1).

use std::ops::Range;

/// A slice of samples, with its type: what Bits Allocated (0028,0100) and Pixel Representation (0028,0103) describe.
#[derive(Debug, Clone, Copy)]
pub enum Samples<'a> {
    /// 8 bits, unsigned.
    U8(&'a [u8]),
    /// 8 bits, signed.
    I8(&'a [i8]),
    /// 16 bits, unsigned.
    U16(&'a [u16]),
    /// 16 bits, signed.
    I16(&'a [i16]),
    /// 32 bits, unsigned.
    U32(&'a [u32]),
    /// 32 bits, signed.
    I32(&'a [i32]),
}

/// The same for samples of every type: `$slice` is the slice.
macro_rules! each {
    ($samples:expr, $slice:ident => $what:expr) => {
        match $samples {
            Samples::U8($slice) => $what,
            Samples::I8($slice) => $what,
            Samples::U16($slice) => $what,
            Samples::I16($slice) => $what,
            Samples::U32($slice) => $what,
            Samples::I32($slice) => $what,
        }
    };
}

impl Samples<'_> {
    /// How many samples there are.
    pub fn len(&self) -> usize {
        each!(self, samples => samples.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of the type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Samples::U8(_) => "u8",
            Samples::I8(_) => "i8",
            Samples::U16(_) => "u16",
            Samples::I16(_) => "i16",
            Samples::U32(_) => "u32",
            Samples::I32(_) => "i32",
        }
    }

    /// Bits Allocated, and whether Pixel Representation is 1.
    pub(super) fn cell(&self) -> (u16, bool) {
        match self {
            Samples::U8(_) => (8, false),
            Samples::I8(_) => (8, true),
            Samples::U16(_) => (16, false),
            Samples::I16(_) => (16, true),
            Samples::U32(_) => (32, false),
            Samples::I32(_) => (32, true),
        }
    }

    /// Bytes of all cells.
    pub(super) fn bytes(&self) -> u64 {
        self.len() as u64 * u64::from(self.cell().0 / 8)
    }

    /// The first sample that so many bits cannot hold, and where it is.
    pub(super) fn first_beyond(&self, bits_stored: u16) -> Option<(usize, i64)> {
        let (bits_allocated, signed) = self.cell();
        if bits_stored >= bits_allocated {
            return None;
        }
        let (low, high) = match (1_i64 << bits_stored, signed) {
            (values, true) => (-values / 2, values / 2 - 1),
            (values, false) => (0, values - 1),
        };
        each!(self, samples => {
            let found = samples.iter().position(|sample| !(low..=high).contains(&i64::from(*sample)));
            found.and_then(|at| samples.get(at).map(|sample| (at, i64::from(*sample))))
        })
    }

    /// Appends the bytes `range` of the cells, little endian; zeros beyond them.
    pub(super) fn put(&self, range: Range<u64>, out: &mut Vec<u8>) {
        let width = usize::from(self.cell().0 / 8);
        let (start, end) = (range.start as usize, range.end as usize);
        let (first, last) = (start / width, end.div_ceil(width).min(self.len()));
        let begin = out.len();
        each!(self, samples => {
            out.extend(samples.get(first..last).unwrap_or_default().iter().flat_map(|sample| sample.to_le_bytes()));
        });
        // A range may begin and end within a cell.
        out.drain(begin..(begin + start - first * width).min(out.len()));
        out.resize(begin + end - start, 0);
    }
}

macro_rules! from_slice {
    ($($sample:ty => $variant:ident),*) => {
        $(impl<'a> From<&'a [$sample]> for Samples<'a> {
            fn from(samples: &'a [$sample]) -> Samples<'a> {
                Samples::$variant(samples)
            }
        })*
    };
}

from_slice!(u8 => U8, i8 => I8, u16 => U16, i16 => I16, u32 => U32, i32 => I32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_knows_its_cells() {
        let cases: [(Samples, &str, u16, bool); 6] = [
            ((&[1_u8, 2][..]).into(), "u8", 8, false),
            ((&[1_i8, 2][..]).into(), "i8", 8, true),
            ((&[1_u16, 2][..]).into(), "u16", 16, false),
            ((&[1_i16, 2][..]).into(), "i16", 16, true),
            ((&[1_u32, 2][..]).into(), "u32", 32, false),
            ((&[1_i32, 2][..]).into(), "i32", 32, true),
        ];
        for (samples, name, bits, signed) in cases {
            assert_eq!((samples.type_name(), samples.cell()), (name, (bits, signed)));
            assert_eq!((samples.len(), samples.bytes()), (2, u64::from(bits / 4)));
            assert!(!samples.is_empty());
            assert_eq!(samples.first_beyond(bits), None);
            assert_eq!(samples.first_beyond(if signed { 2 } else { 1 }), Some((1, 2)));
            let mut all = Vec::new();
            samples.put(0..samples.bytes(), &mut all);
            for start in 0..=all.len() {
                for end in start..=all.len() {
                    let mut part = vec![9];
                    samples.put(start as u64..end as u64, &mut part);
                    assert_eq!(part[1..], all[start..end], "{name} {start}..{end}");
                }
            }
        }
    }

    #[test]
    fn the_pad_byte_is_zero() {
        let (samples, mut out) = (Samples::U8(&[5, 6, 7]), Vec::new());
        samples.put(1..4, &mut out);
        assert_eq!(out, [6, 7, 0]);
    }

    #[test]
    fn the_limits_are_those_of_twos_complement() {
        let of = |samples: &[i16], bits| Samples::I16(samples).first_beyond(bits);
        assert_eq!(of(&[-2048, 2047], 12), None);
        assert_eq!(of(&[0, -2049], 12), Some((1, -2049)));
        assert_eq!(of(&[2048], 12), Some((0, 2048)));
        assert_eq!(Samples::U32(&[u32::MAX]).first_beyond(31), Some((0, u32::MAX.into())));
    }
}
