//! Where samples lie in memory: CharLS uses 16-bit accesses for samples of two bytes.

use super::frame_header::FrameHeader;

// CharLS takes samples of more than 8 bits in the byte order of the machine, Condenser's cells are little endian.
const _: () = assert!(cfg!(target_endian = "little"), "the CharLS wrapper has no byte swapping");

/// Whether CharLS may read or write samples here: it uses 16-bit accesses for samples of two bytes.
pub(super) fn is_aligned(samples: &[u8], header: &FrameHeader) -> bool {
    header.bytes_per_sample() == 1 || samples.as_ptr().addr().is_multiple_of(2)
}

/// Copies `samples` into `copy` so that they start at an even address.
pub(super) fn aligned_copy<'b>(samples: &[u8], copy: &'b mut Vec<u8>) -> &'b mut [u8] {
    copy.resize(samples.len() + 1, 0);
    let shift = copy.as_ptr().addr() % 2;
    let place = &mut copy[shift..shift + samples.len()];
    place.copy_from_slice(samples);
    place
}
