//! Made data sets in Explicit VR Little Endian, small enough to read in a debugger.

#![allow(dead_code, reason = "each test file uses its own part of this")]

/// SOP Class UID of CT Image Storage.
pub(crate) const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

/// Writes elements one after the other.
#[derive(Clone, Default)]
pub(crate) struct DataSet(pub(crate) Vec<u8>);

impl DataSet {
    /// An element with a 16-bit length.
    pub(crate) fn short(mut self, group: u16, element: u16, vr: &str, value: &[u8]) -> Self {
        self.tag(group, element);
        self.0.extend_from_slice(vr.as_bytes());
        self.0.extend_from_slice(&(value.len() as u16).to_le_bytes());
        self.0.extend_from_slice(value);
        self
    }

    /// An element with a 32-bit length.
    pub(crate) fn long(mut self, group: u16, element: u16, vr: &str, value: &[u8]) -> Self {
        self = self.long_header(group, element, vr, value.len() as u32);
        self.0.extend_from_slice(value);
        self
    }

    /// The header alone of an element with a 32-bit length: whatever length is declared.
    pub(crate) fn long_header(mut self, group: u16, element: u16, vr: &str, length: u32) -> Self {
        self.tag(group, element);
        self.0.extend_from_slice(vr.as_bytes());
        self.0.extend_from_slice(&[0, 0]);
        self.0.extend_from_slice(&length.to_le_bytes());
        self
    }

    /// A UID, padded with a NUL.
    pub(crate) fn uid(self, group: u16, element: u16, uid: &str) -> Self {
        let mut value = uid.as_bytes().to_vec();
        if value.len() % 2 == 1 {
            value.push(0);
        }
        self.short(group, element, "UI", &value)
    }

    /// An unsigned short.
    pub(crate) fn number(self, group: u16, element: u16, value: u16) -> Self {
        self.short(group, element, "US", &value.to_le_bytes())
    }

    /// An item or a delimiter.
    pub(crate) fn item(mut self, element: u16, length: u32) -> Self {
        self.tag(0xFFFE, element);
        self.0.extend_from_slice(&length.to_le_bytes());
        self
    }

    fn tag(&mut self, group: u16, element: u16) {
        self.0.extend_from_slice(&group.to_le_bytes());
        self.0.extend_from_slice(&element.to_le_bytes());
    }
}

/// A greyscale image: 12 bits stored in 16, unsigned.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) sop_instance: String,
    pub(crate) rows: u16,
    pub(crate) columns: u16,
    pub(crate) bits_stored: u16,
    pub(crate) frames: usize,
    pub(crate) cells: Vec<u16>,
}

impl Image {
    /// A slope with some unevenness, which compresses well and has no two rows alike.
    pub(crate) fn slope(sop_instance: &str, rows: u16, columns: u16) -> Self {
        Self::slopes(sop_instance, rows, columns, 1)
    }

    /// Several frames of the same kind, none like another.
    pub(crate) fn slopes(sop_instance: &str, rows: u16, columns: u16, frames: usize) -> Self {
        let mut cells = Vec::new();
        for frame in 0..frames {
            for row in 0..usize::from(rows) {
                let value = |column: usize| (row * 7 + column * 3 + (row * column + frame * 13) % 5) % 4096;
                cells.extend((0..usize::from(columns)).map(|column| value(column) as u16));
            }
        }
        Self { sop_instance: sop_instance.to_owned(), rows, columns, bits_stored: 12, frames, cells }
    }

    /// Everything before Pixel Data.
    pub(crate) fn head(&self) -> DataSet {
        let head = DataSet::default()
            .uid(0x0008, 0x0016, CT)
            .uid(0x0008, 0x0018, &self.sop_instance)
            .short(0x0008, 0x0060, "CS", b"CT")
            .short(0x0009, 0x0010, "LO", b"MADE UP ")
            .long(0x0009, 0x1001, "UN", b"\x01\x02odd\xFF")
            .short(0x0010, 0x0010, "PN", b"M\xFCller^Test ")
            .uid(0x0020, 0x000D, "1.2.3.4")
            .uid(0x0020, 0x000E, "1.2.3.4.5")
            .number(0x0028, 0x0002, 1)
            .short(0x0028, 0x0004, "CS", b"MONOCHROME2 ");
        let head = if self.frames > 1 {
            let mut text = self.frames.to_string();
            if text.len() % 2 == 1 {
                text.push(' ');
            }
            head.short(0x0028, 0x0008, "IS", text.as_bytes())
        } else {
            head
        };
        head.number(0x0028, 0x0010, self.rows)
            .number(0x0028, 0x0011, self.columns)
            .number(0x0028, 0x0100, 16)
            .number(0x0028, 0x0101, self.bits_stored)
            .number(0x0028, 0x0102, self.bits_stored - 1)
            .number(0x0028, 0x0103, 0)
    }

    /// The cells as bytes.
    pub(crate) fn pixels(&self) -> Vec<u8> {
        self.cells.iter().flat_map(|cell| cell.to_le_bytes()).collect()
    }

    /// The whole data set.
    pub(crate) fn data_set(&self) -> Vec<u8> {
        self.head().long(0x7FE0, 0x0010, "OW", &self.pixels()).0
    }
}
