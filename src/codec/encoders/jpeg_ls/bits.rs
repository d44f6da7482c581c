//! The bits of an entropy-coded segment, most significant first, and the stuffing of its bytes (ISO/IEC 14495-1 A.1).
//!
//! Behind a byte of 0xFF the standard wants a zero bit, so that no marker can appear among the samples. Whether one is due
//! is known only when eight bits are complete; asked after every code that is a branch nobody can predict. So the codes of a
//! line go into a buffer as they are, without any branch, and whole lines of bits are stuffed afterwards: seven bytes at a
//! time where none of them is 0xFF, which is nearly always.

/// Bits that wait to be stuffed.
pub(super) struct Bits {
    buffer: Vec<u8>,
    end: End,
    /// How many bits of `buffer` have been stuffed: 0 to 7 between two lines.
    taken: usize,
    /// Whether the last byte of the segment is 0xFF.
    behind_ff: bool,
}

/// Where bits end.
#[derive(Clone, Copy, Default)]
pub(super) struct End {
    /// Whole bytes in the buffer.
    bytes: usize,
    /// The bits behind them that are no whole byte yet, at the top.
    tail: u64,
    /// How many those are: 0 to 7.
    pending: u32,
}

/// Appends codes.
pub(super) struct Writer<'b> {
    /// The buffer behind the whole bytes: shorter with every code, so that there is one question for each whether there is room.
    rest: &'b mut [u8],
    /// Bytes of the whole buffer.
    length: usize,
    tail: u64,
    pending: u32,
}

/// The longest code that [`Writer::put`] takes.
pub(super) const LONGEST: u32 = 56;

impl Bits {
    pub(super) fn new() -> Bits {
        Bits { buffer: Vec::new(), end: End::default(), taken: 0, behind_ff: false }
    }

    /// A writer of at most `bits` more bits. They count when its end is given to [`Bits::keep`].
    #[inline(always)]
    pub(super) fn writer(&mut self, bits: usize) -> Writer<'_> {
        let room = self.end.bytes + bits / 8 + SLACK;
        if self.buffer.len() < room {
            self.buffer.resize(room, 0);
        }
        Writer::at(&mut self.buffer, self.end)
    }

    /// Keeps what a writer has written up to its end.
    #[inline(always)]
    pub(super) fn keep(&mut self, end: End) {
        self.end = end;
    }

    /// Appends the whole bytes to the segment, stuffed.
    #[inline(always)]
    pub(super) fn stuff(&mut self, segment: &mut Vec<u8>) {
        let mut at = segment.len();
        // Each byte of the segment takes at least seven bits.
        segment.resize(at + self.end.bytes * 8 / 7 + SLACK, 0);
        let end = self.end.bytes * 8;
        while self.taken + CHUNK <= end {
            let word = self.next_word();
            let Some(place) = segment.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<8>()) else {
                break;
            };
            if !self.behind_ff && !has_ff(word & CHUNK_MASK) {
                *place = word.to_be_bytes();
                at += CHUNK / 8;
                self.taken += CHUNK;
            } else {
                place[0] = self.next_byte(word);
                at += 1;
            }
        }
        segment.truncate(at);
        let whole = self.taken / 8;
        self.buffer.copy_within(whole..self.end.bytes, 0);
        self.end.bytes -= whole;
        self.taken -= whole * 8;
    }

    /// Appends what is left, the last byte filled up with zeros; a zero stands behind a last byte of 0xFF.
    pub(super) fn finish(mut self, segment: &mut Vec<u8>) {
        let end = self.end.bytes * 8 + self.end.pending as usize;
        // The last bits are in the buffer when zeros follow them.
        self.writer(LONGEST as usize).put(0, LONGEST);
        while self.taken < end || self.behind_ff {
            let word = self.next_word();
            segment.push(self.next_byte(word));
        }
    }

    /// The next 57 bits or more, at the top; behind the last bit stands anything.
    #[inline(always)]
    fn next_word(&self) -> u64 {
        let bytes = self.buffer.get(self.taken / 8..).and_then(|rest| rest.first_chunk::<8>());
        u64::from_be_bytes(*bytes.unwrap_or(&[0; 8])) << (self.taken % 8)
    }

    /// The next byte of the segment, out of the next bits.
    #[inline(always)]
    fn next_byte(&mut self, word: u64) -> u8 {
        let stuffed = u32::from(self.behind_ff);
        let byte = (word >> (56 + stuffed)) as u8;
        self.taken += 8 - stuffed as usize;
        self.behind_ff = byte == 0xFF;
        byte
    }
}

