//! What differs between an instance and its successor, apart from the pixels: element by element.

use super::text::Shown;
use crate::codec::Instance;
use crate::dicom::{
    DataSet, FileMeta, Limits, Section, Source, Tag, TransferSyntax, Vr, VrEncoding, keyword_of,
    walk_as_found,
};
use crate::store::FileSource;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;

/// An element that is not what it was.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    tag: String,
    keyword: Option<&'static str>,
    /// Its value before; none where it was not there.
    before: Option<String>,
    /// Its value after; none where it is not there any more.
    after: Option<String>,
}

/// What an element of either side looks like.
struct Value {
    text: String,
    /// Whether it can be compared byte for byte: no sequence, and no number in another order of bytes.
    bytes: Option<Vec<u8>>,
}

/// Longer values are only compared by their length.
const LONGEST_COMPARED: u64 = 4096;

impl Change {
    pub(super) fn sentence(&self) -> String {
        let name = self.keyword.map(|keyword| format!(" {keyword}")).unwrap_or_default();
        let value = |value: &Option<String>| match value {
            Some(text) => format!("«{}»", Shown(text)),
            None => "nothing".to_owned(),
        };
        format!("{}{name}: {} -> {}", self.tag, value(&self.before), value(&self.after))
    }
}

/// The elements that differ, those of the file meta group first.
pub(super) fn changes(before: &Instance<'_>, meta: &FileMeta, after: &FileSource) -> io::Result<Vec<Change>> {
    let wrong =
        |error: &dyn std::fmt::Display| io::Error::other(format!("what was written cannot be read: {error}"));
    let (new_meta, start) = FileMeta::parse(after).map_err(|error| wrong(&error))?;
    let section = Section::from(after, start)?;
    let written = TransferSyntax::of_uid(&new_meta.transfer_syntax).map(|syntax| syntax.vr_encoding);
    let data_set = walk_as_found(&section, written, &Limits::default()).map_err(|error| wrong(&error))?;
    let name = |uid: &str| TransferSyntax::of_uid(uid).map_or(uid, |syntax| syntax.keyword).to_owned();
    let mut found = Vec::new();
    if meta.transfer_syntax != new_meta.transfer_syntax {
        let (before, after) = (Some(name(&meta.transfer_syntax)), Some(name(&new_meta.transfer_syntax)));
        found.push(change(Tag::TRANSFER_SYNTAX_UID, before, after));
    }
    let (mut old, mut new) = (values(before.source, before.data_set)?, values(&section, &data_set)?);
    let tags: Vec<Tag> = old.keys().chain(new.keys().filter(|tag| !old.contains_key(tag))).copied().collect();
    for tag in tags {
        match (old.remove(&tag), new.remove(&tag)) {
            (Some(a), Some(b)) if a.bytes.is_none() || b.bytes.is_none() || a.bytes == b.bytes => {}
            (a, b) => found.push(change(tag, a.map(|value| value.text), b.map(|value| value.text))),
        }
    }
    found.sort_by(|a, b| a.tag.cmp(&b.tag));
    Ok(found)
}

fn change(tag: Tag, before: Option<String>, after: Option<String>) -> Change {
    Change { tag: tag.to_string(), keyword: keyword_of(tag), before, after }
}

/// The elements that can be compared; group lengths are retired, and pixels are what is encoded anew.
fn values(source: &dyn Source, data_set: &DataSet) -> io::Result<BTreeMap<Tag, Value>> {
    let mut values = BTreeMap::new();
    let big = data_set.vr_encoding == VrEncoding::ExplicitBig;
    for element in &data_set.elements {
        let tag = element.tag;
        if tag.is_group_length() || tag == Tag::PIXEL_DATA {
            continue;
        }
        let length = element.value_length();
        let nested = element.undefined_length || element.vr == Some(Vr::SQ);
        let value = if nested || length > LONGEST_COMPARED {
            Value { text: format!("{length} bytes"), bytes: None }
        } else {
            let bytes = source.bytes(element.value.clone())?.into_owned();
            Value { text: text_of(&bytes, big), bytes: (!big).then_some(bytes) }
        };
        values.insert(tag, value);
    }
    Ok(values)
}

/// A number, a text, or how long it is.
fn text_of(bytes: &[u8], big: bool) -> String {
    match bytes {
        [a, b] if !(a.is_ascii_graphic() && (b.is_ascii_graphic() || *b == b' ')) => {
            let number = if big { u16::from_be_bytes([*a, *b]) } else { u16::from_le_bytes([*a, *b]) };
            number.to_string()
        }
        _ if bytes.iter().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | 0)) => {
            String::from_utf8_lossy(bytes).trim_matches([' ', '\0']).to_owned()
        }
        _ => format!("{} bytes", bytes.len()),
    }
}
