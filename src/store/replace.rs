//! A file that is to be replaced by its successor: what must be handed over, and what forbids it.

use super::error::StoreError;
use rustix::fs::{Gid, Mode, Stat, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file as it was before anything was read of it.
#[derive(Debug)]
pub struct Original {
    /// Where it lies, without any link on the way.
    path: PathBuf,
    file: OwnedFd,
    stat: Stat,
}

/// Why a file is not replaced.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// Its other names would keep the old content, so that nothing would be saved and the names would part.
    #[error(
        "it has {0} hard links, whose other names would keep what it was; copy it, or compress into another folder"
    )]
    HardLinks(u64),
    /// It is no regular file.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Somebody has written to it, or has put another in its place.
    #[error("{} has changed meanwhile; nothing was done to it, begin again", .0.display())]
    Changed(PathBuf),
    /// Its owner or group cannot be handed over.
    #[error("the owner of {} cannot be kept ({error}); run as its owner, or as root", path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        error: io::Error,
    },
    /// Anything else.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ReplaceError {
    /// A stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::HardLinks(_) => "hard_links",
            Self::NotAFile(_) => "not_a_file",
            Self::Changed(_) => "changed",
            Self::Owner { .. } => "owner",
            Self::Store(error) if error.is_out_of_space() => "out_of_space",
            Self::Store(_) => "unwritable",
        }
    }
}

/// Extended attributes that belong to whoever owns the file; those of the system are set by the system.
const OWN_ATTRIBUTES: &[&[u8]] = &[b"user.", b"system.posix_acl_access"];
/// Longer lists and values of extended attributes are not read (Linux allows 64 KiB of either).
const MOST_ATTRIBUTE_BYTES: usize = 64 << 10;

impl Original {
    /// Looks at the file at `path`; where that is a link, at the file that it leads to.
    ///
    /// # Errors
    /// When it cannot be looked at, or must not be replaced.
    pub fn of(path: &Path) -> Result<Self, ReplaceError> {
        let fail = |action, error: io::Error| StoreError::new(action, path, error);
        let path = path.canonicalize().map_err(|error| fail("find", error))?;
        let file = File::open(&path).map_err(|error| fail("open", error))?;
        let hard_links = file.metadata().map_err(|error| fail("examine", error))?.nlink();
        let file = OwnedFd::from(file);
        let stat = rustix::fs::fstat(&file).map_err(|error| fail("examine", error.into()))?;
        if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(ReplaceError::NotAFile(path));
        }
        if hard_links > 1 {
            return Err(ReplaceError::HardLinks(hard_links));
        }
        Ok(Self { path, file, stat })
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        u64::try_from(self.stat.st_size).unwrap_or_default()
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives `successor` the owner, the permissions, the extended attributes and the times of this file.
    pub(super) fn hand_over_to(&self, successor: &File) -> Result<(), ReplaceError> {
        let fail = |error: Errno| StoreError::new("copy the attributes of", &self.path, error.into());
        let own = rustix::fs::fstat(successor).map_err(fail)?;
        let uid = (own.st_uid != self.stat.st_uid).then(|| Uid::from_raw(self.stat.st_uid));
        let gid = (own.st_gid != self.stat.st_gid).then(|| Gid::from_raw(self.stat.st_gid));
        if uid.is_some() || gid.is_some() {
            rustix::fs::fchown(successor, uid, gid)
                .map_err(|error| ReplaceError::Owner { path: self.path.clone(), error: error.into() })?;
        }
        // After the owner: changing that clears bits.
        rustix::fs::fchmod(successor, Mode::from_raw_mode(self.stat.st_mode)).map_err(fail)?;
        self.hand_over_attributes(successor).map_err(fail)?;
        let times = Timestamps {
            last_access: Timespec { tv_sec: self.stat.st_atime, tv_nsec: self.stat.st_atime_nsec as _ },
            last_modification: Timespec { tv_sec: self.stat.st_mtime, tv_nsec: self.stat.st_mtime_nsec as _ },
        };
        rustix::fs::futimens(successor, &times).map_err(fail)?;
        Ok(())
    }