impl<'b> Writer<'b> {
    #[inline(always)]
    fn at(buffer: &'b mut [u8], end: End) -> Writer<'b> {
        let length = buffer.len();
        let rest = buffer.get_mut(end.bytes..).unwrap_or_default();
        Writer { rest, length, tail: end.tail, pending: end.pending }
    }

    /// Where the bits end.
    #[inline(always)]
    pub(super) fn end(&self) -> End {
        End { bytes: self.length.wrapping_sub(self.rest.len()), tail: self.tail, pending: self.pending }
    }

    /// A writer that goes on where this one ends, for a function that is not inlined: were this one lent to it, it would
    /// live in memory rather than in registers. [`Writer::resume`] where that one ended.
    #[inline(always)]
    pub(super) fn aside(&mut self) -> Writer<'_> {
        Writer { rest: self.rest, ..*self }
    }

    /// Goes on where another writer ended.
    #[inline(always)]
    pub(super) fn resume(&mut self, end: End) {
        let more = end.bytes.wrapping_sub(self.end().bytes);
        self.rest = std::mem::take(&mut self.rest).get_mut(more..).unwrap_or_default();
        (self.tail, self.pending) = (end.tail, end.pending);
    }

    /// Appends a code of the limited-length Golomb family (A.5.3): the high part of `value` as zeros ended by a one, then its
    /// `k` low bits; where that would be `escape` zeros or more, `escape` zeros, a one, and the value less one in `wide` bits.
    #[inline(always)]
    pub(super) fn put_golomb(&mut self, value: u32, k: u32, escape: u32, wide: u32) {
        let zeros = u64::from(value).wrapping_shr(k) as u32;
        // Up to 38 zeros, a one, and at most 17 bits fit into one go.
        if zeros < escape.min(39) {
            let low = u64::from(value) & !u64::MAX.wrapping_shl(k);
            self.put(low | 1_u64.wrapping_shl(k), zeros.wrapping_add(1).wrapping_add(k));
        } else {
            let mut aside = self.aside();
            aside.put_long_golomb(value, k, escape, wide);
            let end = aside.end();
            self.resume(end);
        }
    }

    #[cold]
    #[inline(never)]
    fn put_long_golomb(&mut self, value: u32, k: u32, escape: u32, wide: u32) {
        let zeros = value >> k;
        if zeros < escape {
            self.put(0, zeros);
            self.put(1 << k | u64::from(value & ((1 << k) - 1)), k + 1);
        } else {
            self.put(0, escape);
            self.put(1 << wide | u64::from((value - 1) & ((1 << wide) - 1)), wide + 1);
        }
    }

    /// Appends the `length` low bits of `code`, which has no others; at most [`LONGEST`].
    ///
    /// Eight bytes are written each time, of which the last ones are overwritten by the next code.
    #[inline(always)]
    pub(super) fn put(&mut self, code: u64, length: u32) {
        let filled = self.pending.wrapping_add(length);
        let all = self.tail | code.wrapping_shl(64_u32.wrapping_sub(filled));
        let rest = std::mem::take(&mut self.rest);
        let Some(place) = rest.first_chunk_mut::<8>() else { return };
        *place = all.to_be_bytes();
        self.rest = &mut rest[(filled >> 3 & 7) as usize..];
        self.tail = all.wrapping_shl(filled & !7);
        self.pending = filled & 7;
    }
}

/// Bytes behind the bits that may be written or read, but never count.
const SLACK: usize = 16;

/// The bits that are stuffed at once, and where they stand in a word.
const CHUNK: usize = 56;
const CHUNK_MASK: u64 = !0xFF;

/// Whether a byte of the word is 0xFF: its complement is zero.
#[inline(always)]
fn has_ff(word: u64) -> bool {
    (!word).wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080 != 0
}
