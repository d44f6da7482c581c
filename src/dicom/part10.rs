//! The head of a DICOM file: preamble, prefix and File Meta Information (PS3.10 section 7.1).

use super::header_writer::put_element;
use super::source::Source;
use super::tag::Tag;
use super::uid::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};
use super::vr::Vr;
use std::io::{self, Write};

/// The File Meta Information of one file.
///
/// UIDs are text here, not [`Uid`](super::Uid): what is kept in quarantine, and what others wrote, may not conform.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct FileMeta {
    /// Media Storage SOP Class UID; empty when a file does not say.
    pub sop_class: String,
    /// Media Storage SOP Instance UID; empty when a file does not say.
    pub sop_instance: String,
    /// Transfer Syntax UID.
    pub transfer_syntax: String,
    /// Source Application Entity Title: who made the file's content.
    pub source_ae: Option<String>,
    /// Sending Application Entity Title: who sent it over the network.
    pub sending_ae: Option<String>,
    /// Receiving Application Entity Title: who took it from the network.
    pub receiving_ae: Option<String>,
    /// Private Information, under the UID of its creator.
    pub private: Option<PrivateInformation>,
}

/// Private Information (0002,0102) and whose it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PrivateInformation {
    /// Private Information Creator UID (0002,0100).
    pub creator: String,
    /// The value. One of odd length comes back with a 0 byte more.
    pub bytes: Vec<u8>,
}

impl FileMeta {
    /// Writes 128 zero bytes, `DICM` and the group, under this implementation's own class UID and version name.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] when a text has more than 65534 bytes or the Private Information more than
    /// 2³² − 2; else the writer's own.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut group = Vec::new();
        put_element(&mut group, Tag::FILE_META_INFORMATION_VERSION, Vr::OB, &[0, 1])?;
        put_element(&mut group, Tag::MEDIA_STORAGE_SOP_CLASS_UID, Vr::UI, self.sop_class.as_bytes())?;
        put_element(&mut group, Tag::MEDIA_STORAGE_SOP_INSTANCE_UID, Vr::UI, self.sop_instance.as_bytes())?;
        put_element(&mut group, Tag::TRANSFER_SYNTAX_UID, Vr::UI, self.transfer_syntax.as_bytes())?;
        put_element(&mut group, Tag::IMPLEMENTATION_CLASS_UID, Vr::UI, IMPLEMENTATION_CLASS_UID.as_bytes())?;
        put_element(
            &mut group,
            Tag::IMPLEMENTATION_VERSION_NAME,
            Vr::SH,
            IMPLEMENTATION_VERSION_NAME.as_bytes(),
        )?;
        for (tag, title) in [
            (Tag::SOURCE_APPLICATION_ENTITY_TITLE, &self.source_ae),
            (Tag::SENDING_APPLICATION_ENTITY_TITLE, &self.sending_ae),
            (Tag::RECEIVING_APPLICATION_ENTITY_TITLE, &self.receiving_ae),
        ] {
            if let Some(title) = title {
                put_element(&mut group, tag, Vr::AE, title.as_bytes())?;
            }
        }
        if let Some(private) = &self.private {
            put_element(
                &mut group,
                Tag::PRIVATE_INFORMATION_CREATOR_UID,
                Vr::UI,
                private.creator.as_bytes(),
            )?;
            put_element(&mut group, Tag::PRIVATE_INFORMATION, Vr::OB, &private.bytes)?;
        }
        let length = u32::try_from(group.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut head = vec![0; PREAMBLE];
        head.extend_from_slice(PREFIX);
        put_element(&mut head, Tag::FILE_META_INFORMATION_GROUP_LENGTH, Vr::UL, &length.to_le_bytes())?;
        out.write_all(&head)?;
        out.write_all(&group)
    }

