//! Where the wrapped frames go in a data set, and what must not stand beside them (PS3.3 C.7.6.3).

use super::super::pixels::{FLOAT_PIXELS, SIGNATURES};
use super::error::WrapError;
use crate::dicom::{DataSet, Tag};
use std::ops::Range;

/// Which elements stand before Pixel Data, or where it belongs, and which behind.
pub(super) fn around_pixel_data(data_set: &DataSet) -> (Range<usize>, Range<usize>) {
    let elements = &data_set.elements;
    if let Some(at) = elements.iter().position(|element| element.tag == Tag::PIXEL_DATA) {
        return (0..at, at + 1..elements.len());
    }
    let at = elements.iter().position(|element| element.tag > Tag::PIXEL_DATA).unwrap_or(elements.len());
    (0..at, at..elements.len())
}

/// Whether other Pixel Data may come into the data set.
///
/// # Errors
/// What stands in its way.
pub(super) fn may_be_replaced(data_set: &DataSet) -> Result<(), WrapError> {
    let stands = |(tag, _): &&(Tag, &str)| data_set.element(*tag).is_some();
    if let Some((_, name)) = FLOAT_PIXELS.iter().find(stands) {
        return Err(WrapError::Untouchable((*name).to_owned()));
    }
    if let Some((_, name)) = SIGNATURES.iter().find(stands) {
        let what = format!("a digital signature {name}, which other pixel data would break");
        return Err(WrapError::Untouchable(what));
    }
    if data_set.occurrences(Tag::PIXEL_DATA).count() > 1 {
        return Err(WrapError::Untouchable("Pixel Data (7FE0,0010) more than once".to_owned()));
    }
    Ok(())
}
