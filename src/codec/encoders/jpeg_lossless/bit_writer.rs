//! Writes the entropy-coded segment (ISO/IEC 10918-1 F.1.2.3, H.1.2.2): codes and low-order bits.
//!
//! Nearly every difference is small, so that one look into a table gives its code and its low-order bits together. Two
//! of them are joined before anything is stored.

use super::super::jpeg::PendingBits;
use super::categories::{HuffmanCode, category, extra_bits};

/// Differences below this have an entry in the table.
const SMALL: i16 = 1024;
/// Differences between two looks at the room.
const CHUNK: usize = 1024;
/// A code has 16 bits at most and low-order bits are 15 at most, or none behind 16 bits; a stuffed byte behind each byte.
const ROOM: usize = CHUNK * 8 + PendingBits::ROOM;

/// Writes differences with one Huffman code.
pub(super) struct BitWriter {
    code: HuffmanCode,
    /// By difference plus `SMALL`: the bits, and in the lowest five how many they are (27 at most).
    small: Box<[u32; 2 * SMALL as usize]>,
    pending: PendingBits,
    buffer: Box<[u8; ROOM]>,
}

impl BitWriter {
    /// At the start of a segment.
    pub(super) fn new(code: HuffmanCode) -> BitWriter {
        let mut small = Box::new([0; 2 * SMALL as usize]);
        for (entry, difference) in small.iter_mut().zip(-SMALL..) {
            let (bits, length) = whole_code(&code, difference);
            *entry = (bits as u32) << 5 | length;
        }
        BitWriter { code, small, pending: PendingBits::default(), buffer: Box::new([0; ROOM]) }
    }

    /// Appends differences to the segment.
    pub(super) fn write(&mut self, differences: &[i16], out: &mut Vec<u8>) {
        for chunk in differences.chunks(CHUNK) {
            let mut pending = self.pending;
            let (pairs, rest) = chunk.as_chunks::<2>();
            for [first, second] in pairs {
                match (self.small_code(*first), self.small_code(*second)) {
                    (Some((first, first_length)), Some((second, second_length))) => {
                        let both = first << second_length | second;
                        pending.put(both, first_length + second_length, &mut self.buffer);
                    }
                    _ => {
                        self.put_any(*first, &mut pending);
                        self.put_any(*second, &mut pending);
                    }
                }
            }
            for difference in rest {
                self.put_any(*difference, &mut pending);
            }
            pending.flush(&self.buffer, out);
            self.pending = pending;
        }
    }

    /// Ends the segment.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        self.pending.finish(&mut self.buffer);
        self.pending.flush(&self.buffer, out);
    }

    #[inline]
    fn small_code(&self, difference: i16) -> Option<(u64, u32)> {
        let entry = *self.small.get(usize::from(difference.wrapping_add(SMALL) as u16))?;
        Some((u64::from(entry >> 5), entry & 31))
    }

    #[cold]
    #[inline(never)]
    fn put_any(&mut self, difference: i16, pending: &mut PendingBits) {
        let (bits, length) = whole_code(&self.code, difference);
        pending.put(bits, length, &mut self.buffer);
    }
}

/// A difference's code and the low-order bits behind it (table H.2, F.1.2.1.1), and how many bits that are.
fn whole_code(code: &HuffmanCode, difference: i16) -> (u64, u32) {
    let category = category(difference);
    let extra = extra_bits(category);
    let (code, length) = code.code(category);
    // Of a negative difference the bits of the number one less: its first bit is then zero.
    let value = if difference < 0 { difference.wrapping_sub(1) } else { difference };
    let low = value as u16 & (1u32 << extra).wrapping_sub(1) as u16;
    (u64::from(code) << extra | u64::from(low), u32::from(length) + extra as u32)
}

#[cfg(test)]
mod tests {
    use super::super::categories::{Histogram, count};
    use super::*;

    /// Every difference that there is, written one bit at a time as the standard says it, is what comes out.
    #[test]
    fn every_difference_is_written_as_the_standard_says() {
        let all: Vec<i16> = (i16::MIN..=i16::MAX).chain((0..5000).map(|at| (at % 7 - 3) as i16)).collect();
        let mut histogram = Histogram::default();
        count(&all, &mut histogram);
        let table = HuffmanCode::best_for(&histogram);
        let mut writer = BitWriter::new(table.clone());
        let mut segment = Vec::new();
        // Pieces of odd lengths, so that pairs begin anywhere.
        for piece in all.chunks(1237) {
            writer.write(piece, &mut segment);
        }
        writer.finish(&mut segment);

        let mut bits = Vec::new();
        for difference in &all {
            let value = i32::from(*difference);
            let category = (0..=16).find(|category| value.abs() < 1 << category).unwrap();
            let (code, length) = table.code(category);
            bits.extend((0..length).rev().map(|bit| code >> bit & 1 == 1));
            let low = if value < 0 { value + (1 << category) - 1 } else { value };
            if category < 16 {
                bits.extend((0..category).rev().map(|bit| low >> bit & 1 == 1));
            }
        }
        let mut expected = Vec::new();
        for byte in bits.chunks(8) {
            let value = (0..8).fold(0, |value, at| value << 1 | u8::from(*byte.get(at).unwrap_or(&true)));
            expected.push(value);
            if value == 0xFF {
                expected.push(0);
            }
        }
        assert_eq!(segment.len(), expected.len());
        assert!(segment == expected);
        assert!(expected.windows(2).filter(|two| *two == [0xFF, 0]).count() > 100, "stuffing was tried");
    }

    #[test]
    fn a_segment_that_ends_on_a_byte_gets_no_more() {
        let mut histogram = Histogram::default();
        count(&[0; 8], &mut histogram);
        let mut writer = BitWriter::new(HuffmanCode::best_for(&histogram));
        let mut segment = Vec::new();
        writer.write(&[0; 8], &mut segment);
        writer.finish(&mut segment);
        assert_eq!(segment, [0]);
    }
}