    /// Reads the head of a file; gives it with the offset at which the data set begins.
    ///
    /// Real files break many rules, and those that leave no doubt are forgiven: no preamble (the prefix, or even the
    /// group, comes first), a Group Length that is absent or wrong, other elements of the group (passed over), no
    /// SOP Class or Instance UID, implicit headers.
    ///
    /// # Errors
    /// [`Part10Error::NoMeta`] and [`Part10Error::NoTransferSyntax`] when the data set may still be there, in an
    /// encoding that only its own headers tell;
    /// [`Part10Error::Damaged`] and [`Part10Error::TooLong`] when the group itself cannot be read.
    pub fn parse(source: &dyn Source) -> Result<(FileMeta, u64), Part10Error> {
        let mut offset = start_of_group(source)?;
        let start = offset;
        let mut meta = FileMeta::default();
        let mut creator = String::new();
        let mut declared_end = None;
        // A deflated data set may happen to begin like this group: at the declared end, only what also has a value
        // representation is still an element of it.
        while let Some(element) = MetaElement::read(source, offset, declared_end == Some(offset))? {
            if element.end - start > LONGEST_GROUP {
                return Err(Part10Error::TooLong);
            }
            let value = source.bytes(element.value..element.end)?;
            match element.tag {
                Tag::FILE_META_INFORMATION_GROUP_LENGTH => {
                    let length = value.as_ref().try_into().map(u32::from_le_bytes);
                    declared_end = length.ok().and_then(|length| element.end.checked_add(u64::from(length)));
                }
                Tag::MEDIA_STORAGE_SOP_CLASS_UID => meta.sop_class = text(&value),
                Tag::MEDIA_STORAGE_SOP_INSTANCE_UID => meta.sop_instance = text(&value),
                Tag::TRANSFER_SYNTAX_UID => meta.transfer_syntax = text(&value),
                Tag::SOURCE_APPLICATION_ENTITY_TITLE => meta.source_ae = Some(text(&value)),
                Tag::SENDING_APPLICATION_ENTITY_TITLE => meta.sending_ae = Some(text(&value)),
                Tag::RECEIVING_APPLICATION_ENTITY_TITLE => meta.receiving_ae = Some(text(&value)),
                Tag::PRIVATE_INFORMATION_CREATOR_UID => creator = text(&value),
                Tag::PRIVATE_INFORMATION => {
                    let creator = std::mem::take(&mut creator);
                    meta.private = Some(PrivateInformation { creator, bytes: value.into_owned() });
                }
                _ => {}
            }
            offset = element.end;
        }
        if meta.transfer_syntax.is_empty() {
            return Err(Part10Error::NoTransferSyntax { offset });
        }
        Ok((meta, offset))
    }
}

/// Why the head of a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Part10Error {
    /// Neither prefix nor group: a bare data set, or no DICOM at all.
    #[error("no DICOM file meta information")]
    NoMeta,
    /// The group is sound but does not name the transfer syntax.
    #[error("the file meta information names no transfer syntax")]
    NoTransferSyntax {
        /// Where the data set begins.
        offset: u64,
    },
    /// An element of the group reaches beyond the file, or is none.
    #[error("the file meta information is damaged at offset {offset}")]
    Damaged {
        /// Of the element, in the file.
        offset: u64,
    },
    /// The group is longer than any that makes sense.
    #[error("the file meta information is longer than {LONGEST_GROUP} bytes")]
    TooLong,
    /// The source failed.
    #[error(transparent)]
    Read(#[from] io::Error),
}

const PREAMBLE: usize = 128;
const PREFIX: &[u8; 4] = b"DICM";
/// Of the whole group on reading, in bytes. Private Information is what could make it long.
const LONGEST_GROUP: u64 = 16 << 20;

/// One element of the group, header read.
struct MetaElement {
    tag: Tag,
    value: u64,
    end: u64,
}

impl MetaElement {
    /// The element at `offset`; `None` when what is there is not of group 0002, or has no value representation
    /// although it must.
    fn read(
        source: &dyn Source,
        offset: u64,
        must_be_explicit: bool,
    ) -> Result<Option<MetaElement>, Part10Error> {
        let damaged = Part10Error::Damaged { offset };
        let Some([0x02, 0x00, element_0, element_1]) = array::<4>(source, offset)? else { return Ok(None) };
        let tag = Tag::new(2, u16::from_le_bytes([element_0, element_1]));
        let Some([a, b, c, d]) = array::<4>(source, offset + 4)? else { return Err(damaged) };
        let vr = Vr([a, b]);
        let explicit = vr.is_standard();
        if must_be_explicit && !explicit {
            return Ok(None);
        }
        let (value, length) = if !explicit {
            (offset + 8, u32::from_le_bytes([a, b, c, d]))
        } else if vr.is_long_form() {
            let Some(length) = array::<4>(source, offset + 8)? else { return Err(damaged) };
            (offset + 12, u32::from_le_bytes(length))
        } else {
            (offset + 8, u32::from(u16::from_le_bytes([c, d])))
        };
        let end = value + u64::from(length);
        if end > source.len() {
            return Err(damaged);
        }
        Ok(Some(MetaElement { tag, value, end }))
    }
}

/// Where the first element of group 0002 is.
fn start_of_group(source: &dyn Source) -> Result<u64, Part10Error> {
    let preamble = PREAMBLE as u64;
    for prefix in [preamble, 0] {
        if array::<4>(source, prefix)?.as_ref() == Some(PREFIX) {
            return Ok(prefix + 4);
        }
    }
    match array::<6>(source, 0)? {
        Some([0x02, 0x00, _, _, a, b]) if Vr([a, b]).is_standard() => Ok(0),
        _ => Err(Part10Error::NoMeta),
    }
}

/// `N` bytes, or `None` when the source ends before.
fn array<const N: usize>(source: &dyn Source, offset: u64) -> io::Result<Option<[u8; N]>> {
    match offset.checked_add(N as u64) {
        Some(end) if end <= source.len() => Ok(source.bytes(offset..end)?.as_ref().try_into().ok()),
        _ => Ok(None),
    }
}

