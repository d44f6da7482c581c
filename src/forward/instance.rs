//! An instance that is to be sent, and the file of the store that it lies in.

use crate::codec::DecodeElsewhere;
use crate::dicom::{FileMeta, Part10Error, Section, Source, TransferSyntax};
use crate::store::{FileSource, Receipt, ReceiptOutcome};
use std::io;
use std::sync::Arc;

/// An instance as it can be sent: who it is, and its data set.
#[derive(Clone, Copy)]
pub struct Instance<'s> {
    /// SOP Class UID.
    pub sop_class: &'s str,
    /// SOP Instance UID.
    pub sop_instance: &'s str,
    /// How the data set is encoded.
    pub transfer_syntax: &'static TransferSyntax,
    /// The data set alone, without file meta information.
    pub data_set: &'s dyn Source,
    /// Where its pixels are decoded if they have to be; none decodes them here.
    pub decoding: Option<&'s Arc<dyn DecodeElsewhere>>,
}

/// A file of the store whose head was read. It is the file meta information that says who the instance is: the store has
/// compared it with the data set when it took the instance in.
#[derive(Debug)]
pub struct StoredInstance {
    file: FileSource,
    meta: FileMeta,
    offset: u64,
    transfer_syntax: &'static TransferSyntax,
}

/// Why a file of the store cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum UnusableFile {
    /// It is gone.
    #[error("the file is not there any more")]
    Missing,
    /// It cannot be opened or read.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// Its head is damaged.
    #[error("the file is damaged: {0}")]
    Damaged(#[from] Part10Error),
    /// Its head names no instance.
    #[error("the file names no SOP class, SOP instance or transfer syntax that is known")]
    Nameless,
}

/// The head of a file is looked for in so many bytes; ours are shorter.
const HEAD: u64 = 4096;
/// So many bytes behind the head must have been seen to know that it ends there.
const MARGIN: u64 = 16;

impl StoredInstance {
    /// Reads the head of an open file.
    ///
    /// # Errors
    /// [`UnusableFile`], which says what an operator has to look at.
    pub fn read(file: FileSource) -> Result<Self, UnusableFile> {
        let unreadable = |error: io::Error| UnusableFile::Unreadable(error.to_string());
        let head = file.bytes(0..file.len().min(HEAD)).map_err(unreadable)?.into_owned();
        // One read instead of three for each element. A head that is longer is read where it lies.
        let (meta, offset) = match FileMeta::parse(&head) {
            Ok((meta, offset)) if offset + MARGIN <= Source::len(&head) || file.len() <= HEAD => {
                (meta, offset)
            }
            _ => FileMeta::parse(&file)?,
        };
        let transfer_syntax = TransferSyntax::of_uid(&meta.transfer_syntax);
        let named = !meta.sop_class.is_empty() && !meta.sop_instance.is_empty();
        let transfer_syntax = transfer_syntax.filter(|_| named).ok_or(UnusableFile::Nameless)?;
        Ok(Self { file, meta, offset, transfer_syntax })
    }

    /// Its data set.
    ///
    /// # Errors
    /// Never for a file that is as long as it was.
    pub fn data_set(&self) -> io::Result<Section<'_>> {
        Section::from(&self.file, self.offset)
    }

    /// Whether its codestreams, if it has any, are those of a peer.
    pub fn is_as_received(&self) -> bool {
        Receipt::of(&self.meta).is_none_or(|receipt| receipt.outcome == ReceiptOutcome::Kept)
    }

    /// The instance, with a data set that comes from [`StoredInstance::data_set`].
    pub fn instance<'s>(&'s self, data_set: &'s dyn Source) -> Instance<'s> {
        Instance {
            sop_class: &self.meta.sop_class,
            sop_instance: &self.meta.sop_instance,
            transfer_syntax: self.transfer_syntax,
            data_set,
            decoding: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::{PrivateInformation, uids};
    use std::io::Write;

    fn file(meta: &FileMeta, data_set: &[u8]) -> FileSource {
        let mut file = tempfile::tempfile().unwrap();
        let mut bytes = Vec::new();
        meta.write(&mut bytes).unwrap();
        bytes.extend_from_slice(data_set);
        file.write_all(&bytes).unwrap();
        FileSource::new(file).unwrap()
    }

    fn meta() -> FileMeta {
        FileMeta {
            sop_class: "1.2.840.10008.5.1.4.1.1.2".to_owned(),
            sop_instance: "1.2.3".to_owned(),
            transfer_syntax: uids::JPEG_LS_LOSSLESS.to_owned(),
            ..FileMeta::default()
        }
    }

    #[test]
    fn the_data_set_begins_behind_a_head_of_any_length() {
        let data_set = [8, 0, 0x16, 0, b'U', b'I', 0, 0];
        for length in [0, 100, 3_600, 3_700, 3_790, 3_800, 3_810, 3_820, 20_000] {
            let private = PrivateInformation { creator: "1.2.3".to_owned(), bytes: vec![1; length] };
            let stored =
                StoredInstance::read(file(&FileMeta { private: Some(private), ..meta() }, &data_set));
            let stored = stored.unwrap();
            let section = stored.data_set().unwrap();
            assert_eq!(*section.bytes(0..section.len()).unwrap(), data_set, "{length}");
            let instance = stored.instance(&section);
            assert_eq!(
                (instance.sop_instance, instance.transfer_syntax.keyword),
                ("1.2.3", "JPEGLSLossless")
            );
        }
    }

    #[test]
    fn what_has_no_name_or_no_head_cannot_be_sent() {
        let nameless = FileMeta { sop_instance: String::new(), ..meta() };
        assert!(matches!(StoredInstance::read(file(&nameless, b"")), Err(UnusableFile::Nameless)));
        let unknown = FileMeta { transfer_syntax: "1.2.3.4".to_owned(), ..meta() };
        assert!(matches!(StoredInstance::read(file(&unknown, b"")), Err(UnusableFile::Nameless)));
        let empty = FileSource::new(tempfile::tempfile().unwrap()).unwrap();
        assert!(matches!(StoredInstance::read(empty), Err(UnusableFile::Damaged(_))));
    }
}
