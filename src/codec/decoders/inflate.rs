//! Inflates a deflated frame (RFC 1951): the project's own, which shares nothing with zlib-rs.

use std::fmt;

/// Why bytes are no deflated frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    /// They end before the last block does.
    CutOff,
    /// There is a block of the kind that is reserved (3.2.3).
    BlockType,
    /// The length of a stored block and its complement disagree (3.2.4).
    StoredLength,
    /// Code lengths are no prefix code (3.2.2, 3.2.7).
    CodeLengths,
    /// A code that stands for nothing.
    Code,
    /// A string repeats what lies before the first byte (3.2.3).
    Distance,
    /// There is more than a frame has.
    TooLong,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Damage::CutOff => "it ends within a block",
            Damage::BlockType => "a block is of the reserved kind",
            Damage::StoredLength => "the length of a stored block contradicts itself",
            Damage::CodeLengths => "the code lengths of a block are no prefix code",
            Damage::Code => "a code stands for nothing",
            Damage::Distance => "a string begins before the frame does",
            Damage::TooLong => "it inflates to more than a frame",
        })
    }
}

/// Replaces `out` by what `deflated` holds, at most `most` bytes. Gives how many bytes of `deflated` that took.
///
/// # Errors
/// [`Damage`]; `out` then holds what came before.
pub(super) fn inflate(deflated: &[u8], most: usize, out: &mut Vec<u8>) -> Result<usize, Damage> {
    out.clear();
    let mut bits = Bits { bytes: deflated, at: 0, held: 0, count: 0 };
    loop {
        let last = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => stored(&mut bits, most, out)?,
            1 => {
                let (literals, distances) = fixed()?;
                compressed(&mut bits, &literals, &distances, most, out)?;
            }
            2 => {
                let (literals, distances) = dynamic(&mut bits)?;
                compressed(&mut bits, &literals, &distances, most, out)?;
            }
            _ => return Err(Damage::BlockType),
        }
        if last {
            return Ok(bits.bytes_taken());
        }
    }
}

/// Bits, the least significant of each byte first (3.1.1).
struct Bits<'b> {
    bytes: &'b [u8],
    /// The first byte that is not held.
    at: usize,
    held: u64,
    /// How many bits are held.
    count: u32,
}

impl<'b> Bits<'b> {
    fn fill(&mut self) {
        while self.count <= 56
            && let Some(byte) = self.bytes.get(self.at)
        {
            self.held |= u64::from(*byte) << self.count;
            self.count += 8;
            self.at += 1;
        }
    }

    /// At most 16 bits.
    fn take(&mut self, count: u32) -> Result<usize, Damage> {
        if self.count < count {
            self.fill();
        }
        let bits = self.held & ((1 << count) - 1);
        self.skip(count)?;
        Ok(bits as usize)
    }

    fn skip(&mut self, count: u32) -> Result<(), Damage> {
        self.count = self.count.checked_sub(count).ok_or(Damage::CutOff)?;
        self.held >>= count;
        Ok(())
    }

    /// So many whole bytes, from the next one on.
    fn bytes(&mut self, count: usize) -> Result<&'b [u8], Damage> {
        let start = self.bytes_taken();
        let bytes =
            start.checked_add(count).and_then(|end| self.bytes.get(start..end)).ok_or(Damage::CutOff)?;
        (self.at, self.held, self.count) = (start + count, 0, 0);
        Ok(bytes)
    }

    /// How many bytes were begun.
    fn bytes_taken(&self) -> usize {
        self.at - (self.count / 8) as usize
    }
}

/// A prefix code (3.2.2): short codes are looked up, long ones counted through.
struct Code {
    /// By the next bits, the symbol and, in the lowest four bits, the length of its code; 0 when it is longer.
    short: Vec<u16>,
    /// How many codes there are of each length.
    counts: [u16; LONGEST + 1],
    /// The symbols by their codes.
    symbols: Vec<u16>,
}

const LONGEST: usize = 15;
const SHORT: u32 = 10;

