//! What the tests of the commands share: made instances, and the command itself.

#![allow(dead_code, unreachable_pub, reason = "each test file uses another part")]
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use condenser::dicom::{FileMeta, uids};
use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

pub const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
/// What no command may ever show.
pub const PATIENT: &str = "SECRET^PATIENT";
pub const COLUMNS: u16 = 64;
pub const ROWS: u16 = 48;

/// What a run of the command came to.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// The objects of `--json`.
    pub fn json(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Runs `condenser` with these arguments.
pub fn condenser<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Run {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_condenser")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) }
}

/// An instance to be made.
#[derive(Clone)]
pub struct Made {
    pub sop_class: &'static str,
    pub sop_instance: &'static str,
    pub transfer_syntax: &'static str,
    pub frames: u16,
    pub bits_allocated: u16,
    pub pixels: bool,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            sop_class: CT,
            sop_instance: "1.2.3.4",
            transfer_syntax: uids::EXPLICIT_VR_LITTLE_ENDIAN,
            frames: 1,
            bits_allocated: 16,
            pixels: true,
        }
    }
}

impl Made {
    /// The stored cells of all frames: a soft slope with some noise, 12 bits of 16.
    pub fn cells(&self) -> Vec<u8> {
        let mut noise = 1_u32;
        let count = usize::from(ROWS) * usize::from(COLUMNS) * usize::from(self.frames);
        (0..count)
            .flat_map(|index| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let value = (index % usize::from(COLUMNS)) as u16 * 20 + (noise >> 29) as u16;
                let bytes = u32::from(value & 0x0FFF).to_le_bytes();
                bytes[..usize::from(self.bits_allocated / 8)].to_vec()
            })
            .collect()
    }

    /// The elements before Pixel Data.
    pub fn header(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut put =
            |group: u16, element: u16, vr: &str, value: &[u8]| self.put(&mut out, group, element, vr, value);
        put(0x0008, 0x0016, "UI", self.sop_class.as_bytes());
        put(0x0008, 0x0018, "UI", self.sop_instance.as_bytes());
        put(0x0008, 0x0060, "CS", b"CT");
        put(0x0009, 0x0010, "LO", b"SOMEBODY");
        put(0x0009, 0x1001, "UN", b"private bytes \xFF\x00");
        put(0x0010, 0x0010, "PN", PATIENT.as_bytes());
        put(0x0020, 0x000D, "UI", b"1.2");
        put(0x0020, 0x000E, "UI", b"1.2.3");
        if self.pixels {
            put(0x0028, 0x0002, "US", &1_u16.to_le_bytes());
            put(0x0028, 0x0004, "CS", b"MONOCHROME2");
            put(0x0028, 0x0008, "IS", self.frames.to_string().as_bytes());
            put(0x0028, 0x0010, "US", &ROWS.to_le_bytes());
            put(0x0028, 0x0011, "US", &COLUMNS.to_le_bytes());
            put(0x0028, 0x0100, "US", &self.bits_allocated.to_le_bytes());
            put(0x0028, 0x0101, "US", &12_u16.to_le_bytes());
            put(0x0028, 0x0102, "US", &11_u16.to_le_bytes());
            put(0x0028, 0x0103, "US", &0_u16.to_le_bytes());
        }
        out
    }

    /// The data set, not deflated.
    pub fn data_set(&self) -> Vec<u8> {
        let mut out = self.header();
        if self.pixels {
            self.put(&mut out, 0x7FE0, 0x0010, "OW", &self.cells());
        }
        out
    }

    /// The whole file.
    pub fn file(&self) -> Vec<u8> {
        let meta = FileMeta {
            sop_class: self.sop_class.to_owned(),
            sop_instance: self.sop_instance.to_owned(),
            transfer_syntax: self.transfer_syntax.to_owned(),
            ..FileMeta::default()
        };
        let mut out = Vec::new();
        meta.write(&mut out).unwrap();
        if self.transfer_syntax == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN {
            let mut encoder = flate2::write::DeflateEncoder::new(out, flate2::Compression::default());
            encoder.write_all(&self.data_set()).unwrap();
            out = encoder.finish().unwrap();
            if out.len() % 2 == 1 {
                out.push(0);
            }
        } else {
            out.extend(self.data_set());
        }
        out
    }

    /// Writes the file, and the folders that it needs.
    pub fn write(&self, path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, self.file()).unwrap();
    }

    fn put(&self, out: &mut Vec<u8>, group: u16, element: u16, vr: &str, value: &[u8]) {
        let mut value = value.to_vec();
        if value.len() % 2 == 1 {
            value.push(if vr == "UI" { 0 } else { b' ' });
        }
        out.extend(group.to_le_bytes());
        out.extend(element.to_le_bytes());
        let length = value.len() as u32;
        if self.transfer_syntax == uids::IMPLICIT_VR_LITTLE_ENDIAN {
            out.extend(length.to_le_bytes());
        } else if matches!(vr, "OW" | "UN") {
            out.extend(vr.as_bytes());
            out.extend([0, 0]);
            out.extend(length.to_le_bytes());
        } else {
            out.extend(vr.as_bytes());
            out.extend((length as u16).to_le_bytes());
        }
        out.extend(value);
    }
}
