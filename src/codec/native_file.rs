//! A whole file in a native transfer syntax, deflated or not (PS3.10 7, PS3.5 A.1, A.2 and A.5).

use super::deflated_data_set::{self, DeflatedDataSet};
use super::native_target::NativeTarget;
use super::parameters::Exactness;
use super::reason::Reason;
use super::report::{CompressError, Report};
use crate::dicom::{FileMeta, TransferSyntax};
use std::io::{BufWriter, Seek, Write};

const WRITE_BUFFER: usize = 64 << 10;

/// Writes the file to `out`, from its present position on.
///
/// # Errors
/// The reason to keep the instance as received, or the error of source or output.
pub(super) fn write_native<W: Write + Seek>(
    native: &NativeTarget<'_>,
    target: &'static TransferSyntax,
    meta: &FileMeta,
    verify: bool,
    out: &mut W,
) -> Result<Report, CompressError> {
    let start = out.stream_position()?;
    let mut out = BufWriter::with_capacity(WRITE_BUFFER, out);
    FileMeta { transfer_syntax: target.uid.to_owned(), ..meta.clone() }.write(&mut out)?;
    let deflated = if native.form.deflated {
        let mut deflater = DeflatedDataSet::new(&mut out, verify);
        native.write(&mut deflater)?;
        let deflated = deflater.finish()?;
        if deflated.proven == Some(false) {
            return Err(CompressError::Kept(Reason::NotInflated));
        }
        let native_bytes = native.instance.source.len();
        if native.pixels.is_none() && deflated.deflated_bytes >= native_bytes {
            return Err(CompressError::Kept(Reason::Grew { native_bytes }));
        }
        Some(deflated)
    } else {
        native.write(&mut out)?;
        None
    };
    out.flush()?;
    let pixels = native.pixels.as_ref();
    let pixel_bytes = native.pixel_bytes();
    let proven = deflated.and_then(|deflated| deflated.proven);
    Ok(Report {
        target,
        decoder: pixels.and_then(|pixels| pixels.decoded_by),
        encoder: deflated.map(|_| deflated_data_set::NAME),
        verified_by: proven.map(|_| deflated_data_set::NAME).or(pixels.and_then(|pixels| pixels.witness)),
        exactness: Exactness::Exact,
        deviation: None,
        derived: None,
        frames: pixels.map_or(0, |pixels| pixels.image.frames),
        native_bytes: deflated.map_or(pixel_bytes, |deflated| deflated.bytes),
        encoded_bytes: deflated.map_or(pixel_bytes, |deflated| deflated.deflated_bytes),
        file_bytes: out.stream_position()? - start,
    })
}
