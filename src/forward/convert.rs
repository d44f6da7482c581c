//! An instance in another native transfer syntax, for a peer that does not take the one it is stored in.
//!
//! Nothing is lost and nothing is encoded again: headers are rewritten, values copied, and nobody guesses. What is too large
//! for memory goes to a spool file.

use super::instance::Instance;
use crate::dicom::{
    DataSetError, InflateError, Limits, PixelCoding, RewriteError, Source, TransferSyntax, VrEncoding,
    inflate, uids, walk, write_as_explicit,
};
use crate::store::FileSource;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::sync::Arc;

/// Where files for large conversions come from: without a name, gone when they are closed.
pub type Spool = Arc<dyn Fn() -> io::Result<File> + Send + Sync>;

/// A data set that was converted.
#[derive(Debug)]
pub enum Converted {
    /// In memory.
    Memory(Vec<u8>),
    /// In a spool file.
    Spooled(FileSource),
}

/// Why an instance could not be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// There is no way from the one transfer syntax to the other without loss, or none here.
    #[error("{0} cannot be converted into it here without loss")]
    NoWay(&'static str),
    /// The data set cannot be walked.
    #[error("its data set is damaged: {0}")]
    DataSet(#[from] DataSetError),
    /// The deflated data set cannot be inflated.
    #[error("{0}")]
    Inflate(#[from] InflateError),
    /// It cannot be written otherwise.
    #[error("{0}")]
    Rewrite(#[from] RewriteError),
    /// A file failed.
    #[error("the file or its spool file failed: {0}")]
    Io(#[from] io::Error),
}

/// Up to so many bytes are converted in memory.
const IN_MEMORY: u64 = 64 << 20;

/// Whether [`convert`] has a way.
pub(super) fn is_convertible(from: &TransferSyntax, to: &TransferSyntax) -> bool {
    from.pixel_coding == PixelCoding::Native
        && from.vr_encoding != VrEncoding::NotElements
        && to.uid == uids::EXPLICIT_VR_LITTLE_ENDIAN
}

/// The data set of an instance in another transfer syntax.
///
/// # Errors
/// [`ConvertError`]: the instance has to stay as it is.
pub(super) fn convert(
    instance: &Instance<'_>,
    to: &TransferSyntax,
    spool: &Spool,
) -> Result<Converted, ConvertError> {
    if !is_convertible(instance.transfer_syntax, to) {
        return Err(ConvertError::NoWay(instance.transfer_syntax.keyword));
    }
    let limits = Limits::default();
    let inflated;
    let (source, encoding): (&dyn Source, _) = match instance.transfer_syntax.vr_encoding {
        VrEncoding::DeflatedExplicitLittle => {
            inflated = inflate(instance.data_set, &limits)?;
            (&inflated, VrEncoding::ExplicitLittle)
        }
        encoding => (instance.data_set, encoding),
    };
    let data_set = walk(source, encoding, &limits)?;
    let all = 0..data_set.elements.len();
    let write =
        |out: &mut dyn Write| write_as_explicit(source, &data_set, all.clone(), &BTreeMap::new(), out);
    if source.len() <= IN_MEMORY {
        let mut bytes = Vec::new();
        write(&mut bytes)?;
        return Ok(Converted::Memory(bytes));
    }
    let mut out = BufWriter::new(spool()?);
    write(&mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(Converted::Spooled(FileSource::new(file)?))
}

impl Converted {
    fn source(&self) -> &dyn Source {
        match self {
            Self::Memory(bytes) => bytes,
            Self::Spooled(file) => file,
        }
    }
}

impl Source for Converted {
    fn len(&self) -> u64 {
        self.source().len()
    }

    fn bytes(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        self.source().bytes(range)
    }

    fn bytes_in<'b>(&'b self, range: Range<u64>, scratch: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
        self.source().bytes_in(range, scratch)
    }
}
