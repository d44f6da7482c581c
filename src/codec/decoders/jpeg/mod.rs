//! What the decoders of JPEG Lossless and of Baseline and Extended JPEG share: segments, scans, Huffman codes and bits.

mod bit_reader;
mod huffman_code;
mod layout;
mod reading;
mod restarts;
mod tables;

pub(super) use bit_reader::BitReader;
pub(super) use huffman_code::{HuffmanCode, difference, extend};
pub(super) use layout::Layout;
pub(super) use reading::{Surroundings, read};
pub(super) use restarts::Restarts;
