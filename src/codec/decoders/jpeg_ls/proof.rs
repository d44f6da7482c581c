//! A codestream and a source: headers, source and induction put together, compiled once for any processor and once for AVX2.

use super::coding::{Coding, Presets};
use super::foreseen::Line;
use super::header::{Interleave, Markers, Next, ScanHeader};
use super::induction::Induction;
use super::source::Source;
use super::unstuffed::Unstuffed;
use crate::codec::encoder::Coded;
use crate::codec::kernel::Kernel;
use crate::codec::scratch::{self, Buffer};

thread_local! {
    /// The segment without its stuffed bits.
    static UNSTUFFED: Buffer = const { Buffer::new(Vec::new()) };
}

/// Bytes of the marker segments, without what each component adds (C.2).
const SOI: usize = 2;
const FRAME: usize = 10;
const PRESETS: usize = 15;
const SCAN: usize = 8;

/// Whether a lossless codestream was proven to decode to the cells of `original`. When it was not, nothing is said: it may be
/// of a kind that the induction does not know (several scans, restart markers, line interleave).
pub(super) fn proves(kernel: Kernel, coded: &Coded<'_>, original: &[u8]) -> bool {
    scratch::with(&UNSTUFFED, |buffer| proof(kernel, coded, original, buffer).is_some())
}

fn proof(kernel: Kernel, coded: &Coded<'_>, original: &[u8], buffer: &mut Vec<u8>) -> Option<()> {
    let Coded { codestream, native: image, .. } = *coded;
    if !matches!(image.bits_allocated, 8 | 16) || !image.has_whole_pixels() {
        return None;
    }
    let mut markers = Markers::new(codestream).ok()?;
    let Ok(Next::Scan(scan)) = markers.next() else { return None };
    let frame = markers.frame()?;
    let components: Vec<usize> = (0..usize::from(image.samples)).collect();
    let precision = frame.precision;
    let is_whole_frame = (frame.rows, frame.columns, frame.components.len())
        == (usize::from(image.rows), usize::from(image.columns), components.len())
        && (u32::from(image.bits_stored)..=u32::from(image.bits_allocated)).contains(&precision)
        && scan.components == components;
    let coding = Coding::of(precision, scan.near, markers.presets())?;
    // Nothing but SOI, the frame header, presets if they were read, and the scan header; and ILV of a single component, which
    // is the last byte but one, is 0 (C.2.3). The decoder takes more than that, but not all others do.
    let presets = if markers.presets().maximum == 0 { 0 } else { PRESETS };
    let head = SOI + FRAME + 3 * components.len() + presets + SCAN + 2 * components.len();
    let ilv = *codestream.get(scan.start.checked_sub(2)?)?;
    let is_plain = scan.start == head && (scan.interleave != Interleave::None || ilv == 0);
    // The default parameters, said or not; with NEAR 0 their RANGE is a power of two.
    let is_known = is_plain
        && scan.near == 0
        && Coding::of(precision, 0, &Presets::default()) == Some(coding)
        && markers.restart_interval() == 0;
    if !is_whole_frame || !is_known {
        return None;
    }
    let source = Source::of(original, image, precision)?;
    let (bits, end) = Unstuffed::of(codestream, scan.start, buffer)?;
    if !induce_with(kernel, &scan, &source, bits, coding) {
        return None;
    }
    markers.resume(end);
    (markers.next() == Ok(Next::End)).then_some(())
}

