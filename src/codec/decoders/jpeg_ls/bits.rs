//! The bits of one entropy-coded segment, most significant first, with the stuffed ones left out (ISO/IEC 14495-1 A.1).
//!
//! Behind a byte of 0xFF stand only seven bits, the eighth is a stuffed zero; a one there begins a marker and ends the
//! segment. Behind the end the reader gives zeros for ever, so that no read can fail: whoever reads asks
//! [`BitReader::is_overrun`] after each line, and what a damaged segment costs is bounded by one line.

/// Reads the bits of one segment.
///
/// The rare cases take the reader by value and give it back: so its fields can stay in registers while a line is decoded.
#[derive(Clone, Copy)]
pub(super) struct BitReader<'c> {
    codestream: &'c [u8],
    /// Where the segment begins.
    start: usize,
    /// The next byte that has not gone into `window`.
    at: usize,
    /// The next bits, the first one at the top. Below `valid` bits there may be more of the same bits, never others.
    window: u64,
    /// How many bits of `window` count, the made-up zeros among them.
    valid: u32,
    /// How many zeros have been made up behind the end of the segment.
    made_up: u64,
}

/// As many bits as are surely there after a refill.
const FULL: u32 = 56;

impl<'c> BitReader<'c> {
    /// A reader of the segment that begins at `start`.
    pub(super) fn new(codestream: &'c [u8], start: usize) -> BitReader<'c> {
        BitReader { codestream, start, at: start, window: 0, valid: 0, made_up: 0 }
    }

    /// Whether more bits have been read than the segment has.
    pub(super) fn is_overrun(&self) -> bool {
        self.made_up > u64::from(self.valid)
    }

    /// Where the marker behind the segment stands, after the last sample has been read. `None` when there is none, or when
    /// more stands before it than the padding of the last byte and a zero behind a last 0xFF (A.1).
    pub(super) fn marker(&self) -> Option<usize> {
        let rest = self.codestream.get(self.at..)?;
        let bytes = rest.windows(2).take(2).position(|pair| pair[0] == 0xFF && pair[1] >= 0x80)?;
        let unread = u64::from(self.valid).checked_sub(self.made_up)? + 8 * bytes as u64;
        (unread < 8 + 7).then_some(self.at + bytes)
    }

    /// Reads `count` bits, at most 32.
    pub(super) fn read(&mut self, count: u32) -> u32 {
        self.refill();
        let value = top(self.window, count);
        self.skip(count);
        value
    }

    /// Reads one bit.
    pub(super) fn read_bit(&mut self) -> bool {
        self.read(1) == 1
    }

    /// Reads a code of the limited-length Golomb family (A.5.3): a run of zeros ended by a one, and `k` more bits; after
    /// `escape` zeros instead the value less one in `wide` bits.
    ///
    /// `k` and `wide` are at most 16, `escape` at most 47.
    #[inline(always)]
    pub(super) fn read_golomb(&mut self, k: u32, escape: u32, wide: u32) -> u32 {
        self.refill();
        let zeros = self.window.leading_zeros();
        if zeros < escape && zeros + 1 + k <= FULL {
            let behind = self.window << zeros << 1;
            let value = (zeros << k) | top(behind, k);
            self.skip(zeros + 1 + k);
            return value;
        }
        let (value, reader) = self.long_golomb(zeros, k, escape, wide);
        *self = reader;
        value
    }

    #[cold]
    #[inline(never)]
    fn long_golomb(mut self, zeros: u32, k: u32, escape: u32, wide: u32) -> (u32, BitReader<'c>) {
        let zeros = zeros.min(escape);
        self.skip(zeros + 1);
        let value = if zeros < escape { (zeros << k) | self.read(k) } else { self.read(wide) + 1 };
        (value, self)
    }

    /// Drops bits; `count` is at most `valid`, as each caller sees to. Unchecked arithmetic because this is the innermost
    /// loop of all: a wrong count would give other bits, never a read outside.
    #[inline(always)]
    fn skip(&mut self, count: u32) {
        self.window = self.window.wrapping_shl(count);
        self.valid = self.valid.wrapping_sub(count);
    }

    #[inline(always)]
    fn refill(&mut self) {
        if self.valid >= FULL {
            return;
        }
        if let Some(bytes) = self.codestream.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_be_bytes(*bytes);
            // A byte is 0xFF where its complement is zero.
            if (!word).wrapping_sub(LOW_BITS) & word & HIGH_BITS == 0 && !self.is_behind_ff() {
                self.window |= word >> self.valid;
                let whole = (64 - self.valid) / 8;
                self.at += whole as usize;
                self.valid += whole * 8;
                return;
            }
        }
        *self = self.refilled();
    }

    /// Whether the byte before the next one is 0xFF, so that the next one has but seven bits.
    fn is_behind_ff(&self) -> bool {
        self.at > self.start && self.codestream.get(self.at - 1) == Some(&0xFF)
    }

    #[cold]
    #[inline(never)]
    fn refilled(mut self) -> BitReader<'c> {
        // What lies below the valid bits came from whole bytes; here bits are put there one byte at a time.
        if self.valid < 64 {
            self.window &= !(u64::MAX >> self.valid);
        }
        while self.valid < FULL {
            let Some(byte) = self.codestream.get(self.at) else { break };
            if *byte == 0xFF && self.codestream.get(self.at + 1).is_none_or(|next| *next >= 0x80) {
                break;
            }
            let bits = if self.is_behind_ff() { 7 } else { 8 };
            self.window |= u64::from(*byte) << (64 - self.valid - bits);
            self.valid += bits;
            self.at += 1;
        }
        if self.valid < FULL {
            self.made_up += u64::from(64 - self.valid);
            self.valid = 64;
        }
        self
    }
}

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The `count` top bits, as a number; `count` below 64.
#[inline(always)]
fn top(window: u64, count: u32) -> u32 {
    (window >> 1).wrapping_shr(63_u32.wrapping_sub(count)) as u32
}
