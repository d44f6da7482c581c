//! Restart intervals (ISO/IEC 10918-1 B.2.4.4, E.2.4): where the bits begin anew.

use super::super::super::encoder::DecodeError;
use super::super::super::jpeg_stream::{Segment, marker};
use super::bit_reader::BitReader;

/// Counts the restarts of a scan.
#[derive(Debug, Default)]
pub(crate) struct Restarts(u32);

impl Restarts {
    /// Reads the marker that is due, RST0 to RST7 in turn, and goes on behind it.
    ///
    /// # Errors
    /// When another marker is there, or none.
    pub(crate) fn pass<'c>(
        &mut self,
        codestream: &'c [u8],
        reader: &mut BitReader<'c>,
    ) -> Result<(), DecodeError> {
        let segment = Segment::at(codestream, reader.next_marker())?;
        let expected = self.0 % 8;
        if u32::from(segment.marker) != u32::from(marker::RESTART) + expected {
            let found = segment.marker;
            return Err(DecodeError::Damaged(format!(
                "marker {found:02X} stands where RST{expected} is due"
            )));
        }
        self.0 += 1;
        *reader = BitReader::new(codestream, segment.end);
        Ok(())
    }
}
