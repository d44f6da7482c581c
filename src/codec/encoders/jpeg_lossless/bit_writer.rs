//! Writes the entropy-coded segment (ISO/IEC 10918-1 F.1.2.3, H.1.2.2): codes, low-order bits, and a zero byte behind 0xFF.
//!
//! Nearly every difference is small, so that one look into a table gives its code and its low-order bits together. Two
//! of them are joined before anything is stored, and then all whole bytes go out by one store of eight bytes: behind
//! them lie bits that the next store overwrites. Nothing of this branches on the data but the question whether one of
//! the eight bytes is 0xFF, which is answered for all at once and is rarely true.

use super::huffman_table::{HuffmanTable, category, extra_bits};

/// Differences below this have an entry in the table.
const SMALL: i16 = 1024;
/// Differences between two looks at the room.
const CHUNK: usize = 1024;
/// A code has 16 bits at most and low-order bits are 15 at most, or none behind 16 bits; a stuffed byte behind each byte.
const ROOM: usize = CHUNK * 8 + 16;

/// Writes differences with one Huffman table.
pub(super) struct BitWriter {
    table: HuffmanTable,
    /// By difference plus `SMALL`: the bits, and in the lowest five how many they are (27 at most).
    small: Box<[u32; 2 * SMALL as usize]>,
    /// Bits that make no whole byte yet are its lowest; what lies above them has been written.
    pending: u64,
    /// How many are pending, 0 to 7.
    count: u32,
    buffer: Box<[u8; ROOM]>,
}

impl BitWriter {
    /// At the start of a segment.
    pub(super) fn new(table: HuffmanTable) -> BitWriter {
        let mut small = Box::new([0; 2 * SMALL as usize]);
        for (entry, difference) in small.iter_mut().zip(-SMALL..) {
            let (bits, length) = code(&table, difference);
            *entry = (bits as u32) << 5 | length;
        }
        BitWriter { table, small, pending: 0, count: 0, buffer: Box::new([0; ROOM]) }
    }

    /// Appends differences to the segment.
    pub(super) fn write(&mut self, differences: &[i16], out: &mut Vec<u8>) {
        for chunk in differences.chunks(CHUNK) {
            let mut state = State { pending: self.pending, count: self.count, written: 0 };
            let (pairs, rest) = chunk.as_chunks::<2>();
            for [first, second] in pairs {
                match (self.small_code(*first), self.small_code(*second)) {
                    (Some((first, first_length)), Some((second, second_length))) => {
                        state.put(
                            first << second_length | second,
                            first_length + second_length,
                            &mut self.buffer,
                        );
                    }
                    _ => {
                        self.put_any(*first, &mut state);
                        self.put_any(*second, &mut state);
                    }
                }
            }
            for difference in rest {
                self.put_any(*difference, &mut state);
            }
            out.extend_from_slice(&self.buffer[..state.written]);
            (self.pending, self.count) = (state.pending, state.count);
        }
    }

    /// Fills the last byte with ones (F.1.2.3).
    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        let mut state = State { pending: self.pending, count: self.count, written: 0 };
        state.put(0x7F, 7, &mut self.buffer);
        out.extend_from_slice(&self.buffer[..state.written]);
    }

    #[inline]
    fn small_code(&self, difference: i16) -> Option<(u64, u32)> {
        let entry = *self.small.get(usize::from(difference.wrapping_add(SMALL) as u16))?;
        Some((u64::from(entry >> 5), entry & 31))
    }

    #[cold]
    #[inline(never)]
    fn put_any(&mut self, difference: i16, state: &mut State) {
        let (bits, length) = code(&self.table, difference);
        state.put(bits, length, &mut self.buffer);
    }
}

/// What changes from code to code.
struct State {
    pending: u64,
    count: u32,
    /// Bytes in the buffer.
    written: usize,
}

impl State {
    /// Appends the lowest `length` bits, 56 at most, of which those above are zero.
    #[inline]
    fn put(&mut self, bits: u64, length: u32, buffer: &mut [u8; ROOM]) {
        self.pending = self.pending << length | bits;
        let count = self.count + length;
        // All pending bits at the top; in two steps because there may be none.
        let word = (self.pending << 1) << (63 - count);
        let bytes = (count / 8) as usize;
        // The bits behind the whole bytes are seven at most and followed by zeros, so that they never look like 0xFF.
        if has_ones_byte(word) {
            self.written = stuff(word, bytes, buffer, self.written);
        } else {
            buffer[self.written..self.written + 8].copy_from_slice(&word.to_be_bytes());
            self.written += bytes;
        }
        self.count = count % 8;
    }
}

/// Whether one of the bytes is 0xFF.
#[inline]
fn has_ones_byte(word: u64) -> bool {
    (!word).wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080 != 0
}

#[cold]
#[inline(never)]
fn stuff(word: u64, bytes: usize, buffer: &mut [u8; ROOM], mut written: usize) -> usize {
    for byte in word.to_be_bytes().into_iter().take(bytes) {
        buffer[written] = byte;
        written += 1;
        if byte == 0xFF {
            buffer[written] = 0;
            written += 1;
        }
    }
    written
}

/// A difference's code and the low-order bits behind it (table H.2, F.1.2.1.1), and how many bits that are.
fn code(table: &HuffmanTable, difference: i16) -> (u64, u32) {
    let category = category(difference);
    let extra = extra_bits(category);
    let (code, length) = table.code(category);
    // Of a negative difference the bits of the number one less: its first bit is then zero.
    let value = if difference < 0 { difference.wrapping_sub(1) } else { difference };
    let low = value as u16 & (1u32 << extra).wrapping_sub(1) as u16;
    (u64::from(code) << extra | u64::from(low), u32::from(length) + extra as u32)
}

#[cfg(test)]
mod tests {
    use super::super::huffman_table::Histogram;
    use super::*;

    /// Every difference that there is, written one bit at a time as the standard says it, is what comes out.
    #[test]
    fn every_difference_is_written_as_the_standard_says() {
        let all: Vec<i16> = (i16::MIN..=i16::MAX).chain((0..5000).map(|at| (at % 7 - 3) as i16)).collect();
        let mut histogram = Histogram::default();
        histogram.add(&all);
        let table = HuffmanTable::best_for(&histogram);
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
        histogram.add(&[0; 8]);
        let mut writer = BitWriter::new(HuffmanTable::best_for(&histogram));
        let mut segment = Vec::new();
        writer.write(&[0; 8], &mut segment);
        writer.finish(&mut segment);
        assert_eq!(segment, [0]);
    }
}
