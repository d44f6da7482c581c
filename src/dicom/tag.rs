//! The tag of a data element (PS3.5 section 7.1), and the tags that this crate names (PS3.6).

use std::fmt;

/// The tag of a data element: group and element number. Tags sort as elements do in a data set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    /// The group number; odd for private elements.
    pub group: u16,
    /// The element number within the group.
    pub element: u16,
}

impl Tag {
    /// The tag `(group,element)`.
    pub const fn new(group: u16, element: u16) -> Tag {
        Tag { group, element }
    }

    /// Whether the element is private (PS3.5 section 7.8): its group is odd.
    pub const fn is_private(self) -> bool {
        self.group % 2 == 1
    }

    /// Whether this is a group length, `(gggg,0000)` (PS3.5 section 7.2): retired in data sets, stale after editing.
    pub const fn is_group_length(self) -> bool {
        self.element == 0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({:04X},{:04X})", self.group, self.element)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! tags {
    ($($name:ident = ($group:literal, $element:literal), $doc:literal;)*) => {
        /// The tags that this crate names, under the keywords of PS3.6.
        impl Tag {
            $(#[doc = concat!($doc, ".")] pub const $name: Tag = Tag::new($group, $element);)*
        }

        #[cfg(test)]
        const NAMED: &[(Tag, &str)] = &[$((Tag::$name, $doc)),*];
    };
}

tags! {
    // PS3.5 section 7.5: the three that delimit, which have no value representation.
    ITEM = (0xFFFE, 0xE000), "Item";
    ITEM_DELIMITATION_ITEM = (0xFFFE, 0xE00D), "Item Delimitation Item";
    SEQUENCE_DELIMITATION_ITEM = (0xFFFE, 0xE0DD), "Sequence Delimitation Item";
    DATA_SET_TRAILING_PADDING = (0xFFFC, 0xFFFC), "Data Set Trailing Padding";
    DIGITAL_SIGNATURES_SEQUENCE = (0xFFFA, 0xFFFA), "Digital Signatures Sequence";
    MAC_PARAMETERS_SEQUENCE = (0x4FFE, 0x0001), "MAC Parameters Sequence";

    // PS3.7 annex E: command elements.
    COMMAND_GROUP_LENGTH = (0x0000, 0x0000), "Command Group Length";
    AFFECTED_SOP_CLASS_UID = (0x0000, 0x0002), "Affected SOP Class UID";
    REQUESTED_SOP_CLASS_UID = (0x0000, 0x0003), "Requested SOP Class UID";
    COMMAND_FIELD = (0x0000, 0x0100), "Command Field";
    MESSAGE_ID = (0x0000, 0x0110), "Message ID";
    MESSAGE_ID_BEING_RESPONDED_TO = (0x0000, 0x0120), "Message ID Being Responded To";
    MOVE_DESTINATION = (0x0000, 0x0600), "Move Destination";
    PRIORITY = (0x0000, 0x0700), "Priority";
    COMMAND_DATA_SET_TYPE = (0x0000, 0x0800), "Command Data Set Type";
    STATUS = (0x0000, 0x0900), "Status";
    OFFENDING_ELEMENT = (0x0000, 0x0901), "Offending Element";
    ERROR_COMMENT = (0x0000, 0x0902), "Error Comment";
    ERROR_ID = (0x0000, 0x0903), "Error ID";
    AFFECTED_SOP_INSTANCE_UID = (0x0000, 0x1000), "Affected SOP Instance UID";
    REQUESTED_SOP_INSTANCE_UID = (0x0000, 0x1001), "Requested SOP Instance UID";
    EVENT_TYPE_ID = (0x0000, 0x1002), "Event Type ID";
    ACTION_TYPE_ID = (0x0000, 0x1008), "Action Type ID";
    MOVE_ORIGINATOR_APPLICATION_ENTITY_TITLE = (0x0000, 0x1030), "Move Originator Application Entity Title";
    MOVE_ORIGINATOR_MESSAGE_ID = (0x0000, 0x1031), "Move Originator Message ID";

    // PS3.10 section 7.1: file meta information.
    FILE_META_INFORMATION_GROUP_LENGTH = (0x0002, 0x0000), "File Meta Information Group Length";
    FILE_META_INFORMATION_VERSION = (0x0002, 0x0001), "File Meta Information Version";
    MEDIA_STORAGE_SOP_CLASS_UID = (0x0002, 0x0002), "Media Storage SOP Class UID";
    MEDIA_STORAGE_SOP_INSTANCE_UID = (0x0002, 0x0003), "Media Storage SOP Instance UID";
    TRANSFER_SYNTAX_UID = (0x0002, 0x0010), "Transfer Syntax UID";
    IMPLEMENTATION_CLASS_UID = (0x0002, 0x0012), "Implementation Class UID";
    IMPLEMENTATION_VERSION_NAME = (0x0002, 0x0013), "Implementation Version Name";
    SOURCE_APPLICATION_ENTITY_TITLE = (0x0002, 0x0016), "Source Application Entity Title";
    SENDING_APPLICATION_ENTITY_TITLE = (0x0002, 0x0017), "Sending Application Entity Title";
    RECEIVING_APPLICATION_ENTITY_TITLE = (0x0002, 0x0018), "Receiving Application Entity Title";
    PRIVATE_INFORMATION_CREATOR_UID = (0x0002, 0x0100), "Private Information Creator UID";
    PRIVATE_INFORMATION = (0x0002, 0x0102), "Private Information";

    // PS3.3: what identifies and describes an instance.
    DIRECTORY_RECORD_SEQUENCE = (0x0004, 0x1220), "Directory Record Sequence";
    SPECIFIC_CHARACTER_SET = (0x0008, 0x0005), "Specific Character Set";
    IMAGE_TYPE = (0x0008, 0x0008), "Image Type";
    SOP_CLASS_UID = (0x0008, 0x0016), "SOP Class UID";
    SOP_INSTANCE_UID = (0x0008, 0x0018), "SOP Instance UID";
    STUDY_DATE = (0x0008, 0x0020), "Study Date";
    STUDY_TIME = (0x0008, 0x0030), "Study Time";
    ACCESSION_NUMBER = (0x0008, 0x0050), "Accession Number";
    MODALITY = (0x0008, 0x0060), "Modality";
    MANUFACTURER = (0x0008, 0x0070), "Manufacturer";
    INSTITUTION_NAME = (0x0008, 0x0080), "Institution Name";
    STATION_NAME = (0x0008, 0x1010), "Station Name";
    STUDY_DESCRIPTION = (0x0008, 0x1030), "Study Description";
    SERIES_DESCRIPTION = (0x0008, 0x103E), "Series Description";
    MANUFACTURER_MODEL_NAME = (0x0008, 0x1090), "Manufacturer's Model Name";
    CODE_VALUE = (0x0008, 0x0100), "Code Value";
    CODING_SCHEME_DESIGNATOR = (0x0008, 0x0102), "Coding Scheme Designator";
    CODE_MEANING = (0x0008, 0x0104), "Code Meaning";
    REFERENCED_SOP_CLASS_UID = (0x0008, 0x1150), "Referenced SOP Class UID";
    REFERENCED_SOP_INSTANCE_UID = (0x0008, 0x1155), "Referenced SOP Instance UID";
    TRANSACTION_UID = (0x0008, 0x1195), "Transaction UID";
    FAILURE_REASON = (0x0008, 0x1197), "Failure Reason";
    FAILED_SOP_SEQUENCE = (0x0008, 0x1198), "Failed SOP Sequence";
    REFERENCED_SOP_SEQUENCE = (0x0008, 0x1199), "Referenced SOP Sequence";
    DERIVATION_DESCRIPTION = (0x0008, 0x2111), "Derivation Description";
    SOURCE_IMAGE_SEQUENCE = (0x0008, 0x2112), "Source Image Sequence";
    FRAME_TYPE = (0x0008, 0x9007), "Frame Type";
    DERIVATION_CODE_SEQUENCE = (0x0008, 0x9215), "Derivation Code Sequence";
    PATIENT_NAME = (0x0010, 0x0010), "Patient's Name";
    PATIENT_ID = (0x0010, 0x0020), "Patient ID";
    BODY_PART_EXAMINED = (0x0018, 0x0015), "Body Part Examined";
    STUDY_INSTANCE_UID = (0x0020, 0x000D), "Study Instance UID";
    SERIES_INSTANCE_UID = (0x0020, 0x000E), "Series Instance UID";
    STUDY_ID = (0x0020, 0x0010), "Study ID";
    SERIES_NUMBER = (0x0020, 0x0011), "Series Number";
    INSTANCE_NUMBER = (0x0020, 0x0013), "Instance Number";

    PURPOSE_OF_REFERENCE_CODE_SEQUENCE = (0x0040, 0xA170), "Purpose of Reference Code Sequence";
    ENCRYPTED_ATTRIBUTES_SEQUENCE = (0x0400, 0x0500), "Encrypted Attributes Sequence";

    SHARED_FUNCTIONAL_GROUPS_SEQUENCE = (0x5200, 0x9229), "Shared Functional Groups Sequence";
    PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE = (0x5200, 0x9230), "Per-frame Functional Groups Sequence";

    // PS3.3 section C.7.6.3 and C.7.6.6: image pixels.
    SAMPLES_PER_PIXEL = (0x0028, 0x0002), "Samples per Pixel";
    PHOTOMETRIC_INTERPRETATION = (0x0028, 0x0004), "Photometric Interpretation";
    PLANAR_CONFIGURATION = (0x0028, 0x0006), "Planar Configuration";
    NUMBER_OF_FRAMES = (0x0028, 0x0008), "Number of Frames";
    ROWS = (0x0028, 0x0010), "Rows";
    COLUMNS = (0x0028, 0x0011), "Columns";
    BITS_ALLOCATED = (0x0028, 0x0100), "Bits Allocated";
    BITS_STORED = (0x0028, 0x0101), "Bits Stored";
    HIGH_BIT = (0x0028, 0x0102), "High Bit";
    PIXEL_REPRESENTATION = (0x0028, 0x0103), "Pixel Representation";
    SMALLEST_IMAGE_PIXEL_VALUE = (0x0028, 0x0106), "Smallest Image Pixel Value";
    LARGEST_IMAGE_PIXEL_VALUE = (0x0028, 0x0107), "Largest Image Pixel Value";
    SMALLEST_PIXEL_VALUE_IN_SERIES = (0x0028, 0x0108), "Smallest Pixel Value in Series";
    LARGEST_PIXEL_VALUE_IN_SERIES = (0x0028, 0x0109), "Largest Pixel Value in Series";
    PIXEL_PADDING_VALUE = (0x0028, 0x0120), "Pixel Padding Value";
    LOSSY_IMAGE_COMPRESSION = (0x0028, 0x2110), "Lossy Image Compression";
    LOSSY_IMAGE_COMPRESSION_RATIO = (0x0028, 0x2112), "Lossy Image Compression Ratio";
    LOSSY_IMAGE_COMPRESSION_METHOD = (0x0028, 0x2114), "Lossy Image Compression Method";
    LUT_DESCRIPTOR = (0x0028, 0x3002), "LUT Descriptor";
    LUT_DATA = (0x0028, 0x3006), "LUT Data";
    EXTENDED_OFFSET_TABLE = (0x7FE0, 0x0001), "Extended Offset Table";
    EXTENDED_OFFSET_TABLE_LENGTHS = (0x7FE0, 0x0002), "Extended Offset Table Lengths";
    ENCAPSULATED_PIXEL_DATA_VALUE_TOTAL_LENGTH = (0x7FE0, 0x0003), "Encapsulated Pixel Data Value Total Length";
    FLOAT_PIXEL_DATA = (0x7FE0, 0x0008), "Float Pixel Data";
    DOUBLE_FLOAT_PIXEL_DATA = (0x7FE0, 0x0009), "Double Float Pixel Data";
    PIXEL_DATA = (0x7FE0, 0x0010), "Pixel Data";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_prints_and_sorts_as_in_the_standard() {
        assert_eq!(Tag::PIXEL_DATA.to_string(), "(7FE0,0010)");
        assert!(Tag::new(0x0008, 0xFFFF) < Tag::new(0x0010, 0x0000));
        assert!(Tag::new(0x0009, 0x0010).is_private());
        assert!(!Tag::PIXEL_DATA.is_private());
        assert!(Tag::new(0x0008, 0x0000).is_group_length());
    }

    /// Delimiters and command elements are not in the dictionary; they are few and in every test of their own.
    #[test]
    fn the_named_tags_are_those_of_the_data_dictionary() {
        use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
        let in_dictionary: Vec<_> =
            NAMED.iter().filter(|(tag, _)| tag.group != 0 && tag.group != Tag::ITEM.group).collect();
        assert!(in_dictionary.len() > 60);
        for (tag, name) in in_dictionary {
            let entry = dicom_dictionary_std::StandardDataDictionary
                .by_tag(dicom_core::Tag(tag.group, tag.element))
                .unwrap_or_else(|| panic!("{tag} is not in the dictionary"));
            let keyword: String = name
                .replace("'s", "")
                .replace('-', " ")
                .split(' ')
                .map(|word| word[..1].to_uppercase() + &word[1..])
                .collect();
            assert_eq!(entry.alias(), keyword, "{tag}");
        }
    }
}
