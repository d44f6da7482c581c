//! The header of an RLE frame: how many segments it has, and where each of them lies (PS3.5 G.5).

/// The header of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RleHeader {
    /// How many segments there are, 1 to 15: one for each byte of all samples of a pixel.
    pub(super) segments: usize,
    offsets: [usize; MOST_SEGMENTS],
}

impl RleHeader {
    /// Reads the 64 bytes at the beginning of a frame.
    ///
    /// # Errors
    /// When they are not there, or count no segments or more than fifteen.
    pub(super) fn read(codestream: &[u8]) -> Result<RleHeader, String> {
        let Some(header) = codestream.first_chunk::<HEADER>() else {
            return Err(format!("{} bytes hold no RLE header", codestream.len()));
        };
        let mut words = header.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
        let count = words.next().unwrap_or(0);
        let segments = usize::try_from(count).unwrap_or(usize::MAX);
        if !(1..=MOST_SEGMENTS).contains(&segments) {
            return Err(format!("its header counts {count} segments, and there are 1 to {MOST_SEGMENTS}"));
        }
        let mut offsets = [0; MOST_SEGMENTS];
        for (offset, word) in offsets.iter_mut().zip(words) {
            *offset = word as usize;
        }
        Ok(RleHeader { segments, offsets })
    }

    /// The bytes of each segment, by the header's offsets; the last one reaches to the end of `codestream`.
    ///
    /// # Errors
    /// When a segment would not lie behind the header and before the next one.
    pub(super) fn spans<'c>(&self, codestream: &'c [u8]) -> Result<Vec<&'c [u8]>, String> {
        let starts = || self.offsets.iter().copied().take(self.segments);
        let ends = starts().skip(1).chain([codestream.len()]);
        starts()
            .zip(ends)
            .enumerate()
            .map(|(segment, (start, end))| {
                let sound = start >= HEADER;
                sound.then(|| codestream.get(start..end)).flatten().ok_or_else(|| {
                    format!("segment {segment} lies at {start}..{end} of {}", codestream.len())
                })
            })
            .collect()
    }
}

/// Bytes of the header.
pub(super) const HEADER: usize = 64;
/// The most segments that the header can name.
pub(super) const MOST_SEGMENTS: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    fn header(words: &[u32]) -> Vec<u8> {
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.resize(HEADER, 0);
        bytes
    }

    #[test]
    fn segments_lie_where_the_header_says() {
        let frame = [header(&[2, 64, 66]), b"abcde".to_vec()].concat();
        let read = RleHeader::read(&frame).unwrap();
        assert_eq!(read.segments, 2);
        assert_eq!(read.spans(&frame).unwrap(), [b"ab".as_slice(), b"cde"]);
    }

    #[test]
    fn what_cannot_be_is_said() {
        for (words, message) in [
            (&[0, 64][..], "its header counts 0 segments, and there are 1 to 15"),
            (&[16, 64], "its header counts 16 segments, and there are 1 to 15"),
            (&[1, 63], "segment 0 lies at 63..64 of 64"),
            (&[1, 65], "segment 0 lies at 65..64 of 64"),
            (&[2, 64, 70], "segment 0 lies at 64..70 of 64"),
        ] {
            let frame = header(words);
            let error = RleHeader::read(&frame).and_then(|header| header.spans(&frame).map(drop));
            assert_eq!(error.unwrap_err(), message);
        }
        assert_eq!(RleHeader::read(&[1; 63]).unwrap_err(), "63 bytes hold no RLE header");
    }
}
