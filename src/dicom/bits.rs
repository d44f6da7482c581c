//! Cells of one bit, the first in the least significant bit of a byte (PS3.5 sections 8.1.1 and 8.2): the frames of native Pixel
//! Data follow each other bit by bit, and every encapsulated one begins on a byte.

use std::io::{self, Write};

/// `count` bits of `bytes` from bit `first` on, as bytes of which the first begins with the first of them. What fills the last
/// byte up is 0, and so are bits that `bytes` does not have.
pub(super) fn cut(bytes: &[u8], first: u64, count: u64) -> Vec<u8> {
    let (start, shift) = ((first / 8) as usize, (first % 8) as u32);
    let at = |index: usize| bytes.get(index).copied().map_or(0, u16::from);
    let mut cut: Vec<u8> = (start..start + count.div_ceil(8) as usize)
        .map(|index| ((at(index) | at(index + 1) << 8) >> shift) as u8)
        .collect();
    clear_padding(&mut cut, count);
    cut
}

/// Sets the bits behind the first `count` to 0.
pub fn clear_padding(bytes: &mut [u8], count: u64) {
    let whole = (count / 8) as usize;
    for (index, byte) in bytes.iter_mut().enumerate().skip(whole) {
        *byte &= if index == whole { !(u8::MAX << (count % 8)) } else { 0 };
    }
}

/// Writes bits one behind the other, wherever bytes begin.
pub struct BitWriter<'w> {
    out: &'w mut dyn Write,
    /// The bits that do not fill a byte yet.
    held: u8,
    /// How many they are, fewer than 8.
    count: u32,
}

impl<'w> BitWriter<'w> {
    /// Begins with a byte.
    pub fn new(out: &'w mut dyn Write) -> BitWriter<'w> {
        BitWriter { out, held: 0, count: 0 }
    }

    /// Writes the first `count` bits of `bytes`.
    ///
    /// # Errors
    /// The writer's own; [`io::ErrorKind::InvalidInput`] when there are not so many.
    pub fn write(&mut self, bytes: &[u8], count: u64) -> io::Result<()> {
        let whole = (count / 8) as usize;
        let (whole, rest) = bytes.split_at_checked(whole).ok_or(io::ErrorKind::InvalidInput)?;
        if self.count == 0 {
            self.out.write_all(whole)?;
        } else {
            let shifted = whole.iter().map(|byte| {
                let both = u16::from(self.held) | u16::from(*byte) << self.count;
                self.held = (both >> 8) as u8;
                both as u8
            });
            let shifted: Vec<u8> = shifted.collect();
            self.out.write_all(&shifted)?;
        }
        let left = (count % 8) as u32;
        if left > 0 {
            let byte = rest.first().ok_or(io::ErrorKind::InvalidInput)? & !(u8::MAX << left);
            let both = u16::from(self.held) | u16::from(byte) << self.count;
            self.count += left;
            self.held = both as u8;
            if self.count >= 8 {
                self.out.write_all(&[both as u8])?;
                self.held = (both >> 8) as u8;
                self.count -= 8;
            }
        }
        Ok(())
    }

    /// Fills the last byte up with 0.
    ///
    /// # Errors
    /// The writer's own.
    pub fn finish(self) -> io::Result<()> {
        if self.count > 0 { self.out.write_all(&[self.held]) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bit `at` of some bytes.
    fn bit(bytes: &[u8], at: u64) -> u8 {
        bytes[(at / 8) as usize] >> (at % 8) & 1
    }

    #[test]
    fn every_stretch_is_cut_out_bit_by_bit() {
        let bytes: Vec<u8> = (0..9).map(|at: u8| at.wrapping_mul(91) ^ 0x5C).collect();
        for first in 0..=72 {
            for count in 0..=72 - first {
                let cut = cut(&bytes, first, count);
                assert_eq!(cut.len() as u64, count.div_ceil(8));
                assert!((0..count).all(|at| bit(&cut, at) == bit(&bytes, first + at)), "{first} {count}");
                assert!((count..cut.len() as u64 * 8).all(|at| bit(&cut, at) == 0), "{first} {count}");
            }
        }
        assert_eq!(cut(&[0xFF], 4, 12), [0x0F, 0]);
    }

    #[test]
    fn stretches_are_written_one_behind_the_other() {
        let bytes: Vec<u8> = (0..40).map(|at: u8| at.wrapping_mul(37) ^ 0xA3).collect();
        for each in 1..=40 {
            let frames = 320 / each;
            let mut out = Vec::new();
            let mut writer = BitWriter::new(&mut out);
            for frame in 0..frames {
                // What lies behind the bits of a frame is not written.
                let mut cut = cut(&bytes, frame * each, each);
                *cut.last_mut().unwrap() |= (!(u16::from(u8::MAX) >> ((8 - each % 8) % 8))) as u8;
                writer.write(&cut, each).unwrap();
            }
            writer.finish().unwrap();
            let mut expected = bytes[..(frames * each).div_ceil(8) as usize].to_vec();
            clear_padding(&mut expected, frames * each);
            assert_eq!(out, expected, "{each}");
        }
        assert!(BitWriter::new(&mut Vec::new()).write(&[1], 9).is_err());
    }
}
