//! A file that is being written and has no final name yet; gone when it is dropped.

use super::directory::{Directory, random_name};
use super::error::StoreError;
use rustix::fs::{Advice, FallocateFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

/// A temporary file in the file system of its final place. Small writes are gathered, large ones go straight to the
/// file; a seek is free. Nothing of it is read back.
#[derive(Debug)]
pub struct Draft {
    file: File,
    directory: Arc<Directory>,
    name: OsString,
    /// Where `gathered` begins in the file.
    start: u64,
    /// Bytes written but not yet handed to the file.
    gathered: Vec<u8>,
    /// The greatest position ever written, less what is only gathered.
    length: u64,
    /// Up to here the kernel was asked to begin writing.
    handed_on: u64,
    /// A write failed: what the file holds is unknown until it is reset.
    failed: bool,
    /// It has another name by now.
    renamed: bool,
}

/// Writes up to this are gathered.
const GATHER: usize = 64 * 1024;
/// The kernel is asked to begin writing each time this much has come, so that the sync at the end is short.
const HAND_ON: u64 = 16 * 1024 * 1024;
/// What is shorter is written as fast as room is set aside for it.
const WORTH_RESERVING: u64 = 1024 * 1024;

impl Draft {
    /// Creates one in a directory of the file system on which it shall end.
    pub(crate) fn create(directory: Arc<Directory>) -> Result<Self, StoreError> {
        let name =
            random_name().map_err(|error| StoreError::new("name a draft in", directory.path(), error))?;
        let file = directory.create_file(&name)?;
        Ok(Self {
            file,
            directory,
            name,
            start: 0,
            gathered: Vec::new(),
            length: 0,
            handed_on: 0,
            failed: false,
            renamed: false,
        })
    }

    /// Begins anew with an empty file: what a failed compression left behind is gone.
    pub fn reset(&mut self) -> io::Result<()> {
        self.gathered.clear();
        (self.start, self.length, self.handed_on) = (0, 0, 0);
        self.failed = true;
        self.file.set_len(0)?;
        self.failed = false;
        Ok(())
    }

    /// Has the file system set aside room for so many bytes, so that want of it shows before anything is written.
    ///
    /// # Errors
    /// When there is not so much room. A file system that cannot set anything aside is no failure.
    pub fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        if bytes < WORTH_RESERVING {
            return Ok(());
        }
        loop {
            match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, bytes) {
                Err(Errno::INTR) => {}
                Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The length in bytes so far.
    pub fn len(&self) -> u64 {
        self.length.max(self.position())
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The error of a write to this draft, sorted: whether it was for want of space.
    pub fn failure(&self, error: io::Error) -> StoreError {
        StoreError::new("write", &self.path(), error)
    }

    /// The file with everything in it, and what it is called for now.
    pub(super) fn finished(&mut self) -> Result<(&File, &Directory, &OsStr), StoreError> {
        self.flush().map_err(|error| self.failure(error))?;
        Ok((&self.file, &self.directory, &self.name))
    }

    /// To be called once the file has its final name.
    pub(super) fn set_renamed(&mut self) {
        self.renamed = true;
    }

    /// The path for now, for messages.
    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join(&self.name)
    }

    fn position(&self) -> u64 {
        self.start + self.gathered.len() as u64
    }

    /// Writes what was gathered, and `more` behind it: in one call, for each one costs the file system anew.
    fn write_out(&mut self, more: &[u8]) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other("an earlier write to this draft failed"));
        }
        if let Err(error) = write_both(&self.file, &self.gathered, more, self.start) {
            self.failed = true;
            return Err(error);
        }
        self.start += (self.gathered.len() + more.len()) as u64;
        self.gathered.clear();
        self.length = self.length.max(self.start);
        if let Some(fresh) = NonZeroU64::new(self.length.saturating_sub(self.handed_on))
            && fresh.get() >= HAND_ON
        {
            // Linux begins to write the dirty pages of the range. Advice only: a refusal changes nothing.
            let _ = rustix::fs::fadvise(&self.file, self.handed_on, Some(fresh), Advice::DontNeed);
            self.handed_on = self.length;
        }
        Ok(())
    }
}

