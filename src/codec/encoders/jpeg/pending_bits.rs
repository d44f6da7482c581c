//! Bits on their way into an entropy-coded segment (ISO/IEC 10918-1 F.1.2.3): whole bytes, and a zero byte behind 0xFF.
//!
//! All whole bytes go out by one store of eight bytes: behind them lie bits that the next store overwrites. Nothing of this
//! branches on the data but the question whether one of the eight is 0xFF, which is answered for all at once and is rarely
//! true.

/// Bits that make no whole byte yet, and where the next byte goes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PendingBits {
    /// The pending bits are its lowest; what lies above them has been written.
    bits: u64,
    /// How many are pending, 0 to 7.
    count: u32,
    /// Bytes in the buffer.
    written: usize,
}

impl PendingBits {
    /// Bytes that one call of [`PendingBits::put`] may need room for: eight, and a zero behind each.
    pub(crate) const ROOM: usize = 16;

    /// Appends the lowest `length` bits, 56 at most, of which those above are zero.
    #[inline]
    pub(crate) fn put<const ROOM: usize>(&mut self, bits: u64, length: u32, buffer: &mut [u8; ROOM]) {
        self.bits = self.bits << length | bits;
        let count = self.count + length;
        // All pending bits at the top; in two steps because there may be none.
        let word = (self.bits << 1) << (63 - count);
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

    /// Fills the last byte with ones (F.1.2.3).
    pub(crate) fn finish<const ROOM: usize>(&mut self, buffer: &mut [u8; ROOM]) {
        self.put(0x7F, 7, buffer);
    }

    /// Bytes in the buffer.
    pub(crate) fn written(&self) -> usize {
        self.written
    }

    /// Moves the bytes out of the buffer.
    pub(crate) fn flush<const ROOM: usize>(&mut self, buffer: &[u8; ROOM], out: &mut Vec<u8>) {
        out.extend_from_slice(&buffer[..self.written]);
        self.written = 0;
    }
}

/// Whether one of the bytes is 0xFF.
#[inline]
fn has_ones_byte(word: u64) -> bool {
    (!word).wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080 != 0
}

#[cold]
#[inline(never)]
fn stuff<const ROOM: usize>(word: u64, bytes: usize, buffer: &mut [u8; ROOM], mut written: usize) -> usize {
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
