//! A whole entropy-coded segment without its stuffed bits, so that any bit of it can be looked up (ISO/IEC 14495-1 A.1).

/// The bits of a segment.
#[derive(Clone, Copy)]
pub(super) struct Unstuffed<'b> {
    /// The bits, most significant first, and behind them at least [`MARGIN`] bytes.
    bytes: &'b [u8],
    /// How many bits there are.
    length: usize,
}

/// Bytes behind the last bit, so that eight can be read at once.
const MARGIN: usize = 16;

impl<'b> Unstuffed<'b> {
    /// Takes the stuffed bits out of the segment that begins at `start`; `buffer` is used up. Gives the bits, and where the marker
    /// behind the segment stands. `None` when there is no marker.
    pub(super) fn of(
        codestream: &[u8],
        start: usize,
        buffer: &'b mut Vec<u8>,
    ) -> Option<(Unstuffed<'b>, usize)> {
        let segment = codestream.get(start..)?;
        buffer.clear();
        buffer.resize(segment.len() + MARGIN + 8, 0);
        let (mut at, mut behind_ff) = (0, false);
        // Whole bytes in the buffer, and the bits behind them: at the top of `rest`, 0 to 7.
        let (mut whole, mut rest, mut pending) = (0, 0_u64, 0_u32);
        loop {
            let word = segment.get(at..).and_then(|segment| segment.first_chunk::<8>()).copied();
            if let Some(word) = word.map(u64::from_be_bytes)
                && !behind_ff
                && !has_ff(word)
            {
                let place = buffer.get_mut(whole..)?.first_chunk_mut::<8>()?;
                *place = (rest | (word >> pending)).to_be_bytes();
                rest = word.wrapping_shl(1).wrapping_shl(63 - pending);
                (at, whole) = (at + 8, whole + 8);
                continue;
            }
            let byte = *segment.get(at)?;
            if byte == 0xFF && *segment.get(at + 1)? >= 0x80 {
                break;
            }
            // The byte behind 0xFF has seven bits; its top one is zero, or it would begin a marker.
            let bits = if behind_ff { 7 } else { 8 };
            rest |= u64::from(byte) << (64 - bits - pending);
            pending += bits;
            if pending >= 8 {
                *buffer.get_mut(whole)? = (rest >> 56) as u8;
                (whole, rest, pending) = (whole + 1, rest << 8, pending - 8);
            }
            behind_ff = byte == 0xFF;
            at += 1;
        }
        *buffer.get_mut(whole)? = (rest >> 56) as u8;
        Some((Unstuffed { bytes: buffer, length: 8 * whole + pending as usize }, start + at))
    }

    /// How many bits there are.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// 57 bits from bit `at` on, at the top, and zeros below; what lies behind the end is no bit of the segment.
    #[inline(always)]
    pub(super) fn window(&self, at: usize) -> u64 {
        match self.bytes.get(at / 8..).and_then(|bytes| bytes.first_chunk::<8>()) {
            Some(bytes) => u64::from_be_bytes(*bytes).wrapping_shl((at % 8) as u32),
            None => 0,
        }
    }
}

/// Whether a byte of the word is 0xFF: its complement is zero.
fn has_ff(word: u64) -> bool {
    (!word).wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080 != 0
}

#[cfg(test)]
mod tests {
    use super::super::bits::BitReader;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The decoder's reader, which works otherwise, reads the same bits.
        #[test]
        fn the_bits_are_those_of_the_reader(
            bytes in prop::collection::vec(prop_oneof![Just(0xFF_u8), any::<u8>(), 0..0x80_u8], 0..200),
            start in 0..3_usize,
        ) {
            let mut codestream = vec![0xFF; start];
            for byte in bytes {
                let is_behind_ff = codestream.len() > start && codestream.last() == Some(&0xFF);
                codestream.push(if is_behind_ff { byte & 0x7F } else { byte });
            }
            if codestream.len() > start && codestream.last() == Some(&0xFF) {
                codestream.push(0);
            }
            let end = codestream.len();
            codestream.extend([0xFF, 0xD9]);
            let mut buffer = Vec::new();
            let (bits, marker) = Unstuffed::of(&codestream, start, &mut buffer).unwrap();
            prop_assert_eq!(marker, end);
            let mut reader = BitReader::new(&codestream, start);
            for at in 0..bits.length() {
                prop_assert_eq!(bits.window(at) >> 63 == 1, reader.read_bit(), "bit {}", at);
            }
            prop_assert!(!reader.is_overrun());
            reader.read_bit();
            prop_assert!(reader.is_overrun());
        }
    }
}
