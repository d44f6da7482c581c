//! A file as a source of bytes: read where and when they are asked for, never mapped.

use crate::dicom::Source;
use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// An open file, as long as it was when it was opened. Any number of threads may read it at once.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    len: u64,
}

impl FileSource {
    /// Takes over an open file.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] when it is no regular file; what the system says.
    pub fn new(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(Self { file, len: metadata.len() })
    }

    /// How many bytes `range` has, which must lie within the file.
    fn count(&self, range: &Range<u64>) -> io::Result<usize> {
        let count = range.end.checked_sub(range.start).filter(|_| range.end <= self.len);
        usize::try_from(count.ok_or(io::ErrorKind::UnexpectedEof)?)
            .map_err(|_| io::ErrorKind::OutOfMemory.into())
    }
}

impl Source for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn bytes(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        let mut bytes = vec![0; self.count(&range)?];
        self.file.read_exact_at(&mut bytes, range.start)?;
        Ok(Cow::Owned(bytes))
    }

    fn bytes_in<'b>(&'b self, range: Range<u64>, scratch: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
        let count = self.count(&range)?;
        // Not cleared before: what is there already need not be filled with zeros again.
        scratch.resize(count, 0);
        self.file.read_exact_at(scratch, range.start)?;
        Ok(scratch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_where_they_are_and_refused_where_not() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"0123456789", 0).unwrap();
        let (source, mut scratch) = (FileSource::new(file).unwrap(), vec![7; 64]);
        assert_eq!(source.len(), 10);
        assert_eq!(*source.bytes(2..5).unwrap(), *b"234");
        assert_eq!(source.bytes_in(2..5, &mut scratch).unwrap(), b"234");
        assert_eq!(source.bytes_in(10..10, &mut scratch).unwrap(), b"");
        for range in [9..11, 11..11, 0..u64::MAX] {
            assert!(source.bytes(range.clone()).is_err(), "{range:?}");
            assert!(source.bytes_in(range.clone(), &mut scratch).is_err(), "{range:?}");
        }
    }

    #[test]
    fn a_folder_is_no_file() {
        assert!(FileSource::new(File::open(".").unwrap()).is_err());
    }
}
