//! A file as an instance: its head, where its data set lies, and what is in it.

use crate::dicom::{
    DataSet, DataSetError, DataSetErrorKind, FileMeta, InflateError, Limits, MAX_HEADER_LENGTH, Part10Error,
    PixelCoding, Section, Source, TransferSyntax, VrEncoding, guess_encoding, inflate, uids, walk_as_found,
};
use crate::store::FileSource;
use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

/// A file whose head was read.
#[derive(Debug)]
pub(super) struct InstanceFile {
    bytes: Bytes,
    /// Where the data set begins.
    offset: u64,
    /// The file meta information; made up of what shows where the file has none.
    pub(super) meta: FileMeta,
    /// Whether the file has File Meta Information.
    pub(super) has_meta: bool,
    /// What the meta information names, where the standard knows it.
    pub(super) transfer_syntax: Option<&'static TransferSyntax>,
}

/// What a file holds: the data set, inflated where it was deflated, and where its elements are.
#[derive(Debug)]
pub(super) struct Contents {
    inflated: Option<Vec<u8>>,
    pub(super) data_set: DataSet,
}

/// Why a file is not an instance that can be worked on.
#[derive(Debug, thiserror::Error)]
pub(super) enum InstanceFileError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("is not a DICOM file")]
    NotDicom,
    /// The head is broken.
    #[error("{0}")]
    Head(Part10Error),
    /// Nobody knows how its data set is encoded, or it has no elements.
    #[error("the transfer syntax {0} is not known or has no data elements")]
    NoElements(String),
    /// The deflated data set cannot be inflated.
    #[error("{0}")]
    Inflate(#[from] InflateError),
    /// The data set has an error in its structure.
    #[error("the data set is damaged: {0}")]
    DataSet(#[from] DataSetError),
}

impl InstanceFileError {
    /// A stable name for JSON.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Io(_) => "unreadable",
            Self::NotDicom => "not_dicom",
            Self::Head(_) => "damaged_file_meta",
            Self::NoElements(_) => "unknown_transfer_syntax",
            Self::Inflate(_) => "damaged_deflated",
            Self::DataSet(_) => "damaged",
        }
    }
}

impl InstanceFile {
    /// Opens a file and reads its head. A file without one may be a bare data set: whether it is, its contents show.
    pub(super) fn open(path: &Path) -> Result<Self, InstanceFileError> {
        Self::read_head(Bytes::open(path, SMALL)?)
    }

    /// The same without reading more than is asked for, whatever the size.
    pub(super) fn open_large(path: &Path) -> Result<Self, InstanceFileError> {
        Self::read_head(Bytes::open(path, 0)?)
    }

    fn read_head(bytes: Bytes) -> Result<Self, InstanceFileError> {
        let source = bytes.source();
        let (meta, offset, has_meta) = match FileMeta::parse(source) {
            Ok((meta, offset)) => (meta, offset, true),
            Err(Part10Error::NoMeta) => (found_at(source, 0)?, 0, false),
            Err(Part10Error::NoTransferSyntax { offset }) => (found_at(source, offset)?, offset, true),
            Err(Part10Error::Read(error)) => return Err(error.into()),
            Err(error) => return Err(InstanceFileError::Head(error)),
        };
        let transfer_syntax = TransferSyntax::of_uid(&meta.transfer_syntax);
        Ok(Self { bytes, offset, meta, has_meta, transfer_syntax })
    }

    /// The length of the file in bytes.
    pub(super) fn len(&self) -> u64 {
        self.bytes.source().len()
    }

