//! An instance as it came: its bytes, where its elements lie, and its transfer syntax.

use crate::dicom::{DataSet, FileMeta, Source, TransferSyntax};

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
}
