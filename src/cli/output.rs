//! Where the successor of a file is written to: a draft, or nowhere. Either can be begun anew.

use super::interrupt::Interruptible;
use crate::store::Draft;
use std::io::{self, Seek, SeekFrom, Write};

/// Something that can be written anew after a target that failed on the way.
pub(super) trait Restart: Write + Seek {
    fn restart(&mut self) -> io::Result<()>;
}

impl Restart for Draft {
    fn restart(&mut self) -> io::Result<()> {
        self.reset()
    }
}

impl<W: Restart> Restart for Interruptible<'_, W> {
    fn restart(&mut self) -> io::Result<()> {
        self.inner.restart()
    }
}

/// Takes everything and keeps only the position: for runs that are to change nothing.
#[derive(Debug, Default)]
pub(super) struct Nowhere {
    position: u64,
    length: u64,
}

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.position += bytes.len() as u64;
        self.length = self.length.max(self.position);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Nowhere {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = target
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a seek before the beginning"))?;
        Ok(self.position)
    }
}

impl Restart for Nowhere {
    fn restart(&mut self) -> io::Result<()> {
        *self = Self::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_a_file() {
        let (mut nowhere, mut memory) = (Nowhere::default(), io::Cursor::new(Vec::new()));
        fn steps(out: &mut (impl Write + Seek)) -> Vec<u64> {
            out.write_all(b"0123456789").unwrap();
            let mut positions = vec![out.stream_position().unwrap(), out.seek(SeekFrom::Start(4)).unwrap()];
            out.write_all(b"ab").unwrap();
            positions.push(out.seek(SeekFrom::End(-1)).unwrap());
            positions.push(out.seek(SeekFrom::Current(-2)).unwrap());
            assert!(out.seek(SeekFrom::Current(-20)).is_err());
            positions
        }
        assert_eq!(steps(&mut nowhere), steps(&mut memory));
        nowhere.restart().unwrap();
        assert_eq!(nowhere.seek(SeekFrom::End(0)).unwrap(), 0);
    }
}
