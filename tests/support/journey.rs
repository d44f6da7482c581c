//! A node without sockets: instances are handed to it as the network side would, and its tree is looked at.

#![allow(dead_code, reason = "each test file uses its own part of this")]

#[path = "received.rs"]
mod received;

use crate::made::CT;
use condenser::codec::{Coded, DECODERS};
use condenser::config::Config;
use condenser::dicom::{EncapsulatedFrames, FileMeta, ImagePixel, Limits, TransferSyntax, uids, walk};
use condenser::net::{StoreAnswer, StoreHandler};
use condenser::node::Node;
use condenser::store::{Receipt, Tree};
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) use received::received;

/// Where the instance 1.2.9 of a made image lies.
pub(crate) const PLACE: &str = "1.2.3.4/1.2.3.4.5/1.2.9.dcm";

/// A node and the folder that its store lies in.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) node: Node,
}

impl Bench {
    pub(crate) fn new(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut config = Config::default();
        config.store.path = folder.path().join("store");
        change(&mut config);
        let node = Node::new(Tree::open(&config.store).unwrap(), &config, None);
        Self { folder, node }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    pub(crate) fn send(&self, data_set: Vec<u8>, sop_instance: &str) -> StoreAnswer {
        self.send_as(uids::EXPLICIT_VR_LITTLE_ENDIAN, data_set, CT, sop_instance)
    }

    pub(crate) fn send_as(
        &self,
        syntax: &str,
        data_set: Vec<u8>,
        sop_class: &str,
        sop_instance: &str,
    ) -> StoreAnswer {
        self.node.store(received(syntax, data_set.into(), sop_class, sop_instance))
    }

    /// Every file that can be seen in the tree, relative to its root; what the store keeps for itself is not.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.root()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.file_name().unwrap().to_string_lossy().starts_with('.') {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(self.root()).unwrap().display().to_string());
                }
            }
        }
        found.sort();
        found
    }

    pub(crate) fn instances(&self) -> Vec<String> {
        self.files().into_iter().filter(|file| !file.starts_with("quarantine/")).collect()
    }

    pub(crate) fn quarantined(&self) -> usize {
        self.files().iter().filter(|file| file.starts_with("quarantine/") && file.ends_with(".dcm")).count()
    }

    pub(crate) fn stored(&self, file: &str) -> File {
        File::read(&self.root().join(file))
    }
}

/// A stored file, taken apart.
pub(crate) struct File {
    pub(crate) meta: FileMeta,
    pub(crate) receipt: Receipt,
    pub(crate) data_set: Vec<u8>,
}

impl File {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let (meta, start) = FileMeta::parse(&bytes).unwrap();
        let receipt = Receipt::from_bytes(&meta.private.as_ref().unwrap().bytes).unwrap();
        Self { meta, receipt, data_set: bytes[usize::try_from(start).unwrap()..].to_vec() }
    }

    /// The native cells of all frames, by the decoder of the file's transfer syntax.
    pub(crate) fn cells(&self) -> Vec<u8> {
        let syntax = TransferSyntax::of_uid(&self.meta.transfer_syntax).unwrap();
        let decoder = DECODERS.iter().find(|decoder| decoder.transfer_syntax() == syntax.uid).unwrap();
        let data_set = walk(&self.data_set, syntax.vr_encoding, &Limits::default()).unwrap();
        let image = ImagePixel::from_data_set(&self.data_set, &data_set).unwrap();
        let frames = EncapsulatedFrames::of(&self.data_set, &data_set, image.frames).unwrap();
        let mut all = Vec::new();
        for frame in 0..frames.len() {
            let codestream = frames.codestream(&self.data_set, frame).unwrap();
            let mut cells = Vec::new();
            decoder.decode(&Coded::alike(&codestream, &image), &mut cells).unwrap();
            all.extend(cells);
        }
        all
    }
}

/// What a sender of Deflated Explicit VR Little Endian sends (PS3.5 A.5).
pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    let mut out = encoder.finish().unwrap();
    if out.len() % 2 == 1 {
        out.push(0);
    }
    out
}

/// Cells that nothing can compress: a linear congruential generator's upper bits.
pub(crate) fn noise(count: usize) -> Vec<u16> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 48) as u16
        })
        .collect()
}
