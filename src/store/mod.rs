//! Where instances rest: drafts, the storage tree, the quarantine, and what it takes that «stored» survives a crash.
//!
//! [`Tree`] is the store. A [`Draft`] is written by whoever has an instance, and [`Tree::commit`] makes it durable
//! under a path that [`Layout`] derives from its [`Identity`]. The [`Receipt`] inside each file says what was received,
//! so that the tree needs no index beside it.

mod config;
mod derived;
mod digest;
mod directory;
mod draft;
mod durable;
mod error;
mod examination;
mod file_source;
mod files;
mod identity;
mod keep;
mod layout;
mod listing;
mod notes;
mod opening;
mod quarantine;
mod receipt;
mod removal;
mod replace;
mod seal;
mod search;
mod tree;
mod trial;
mod volume;

pub use config::Config;
pub use digest::{Digest, NotADigest};
pub use directory::{Directory, is_draft};
pub use draft::Draft;
pub use durable::{Durability, Durable, Renamed};
pub use error::StoreError;
pub use file_source::FileSource;
pub use files::Files;
pub use identity::Identity;
pub use keep::Keep;
pub use layout::{Layout, LayoutError, Place};
pub use opening::Opening;
pub use quarantine::QuarantineNote;
pub use receipt::{RECEIPT_CREATOR_UID, Receipt, ReceiptError, ReceiptOutcome};
pub use removal::Removed;
pub use replace::{Original, ReplaceError};
pub use seal::Soundness;
pub use tree::{Found, Stored, Tree};
pub use trial::Trial;
