//! What the encoders of JPEG Lossless and of Baseline and Extended JPEG share: segments, Huffman codes and bits.

mod huffman_code;
mod pending_bits;
mod segments;

pub(super) use huffman_code::{Histogram, HuffmanCode};
pub(super) use pending_bits::PendingBits;
pub(super) use segments::{define_huffman_code, segment};