/// Writes `first` and `second`, one behind the other, at this offset of a file.
fn write_both(file: &File, first: &[u8], second: &[u8], offset: u64) -> io::Result<()> {
    let mut written = 0;
    if !first.is_empty() && !second.is_empty() {
        written = match rustix::io::pwritev(file, &[IoSlice::new(first), IoSlice::new(second)], offset) {
            Err(Errno::INTR) => 0,
            written => written?,
        };
    }
    // Mostly there is nothing left.
    let first_written = written.min(first.len());
    file.write_all_at(&first[first_written..], offset + first_written as u64)?;
    let second_written = written - first_written;
    file.write_all_at(&second[second_written..], offset + (first.len() + second_written) as u64)
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() >= GATHER {
            self.write_out(bytes)?;
        } else {
            if self.gathered.len() + bytes.len() > GATHER {
                self.write_out(&[])?;
            }
            self.gathered.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out(&[])
    }
}

impl Seek for Draft {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.len().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position().checked_add_signed(offset),
        };
        let target = target
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a seek before the beginning"))?;
        if target != self.position() {
            self.flush()?;
            self.start = target;
        }
        Ok(target)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        Ok(self.position())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.renamed {
            // Whoever opens the store next removes what could not be removed here.
            let _ = self.directory.remove_file(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn draft() -> (tempfile::TempDir, Draft) {
        let folder = tempfile::tempdir().unwrap();
        let draft = Draft::create(Arc::new(Directory::open(folder.path()).unwrap())).unwrap();
        (folder, draft)
    }

    fn content(draft: &mut Draft) -> Vec<u8> {
        draft.finished().unwrap();
        std::fs::read(draft.path()).unwrap()
    }

    #[test]
    fn it_behaves_like_a_cursor_in_memory() {
        let (_folder, mut draft) = draft();
        let mut memory = io::Cursor::new(Vec::new());
        let large = vec![7_u8; GATHER + 1];
        let nearly = vec![8_u8; GATHER - 1];
        fn steps(out: &mut (impl Write + Seek), large: &[u8], nearly: &[u8]) -> Vec<u64> {
            let mut positions = Vec::new();
            out.write_all(b"head").unwrap();
            positions.push(out.stream_position().unwrap());
            out.write_all(large).unwrap();
            out.write_all(nearly).unwrap();
            out.write_all(b"tail").unwrap();
            positions.push(out.seek(SeekFrom::Start(2)).unwrap());
            out.write_all(b"patched").unwrap();
            positions.push(out.seek(SeekFrom::End(-3)).unwrap());
            out.write_all(b"x").unwrap();
            positions.push(out.seek(SeekFrom::Current(-1)).unwrap());
            positions.push(out.seek(SeekFrom::End(0)).unwrap());
            out.write_all(b"!").unwrap();
            assert!(out.seek(SeekFrom::Current(-1_000_000_000)).is_err());
            positions
        }
        assert_eq!(steps(&mut draft, &large, &nearly), steps(&mut memory, &large, &nearly));
        assert_eq!(draft.len(), memory.get_ref().len() as u64);
        assert_eq!(content(&mut draft), memory.into_inner());
    }

    #[test]
    fn two_parts_lie_one_behind_the_other() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"....", 0).unwrap();
        for (first, second, offset) in [("ab", "cde", 2), ("", "f", 7), ("gh", "", 8), ("", "", 3)] {
            write_both(&file, first.as_bytes(), second.as_bytes(), offset).unwrap();
        }
        let mut content = [0; 10];
        file.read_exact_at(&mut content, 0).unwrap();
        assert_eq!(&content, b"..abcdefgh");
    }

    #[test]
    fn reset_leaves_nothing_of_what_was_written() {
        let (_folder, mut draft) = draft();
        draft.write_all(&vec![1; 200_000]).unwrap();
        draft.write_all(b"gathered").unwrap();
        draft.reset().unwrap();
        assert!(draft.is_empty());
        draft.write_all(b"as received").unwrap();
        assert_eq!(content(&mut draft), b"as received");
    }

    #[test]
    fn k17_want_of_room_shows_before_anything_is_written() {
        let (_folder, mut draft) = draft();
        let blocks = |draft: &Draft| draft.file.metadata().unwrap().blocks() * 512;
        draft.reserve(WORTH_RESERVING - 1).unwrap();
        assert_eq!(blocks(&draft), 0);
        draft.reserve(3 * WORTH_RESERVING).unwrap();
        assert!(blocks(&draft) >= 3 * WORTH_RESERVING, "the room is its own already");
        assert_eq!((draft.len(), draft.file.metadata().unwrap().len()), (0, 0));
        let error = draft.reserve(1 << 60).unwrap_err();
        assert!(draft.failure(error).is_out_of_space());
        assert!(draft.is_empty());
    }

    #[test]
    fn it_is_gone_when_dropped() {
        let (folder, mut draft) = draft();
        draft.write_all(b"x").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        drop(draft);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