impl Code {
    fn of(lengths: &[u8]) -> Result<Code, Damage> {
        let mut counts = [0_u16; LONGEST + 1];
        for length in lengths {
            *counts.get_mut(usize::from(*length)).ok_or(Damage::CodeLengths)? += 1;
        }
        counts[0] = 0;
        // Where the codes of each length begin, as codes and as places among all symbols.
        let (mut first, mut place) = ([0_u32; LONGEST + 2], [0_usize; LONGEST + 2]);
        for length in 1..=LONGEST {
            let end = first[length] + u32::from(counts[length]);
            if end > 1 << length {
                return Err(Damage::CodeLengths);
            }
            first[length + 1] = end << 1;
            place[length + 1] = place[length] + usize::from(counts[length]);
        }
        let mut code = Code { short: vec![0; 1 << SHORT], counts, symbols: vec![0; place[LONGEST + 1]] };
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            let length = usize::from(*length);
            if let Some(slot) = code.symbols.get_mut(place[length]) {
                *slot = symbol as u16;
            }
            if length <= SHORT as usize {
                // A code comes with its most significant bit first, everything else with its least.
                let reversed = first[length].reverse_bits() >> (32 - length);
                let entry = (symbol as u16) << 4 | length as u16;
                code.short
                    .iter_mut()
                    .skip(reversed as usize)
                    .step_by(1 << length)
                    .for_each(|slot| *slot = entry);
            }
            first[length] += 1;
            place[length] += 1;
        }
        Ok(code)
    }

    fn symbol(&self, bits: &mut Bits<'_>) -> Result<usize, Damage> {
        if bits.count < LONGEST as u32 {
            bits.fill();
        }
        let entry = self.short.get((bits.held & ((1 << SHORT) - 1)) as usize).copied().unwrap_or(0);
        if entry != 0 {
            bits.skip(u32::from(entry & 0xF))?;
            return Ok(usize::from(entry >> 4));
        }
        let (mut code, mut first, mut place) = (0_u32, 0_u32, 0_usize);
        for length in 1..=LONGEST {
            code |= (bits.held >> (length - 1) & 1) as u32;
            let count = u32::from(self.counts[length]);
            if code < first + count {
                bits.skip(length as u32)?;
                let symbol = self.symbols.get(place + (code - first) as usize);
                return symbol.map(|symbol| usize::from(*symbol)).ok_or(Damage::Code);
            }
            place += count as usize;
            first = (first + count) << 1;
            code <<= 1;
        }
        // Bits that are not there count as 0 above.
        Err(if (bits.count as usize) < LONGEST { Damage::CutOff } else { Damage::Code })
    }
}

/// A block as it is (3.2.4).
fn stored(bits: &mut Bits<'_>, most: usize, out: &mut Vec<u8>) -> Result<(), Damage> {
    let [l0, l1, n0, n1] = *bits.bytes(4)? else { return Err(Damage::CutOff) };
    let (length, complement) = (u16::from_le_bytes([l0, l1]), u16::from_le_bytes([n0, n1]));
    if length != !complement {
        return Err(Damage::StoredLength);
    }
    let bytes = bits.bytes(usize::from(length))?;
    if out.len() + bytes.len() > most {
        return Err(Damage::TooLong);
    }
    out.extend_from_slice(bytes);
    Ok(())
}

/// Literals and strings (3.2.5).
fn compressed(
    bits: &mut Bits<'_>,
    literals: &Code,
    distances: &Code,
    most: usize,
    out: &mut Vec<u8>,
) -> Result<(), Damage> {
    loop {
        let symbol = literals.symbol(bits)?;
        let room = most - out.len();
        let Some(length) = symbol.checked_sub(END_OF_BLOCK) else {
            if room == 0 {
                return Err(Damage::TooLong);
            }
            out.push(symbol as u8);
            continue;
        };
        let Some(length) = length.checked_sub(1) else { return Ok(()) };
        let length = extended(bits, LENGTHS, length)?;
        let distance = distances.symbol(bits)?;
        let distance = extended(bits, DISTANCES, distance)?;
        let from = out.len().checked_sub(distance).ok_or(Damage::Distance)?;
        if length > room {
            return Err(Damage::TooLong);
        }
        // A string may reach into itself.
        let mut left = length;
        while left > 0 {
            let piece = left.min(out.len() - from);
            out.extend_from_within(from..from + piece);
            left -= piece;
        }
    }
}

const END_OF_BLOCK: usize = 256;

/// The base value and the number of extra bits of each length symbol from 257 on, and of each distance symbol (3.2.5).
const LENGTHS: &[(u16, u8)] = &[
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];
const DISTANCES: &[(u16, u8)] = &[
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];

fn extended(bits: &mut Bits<'_>, table: &[(u16, u8)], symbol: usize) -> Result<usize, Damage> {
    let (base, extra) = table.get(symbol).ok_or(Damage::Code)?;
    Ok(usize::from(*base) + bits.take(u32::from(*extra))?)
}

/// The codes that need no telling (3.2.6).
fn fixed() -> Result<(Code, Code), Damage> {
    let mut lengths = [8_u8; 288];
    lengths[144..256].fill(9);
    lengths[256..280].fill(7);
    Ok((Code::of(&lengths)?, Code::of(&[5; 30])?))
}