    /// The data set as it lies in the file.
    pub(super) fn encoded(&self) -> io::Result<Section<'_>> {
        Section::from(self.bytes.source(), self.offset)
    }

    /// Reads the structure of the data set.
    pub(super) fn contents(&self, limits: &Limits) -> Result<Contents, InstanceFileError> {
        match self.walk(limits) {
            // Nothing speaks for DICOM in a file that has no head and cannot be walked.
            Err(InstanceFileError::DataSet(error)) if !self.has_meta => match error.kind {
                DataSetErrorKind::Io(error) => Err(error.into()),
                _ => Err(InstanceFileError::NotDicom),
            },
            contents => contents,
        }
    }

    fn walk(&self, limits: &Limits) -> Result<Contents, InstanceFileError> {
        let encoded = self.encoded()?;
        // A private transfer syntax has the headers of explicit little endian or of implicit: what is found counts.
        let declared = self.transfer_syntax.map(|syntax| syntax.vr_encoding);
        let contents = match declared {
            Some(VrEncoding::NotElements) => {
                return Err(InstanceFileError::NoElements(self.meta.transfer_syntax.clone()));
            }
            Some(VrEncoding::DeflatedExplicitLittle) => {
                let inflated = inflate(&encoded, limits)?;
                let data_set = walk_as_found(&inflated, Some(VrEncoding::ExplicitLittle), limits)?;
                Contents { inflated: Some(inflated), data_set }
            }
            encoding => Contents { inflated: None, data_set: walk_as_found(&encoded, encoding, limits)? },
        };
        Ok(contents)
    }

    /// The transfer syntax that the data set really has: some files name another.
    pub(super) fn transfer_syntax_as_found(&self, contents: &Contents) -> Option<&'static TransferSyntax> {
        let declared = self.transfer_syntax?;
        let found = contents.data_set.vr_encoding;
        if !is_native(declared) || contents.inflated.is_some() || declared.vr_encoding == found {
            return Some(declared);
        }
        TransferSyntax::of_uid(uid_of(found))
    }

    /// The bytes in which the ranges of `contents` count.
    pub(super) fn elements<'s>(&'s self, contents: &'s Contents) -> io::Result<Elements<'s>> {
        Ok(match &contents.inflated {
            Some(inflated) => Elements::Inflated(inflated),
            None => Elements::InFile(self.encoded()?),
        })
    }
}

/// The bytes of a data set, inflated where they were deflated.
pub(super) enum Elements<'s> {
    InFile(Section<'s>),
    Inflated(&'s Vec<u8>),
}

impl Source for Elements<'_> {
    fn len(&self) -> u64 {
        match self {
            Self::InFile(section) => section.len(),
            Self::Inflated(bytes) => Source::len(*bytes),
        }
    }

    fn bytes(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        match self {
            Self::InFile(section) => section.bytes(range),
            Self::Inflated(bytes) => Source::bytes(*bytes, range),
        }
    }
}

/// A file as a source: small ones in memory, large ones read as they are needed.
#[derive(Debug)]
enum Bytes {
    Memory(Vec<u8>),
    File(FileSource),
}

/// Files up to this length are read at once.
const SMALL: u64 = 64 << 20;

impl Bytes {
    fn open(path: &Path, small: u64) -> io::Result<Self> {
        let file = FileSource::new(File::open(path)?)?;
        if file.len() > small {
            return Ok(Self::File(file));
        }
        Ok(Self::Memory(file.bytes(0..file.len())?.into_owned()))
    }

    fn source(&self) -> &dyn Source {
        match self {
            Self::Memory(bytes) => bytes,
            Self::File(file) => file,
        }
    }
}

/// The head of a file that does not say how the data set at `offset` is encoded, but shows it.
fn found_at(source: &dyn Source, offset: u64) -> Result<FileMeta, InstanceFileError> {
    let first = source.bytes(offset..source.len().min(offset.saturating_add(MAX_HEADER_LENGTH as u64)))?;
    let encoding = guess_encoding(&first).ok_or(InstanceFileError::NotDicom)?;
    Ok(FileMeta { transfer_syntax: uid_of(encoding).to_owned(), ..FileMeta::default() })
}

fn uid_of(encoding: VrEncoding) -> &'static str {
    match encoding {
        VrEncoding::ImplicitLittle => uids::IMPLICIT_VR_LITTLE_ENDIAN,
        VrEncoding::ExplicitBig => uids::EXPLICIT_VR_BIG_ENDIAN,
        _ => uids::EXPLICIT_VR_LITTLE_ENDIAN,
    }
}

/// Whether pixels of this transfer syntax lie in the data set as they are.
fn is_native(syntax: &TransferSyntax) -> bool {
    syntax.pixel_coding == PixelCoding::Native
}
