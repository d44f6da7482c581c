//! An open directory: everything in the store is reached from one by a single name, never through a link.

use super::error::StoreError;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Files are for the service and its group, not for the world: they hold patient data.
const FILE_MODE: Mode = Mode::from_raw_mode(0o640);
/// Likewise directories.
pub(super) const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o750);

/// An open directory and the path by which messages name it.
#[derive(Debug)]
pub struct Directory {
    fd: OwnedFd,
    path: PathBuf,
}

impl Directory {
    /// Opens the directory at a path that the operator gave; here links are followed.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|e| StoreError::new("open", path, e.into()))?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// Opens a directory inside this one. A link in its place is refused.
    pub fn child(&self, name: &OsStr) -> Result<Option<Self>, StoreError> {
        let path = self.path.join(name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path })),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                Err(StoreError::Occupied { path, what: "not a directory (a link, perhaps)" })
            }
            Err(error) => Err(StoreError::new("open", &path, error.into())),
        }
    }

    /// Creates a file that was not there before, for reading and writing.
    pub fn create_file(&self, name: &OsStr) -> Result<File, StoreError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(&self.fd, name, flags, FILE_MODE)
            .map(File::from)
            .map_err(|error| StoreError::new("create", &self.path.join(name), error.into()))
    }

    /// Opens the file of a lock, created where it is not there yet.
    pub fn open_or_create_file(&self, name: &OsStr) -> Result<File, StoreError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(&self.fd, name, flags, FILE_MODE)
            .map(File::from)
            .map_err(|error| StoreError::new("open", &self.path.join(name), error.into()))
    }

    /// Opens an existing regular file for reading; `None` where there is nothing. Anything else than a regular file is
    /// refused, and opening it has no effect on it.
    pub fn open_file(&self, name: &OsStr) -> Result<Option<File>, StoreError> {
        let path = self.path.join(name);
        // NONBLOCK: a planted FIFO must not make us wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(StoreError::Occupied { path, what: "a link" }),
            Err(Errno::NXIO) => return Err(StoreError::Occupied { path, what: "not a regular file" }),
            Err(error) => return Err(StoreError::new("open", &path, error.into())),
        };
        let stat = rustix::fs::fstat(&file).map_err(|e| StoreError::new("examine", &path, e.into()))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(Some(file)),
            FileType::Directory => Err(StoreError::Occupied { path, what: "a directory" }),
            _ => Err(StoreError::Occupied { path, what: "not a regular file" }),
        }
    }

    /// A file without a name, gone when it is closed; for reading and writing.
    pub fn anonymous_file(&self) -> io::Result<File> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.fd, c".", flags, FILE_MODE) {
            Ok(fd) => Ok(File::from(fd)),
            // Not every file system has O_TMPFILE (NFS does not), and kernels before 3.11 read it as O_DIRECTORY.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => {
                let name = random_name()?;
                let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let fd = rustix::fs::openat(&self.fd, &name, flags, FILE_MODE)?;
                rustix::fs::unlinkat(&self.fd, &name, AtFlags::empty())?;
                Ok(File::from(fd))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the name of a file.
    pub fn remove_file(&self, name: &OsStr) -> Result<(), StoreError> {
        rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())
            .map_err(|error| StoreError::new("remove", &self.path.join(name), error.into()))
    }

    /// Removes an empty directory in it; false where it is not empty, or not there.
    pub fn remove_directory(&self, name: &OsStr) -> Result<bool, StoreError> {
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR) {
            Ok(()) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT | Errno::BUSY) => Ok(false),
            Err(error) => Err(StoreError::new("remove", &self.path.join(name), error.into())),
        }
    }

    /// The names of the regular files in it.
    pub fn file_names(&self) -> Result<Vec<OsString>, StoreError> {
        self.names_of(FileType::RegularFile)
    }

    /// The names of the directories in it.
    pub fn directory_names(&self) -> Result<Vec<OsString>, StoreError> {
        self.names_of(FileType::Directory)
    }

    fn names_of(&self, wanted: FileType) -> Result<Vec<OsString>, StoreError> {
        let fail = |error: Errno| StoreError::new("list", &self.path, error.into());
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not tell the type in the listing.
                FileType::Unknown => rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)
                    .map(|stat| FileType::from_raw_mode(stat.st_mode))
                    .map_err(fail)?,
                kind => kind,
            };
            if kind == wanted {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// The number of the device it lies on.
    pub fn device(&self) -> Result<u64, StoreError> {
        rustix::fs::fstat(&self.fd)
            .map(|stat| stat.st_dev)
            .map_err(|error| StoreError::new("examine", &self.path, error.into()))
    }

    /// The same directory, opened once more.
    pub fn try_clone(&self) -> Result<Self, StoreError> {
        let fd = self.fd.try_clone().map_err(|error| StoreError::new("open", &self.path, error))?;
        Ok(Self { fd, path: self.path.clone() })
    }

    /// The path by which it was reached, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A name that nobody else has: 128 random bits, recognisable as unfinished.
pub(super) fn random_name() -> io::Result<OsString> {
    let mut bytes = [0_u8; 16];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    if filled != bytes.len() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the system gave too few random bytes"));
    }
    Ok(format!("{:032x}{DRAFT_SUFFIX}", u128::from_le_bytes(bytes)).into())
}

/// How the name of an unfinished file ends.
pub(super) const DRAFT_SUFFIX: &str = ".part";

/// Whether a file of this name is a draft: 32 hexadecimal digits and the suffix.
pub fn is_draft(name: &OsStr) -> bool {
    let digits = name.as_bytes().strip_suffix(DRAFT_SUFFIX.as_bytes());
    digits.is_some_and(|digits| digits.len() == 32 && digits.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};

    #[test]
    fn only_regular_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::open(folder.path()).unwrap();
        std::fs::write(folder.path().join("file"), b"x").unwrap();
        std::fs::create_dir(folder.path().join("directory")).unwrap();
        std::os::unix::fs::symlink("file", folder.path().join("link")).unwrap();
        rustix::fs::mknodat(&directory, "fifo", FileType::Fifo, FILE_MODE, 0).unwrap();
        assert!(directory.open_file("file".as_ref()).unwrap().is_some());
        assert!(directory.open_file("absent".as_ref()).unwrap().is_none());
        for name in ["directory", "link", "fifo"] {
            let error = directory.open_file(name.as_ref()).unwrap_err();
            assert!(matches!(error, StoreError::Occupied { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn a_draft_is_known_by_its_name() {
        assert!(is_draft(&random_name().unwrap()));
        for name in
            ["x.part", "0123456789abcdef0123456789abcdeg.part", "0123456789abcdef0123456789abcdef", ".part"]
        {
            assert!(!is_draft(name.as_ref()), "{name}");
        }
    }

    #[test]
    fn a_link_to_a_directory_is_not_entered() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", folder.path().join("link")).unwrap();
        let directory = Directory::open(folder.path()).unwrap();
        assert!(directory.child("real".as_ref()).unwrap().is_some());
        assert!(directory.child("absent".as_ref()).unwrap().is_none());
        assert!(matches!(directory.child("link".as_ref()), Err(StoreError::Occupied { .. })));
    }

    #[test]
    fn an_anonymous_file_leaves_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = Directory::open(folder.path()).unwrap().anonymous_file().unwrap();
        file.write_all(b"spooled").unwrap();
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "spooled");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