/// A value as text, without its padding.
fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_matches([' ', '\0']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> FileMeta {
        FileMeta {
            sop_class: "1.2.840.10008.5.1.4.1.1.2".into(),
            sop_instance: "1.2.3.4".into(),
            transfer_syntax: "1.2.840.10008.1.2.4.80".into(),
            source_ae: Some("CT".into()),
            sending_ae: Some("MODALITY1".into()),
            receiving_ae: None,
            private: Some(PrivateInformation { creator: "2.25.1".into(), bytes: b"{\"a\":1 }".to_vec() }),
        }
    }

    fn written(meta: &FileMeta) -> Vec<u8> {
        let mut file = Vec::new();
        meta.write(&mut file).unwrap();
        file
    }

    #[test]
    fn what_is_written_is_read_again() {
        for meta in [meta(), FileMeta { transfer_syntax: "1.2.840.10008.1.2".into(), ..FileMeta::default() }]
        {
            let mut file = written(&meta);
            let end = file.len() as u64;
            file.extend_from_slice(&[8, 0, 5, 0, b'C', b'S', 0, 0]);
            assert_eq!(FileMeta::parse(&file).unwrap(), (meta, end));
        }
    }

    #[test]
    fn the_group_is_laid_out_as_table_7_1_1_says() {
        let file = written(&meta());
        assert_eq!(file[..128], [0; 128]);
        assert_eq!(file[128..140], *b"DICM\x02\0\0\0UL\x04\0");
        let length = u32::from_le_bytes(file[140..144].try_into().unwrap()) as usize;
        assert_eq!(file.len(), 144 + length);
        assert_eq!(file[144..158], *b"\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01");
        assert_eq!(file[158..192], *b"\x02\0\x02\0UI\x1a\x001.2.840.10008.5.1.4.1.1.2\0");
        let sending = b"\x02\0\x17\0AE\x0a\0MODALITY1 ";
        assert!(file.windows(sending.len()).any(|window| window == sending));
    }

    #[test]
    fn files_without_a_preamble_are_read() {
        let file = written(&meta());
        for start in [128, 132] {
            let bare = file[start..].to_vec();
            assert_eq!(FileMeta::parse(&bare).unwrap(), (meta(), bare.len() as u64), "from byte {start}");
        }
    }

    #[test]
    fn a_wrong_or_absent_group_length_does_not_matter() {
        let mut file = written(&meta());
        for length in [0, 14, 15, 0xFFFF_FFFF_u32] {
            file[140..144].copy_from_slice(&length.to_le_bytes());
            assert_eq!(FileMeta::parse(&file).unwrap().0, meta(), "{length}");
        }
        file.drain(132..144);
        assert_eq!(FileMeta::parse(&file).unwrap(), (meta(), file.len() as u64));
    }

    #[test]
    fn a_deflated_data_set_that_looks_like_the_group_is_not_read_as_such() {
        let mut file = written(&meta());
        let end = file.len() as u64;
        file.extend_from_slice(&[2, 0, 0xFF, 0xFF, 0xFF, 0x00, 0x13, 0x7F]);
        assert_eq!(FileMeta::parse(&file).unwrap(), (meta(), end));
    }

    #[test]
    fn unknown_elements_are_passed_over() {
        let mut file = written(&FileMeta { private: None, ..meta() });
        file.extend_from_slice(b"\x02\0\x26\0UR\0\0\x04\0\0\0http");
        assert_eq!(
            FileMeta::parse(&file).unwrap(),
            (FileMeta { private: None, ..meta() }, file.len() as u64)
        );
    }

    #[test]
    fn every_cut_is_an_error_or_ends_between_elements() {
        let file = written(&meta());
        for end in 0..file.len() {
            match FileMeta::parse(&file[..end].to_vec()) {
                // Less than a tag is left to the data set, where it is a header cut off.
                Ok((_, offset)) => assert!((0..4).contains(&(end as u64 - offset)), "cut at {end}"),
                Err(Part10Error::NoTransferSyntax { offset }) => {
                    assert!(offset <= end as u64, "cut at {end}")
                }
                Err(Part10Error::NoMeta) => assert!(end < 132, "cut at {end}"),
                Err(Part10Error::Damaged { offset }) => assert!(offset < end as u64, "cut at {end}"),
                Err(other) => panic!("cut at {end}: {other}"),
            }
        }
    }

    #[test]
    fn a_length_beyond_the_file_is_damage_not_an_allocation() {
        let mut file = written(&FileMeta { private: None, ..meta() });
        let offset = file.len() as u64;
        file.extend_from_slice(b"\x02\0\x02\x01OB\0\0\xFE\xFF\xFF\xFF1234");
        assert!(matches!(FileMeta::parse(&file), Err(Part10Error::Damaged { offset: at }) if at == offset));
    }

    #[test]
    fn a_text_too_long_for_its_header_is_refused() {
        let long = FileMeta { sop_class: "1".repeat(65535), ..meta() };
        assert_eq!(long.write(&mut Vec::new()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
