//! Bits of a JPEG XL codestream, the least significant ones first (ISO/IEC 18181-1 B.2).

/// Appends bits to bytes.
#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    end: End,
}

/// Where bits end.
#[derive(Clone, Copy, Default)]
pub(super) struct End {
    /// Bytes that are full; those behind them are room.
    full: usize,
    /// The bits that are no whole byte yet.
    held: u64,
    /// How many those are: less than 8 between two calls.
    held_bits: u32,
}

/// Appends bits where there is room for them. It is a thing of its own so that what it holds stays in registers.
pub(super) struct Pen<'w> {
    bytes: &'w mut [u8],
    end: End,
}

/// The most bits of one call.
pub(super) const MOST_BITS: u32 = 56;
const ROOM: usize = 8;

impl BitWriter {
    /// Starts anew, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.end = End::default();
    }

    /// Makes room for so many bits. What the pen writes counts when its end is given to [`BitWriter::keep`].
    #[inline(always)]
    pub(super) fn pen(&mut self, bits: usize) -> Pen<'_> {
        self.reserve(bits);
        Pen { bytes: &mut self.bytes, end: self.end }
    }

    /// Keeps what a pen has written up to its end.
    #[inline(always)]
    pub(super) fn keep(&mut self, end: End) {
        self.end = end;
    }

    #[inline(always)]
    fn reserve(&mut self, bits: usize) {
        let wanted = self.end.full + bits.div_ceil(8) + 2 * ROOM;
        if self.bytes.len() < wanted {
            self.bytes.resize(wanted.max(2 * self.bytes.len()), 0);
        }
    }

    /// Writes the lowest `count` bits of `bits`, [`MOST_BITS`] at most; the others must be zero.
    pub(super) fn write(&mut self, bits: u64, count: u32) {
        let mut pen = self.pen(count as usize);
        pen.put(bits, count);
        let end = pen.end();
        self.keep(end);
    }

    /// One bit.
    pub(super) fn flag(&mut self, set: bool) {
        self.write(u64::from(set), 1);
    }

    /// A number by one of four ways to write it, the first that can: added to an offset, and in so many bits (B.2.2, U32).
    /// What none of them can write must not be asked for.
    pub(super) fn number(&mut self, value: u32, ways: [(u32, u32); 4]) {
        let fits = |(offset, bits): &(u32, u32)| value >= *offset && u64::from(value - offset) < 1 << bits;
        let way = ways.iter().position(fits);
        debug_assert!(way.is_some(), "{value} in {ways:?}");
        let selector = way.unwrap_or_default();
        let (offset, bits) = ways[selector];
        self.write(selector as u64, 2);
        self.write(u64::from(value - offset), bits);
    }

    /// Zeros up to the next byte.
    pub(super) fn align(&mut self) {
        self.write(0, (8 - self.end.held_bits) & 7);
    }

    /// All bytes; what was written must end with one ([`BitWriter::align`]).
    pub(super) fn bytes(&self) -> &[u8] {
        debug_assert_eq!(self.end.held_bits, 0);
        &self.bytes[..self.end.full]
    }
}

impl Pen<'_> {
    /// Writes the lowest `count` bits of `bits`, [`MOST_BITS`] at most; the others must be zero. There must be room.
    #[inline(always)]
    pub(super) fn put(&mut self, bits: u64, count: u32) {
        debug_assert!(count <= MOST_BITS && bits >> count == 0);
        let End { full, held, held_bits } = self.end;
        let filled = held_bits.wrapping_add(count);
        let held = held | bits.wrapping_shl(held_bits);
        if let Some(place) = self.bytes.get_mut(full..).and_then(|bytes| bytes.first_chunk_mut::<ROOM>()) {
            *place = held.to_le_bytes();
        }
        self.end = End {
            full: full.wrapping_add((filled >> 3) as usize),
            held: held.wrapping_shr(filled & !7),
            held_bits: filled & 7,
        };
    }

    /// Where the bits end.
    #[inline(always)]
    pub(super) fn end(&self) -> End {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_significant_bit_comes_first() {
        let mut writer = BitWriter::default();
        writer.flag(true);
        writer.write(0b0110, 4);
        writer.write(0xABC, 12);
        writer.align();
        assert_eq!(writer.bytes(), [0b1000_1101, 0b0101_0111, 1]);
        writer.clear();
        writer.write(0x00FF_0000_0000_0001, 56);
        assert_eq!(writer.bytes(), [1, 0, 0, 0, 0, 0, 0xFF]);
    }

    #[test]
    fn a_number_is_written_in_the_first_way_that_can() {
        let ways = [(0, 0), (1, 4), (17, 8), (0, 32)];
        for (value, expected) in [
            (0, vec![0]),
            (1, vec![1]),
            (16, vec![0b11_1101]),
            (17, vec![2, 0]),
            (1000, vec![0xA3, 0x0F, 0, 0, 0]),
        ] {
            let mut writer = BitWriter::default();
            writer.number(value, ways);
            writer.align();
            assert_eq!(writer.bytes(), expected, "{value}");
        }
    }
}
