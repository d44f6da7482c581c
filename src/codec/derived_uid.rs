//! The SOP Instance UID of an instance that is derived with loss (PS3.3 C.7.6.1.1.5, PS3.5 B.2).

use super::encoder::Encoder;
use super::instance::Instance;
use super::report::CompressError;
use crate::dicom::{Uid, in_pieces};

/// A UID that stands for these bytes and for what is done to them.
pub(super) fn derived_uid(
    instance: &Instance<'_>,
    predecessor: &Uid,
    encoder: &dyn Encoder,
    description: &str,
) -> Result<Uid, CompressError> {
    let mut hasher = blake3::Hasher::new_derive_key(UID_CONTEXT);
    for text in [predecessor.as_str(), encoder.transfer_syntax(), encoder.name(), description] {
        hasher.update(text.as_bytes());
        hasher.update(&[0]);
    }
    let source = instance.source;
    in_pieces(source, 0..source.len(), |bytes| {
        hasher.update(&bytes);
        Ok(())
    })?;
    let mut bits = [0; 16];
    hasher.finalize_xof().fill(&mut bits);
    Ok(Uid::of_bits(u128::from_be_bytes(bits)))
}

/// What the hash is for; another context gives other UIDs.
const UID_CONTEXT: &str = "Condenser: SOP Instance UID of an instance that is derived with loss, 1";
