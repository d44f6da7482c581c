//! Inflating a data set of Deflated Explicit VR Little Endian (PS3.5 section A.5), without trusting it.

use flate2::{Crc, Decompress, DecompressError, FlushDecompress, Status};
use std::io;

use super::element::Limits;
use super::source::Source;

/// How much is read of the deflated bytes at a time, and at least offered to the inflated ones.
const CHUNK: usize = 64 * 1024;

/// Up to this many inflated bytes the ratio is not looked at: a blank image deflates a thousandfold.
const RATIO_ALLOWANCE: u64 = 32 << 20;

/// How many bytes gzip appends: CRC-32 and length (RFC 1952).
const GZIP_TRAILER: usize = 8;

/// Why a deflated data set could not be inflated.
#[derive(Debug, thiserror::Error)]
pub enum InflateError {
    /// The bytes are no deflated stream (RFC 1951).
    #[error("the deflated data set is damaged after {offset} bytes")]
    Damaged {
        /// How many deflated bytes were good.
        offset: u64,
    },
    /// The stream ends before its last block does.
    #[error("the deflated data set is cut off after {length} bytes")]
    Truncated {
        /// How many deflated bytes there are.
        length: u64,
    },
    /// There is more behind the stream than the NUL that makes its length even, or a right gzip trailer.
    #[error("{length} bytes follow the deflated data set, which ends at {offset}")]
    Trailing {
        /// Where the stream ends.
        offset: u64,
        /// How many bytes follow.
        length: u64,
    },
    /// The inflated bytes are more than [`Limits::inflated_bytes`].
    #[error("the deflated data set grows beyond {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The inflated bytes are more than [`Limits::inflate_ratio`] times the deflated ones.
    #[error("the deflated data set grows more than {limit} times")]
    TooDense {
        /// The limit.
        limit: u32,
    },
    /// The bytes cannot be read.
    #[error("the deflated data set cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// The data set that `source` holds deflated; it is in explicit VR little endian.
///
/// It is inflated twice: once to learn its length, holding nothing of it, so that a stream beyond the limits costs no
/// memory, and once into as much memory as it needs.
///
/// # Errors
/// The stream is damaged, cut off or followed by something, a limit is reached, or the source cannot be read.
pub fn inflate(source: &dyn Source, limits: &Limits) -> Result<Vec<u8>, InflateError> {
    let mut length = 0;
    each_piece(source, limits, |piece| length += piece.len())?;
    let mut inflated = Vec::with_capacity(length);
    let end = each_piece(source, limits, |piece| inflated.extend_from_slice(piece))?;
    let len = source.len();
    let trailer = source.bytes(end..len.min(end + GZIP_TRAILER as u64 + 2))?;
    if is_trailer(&trailer, &inflated) {
        Ok(inflated)
    } else {
        Err(InflateError::Trailing { offset: end, length: len - end })
    }
}

/// Inflates a stream piece by piece, as far as the limits allow. Gives the offset at which it ends.
fn each_piece(
    source: &dyn Source,
    limits: &Limits,
    mut take: impl FnMut(&[u8]),
) -> Result<u64, InflateError> {
    let len = source.len();
    let mut stream = Decompress::new(false);
    let mut piece = vec![0; CHUNK];
    loop {
        let (offset, before) = (stream.total_in(), stream.total_out());
        let input = source.bytes(offset..len.min(offset + CHUNK as u64))?;
        let status = stream.decompress(&input, &mut piece, FlushDecompress::None);
        let status =
            status.map_err(|_: DecompressError| InflateError::Damaged { offset: stream.total_in() })?;
        within(limits, stream.total_in(), stream.total_out())?;
        // No more than a piece, so it fits.
        let inflated = (stream.total_out() - before) as usize;
        take(piece.get(..inflated).unwrap_or_default());
        match status {
            Status::StreamEnd => return Ok(stream.total_in()),
            // Room was offered, so that a stream which asks for more and gets none has no more.
            _ if stream.total_in() == len && inflated < CHUNK => {
                return Err(InflateError::Truncated { length: len });
            }
            Status::Ok | Status::BufError => {}
        }
    }
}

/// Whether `bytes` may follow a deflated stream: nothing, or the checksum and length that gzip appends (writers do),
/// if they are right; and behind either the NUL that makes the length even.
fn is_trailer(bytes: &[u8], inflated: &[u8]) -> bool {
    let bytes = match bytes.split_first_chunk::<GZIP_TRAILER>() {
        Some((&[c0, c1, c2, c3, l0, l1, l2, l3], padding)) => {
            let mut crc = Crc::new();
            crc.update(inflated);
            let right = u32::from_le_bytes([c0, c1, c2, c3]) == crc.sum()
                && u32::from_le_bytes([l0, l1, l2, l3]) == inflated.len() as u32;
            if right { padding } else { bytes }
        }
        None => bytes,
    };
    matches!(bytes, [] | [0])
}

fn within(limits: &Limits, deflated: u64, inflated: u64) -> Result<(), InflateError> {
    if inflated > limits.inflated_bytes {
        return Err(InflateError::TooLarge { limit: limits.inflated_bytes });
    }
    if inflated > RATIO_ALLOWANCE && inflated / u64::from(limits.inflate_ratio.max(1)) > deflated {
        return Err(InflateError::TooDense { limit: limits.inflate_ratio });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::DeflateEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Bytes that neither repeat nor deflate well.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1u32;
        (0..length)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect()
    }

    #[test]
    fn what_was_deflated_comes_back() {
        for bytes in [Vec::new(), vec![0; 3 * CHUNK], noise(5 * CHUNK + 1)] {
            let mut deflated = deflate(&bytes);
            assert!(inflate(&deflated, &Limits::default()).unwrap() == bytes);
            deflated.push(0);
            assert!(inflate(&deflated, &Limits::default()).unwrap() == bytes, "one NUL is padding");
        }
    }

    #[test]
    fn a_cut_stream_is_an_error_at_every_byte() {
        let deflated = deflate(&noise(500));
        for length in 0..deflated.len() {
            assert!(
                matches!(
                    inflate(&&deflated[..length], &Limits::default()),
                    Err(InflateError::Truncated { .. })
                ),
                "{length}"
            );
        }
    }

    #[test]
    fn the_trailer_of_gzip_is_accepted_when_it_is_right() {
        let bytes = noise(1000);
        let mut crc = Crc::new();
        crc.update(&bytes);
        let trailer = [crc.sum().to_le_bytes(), 1000u32.to_le_bytes()].concat();
        let mut stream = [deflate(&bytes), trailer].concat();
        assert!(inflate(&stream, &Limits::default()).unwrap() == bytes);
        stream.push(0);
        assert!(inflate(&stream, &Limits::default()).unwrap() == bytes);
        stream.push(0);
        assert!(matches!(
            inflate(&stream, &Limits::default()),
            Err(InflateError::Trailing { length: 10, .. })
        ));
        stream.truncate(stream.len() - 2);
        for wrong in [1, 8] {
            let mut stream = stream.clone();
            let at = stream.len() - wrong;
            stream[at] ^= 1;
            assert!(matches!(
                inflate(&stream, &Limits::default()),
                Err(InflateError::Trailing { length: 8, .. })
            ));
        }
    }

    #[test]
    fn what_follows_the_stream_is_an_error() {
        let end = deflate(b"data set");
        for tail in [&b"\0\0"[..], b"x"] {
            let bytes = [&end[..], tail].concat();
            let result = inflate(&bytes, &Limits::default());
            assert!(
                matches!(result, Err(InflateError::Trailing { length, .. }) if length == tail.len() as u64)
            );
        }
    }

    #[test]
    fn what_is_no_stream_is_damaged() {
        assert!(matches!(
            inflate(&&b"\xFF\xFF\xFF\xFF"[..], &Limits::default()),
            Err(InflateError::Damaged { .. })
        ));
    }

    #[test]
    fn a_bomb_stops_at_the_limits() {
        let bomb = deflate(&vec![0; 64 << 20]);
        let small = Limits { inflated_bytes: 1 << 20, ..Limits::default() };
        assert!(matches!(inflate(&bomb, &small), Err(InflateError::TooLarge { limit }) if limit == 1 << 20));
        let sparse = Limits { inflate_ratio: 100, inflated_bytes: u64::MAX, ..Limits::default() };
        assert!(matches!(inflate(&bomb, &sparse), Err(InflateError::TooDense { limit: 100 })));
        let enough = Limits { inflate_ratio: 2000, inflated_bytes: 64 << 20, ..Limits::default() };
        assert_eq!(inflate(&bomb, &enough).unwrap().len(), 64 << 20);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..300), flip in any::<u8>()) {
            let _ = inflate(&bytes, &Limits::default());
            let mut deflated = deflate(&bytes);
            let at = usize::from(flip) % deflated.len();
            deflated[at] ^= flip;
            let _ = inflate(&deflated, &Limits::default());
        }
    }
}
