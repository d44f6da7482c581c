//! The received bytes, understood: where the elements are, which instance this is, whether it is whole.
//!
//! PS3.5 7 (data set), PS3.5 A.5 (deflated), PS3.4 B.2 (the UIDs of the command and of the data set must agree).

use super::status::Failure;
use crate::codec::Reason;
use crate::dicom::{
    DataSet, InflateError, Limits, Source, Tag, TransferSyntax, Uid, ValueError, VrEncoding, inflate,
    walk_as_found,
};
use crate::net::{Received, ReceivedBytes, ReceivedUid};
use crate::store::Identity;

/// Elements that only an image has; together they describe pixels that must then be there (PS3.3 C.7.6.3).
const IMAGE_DESCRIPTION: &[Tag] =
    &[Tag::ROWS, Tag::COLUMNS, Tag::BITS_ALLOCATED, Tag::PHOTOMETRIC_INTERPRETATION];

/// Where pixels may be (PS3.3 C.7.6.3, C.7.6.24), or where they may be fetched from.
const PIXELS: &[Tag] = &[
    Tag::PIXEL_DATA,
    Tag::FLOAT_PIXEL_DATA,
    Tag::DOUBLE_FLOAT_PIXEL_DATA,
    Tag::new(0x0028, 0x7FE0), // Pixel Data Provider URL (JPIP)
];

/// A data set that was walked to its end, or one that is too large to be looked into.
pub(super) struct Scanned<'r> {
    /// The bytes that were walked: as received, or after inflation.
    bytes: Bytes<'r>,
    /// How the data set came over the wire.
    pub(super) transfer_syntax: &'static TransferSyntax,
    /// The elements, or why they cannot be looked at.
    pub(super) contents: Result<DataSet, Reason>,
}

enum Bytes<'r> {
    Received(&'r ReceivedBytes),
    Inflated(Vec<u8>),
}

impl<'r> Scanned<'r> {
    /// Walks the data set of `received` from its first to its last byte.
    ///
    /// # Errors
    /// A [`Failure`] when it cannot be walked to its end, or is an image without pixels.
    pub(super) fn of(received: &'r Received, limits: &Limits) -> Result<Self, Failure> {
        let transfer_syntax = received.transfer_syntax;
        let mut bytes = Bytes::Received(&received.data_set);
        let mut vr_encoding = transfer_syntax.vr_encoding;
        if vr_encoding == VrEncoding::DeflatedExplicitLittle {
            match inflate(&received.data_set, limits) {
                Ok(inflated) => bytes = Bytes::Inflated(inflated),
                // What inflates beyond our limits is not wrong, only too much: it is kept without being read.
                Err(InflateError::TooLarge { .. } | InflateError::TooDense { .. }) => {
                    let contents = Err(Reason::InflatesBeyondLimit);
                    return Ok(Self { bytes, transfer_syntax, contents });
                }
                Err(InflateError::Io(error)) => return Err(Failure::Spool(error)),
                Err(error) => return Err(Failure::Deflated(error)),
            }
            vr_encoding = VrEncoding::ExplicitLittle;
        }
        // A data set that is not encoded as was agreed is taken as it is found: DataSet::vr_encoding says how.
        let data_set = walk_as_found(bytes.source(), Some(vr_encoding), limits)?;
        check_whole(&data_set)?;
        Ok(Self { bytes, transfer_syntax, contents: Ok(data_set) })
    }

    /// The bytes that the elements lie in.
    pub(super) fn source(&self) -> &dyn Source {
        self.bytes.source()
    }

    /// A text of the data set, without padding; empty where there is none that can be read.
    ///
    /// # Errors
    /// [`Failure::Spool`].
    pub(super) fn text(&self, tag: Tag) -> Result<String, Failure> {
        let Ok(data_set) = &self.contents else { return Ok(String::new()) };
        match data_set.text(self.source(), tag) {
            Err(ValueError::Io(error)) => Err(Failure::Spool(error)),
            value => Ok(value.ok().flatten().unwrap_or_default()),
        }
    }

    /// Which instance this is, by UIDs that keep to the rules and agree with those of the command.
    ///
    /// # Errors
    /// [`Failure::InvalidUid`], [`Failure::SopClassMismatch`] or [`Failure::SopInstanceMismatch`].
    pub(super) fn identity(&self, received: &Received) -> Result<Identity, Failure> {
        let sop_class = valid(&received.sop_class, Tag::AFFECTED_SOP_CLASS_UID)?;
        let sop_instance = valid(&received.sop_instance, Tag::AFFECTED_SOP_INSTANCE_UID)?;
        let (source, association) = (self.source(), &received.association);
        let Ok(data_set) = &self.contents else {
            // Nothing can be read of it, so the command alone says what it is.
            return Ok(Identity { sop_class: Some(sop_class), ..Identity::new(sop_instance) });
        };
        let (calling, called) = (&association.calling, &association.called);
        let identity =
            Identity::of(sop_instance, source, data_set, calling, called).map_err(Failure::Spool)?;
        if identity.sop_class.as_ref() != Some(&sop_class) {
            return Err(Failure::SopClassMismatch);
        }
        match data_set.uid(source, Tag::SOP_INSTANCE_UID) {
            Ok(Some(uid)) if uid == identity.sop_instance => Ok(identity),
            Err(ValueError::Io(error)) => Err(Failure::Spool(error)),
            _ => Err(Failure::SopInstanceMismatch),
        }
    }
}

impl Bytes<'_> {
    fn source(&self) -> &dyn Source {
        match self {
            Self::Received(bytes) => *bytes,
            Self::Inflated(bytes) => bytes,
        }
    }
}

/// An image that lost its pixels at the boundary of an element still walks to its end; it must not pass for whole.
fn check_whole(data_set: &DataSet) -> Result<(), Failure> {
    let has = |tag: &Tag| data_set.element(*tag).is_some();
    if IMAGE_DESCRIPTION.iter().all(has) && !PIXELS.iter().any(has) {
        return Err(Failure::PixelDataMissing);
    }
    Ok(())
}

fn valid(received: &ReceivedUid, tag: Tag) -> Result<Uid, Failure> {
    received.uid.clone().map_err(|_| Failure::InvalidUid(tag))
}
