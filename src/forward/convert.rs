//! An instance in another native transfer syntax, for a peer that does not take the one it is stored in.
//!
//! Headers are rewritten, and pixels that were encapsulated are decoded as they are; nothing is encoded anew, nothing left
//! out, nothing guessed. What cannot be converted so stays as it is. What is large goes to a spool file.

use super::instance::Instance;
use crate::codec::{CompressError, DECODERS, Options, Reason, decompress};
use crate::dicom::{
    DataSetError, FileMeta, InflateError, Limits, Part10Error, PixelCoding, Section, Source, TransferSyntax,
    VrEncoding, inflate, uids, walk,
};
use crate::store::FileSource;
use std::fs::File;
use std::io::{self, Cursor};
use std::sync::Arc;

/// Where files for large conversions come from: without a name, gone when they are closed.
pub type Spool = Arc<dyn Fn() -> io::Result<File> + Send + Sync>;

/// An instance that was converted, as a Part 10 file.
#[derive(Debug)]
pub struct Converted {
    file: ConvertedFile,
    /// Where its data set begins.
    offset: u64,
}

#[derive(Debug)]
enum ConvertedFile {
    Memory(Vec<u8>),
    Spooled(FileSource),
}

/// Why an instance could not be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// There is no way from the one transfer syntax to the other.
    #[error("nothing here reads {0}")]
    NoWay(&'static str),
    /// It cannot be decoded, or what it would become is not allowed.
    #[error("{0}")]
    Kept(Reason),
    /// The data set cannot be walked.
    #[error("its data set is damaged: {0}")]
    DataSet(#[from] DataSetError),
    /// The deflated data set cannot be inflated.
    #[error("{0}")]
    Inflate(#[from] InflateError),
    /// What was written cannot be read again.
    #[error("{0}")]
    Written(#[from] Part10Error),
    /// A file failed.
    #[error("the file or its spool file failed: {0}")]
    Io(#[from] io::Error),
}

/// Up to so many bytes of native instances are converted in memory.
const IN_MEMORY: u64 = 64 << 20;
/// What instances are converted to, the better one first.
pub(super) const NATIVE: [&str; 2] = [uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN];

/// Whether [`convert`] has a way.
pub(super) fn is_convertible(from: &TransferSyntax, to: &TransferSyntax) -> bool {
    let readable = match from.pixel_coding {
        PixelCoding::Native => from.vr_encoding != VrEncoding::NotElements,
        PixelCoding::Encapsulated => DECODERS.iter().any(|decoder| decoder.transfer_syntax() == from.uid),
        PixelCoding::Referenced => false,
    };
    readable && from != to && NATIVE.contains(&to.uid)
}

/// The instance in another transfer syntax.
///
/// # Errors
/// [`ConvertError`]: the instance has to stay as it is.
pub(super) fn convert(
    instance: &Instance<'_>,
    to: &'static TransferSyntax,
    spool: &Spool,
) -> Result<Converted, ConvertError> {
    if !is_convertible(instance.transfer_syntax, to) {
        return Err(ConvertError::NoWay(instance.transfer_syntax.keyword));
    }
    let limits = Limits::default();
    let (inflated, from);
    let (source, encoding): (&dyn Source, _) = match instance.transfer_syntax.vr_encoding {
        VrEncoding::DeflatedExplicitLittle => {
            inflated = inflate(instance.data_set, &limits)?;
            from = uids::EXPLICIT_VR_LITTLE_ENDIAN;
            (&inflated, VrEncoding::ExplicitLittle)
        }
        encoding => {
            from = instance.transfer_syntax.uid;
            (instance.data_set, encoding)
        }
    };
    let data_set = walk(source, encoding, &limits)?;
    let meta = FileMeta {
        sop_class: instance.sop_class.to_owned(),
        sop_instance: instance.sop_instance.to_owned(),
        transfer_syntax: from.to_owned(),
        ..FileMeta::default()
    };
    let options = Options { decoding: instance.decoding.cloned(), ..Options::default() };
    let native = instance.transfer_syntax.pixel_coding == PixelCoding::Native;
    let file = if native && source.len() <= IN_MEMORY {
        let mut file = Cursor::new(Vec::new());
        decompress(source, &data_set, to, &meta, &options, &mut file)?;
        ConvertedFile::Memory(file.into_inner())
    } else {
        let mut file = spool()?;
        decompress(source, &data_set, to, &meta, &options, &mut file)?;
        ConvertedFile::Spooled(FileSource::new(file)?)
    };
    let (_, offset) = FileMeta::parse(file.source())?;
    Ok(Converted { file, offset })
}

impl Converted {
    /// Its data set.
    ///
    /// # Errors
    /// Never for a file that is as long as it was.
    pub(super) fn data_set(&self) -> io::Result<Section<'_>> {
        Section::from(self.file.source(), self.offset)
    }
}

impl ConvertedFile {
    fn source(&self) -> &dyn Source {
        match self {
            Self::Memory(bytes) => bytes,
            Self::Spooled(file) => file,
        }
    }
}

impl From<CompressError> for ConvertError {
    fn from(error: CompressError) -> Self {
        match error {
            CompressError::Kept(reason) => Self::Kept(reason),
            CompressError::Io(error) => Self::Io(error),
        }
    }
}
