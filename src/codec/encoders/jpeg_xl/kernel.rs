//! The sections of a frame (ISO/IEC 18181-1 E.3.2), compiled for the processors at hand.

use super::bit_writer::BitWriter;
use super::channels::{Cells, Channels, GROUP_DIM};
use super::entropy::Codes;
use super::headers::{is_one_group, write_global_header, write_group_header, write_tree};
use super::residuals::{Area, Rows};
use crate::codec::kernel::Kernel;

/// Sides of an area whose parts at an eighth of its size a section of its own describes (E.2): eight groups.
const LF_GROUP_DIM: usize = 8 * GROUP_DIM;

/// Memory that is used again.
#[derive(Default)]
pub(super) struct Memory {
    planes: Vec<i32>,
    rows: Rows,
    /// The sections, one behind the other.
    pub(super) sections: BitWriter,
    /// What stands before them.
    pub(super) head: BitWriter,
}

/// Writes all sections into [`Memory::sections`] and gives their lengths. A kernel that the processor cannot run gives way to
/// the portable one.
pub(super) fn encode(kernel: Kernel, cells: Cells<'_>, memory: &mut Memory) -> Vec<usize> {
    #[cfg(target_arch = "x86_64")]
    if kernel.runs_avx2() {
        // SAFETY: the processor was found to have what the function is compiled for; it asks for nothing else.
        return unsafe { encode_with_avx2(cells, memory) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let Kernel::Portable = kernel;
    encode_sections(cells, memory)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn encode_with_avx2(cells: Cells<'_>, memory: &mut Memory) -> Vec<usize> {
    encode_sections(cells, memory)
}

#[inline(always)]
fn encode_sections(cells: Cells<'_>, memory: &mut Memory) -> Vec<usize> {
    let Memory { planes, rows, sections, .. } = memory;
    let channels = Channels::new(cells, planes);
    let codes = Codes::of(&channels, rows);
    sections.clear();
    write_tree(cells.samples, sections);
    codes.write(sections);
    write_global_header(cells.samples, sections);
    if is_one_group(&cells) {
        write_group(&channels, &codes, (0, 0), rows, sections);
        return vec![sections.bytes().len()];
    }
    sections.align();
    let mut lengths = vec![sections.bytes().len()];
    // Sections that there must be, with nothing in them: of the areas of low resolution, and of their coefficients in all.
    let lf_groups = cells.columns.div_ceil(LF_GROUP_DIM) * cells.rows.div_ceil(LF_GROUP_DIM);
    lengths.resize(1 + lf_groups + 1, 0);
    for y in (0..cells.rows).step_by(GROUP_DIM) {
        for x in (0..cells.columns).step_by(GROUP_DIM) {
            let before = sections.bytes().len();
            write_group_header(sections);
            write_group(&channels, &codes, (x, y), rows, sections);
            lengths.push(sections.bytes().len() - before);
        }
    }
    lengths
}

/// The samples of a group, channel by channel.
#[inline(always)]
fn write_group(
    channels: &Channels<'_>,
    codes: &Codes,
    (x, y): (usize, usize),
    rows: &mut Rows,
    writer: &mut BitWriter,
) {
    let columns = GROUP_DIM.min(channels.cells.columns - x);
    let height = GROUP_DIM.min(channels.cells.rows - y);
    for channel in 0..channels.count() {
        codes.write_area(channels, Area { channel, x, y, columns, rows: height }, rows, writer);
    }
    writer.align();
}

#[cfg(test)]
mod tests {
    use super::super::super::super::testing::noise;
    use super::*;

    #[test]
    fn every_kernel_writes_the_same_sections() {
        for (columns, rows, samples, bytes_per_cell, precision) in [
            (1, 1, 1, 1, 8),
            (37, 41, 1, 2, 12),
            (1030, 5, 1, 2, 16),
            (64, 33, 3, 1, 8),
            (19, 23, 3, 2, 16),
            (5, 1100, 3, 1, 3),
        ] {
            let bytes = noise(columns * rows * samples * bytes_per_cell, precision.into());
            let cells = Cells { bytes: &bytes, bytes_per_cell, samples, precision, columns, rows };
            let [one, other] = [Kernel::Portable, Kernel::best()].map(|kernel| {
                let mut memory = Memory::default();
                let lengths = encode(kernel, cells, &mut memory);
                (lengths, memory.sections.bytes().to_vec())
            });
            assert!(one == other, "{columns}x{rows}, {samples} of {precision} bits");
            assert_eq!(one.0.iter().sum::<usize>(), one.1.len());
        }
    }
}
