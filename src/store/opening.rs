//! What is done and proven before the store is used: folders, lock, clean-up, self-test.

use super::config::Config;
use super::directory::{DRAFT_SUFFIX, Directory, random_name};
use super::durable::{Durability, Durable};
use super::error::StoreError;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What was found when the store was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Drafts that an earlier process left behind; they are gone now. None of them was ever answered with Success.
    pub drafts_removed: usize,
    /// How long a file and its directory took to sync; zero without durability. Far below a tenth of a millisecond on
    /// an ordinary disk means that its cache does not do what it is told.
    pub sync_time: Duration,
    /// What makes the promise of durability doubtful on this file system, for the operator.
    pub warning: Option<&'static str>,
}

/// What an opened store consists of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) root: Directory,
    pub(super) drafts: Arc<Directory>,
    pub(super) durable: Durable,
    /// Held as long as the store is open.
    pub(super) lock: File,
    pub(super) opening: Opening,
}

/// The store's own folder. No value of an instance can name it: none begins with a dot.
pub(super) const OWN_FOLDER: &str = ".condenser";

/// File systems (statfs `f_type`, linux/magic.h) that end with the machine or the container.
const VOLATILE: &[(u64, &str)] = &[
    (0x0102_1994, "tmpfs is memory: everything is lost when the machine stops"),
    (0x8584_58F6, "ramfs is memory: everything is lost when the machine stops"),
    (0x794C_7630, "overlayfs belongs to a container: everything is lost when it is removed; mount a volume"),
];

/// File systems on which a sync may not be what it is elsewhere.
const DOUBTFUL: &[(u64, &str)] = &[
    (0x6969, "on NFS, durability is what the server makes of it: it must export with «sync»"),
    (0xFF53_4D42, "on CIFS, durability is what the server makes of it"),
    (0xFE53_4D42, "on SMB, durability is what the server makes of it"),
    (0x6573_5546, "on FUSE, durability is what its program makes of it"),
];

/// Opens the store: everything that could make a later promise untrue is found out here.
pub(super) fn open(config: &Config) -> Result<Parts, StoreError> {
    let durable = Durable::new(config.durability);
    if !config.create && !config.path.join(OWN_FOLDER).is_dir() {
        return Err(StoreError::Missing { path: config.path.clone() });
    }
    let root = durable.make_path(&config.path)?;
    let own = durable.directory(&root, OWN_FOLDER.as_ref())?;
    let lock = lock(&root, &own)?;
    let drafts = durable.directory(&own, "drafts".as_ref())?;
    if drafts.device()? != root.device()? {
        return Err(StoreError::OtherFileSystem { path: drafts.path().to_owned() });
    }
    let drafts_removed = remove_drafts(&drafts)?;
    let sync_time = self_test(&durable, &drafts)?;
    let warning = match config.durability {
        Durability::Full => match kind(&root, VOLATILE) {
            Some(why) => return Err(StoreError::Volatile { path: root.path().to_owned(), why }),
            None => kind(&root, DOUBTFUL),
        },
        Durability::None => {
            Some("durability is off: a loss of power may lose what was answered with Success")
        }
    };
    let opening = Opening { drafts_removed, sync_time, warning };
    Ok(Parts { root, drafts: Arc::new(drafts), durable, lock, opening })
}

/// The folders of a store that is there already: its own, and that of its drafts.
pub(super) fn look(config: &Config) -> Result<(Directory, Directory), StoreError> {
    let missing = || StoreError::Missing { path: config.path.clone() };
    let root = Directory::open(&config.path).map_err(|_| missing())?;
    let own = root.child(OWN_FOLDER.as_ref())?.ok_or_else(missing)?;
    let drafts = own.child("drafts".as_ref())?.ok_or_else(missing)?;
    Ok((root, drafts))
}

/// Two nodes in one store would remove each other's drafts.
fn lock(root: &Directory, own: &Directory) -> Result<File, StoreError> {
    let lock = own.open_or_create_file("lock".as_ref())?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(Errno::WOULDBLOCK) => Err(StoreError::Locked { path: root.path().to_owned() }),
        Err(error) => Err(StoreError::new("lock", own.path(), error.into())),
    }
}

fn remove_drafts(drafts: &Directory) -> Result<usize, StoreError> {
    let mut removed = 0;
    for name in drafts.file_names()? {
        if name.as_bytes().ends_with(DRAFT_SUFFIX.as_bytes()) {
            drafts.remove_file(&name)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Goes once through all that a commit does, and reads back what was written.
fn self_test(durable: &Durable, drafts: &Directory) -> Result<Duration, StoreError> {
    const CONTENT: &[u8] = b"Condenser writes, syncs, renames and reads back.";
    let fail = |error| StoreError::new("name a draft in", drafts.path(), error);
    let (first, second) = (random_name().map_err(fail)?, random_name().map_err(fail)?);
    let path = drafts.path().join(&second);
    let mut file = drafts.create_file(&first)?;
    file.write_all(CONTENT).map_err(|error| StoreError::new("write", &path, error))?;
    let start = Instant::now();
    durable.sync_file(&file, &path)?;
    durable.rename_new((drafts, &first), (drafts, &second))?;
    durable.sync_directory(drafts)?;
    let sync_time = match durable.durability() {
        Durability::Full => start.elapsed(),
        Durability::None => Duration::ZERO,
    };
    let read = read_back(drafts, &second)?;
    drafts.remove_file(&second)?;
    if read == CONTENT { Ok(sync_time) } else { Err(StoreError::SelfTest { path: drafts.path().to_owned() }) }
}

fn read_back(drafts: &Directory, name: &OsStr) -> Result<Vec<u8>, StoreError> {
    let mut read = Vec::new();
    if let Some(mut file) = drafts.open_file(name)? {
        file.read_to_end(&mut read)
            .map_err(|error| StoreError::new("read", &drafts.path().join(name), error))?;
    }
    Ok(read)
}

/// What a table says about the file system of the store.
fn kind(root: &Directory, table: &[(u64, &'static str)]) -> Option<&'static str> {
    let kind = rustix::fs::fstatfs(root).ok()?.f_type;
    // The type of the field differs between architectures; all numbers fit into 32 bits.
    let kind = u64::from(kind as u32);
    table.iter().find(|(number, _)| *number == kind).map(|(_, warning)| *warning)
}
