//! The storage tree: where drafts become instances, and where the same and the conflicting instance are told apart.

use super::config::Config;
use super::digest::Digest;
use super::directory::Directory;
use super::draft::Draft;
use super::durable::{Durable, Renamed};
use super::error::StoreError;
use super::file_source::FileSource;
use super::identity::Identity;
use super::layout::{Layout, Place};
use super::opening::{self, Opening, Parts};
use super::receipt::{LONGEST_META, Receipt};
use super::seal::seal;
use super::volume::Volume;
use crate::dicom::{FileMeta, Section};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// An opened store. Any number of threads may use it at once; one process alone, which its lock ensures.
#[derive(Debug)]
pub struct Tree {
    root: Directory,
    drafts: Arc<Directory>,
    layout: Layout,
    durable: Durable,
    volume: Volume,
    opening: Opening,
    /// Released when the tree is dropped.
    _lock: Option<File>,
}

/// What became of a committed draft. In every case the instance is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The file is new.
    New(PathBuf),
    /// The same content was there already under this UID; the draft is gone, the tree is unchanged.
    Same(PathBuf),
    /// Another content was there under this UID. Both are kept.
    Beside {
        /// The new file.
        path: PathBuf,
        /// The one that was there.
        existing: PathBuf,
    },
}

impl Stored {
    /// The file that holds the instance.
    pub fn path(&self) -> &Path {
        match self {
            Self::New(path) | Self::Same(path) | Self::Beside { path, .. } => path,
        }
    }
}

/// An instance that is in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file that holds it.
    pub path: PathBuf,
    /// The digest of what was received when it was stored.
    pub digest: Digest,
}

/// What a name in the tree stands for.
enum Held {
    Nothing,
    Another,
    /// The content that was asked for; with the digest of what was received.
    Same(Digest),
}

impl Tree {
    /// Opens the store and makes it when it is missing. Checks what the promise of durability rests on: the lock, one
    /// file system, and a write, sync, rename and read back that succeed. Removes the drafts of an earlier process.
    ///
    /// # Errors
    /// Each one says what to do; nothing works around them, for a store in doubt must not take in instances.
    pub fn open(config: &Config) -> Result<Self, StoreError> {
        let Parts { root, drafts, durable, lock, opening } = opening::open(config)?;
        let (layout, volume) = (config.layout.clone(), Volume::new(config.low_water));
        Ok(Self { root, drafts, layout, durable, volume, opening, _lock: Some(lock) })
    }

    /// Opens a store that is there already, to look at it only: it may belong to a running node.
    ///
    /// # Errors
    /// When it is no store, or cannot be read.
    pub fn open_to_read(config: &Config) -> Result<Self, StoreError> {
        let (root, drafts) = opening::look(config)?;
        Ok(Self {
            root,
            drafts: Arc::new(drafts),
            layout: config.layout.clone(),
            durable: Durable::new(config.durability),
            volume: Volume::new(0),
            opening: Opening { drafts_removed: 0, sync_time: Duration::ZERO, warning: None },
            _lock: None,
        })
    }