    fn hand_over_attributes(&self, successor: &File) -> Result<(), Errno> {
        let mut names = vec![0; MOST_ATTRIBUTE_BYTES];
        let length = match rustix::fs::flistxattr(&self.file, &mut names) {
            Ok(length) => length,
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut value = vec![0; MOST_ATTRIBUTE_BYTES];
        for name in names.get(..length).unwrap_or_default().split(|byte| *byte == 0) {
            if OWN_ATTRIBUTES.iter().any(|own| name.starts_with(own)) {
                let name = OsStr::from_bytes(name);
                let length = rustix::fs::fgetxattr(&self.file, name, &mut value)?;
                let value = value.get(..length).unwrap_or_default();
                rustix::fs::fsetxattr(successor, name, value, XattrFlags::empty())?;
            }
        }
        Ok(())
    }

    /// Whether it still is what it was, and still the file that its path leads to.
    pub(super) fn check_unchanged(&self) -> Result<(), ReplaceError> {
        let fail = |error: Errno| StoreError::new("examine", &self.path, error.into());
        let held = rustix::fs::fstat(&self.file).map_err(fail)?;
        let there = match rustix::fs::lstat(&self.path) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Err(ReplaceError::Changed(self.path.clone())),
            Err(error) => return Err(fail(error).into()),
        };
        let known = fingerprint(&self.stat);
        if fingerprint(&held) != known || fingerprint(&there) != known {
            return Err(ReplaceError::Changed(self.path.clone()));
        }
        Ok(())
    }
}

/// What changes when somebody writes to a file or puts another in its place.
fn fingerprint(stat: &Stat) -> [i128; 6] {
    [
        stat.st_dev.into(),
        stat.st_ino.into(),
        stat.st_size.into(),
        stat.st_mtime.into(),
        i128::from(stat.st_mtime_nsec),
        stat.st_nlink.into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::durable::Durability;
    use super::super::files::Files;
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    fn replaced(path: &Path, meanwhile: impl FnOnce()) -> Result<(), ReplaceError> {
        let files = Files::new(Durability::Full);
        let original = Original::of(path)?;
        let mut draft = files.draft(original.path())?;
        draft.write_all(b"new").unwrap();
        meanwhile();
        files.replace(draft, &original)
    }

    #[test]
    fn the_successor_has_the_attributes_of_the_original() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.dcm");
        std::fs::write(&path, b"original").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o604)).unwrap();
        let old = std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 123_456_789);
        let file = File::options().write(true).open(&path).unwrap();
        file.set_times(std::fs::FileTimes::new().set_modified(old).set_accessed(old)).unwrap();
        let noted = rustix::fs::fsetxattr(&file, "user.note", b"kept", XattrFlags::empty()).is_ok();
        replaced(&path, || {}).unwrap();
        let data = path.metadata().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!((data.permissions().mode() & 0o7777, data.modified().unwrap()), (0o604, old));
        assert_eq!((data.uid(), data.gid()), {
            let own = folder.path().metadata().unwrap();
            (own.uid(), own.gid())
        });
        let mut value = [0; 16];
        let found = rustix::fs::getxattr(&path, "user.note", &mut value);
        // Not every file system has them.
        assert_eq!(found.ok(), noted.then_some(4));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_stays_and_its_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a.dcm"), folder.path().join("link.dcm"));
        std::fs::write(&path, b"original").unwrap();
        std::os::unix::fs::symlink("a.dcm", &link).unwrap();
        replaced(&link, || {}).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn what_has_several_names_or_is_no_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.dcm");
        std::fs::write(&path, b"original").unwrap();
        std::fs::hard_link(&path, folder.path().join("b.dcm")).unwrap();
        assert!(matches!(replaced(&path, || {}), Err(ReplaceError::HardLinks(2))));
        assert!(matches!(replaced(folder.path(), || {}), Err(ReplaceError::NotAFile(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"original");
    }

    #[test]
    fn what_has_changed_meanwhile_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.dcm");
        let again = || {
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, b"original").unwrap();
        };
        type Change<'c> = (&'c dyn Fn(), Option<&'static [u8]>);
        let changes: [Change<'_>; 4] = [
            (&|| std::fs::write(&path, b"written").unwrap(), Some(b"written")),
            (&again, Some(b"original")),
            (&|| std::fs::remove_file(&path).unwrap(), None),
            (&|| std::fs::hard_link(&path, folder.path().join("b.dcm")).unwrap(), Some(b"original")),
        ];
        for (change, expected) in changes {
            again();
            assert!(matches!(replaced(&path, change), Err(ReplaceError::Changed(_))));
            assert_eq!(std::fs::read(&path).ok().as_deref(), expected);
        }
    }
}
