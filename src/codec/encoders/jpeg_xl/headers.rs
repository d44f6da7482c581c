//! What stands before the samples: the image header, the frame header and its table of contents (ISO/IEC 18181-1 D, E.2, E.3), and
//! what all groups of a modular frame share (G.1.2, H.4).

use super::bit_writer::BitWriter;
use super::channels::{Cells, GROUP_DIM};

/// The first two bytes.
const SIGNATURE: u64 = 0x0AFF;
/// The ways to write a side of the image (D.2).
const SIDE: [(u32, u32); 4] = [(1, 9), (1, 13), (1, 18), (1, 30)];
/// The ways to write the length of a section (E.3.3).
const SECTION: [(u32, u32); 4] = [(0, 10), (1024, 14), (17_408, 22), (4_211_712, 30)];
/// Up to this precision no number on the way to a sample needs more than 16 bits with its sign.
const MOST_PRECISION_OF_SHORT_BUFFERS: u32 = 12;
/// The predictor of every sample: the gradient (table H.3).
const GRADIENT: u64 = 5;
/// The reversible colour transform to Y, Co and Cg (H.6.3).
const YCOCG: u32 = 6;

/// Whether a frame is one section: no side is longer than that of a group.
pub(super) fn is_one_group(cells: &Cells<'_>) -> bool {
    cells.columns.max(cells.rows) <= GROUP_DIM
}

/// Everything before the sections, whose lengths these are.
pub(super) fn write(cells: &Cells<'_>, sections: &[usize], writer: &mut BitWriter) {
    writer.write(SIGNATURE, 16);
    // The size: not in units of eight, and no ratio of the sides.
    writer.flag(false);
    writer.number(cells.rows as u32, SIDE);
    writer.write(0, 3);
    writer.number(cells.columns as u32, SIDE);
    write_metadata(cells, writer);
    writer.align();
    write_frame_header(writer);
    // The table of contents: the sections are in their order.
    writer.flag(false);
    writer.align();
    sections.iter().for_each(|length| writer.number(*length as u32, SECTION));
    writer.align();
}

/// D.3: integers of so many bits, grey or sRGB, which is how viewers that ignore DICOM show them.
fn write_metadata(cells: &Cells<'_>, writer: &mut BitWriter) {
    // Not all default; no extra fields; integers.
    writer.write(0, 3);
    writer.number(cells.precision, [(8, 0), (10, 0), (12, 0), (1, 6)]);
    writer.flag(cells.precision <= MOST_PRECISION_OF_SHORT_BUFFERS);
    // No extra channels; not XYB.
    writer.write(0, 2);
    writer.flag(false);
    if cells.samples == 3 {
        // sRGB, which is the default.
        writer.flag(true);
    } else {
        // No ICC profile; grey (1), white as of D65 (1), no gamma but the transfer function of sRGB (13), relative intent (1).
        writer.write(0, 2);
        let enumeration = [(0, 0), (1, 0), (2, 4), (18, 6)];
        writer.number(1, enumeration);
        writer.number(1, enumeration);
        writer.flag(false);
        writer.number(13, enumeration);
        writer.number(1, enumeration);
    }
    // No extensions; the default transform.
    writer.write(0, 2);
    writer.flag(true);
}

/// E.2: one regular frame, modular, without any filter.
fn write_frame_header(writer: &mut BitWriter) {
    // Not all default, a regular frame, modular, no flags, not YCbCr, not upsampled.
    writer.flag(false);
    writer.write(0, 2);
    writer.flag(true);
    writer.write(0, 2);
    writer.flag(false);
    writer.write(0, 2);
    writer.write((GROUP_DIM.ilog2() - 7).into(), 2);
    // One pass, no crop, replaces what was there, is the last, has no name.
    writer.write(0, 2);
    writer.flag(false);
    writer.write(0, 2);
    writer.flag(true);
    writer.write(0, 2);
    // The filters are not the default: no smoothing, no edge-preserving filter, no extensions; nor has the header any.
    writer.write(0, 2);
    writer.write(0, 2);
    writer.write(0, 2);
    writer.write(0, 2);
}

/// The tree that chooses predictor and context of a sample (H.4.2): a leaf for grey images; for others the colours' leaf and the luma's.
pub(super) fn write_tree(samples: usize, writer: &mut BitWriter) {
    // The default factors of LF channels, which nothing uses; then: there is a tree for all groups.
    writer.write(0b11, 2);
    // Its coder: no runs, all six contexts share a prefix code of numbers that are tokens themselves.
    writer.flag(false);
    writer.write(1, 1);
    writer.write(0, 2);
    writer.flag(true);
    writer.write(15, 4);
    // Symbols 0 to 5. In a simple code 0 and the predictor have one bit; with a decision there is 1 too, and 0 has one bit, they two.
    writer.flag(true);
    writer.write(2, 4);
    writer.write(1, 2);
    writer.write(1, 2);
    let leaf = |predictor: (u64, u32), writer: &mut BitWriter| {
        // No property; the predictor; no offset; a factor of one, as a shift and a number less one.
        writer.write(0, 1);
        writer.write(predictor.0, predictor.1);
        writer.write(0, 3);
    };
    if samples == 1 {
        writer.write(1, 2);
        writer.write(0, 3);
        writer.write(GRADIENT, 3);
        leaf((0b1, 1), writer);
    } else {
        writer.write(2, 2);
        [0, 1, GRADIENT].into_iter().for_each(|symbol| writer.write(symbol, 3));
        // Property 0, the number of the channel, plus one: is it larger than 0?
        writer.write(0b01, 2);
        writer.write(0, 1);
        leaf((0b11, 2), writer);
        leaf((0b11, 2), writer);
    }
}

/// The head of the image that all groups share (H.2): the tree is used, and colours are transformed.
pub(super) fn write_global_header(samples: usize, writer: &mut BitWriter) {
    writer.write(0b11, 2);
    writer.number(u32::from(samples == 3), [(0, 0), (1, 0), (2, 4), (18, 8)]);
    if samples == 3 {
        // A colour transform, from the first channel on.
        writer.write(0, 2);
        writer.number(0, [(0, 3), (8, 6), (72, 10), (1096, 13)]);
        writer.number(YCOCG, [(6, 0), (0, 2), (2, 4), (10, 6)]);
    }
}

/// The head of a group: the tree of all is used, nothing more is transformed.
pub(super) fn write_group_header(writer: &mut BitWriter) {
    writer.write(0b0011, 4);
}