/// The codes that stand at the start of a block (3.2.7).
fn dynamic(bits: &mut Bits<'_>) -> Result<(Code, Code), Damage> {
    let (literals, distances) = (bits.take(5)? + 257, bits.take(5)? + 1);
    let told = bits.take(4)? + 4;
    let mut of_lengths = [0; 19];
    for place in ORDER.iter().take(told) {
        if let Some(slot) = of_lengths.get_mut(*place) {
            *slot = bits.take(3)? as u8;
        }
    }
    let code = Code::of(&of_lengths)?;
    let mut lengths: Vec<u8> = Vec::with_capacity(literals + distances);
    while lengths.len() < literals + distances {
        let (value, times) = match code.symbol(bits)? {
            length @ 0..=15 => (length as u8, 1),
            16 => (*lengths.last().ok_or(Damage::CodeLengths)?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            _ => (0, 11 + bits.take(7)?),
        };
        lengths.resize(lengths.len() + times, value);
    }
    if lengths.len() > literals + distances {
        return Err(Damage::CodeLengths);
    }
    let (literals, distances) = lengths.split_at(literals);
    Ok((Code::of(literals)?, Code::of(distances)?))
}

/// In which order the lengths of the codes of lengths come (3.2.7).
const ORDER: &[usize] = &[16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

#[cfg(test)]
mod tests {
    use super::super::super::testing::noise;
    use super::*;
    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use std::io::Write;

    fn deflate(bytes: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn contents() -> Vec<Vec<u8>> {
        let slope = (0..70_000_u32).flat_map(|at| (at / 9).to_le_bytes()).collect();
        let text = b"a string that reaches into itself: aaaaaaaaaaaaaaaaaaaa".repeat(40);
        let few: Vec<u8> = noise(50_000, 3).iter().map(|byte| byte & 3).collect();
        vec![vec![], vec![7], vec![0; 100_000], noise(90_000, 1), slope, text, few]
    }

    /// Stored, fixed and dynamic blocks.
    #[test]
    fn what_zlib_deflates_comes_back_at_every_level() {
        for bytes in contents() {
            for level in 0..=9 {
                let mut deflated = deflate(&bytes, level);
                let (whole, mut out) = (deflated.len(), vec![1; 9]);
                deflated.extend([0, 0xFF]);
                assert_eq!(inflate(&deflated, bytes.len(), &mut out), Ok(whole), "level {level}");
                assert!(out == bytes, "level {level}");
            }
        }
    }

    /// RFC 1951 3.2.6 by hand: «a» three times as a literal and a string, in a block of fixed codes.
    #[test]
    fn a_block_by_hand() {
        let mut out = Vec::new();
        // 1, 01 | 'a' = 0x91 in 8 bits | length 3 = 257 = 0000001 in 7 | distance 1 = 00000 in 5 | end = 0000000 in 7
        let deflated = [0x4B, 0x04, 0x02, 0x00];
        assert_eq!(inflate(&deflated, 4, &mut out), Ok(4));
        assert_eq!(out, b"aaaa");
    }

    #[test]
    fn every_cut_and_one_byte_too_many_is_an_error() {
        for bytes in contents().into_iter().filter(|bytes| !bytes.is_empty() && bytes.len() < 60_000) {
            for level in [0, 1, 6] {
                let deflated = deflate(&bytes, level);
                for cut in (0..deflated.len()).rev().take(300).chain(0..deflated.len().min(300)) {
                    assert_eq!(
                        inflate(&deflated[..cut], bytes.len(), &mut Vec::new()),
                        Err(Damage::CutOff),
                        "{cut}"
                    );
                }
                assert_eq!(inflate(&deflated, bytes.len() - 1, &mut Vec::new()), Err(Damage::TooLong));
            }
        }
    }

    #[test]
    fn each_kind_of_damage_is_named() {
        let of = |bytes: &[u8]| inflate(bytes, 1000, &mut Vec::new()).unwrap_err();
        assert_eq!(of(&[]), Damage::CutOff);
        assert_eq!(of(&[0b111]), Damage::BlockType);
        assert_eq!(of(&[1, 1, 0, 0, 0, 7]), Damage::StoredLength);
        // Fixed codes, and at once a string.
        assert_eq!(of(&[0b0000_0011, 0b10, 0, 0]), Damage::Distance);
        // Dynamic codes, and all 19 lengths of the codes of lengths are 1.
        let all_one = [5, 224, 147, 36, 73, 146, 36, 73, 146, 0, 0, 0];
        assert_eq!(of(&all_one), Damage::CodeLengths);
    }

    /// Flipped bits give other bytes or an error, as zlib-rs does, and they end.
    #[test]
    fn damage_ends_and_is_judged_as_zlib_judges_it() {
        use std::io::Read;
        for bytes in [contents().remove(5), noise(300, 9)] {
            for level in [1, 9] {
                let deflated = deflate(&bytes, level);
                for bit in 0..deflated.len() * 8 {
                    let mut damaged = deflated.clone();
                    damaged[bit / 8] ^= 1 << (bit % 8);
                    let mut ours = Vec::new();
                    let (mut theirs, most) = (Vec::new(), 1 << 20);
                    let judged =
                        flate2::read::DeflateDecoder::new(&damaged[..]).take(most).read_to_end(&mut theirs);
                    match inflate(&damaged, most as usize, &mut ours) {
                        Ok(_) => assert!(judged.is_err() || ours == theirs, "bit {bit}"),
                        Err(_) => assert!(judged.is_err() || ours.len() <= theirs.len(), "bit {bit}"),
                    }
                }
            }
        }
    }
}