    /// What was found when it was opened.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// Whether an instance could be taken in: no sync has failed, and there is room.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), StoreError> {
        self.durable.check()?;
        self.volume.check(&self.root)
    }

    /// A file to write an instance into; nothing of it is seen in the tree before [`Tree::commit`].
    pub fn draft(&self) -> Result<Draft, StoreError> {
        self.check()?;
        Draft::create(Arc::clone(&self.drafts))
    }

    /// A file without a name for a data set that is too large for memory.
    pub fn spool(&self) -> io::Result<File> {
        self.drafts.anonymous_file()
    }

    /// A path that the tree gave, as it is below the store's folder.
    pub fn below<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(self.root.path()).unwrap_or(path)
    }

    /// Opens a file of the tree by its path below the store's folder; `None` where there is none.
    ///
    /// # Errors
    /// Also when something that is not a regular file lies in its place, or a link on the way.
    pub fn open_file(&self, file: &Path) -> Result<Option<FileSource>, StoreError> {
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else { return Ok(None) };
        let Some(directory) = self.directory_below(folder)? else { return Ok(None) };
        let source = directory.open_file(name)?.map(FileSource::new).transpose();
        source.map_err(|error| StoreError::new("examine", &directory.path().join(name), error))
    }

    /// Opens a directory of the tree by its path below the store's folder; `None` where there is none, or where the path
    /// would lead out of it.
    pub(super) fn directory_below(&self, path: &Path) -> Result<Option<Directory>, StoreError> {
        let mut directory = self.root.try_clone()?;
        for component in path.components() {
            let Component::Normal(name) = component else { return Ok(None) };
            match directory.child(name)? {
                Some(child) => directory = child,
                None => return Ok(None),
            }
        }
        Ok(Some(directory))
    }

    /// The file that holds this very content under this UID, if there is one: as it was received, or as it was stored (our
    /// own instance comes back from a peer). It is durable on return.
    ///
    /// # Errors
    /// Also when something that is not a regular file lies in its place.
    pub fn find(&self, identity: &Identity, digest: &Digest) -> Result<Option<Found>, StoreError> {
        let place = self.layout.place(identity);
        let mut innermost = None;
        for name in &place.directories {
            innermost = innermost.as_ref().unwrap_or(&self.root).child(name.as_ref())?;
            if innermost.is_none() {
                return Ok(None);
            }
        }
        let directory = innermost.as_ref().unwrap_or(&self.root);
        for name in names(&place, digest) {
            // Names are given in this order, but what came first may have been removed first.
            if let Held::Same(digest) = self.holds(directory, &name, digest)? {
                return Ok(Some(Found { path: directory.path().join(name), digest }));
            }
        }
        Ok(None)
    }

    /// Gives a finished draft its place. On return the instance is durable: file synced, renamed without replacing
    /// anything, directory synced. The same content committed again, by another thread even, leaves one file; another
    /// content under the same UID is kept beside the first.
    ///
    /// # Errors
    /// Nothing is promised then. The draft is gone, except when the last sync of the directory failed: the file may
    /// have its name already.
    pub fn commit(
        &self,
        mut draft: Draft,
        identity: &Identity,
        digest: &Digest,
    ) -> Result<Stored, StoreError> {
        let place = self.layout.place(identity);
        let draft_path = draft.path();
        let (file, drafts, draft_name) = draft.finished()?;
        seal(file).map_err(|error| StoreError::new("seal", &draft_path, error))?;
        self.durable.sync_file(file, &draft_path)?;
        let mut directory = self.durable.directories(&self.root, &place.directories)?;
        let existing = directory.path().join(&place.name);
        for (rank, name) in names(&place, digest).iter().enumerate() {
            let mut renamed = self.durable.rename_new((drafts, draft_name), (&directory, name.as_ref()));
            if renamed.as_ref().is_err_and(StoreError::is_not_found) {
                // The directory was empty and was removed meanwhile, with the last instance in it.
                directory = self.durable.directories(&self.root, &place.directories)?;
                renamed = self.durable.rename_new((drafts, draft_name), (&directory, name.as_ref()));
            }
            match renamed? {
                Renamed::Done => {
                    draft.set_renamed();
                    self.durable.sync_directory(&directory)?;
                    let path = directory.path().join(name);
                    return Ok(if rank == 0 { Stored::New(path) } else { Stored::Beside { path, existing } });
                }
                Renamed::Occupied => {
                    if let Held::Same(_) = self.holds(&directory, name, digest)? {
                        return Ok(Stored::Same(directory.path().join(name)));
                    }
                }
            }
        }
        Err(StoreError::Occupied { path: existing, what: "damaged, and so is what lies beside it" })
    }

    /// What the file of this name holds. If it is this content, it and its name are durable on return: the thread or the
    /// process that wrote it may not have come that far.
    fn holds(&self, directory: &Directory, name: &str, digest: &Digest) -> Result<Held, StoreError> {
        let Some(file) = directory.open_file(name.as_ref())? else { return Ok(Held::Nothing) };
        let path = directory.path().join(name);
        let unread = |error| StoreError::new("read", &path, error);
        let Some(received) = digest_in(&file, digest).map_err(unread)? else { return Ok(Held::Another) };
        self.durable.sync_file(&file, &path)?;
        self.durable.sync_directory(directory)?;
        Ok(Held::Same(received))
    }

    pub(super) fn root(&self) -> &Directory {
        &self.root
    }

    pub(super) fn drafts(&self) -> &Directory {
        &self.drafts
    }

    pub(super) fn durable(&self) -> &Durable {
        &self.durable
    }
}

/// The names that an instance may have, in the order in which they are tried. The last is for the case that a file was
/// damaged under the second.
fn names(place: &Place, digest: &Digest) -> [String; 3] {
    [place.name.clone(), place.name_beside(&digest.digits(12)), place.name_beside(&digest.digits(64))]
}

/// The digest in the receipt of a file, if this is it or if the file's own data set has this one.
fn digest_in(file: &File, digest: &Digest) -> io::Result<Option<Digest>> {
    let Some((meta, offset)) = read_meta(file)? else { return Ok(None) };
    let Some(receipt) = Receipt::of(&meta) else { return Ok(None) };
    if receipt.digest == *digest {
        return Ok(Some(receipt.digest));
    }
    let source = FileSource::new(file.try_clone()?)?;
    let own = Digest::of(&meta.transfer_syntax, &Section::from(&source, offset)?)?;
    Ok((own == *digest).then_some(receipt.digest))
}

/// The receipt of a file, where it has one that can be read.
pub(super) fn read_receipt(file: &File) -> io::Result<Option<Receipt>> {
    Ok(read_meta(file)?.and_then(|(meta, _)| Receipt::of(&meta)))
}

fn read_meta(file: &File) -> io::Result<Option<(FileMeta, u64)>> {
    let mut start = Vec::new();
    file.take(LONGEST_META).read_to_end(&mut start)?;
    Ok(FileMeta::parse(&start).ok())
}
