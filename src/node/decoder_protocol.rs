//! What a node and the process that decodes for it say to each other: one request and one response for each frame.
//!
//! Both are a head in JSON and a body of bytes, each behind its length in 32 and 64 bits, little endian. The node reads a
//! response as it would read any hostile input: its length is known beforehand.

use crate::codec::FrameCoding;
use crate::dicom::{ImagePixel, Photometric, TransferSyntax};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

/// What is asked for: how the codestream of the body is to be decoded.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    /// The name of the decoder.
    pub(super) decoder: String,
    /// The UID of the transfer syntax.
    syntax: String,
    keep_ybr: bool,
    rows: u16,
    columns: u16,
    samples: u16,
    photometric: String,
    planar: u16,
    bits_allocated: u16,
    bits_stored: u16,
    high_bit: u16,
    signed: bool,
}

/// What is answered.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Response {
    /// The body are the cells.
    Cells,
    /// There are none; why not.
    Refused(String),
}

/// A head is never longer.
const MOST_HEAD_BYTES: u32 = 64 << 10;
/// A body grows by this much at a time, so that a length alone allocates nothing.
const PIECE: u64 = 1 << 20;

impl Request {
    pub(super) fn of(coding: &FrameCoding, decoder: &str) -> Request {
        let image = &coding.encoded;
        Request {
            decoder: decoder.to_owned(),
            syntax: coding.syntax.uid.to_owned(),
            keep_ybr: coding.keep_ybr,
            rows: image.rows,
            columns: image.columns,
            samples: image.samples,
            photometric: image.photometric.as_str().to_owned(),
            planar: image.planar,
            bits_allocated: image.bits_allocated,
            bits_stored: image.bits_stored,
            high_bit: image.high_bit,
            signed: image.signed,
        }
    }

    /// How it is to be decoded, as an image of one frame; none for a syntax that is not known here.
    pub(super) fn coding(&self) -> Option<FrameCoding> {
        let encoded = ImagePixel {
            rows: self.rows,
            columns: self.columns,
            frames: 1,
            samples: self.samples,
            photometric: Photometric::of(&self.photometric),
            planar: self.planar,
            bits_allocated: self.bits_allocated,
            bits_stored: self.bits_stored,
            high_bit: self.high_bit,
            signed: self.signed,
        };
        let syntax = TransferSyntax::of_uid(&self.syntax)?;
        Some(FrameCoding { syntax, encoded, keep_ybr: self.keep_ybr })
    }
}

/// Writes a head and a body.
pub(super) fn write_message(out: &mut impl Write, head: &impl Serialize, body: &[u8]) -> io::Result<()> {
    let head = serde_json::to_vec(head)?;
    let length = u32::try_from(head.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&(body.len() as u64).to_le_bytes())?;
    out.write_all(&head)?;
    out.write_all(body)?;
    out.flush()
}

/// Reads a head and a body of at most so many bytes; none where there is no further message.
pub(super) fn read_message<H: for<'de> Deserialize<'de>>(
    input: &mut impl Read,
    most_body_bytes: u64,
) -> io::Result<Option<(H, Vec<u8>)>> {
    let mut lengths = [0; 12];
    let mut read = 0;
    while let Some(rest) = lengths.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) if read == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let [a, b, c, d, body @ ..] = lengths;
    let (head_bytes, body_bytes) = (u32::from_le_bytes([a, b, c, d]), u64::from_le_bytes(body));
    if head_bytes > MOST_HEAD_BYTES || body_bytes > most_body_bytes {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message that is too long"));
    }
    let head = exactly(input, head_bytes.into())?;
    let head = serde_json::from_slice(&head)?;
    Ok(Some((head, exactly(input, body_bytes)?)))
}

fn exactly(input: &mut impl Read, bytes: u64) -> io::Result<Vec<u8>> {
    let mut value = Vec::new();
    while (value.len() as u64) < bytes {
        let before = value.len();
        let piece = PIECE.min(bytes - before as u64);
        input.by_ref().take(piece).read_to_end(&mut value)?;
        if value.len() == before {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(head: &Response, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_message(&mut out, head, body).unwrap();
        out
    }

    #[test]
    fn what_is_written_is_read() {
        let body: Vec<u8> = (0..3_000_000_u32).map(|at| at as u8).collect();
        let mut both = message(&Response::Cells, &body);
        both.extend(message(&Response::Refused("«so»".to_owned()), &[]));
        let mut input = both.as_slice();
        assert_eq!(read_message(&mut input, 3_000_000).unwrap(), Some((Response::Cells, body)));
        let refused = Response::Refused("«so»".to_owned());
        assert_eq!(read_message(&mut input, 0).unwrap(), Some((refused, Vec::new())));
        assert_eq!(read_message::<Response>(&mut input, 0).unwrap(), None);
    }

    #[test]
    fn a_request_keeps_the_coding() {
        let image = ImagePixel {
            rows: 3,
            columns: 65_535,
            frames: 1,
            samples: 3,
            photometric: Photometric::YbrFull422,
            planar: 1,
            bits_allocated: 16,
            bits_stored: 12,
            high_bit: 11,
            signed: true,
        };
        let syntax = TransferSyntax::of_name("JPEGLSLossless").unwrap();
        let coding = FrameCoding { syntax, encoded: image, keep_ybr: true };
        let mut out = Vec::new();
        write_message(&mut out, &Request::of(&coding, "charls"), b"codestream").unwrap();
        let (request, body) = read_message::<Request>(&mut out.as_slice(), 10).unwrap().unwrap();
        assert_eq!((request.decoder.as_str(), body.as_slice()), ("charls", &b"codestream"[..]));
        assert_eq!(request.coding(), Some(coding));
    }

    #[test]
    fn what_is_cut_or_too_long_is_an_error() {
        let whole = message(&Response::Cells, &[1, 2, 3]);
        for cut in 1..whole.len() {
            assert!(read_message::<Response>(&mut &whole[..cut], 3).is_err(), "{cut}");
        }
        assert!(read_message::<Response>(&mut whole.as_slice(), 2).is_err());
        // A length alone allocates nothing.
        let mut promise = whole.clone();
        promise[4..12].copy_from_slice(&(1_u64 << 60).to_le_bytes());
        assert!(read_message::<Response>(&mut promise.as_slice(), u64::MAX).is_err());
        let mut head = whole;
        head[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(read_message::<Response>(&mut head.as_slice(), 3).is_err());
    }
}
