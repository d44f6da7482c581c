//! An instance as it came: its bytes, where its elements lie, and its transfer syntax.

use crate::dicom::{DataSet, FileMeta, Source, Tag, TransferSyntax, Uid, ValueError};
use std::io;

/// An instance as it came.
#[derive(Clone, Copy)]
pub struct Instance<'s> {
    /// The bytes that `data_set` describes; inflated where they came deflated.
    pub source: &'s dyn Source,
    /// The elements.
    pub data_set: &'s DataSet,
    /// How the pixel data is encoded, where the standard knows it.
    pub received: Option<&'static TransferSyntax>,
}

impl<'s> Instance<'s> {
    /// The instance of a file with this File Meta Information.
    pub(super) fn of(source: &'s dyn Source, data_set: &'s DataSet, meta: &FileMeta) -> Instance<'s> {
        Instance { source, data_set, received: TransferSyntax::of_uid(&meta.transfer_syntax) }
    }

    /// Whether there is Pixel Data, and it consists of fragments.
    pub(super) fn is_encapsulated(&self) -> bool {
        self.data_set.pixel_data().is_some_and(|element| element.undefined_length)
    }
    /// The text of an element; empty where there is none that can be read.
    ///
    /// # Errors
    /// Those of the source.
    pub(super) fn text(&self, tag: Tag) -> io::Result<String> {
        known(self.data_set.text(self.source, tag)).map(Option::unwrap_or_default)
    }

    /// The UID of an element, where it has one.
    ///
    /// # Errors
    /// Those of the source.
    pub(super) fn uid(&self, tag: Tag) -> io::Result<Option<Uid>> {
        known(self.data_set.uid(self.source, tag))
    }
}

/// A value that could be read and is one of its kind.
fn known<T>(value: Result<Option<T>, ValueError>) -> io::Result<Option<T>> {
    match value {
        Ok(value) => Ok(value),
        Err(ValueError::Io(error)) => Err(error),
        Err(_) => Ok(None),
    }
}