fn induce_with(
    kernel: Kernel,
    scan: &ScanHeader,
    source: &Source<'_>,
    bits: Unstuffed<'_>,
    coding: Coding,
) -> bool {
    #[cfg(target_arch = "x86_64")]
    if kernel.runs_avx2() {
        // SAFETY: the processor was found to have what the function is compiled for; it asks for nothing else.
        return unsafe { induce_with_avx2(scan, source, bits, coding) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let Kernel::Portable = kernel;
    induce_components(scan, source, bits, coding)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn induce_with_avx2(scan: &ScanHeader, source: &Source<'_>, bits: Unstuffed<'_>, coding: Coding) -> bool {
    induce_components(scan, source, bits, coding)
}

#[inline(always)]
fn induce_components(scan: &ScanHeader, source: &Source<'_>, bits: Unstuffed<'_>, coding: Coding) -> bool {
    match (scan.interleave, scan.components.len()) {
        (Interleave::None, 1) => induce::<1>(source, bits, coding),
        (Interleave::Sample, 3) => induce::<3>(source, bits, coding),
        _ => false,
    }
}

#[inline(always)]
fn induce<const COMPONENTS: usize>(source: &Source<'_>, bits: Unstuffed<'_>, coding: Coding) -> bool {
    let mut line = Line::<COMPONENTS>::new(source.columns());
    let mut induction = Induction::new(bits, coding);
    for row in 0..source.rows() {
        if !source.read_row(row, line.next()) {
            return false;
        }
        line.foresee(&coding);
        if induction.prove(&line).is_err() {
            return false;
        }
    }
    induction.is_complete()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::decoders::DECODERS;
    use crate::codec::encoder::{Decoder, Encoder, Frame};
    use crate::codec::encoders::ENCODERS;
    use crate::codec::parameters::Parameters;
    use crate::codec::testing::{self, noise, stored};
    use crate::dicom::{ImagePixel, uids};
    use proptest::prelude::*;

    const KERNELS: [fn() -> Kernel; 2] = [|| Kernel::Portable, Kernel::best];

    fn encoders() -> impl Iterator<Item = &'static dyn Encoder> {
        ENCODERS.iter().copied().filter(|encoder| encoder.transfer_syntax() == uids::JPEG_LS_LOSSLESS)
    }

    fn encode(encoder: &dyn Encoder, image: &ImagePixel, cells: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encoder.encode(&Frame { cells, image }, &Parameters::default(), &mut out).unwrap();
        out
    }

    /// Whether a decoder gives the cells.
    fn decodes(name: &str, coded: &Coded<'_>, cells: &[u8]) -> bool {
        let wanted = |decoder: &&&dyn Decoder| {
            decoder.name() == name && decoder.transfer_syntax() == uids::JPEG_LS_LOSSLESS
        };
        let mut decoded = Vec::new();
        let decoder = DECODERS.iter().find(wanted).unwrap();
        decoder.decode(coded, &mut decoded).is_ok() && decoded == cells
    }

    /// Cells with everything that cells have, cut to Bits Stored.
    fn cells(image: &ImagePixel, value: impl Fn(u64) -> u64) -> Vec<u8> {
        let bytes = image.bytes_per_cell();
        let unused = 64 - u32::from(image.bits_stored);
        let cell = |at| {
            let top = value(at) << unused;
            let whole =
                if image.signed { (top.cast_signed() >> unused).cast_unsigned() } else { top >> unused };
            whole.to_le_bytes().into_iter().take(bytes)
        };
        (0..image.frame_cells()).flat_map(cell).collect()
    }

    fn contents() -> Vec<Box<dyn Fn(u64) -> u64>> {
        let random = |at: u64| (at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        vec![
            Box::new(|_| 0),
            Box::new(|_| u64::MAX),
            Box::new(random),
            Box::new(|at| at / 7),
            Box::new(move |at| (random(at) & 1).wrapping_neg()),
            Box::new(move |at| if random(at) & 31 == 0 { random(at) >> 6 } else { 77 }),
            Box::new(|at| if at.is_multiple_of(67) { (at / 67 % 2).wrapping_neg() } else { 0 }),
        ]
    }

    fn images(sizes: &[(u16, u16)]) -> impl Iterator<Item = ImagePixel> {
        let widths = (1..=8).map(|bits| (8, bits)).chain((1..=16).map(|bits| (16, bits)));
        widths.flat_map(move |(allocated, bits)| {
            [(1, 0, false), (1, 0, true), (3, 0, false), (3, 1, false)].into_iter().flat_map(
                move |(samples, planar, signed)| {
                    sizes.iter().map(move |(rows, columns)| {
                        stored(bits, signed, testing::image(*rows, *columns, allocated, samples, planar))
                    })
                },
            )
        })
    }

    #[test]
    fn whatever_is_encoded_is_proven() {
        for image in images(&[(1, 1), (1, 300), (300, 1), (2, 2), (13, 57)]) {
            for (at, value) in contents().iter().enumerate() {
                let cells = cells(&image, value);
                for encoder in encoders() {
                    let codestream = encode(encoder, &image, &cells);
                    for kernel in KERNELS {
                        let coded = Coded::alike(&codestream, &image);
                        assert!(proves(kernel(), &coded, &cells), "{} {image:?} {at}", encoder.name());
                    }
                }
            }
        }
    }

    #[test]
    fn the_largest_dimensions_are_proven() {
        for (rows, columns) in [(1, 65535), (65535, 1)] {
            for (bits, samples) in [(8, 1), (16, 1), (8, 3)] {
                let image = testing::image(rows, columns, bits, samples, 0);
                for value in contents() {
                    let cells = cells(&image, value);
                    let codestream = encode(encoders().next().unwrap(), &image, &cells);
                    assert!(proves(Kernel::best(), &Coded::alike(&codestream, &image), &cells), "{image:?}");
                }
            }
        }
    }

    /// Each bit of a codestream turned round, and each cut: a proof is given only where both decoders give the cells. Gives how
    /// many of the damaged codestreams still decode to them.
    fn try_all_damage(image: &ImagePixel, cells: &[u8], codestream: &[u8]) -> usize {
        let mut harmless = 0;
        let mut judge = |damaged: &[u8], what: &str| {
            let coded = Coded::alike(damaged, image);
            let own = decodes("jpeg-ls", &coded, cells);
            harmless += usize::from(own);
            for kernel in KERNELS {
                if proves(kernel(), &coded, cells) {
                    assert!(own, "{what} is proven, but decodes to something else: {image:?}");
                    assert!(
                        decodes("charls", &coded, cells),
                        "{what} is proven, but not by CharLS: {image:?}"
                    );
                }
            }
        };
        let mut damaged = codestream.to_vec();
        for bit in 0..codestream.len() * 8 {
            damaged[bit / 8] ^= 0x80 >> (bit % 8);
            judge(&damaged, &format!("bit {bit} turned"));
            damaged[bit / 8] ^= 0x80 >> (bit % 8);
        }
        for length in 0..codestream.len() {
            judge(&codestream[..length], &format!("a cut at {length}"));
        }
        harmless
    }

    #[test]
    fn a_turned_bit_or_a_cut_is_proven_only_where_it_does_no_harm() {
        let (mut tried, mut harmless) = (0, 0);
        for image in images(&[(5, 11)]).filter(|image| matches!(image.bits_stored, 2 | 7 | 8 | 12 | 16)) {
            for value in contents() {
                let cells = cells(&image, value);
                let codestream = encode(encoders().next().unwrap(), &image, &cells);
                tried += codestream.len() * 9;
                harmless += try_all_damage(&image, &cells, &codestream);
            }
        }
        // Component identifiers and the padding of the last byte may be anything.
        assert!(tried > 50_000 && harmless * 20 < tried, "{harmless} of {tried} do no harm");
    }

    #[test]
    fn cells_that_no_decoder_would_make_are_not_proven() {
        for signed in [false, true] {
            let image = stored(12, signed, testing::image(4, 4, 16, 1, 0));
            let right = cells(&image, |at| at * 300);
            let codestream = encode(encoders().next().unwrap(), &image, &right);
            let coded = Coded::alike(&codestream, &image);
            assert!(proves(Kernel::best(), &coded, &right));
            for at in 0..right.len() * 8 {
                let mut wrong = right.clone();
                wrong[at / 8] ^= 1 << (at % 8);
                for kernel in KERNELS {
                    assert!(!proves(kernel(), &coded, &wrong), "bit {at}, signed {signed}");
                }
            }
            assert!(!proves(Kernel::best(), &coded, &right[..31]) && !proves(Kernel::best(), &coded, &[]));
        }
    }

    proptest! {
        /// A proof is never given where one of two decoders would give other cells, and both kernels say the same.
        #[test]
        fn no_proof_is_wrong(
            allocated in prop::sample::select(vec![8_u16, 16]),
            less in 0..16_u16,
            signed: bool,
            (samples, planar) in prop::sample::select(vec![(1_u16, 0_u16), (3, 0), (3, 1)]),
            columns in 1..40_u16,
            rows in 1..20_u16,
            parts in prop::collection::vec((any::<u64>(), 0..5_u32, 1..60_usize), 1..60),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let bits = allocated - less.min(allocated - 1);
            let image = stored(bits, signed && samples == 1, testing::image(rows, columns, allocated, samples, planar));
            let values: Vec<u64> = parts
                .iter()
                .flat_map(|(start, noisy, length)| {
                    let noise = noise(*length, *start);
                    let mask = (1_u64 << (noisy * 2)) - 1;
                    noise.into_iter().map(move |noise| start.wrapping_add(u64::from(noise) & mask))
                })
                .collect();
            let cells = cells(&image, |at| values[at as usize % values.len()]);
            let mut codestream = encode(encoders().next().unwrap(), &image, &cells);
            prop_assert!(proves(Kernel::best(), &Coded::alike(&codestream, &image), &cells));
            if let Some(cut) = cut {
                codestream.truncate(cut.index(codestream.len()));
            }
            for (place, change) in damage {
                if !codestream.is_empty() {
                    let place = place.index(codestream.len());
                    codestream[place] ^= change;
                }
            }
            let coded = Coded::alike(&codestream, &image);
            let proven = proves(Kernel::best(), &coded, &cells);
            prop_assert_eq!(proven, proves(Kernel::Portable, &coded, &cells));
            if proven {
                prop_assert!(decodes("jpeg-ls", &coded, &cells) && decodes("charls", &coded, &cells));
            }
        }
    }
}
