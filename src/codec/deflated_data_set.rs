//! Deflates a whole data set as it is written (PS3.5 A.5, RFC 1951), and proves it: what is written is inflated again at once,
//! and must be what was deflated.

use flate2::Compression;
use flate2::write::{DeflateDecoder, DeflateEncoder};
use std::io::{self, Write};

/// The name of what deflates, and of what inflates to compare.
pub(super) const NAME: &str = "zlib-rs";

/// Deflates what is written to it.
pub(super) struct DeflatedDataSet<'w> {
    encoder: DeflateEncoder<Proof<'w>>,
    written: blake3::Hasher,
}

/// What was deflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deflated {
    /// Bytes of the data set.
    pub(super) bytes: u64,
    /// Bytes that it has deflated, with a pad byte.
    pub(super) deflated_bytes: u64,
    /// Whether it was inflated and found the same; `None` when that was not asked for.
    pub(super) proven: Option<bool>,
}

impl<'w> DeflatedDataSet<'w> {
    /// Deflates into `out`; with `verify` what comes out is inflated again.
    pub(super) fn new(out: &'w mut dyn Write, verify: bool) -> DeflatedDataSet<'w> {
        let inflater = verify.then(|| DeflateDecoder::new(Hashing(blake3::Hasher::new())));
        let proof = Proof { out, bytes: 0, inflater, failed: false };
        DeflatedDataSet {
            encoder: DeflateEncoder::new(proof, Compression::default()),
            written: blake3::Hasher::new(),
        }
    }

    /// Ends the stream, with a 0 byte where its length is odd (A.5).
    ///
    /// # Errors
    /// The writer's own.
    pub(super) fn finish(self) -> io::Result<Deflated> {
        let bytes = self.encoder.total_in();
        let Proof { out, bytes: mut deflated_bytes, inflater, failed } = self.encoder.finish()?;
        let written = self.written.finalize();
        // What cannot be inflated is as little proven as what inflates to something else.
        let same = |inflated: Hashing| inflated.0.finalize() == written;
        let proven = inflater.map(|inflater| !failed && inflater.finish().is_ok_and(same));
        if !deflated_bytes.is_multiple_of(2) {
            out.write_all(&[0])?;
            deflated_bytes += 1;
        }
        Ok(Deflated { bytes, deflated_bytes, proven })
    }
}

impl Write for DeflatedDataSet<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.encoder.write(bytes)?;
        self.written.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Flushing the stream itself would only make it longer.
        Ok(())
    }
}

/// Hands deflated bytes on, and inflates them.
struct Proof<'w> {
    out: &'w mut dyn Write,
    bytes: u64,
    inflater: Option<DeflateDecoder<Hashing>>,
    /// Whether it could not inflate what it was given.
    failed: bool,
}

impl Write for Proof<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        if let Some(inflater) = self.inflater.as_mut().filter(|_| !self.failed) {
            self.failed = inflater.write_all(bytes.get(..written).unwrap_or(bytes)).is_err();
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Takes bytes and remembers their hash only.
struct Hashing(blake3::Hasher);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::noise;
    use super::*;
    use crate::dicom::{Limits, inflate};

    fn deflated(bytes: &[u8], verify: bool) -> (Deflated, Vec<u8>) {
        let mut out = Vec::new();
        let mut deflater = DeflatedDataSet::new(&mut out, verify);
        for piece in bytes.chunks(777) {
            deflater.write_all(piece).unwrap();
        }
        let facts = deflater.finish().unwrap();
        (facts, out)
    }

    #[test]
    fn what_is_deflated_is_counted_proven_and_of_even_length() {
        for length in [0, 1, 5000, 5001, 300_000] {
            for bytes in [vec![7; length], noise(length, 3)] {
                for verify in [true, false] {
                    let (facts, out) = deflated(&bytes, verify);
                    assert_eq!((facts.bytes, facts.deflated_bytes), (length as u64, out.len() as u64));
                    assert!(out.len().is_multiple_of(2));
                    assert_eq!(facts.proven, verify.then_some(true));
                    let limits = Limits { inflate_ratio: u32::MAX, ..Limits::default() };
                    assert!(inflate(&out, &limits).unwrap() == bytes);
                }
            }
        }
    }

    #[test]
    fn what_inflates_to_something_else_is_not_proven() {
        let mut out = Vec::new();
        let mut deflater = DeflatedDataSet::new(&mut out, true);
        deflater.write_all(&noise(5000, 3)).unwrap();
        deflater.written.update(&[1]);
        assert_eq!(deflater.finish().unwrap().proven, Some(false));
        let mut out = Vec::new();
        let mut deflater = DeflatedDataSet::new(&mut out, true);
        deflater.write_all(&noise(5000, 3)).unwrap();
        deflater.encoder.get_mut().write_all(&[0xFF; 9]).unwrap();
        assert_eq!(deflater.finish().unwrap().proven, Some(false));
    }
}
