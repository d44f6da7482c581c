//! JPEG 2000 and High-Throughput JPEG 2000: SIZ, COD and COC (ISO/IEC 15444-1 Annex A).

use super::super::jpeg_2000_header;
use super::header::{CodedFrame, CodestreamHeader, Coding, Jpeg2000};

/// Reads the headers of a codestream, and of all its tile-parts.
pub(super) fn read(codestream: &[u8]) -> Result<CodestreamHeader, String> {
    let headers = jpeg_2000_header::read(codestream).map_err(|error| error.to_string())?;
    let (frame, style) = (headers.frame, headers.style);
    Ok(CodestreamHeader {
        frame: Some(CodedFrame {
            columns: frame.columns,
            rows: frame.rows,
            samples: frame.components,
            precision: frame.precision,
            signed: Some(frame.signed),
        }),
        coding: Coding::Jpeg2000(Jpeg2000 {
            high_throughput: style.high_throughput,
            reversible: style.reversible,
            colour_transform: style.colour_transform,
            progression: style.progression,
            boxed: headers.boxed,
        }),
    })
}
