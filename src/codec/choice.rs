//! Which of several targets an instance is written in: the first that takes it, or the one in which a sample of its frames
//! comes out smallest.

use super::compress::compress;
use super::instance::Instance;
use super::reason::{Reason, Refusal};
use super::report::{CompressError, Options, Recompress, Report};
use super::sample::sampled_bytes;
use super::targets::{decoders_of, encoders_of};
use crate::dicom::{DataSet, FileMeta, Source, TransferSyntax};
use std::io::{self, Seek, Write};

/// The targets that an instance may be written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is wanted. Of several, the one in which a sample of frames comes out smallest is tried first.
    pub candidates: Vec<&'static TransferSyntax>,
    /// What is tried in this order where none of them takes the instance.
    pub fallback: Vec<&'static TransferSyntax>,
}

/// What has been written, and how its target was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// What has been written.
    pub report: Report,
    /// What the sample came to in each candidate that took it, smallest first; empty where there was nothing to choose.
    pub sampled: Vec<Sampled>,
    /// Targets that come before the one written and could not be had.
    pub refused: Vec<Refusal>,
}

/// What a sample of frames came to in one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampled {
    /// The target.
    pub target: &'static TransferSyntax,
    /// Bytes of the codestreams of the sample.
    pub bytes: u64,
}

impl Choice {
    /// One target and nothing else.
    pub fn of(target: &'static TransferSyntax) -> Choice {
        Choice { candidates: vec![target], fallback: Vec::new() }
    }
}

/// As [`compress`], in the first target of `choice` that takes the instance.
///
/// The names of [`Options::encoder`] and [`Options::verify_with`] count for the targets that have such an implementation.
/// An instance that came in the target to be tried stays as it came, unless `options.recompress` is
/// [`Recompress::Always`]. `restart` makes `out` as it was when it was given, after a target that failed on the way.
///
/// # Errors
/// As [`compress`]; where several targets refuse, with [`Reason::NoneFits`].
pub fn compress_as<W: Write + Seek>(
    choice: &Choice,
    source: &dyn Source,
    data_set: &DataSet,
    meta: &FileMeta,
    options: &Options,
    out: &mut W,
    mut restart: impl FnMut(&mut W) -> io::Result<()>,
) -> Result<Chosen, CompressError> {
    let instance = Instance::of(source, data_set, meta);
    let (candidates, sampled, mut refused) = ranked(choice, &instance, options)?;
    let mut begun = false;
    for target in candidates.into_iter().chain(choice.fallback.iter().copied()) {
        if begun {
            restart(out)?;
        }
        begun = true;
        let mut options = options_for(target, options);
        if instance.received == Some(target) && options.recompress == Recompress::LosslessOnly {
            options.recompress = Recompress::Never;
        }
        match compress(source, data_set, target, meta, &options, out) {
            Ok(report) => return Ok(Chosen { report, sampled, refused }),
            Err(CompressError::Kept(reason)) if reason.is_about_the_target() => {
                refused.push(Refusal { target: target.keyword, reason });
            }
            Err(error) => return Err(error),
        }
    }
    Err(CompressError::Kept(Reason::all_of(refused)))
}

/// The candidates that take a sample, smallest first; what it came to in each; and the candidates that do not take it.
type Ranked = (Vec<&'static TransferSyntax>, Vec<Sampled>, Vec<Refusal>);

fn ranked(choice: &Choice, instance: &Instance<'_>, options: &Options) -> Result<Ranked, CompressError> {
    if choice.candidates.len() < 2 {
        return Ok((choice.candidates.clone(), Vec::new(), Vec::new()));
    }
    let (mut sampled, mut refused) = (Vec::new(), Vec::new());
    for target in &choice.candidates {
        match sampled_bytes(instance, target, &options_for(target, options)) {
            Ok(bytes) => sampled.push(Sampled { target, bytes }),
            Err(CompressError::Kept(reason)) if reason.is_about_the_target() => {
                refused.push(Refusal { target: target.keyword, reason });
            }
            Err(error) => return Err(error),
        }
    }
    // Of equals the one that is named first stays first.
    sampled.sort_by_key(|sample| sample.bytes);
    Ok((sampled.iter().map(|sample| sample.target).collect(), sampled, refused))
}

/// The options without the names of implementations that this target does not have.
fn options_for(target: &TransferSyntax, options: &Options) -> Options {
    let mut own = options.clone();
    own.encoder = own.encoder.filter(|name| encoders_of(target).any(|encoder| encoder.name() == name));
    own.verify_with =
        own.verify_with.filter(|name| decoders_of(target).any(|decoder| decoder.name() == name));
    own
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, cells, instance, noise, stored};
    use super::*;
    use crate::dicom::{ImagePixel, Limits, VrEncoding, walk};
    use std::io::Cursor;

    fn syntaxes(names: &[&str]) -> Vec<&'static TransferSyntax> {
        names.iter().map(|name| TransferSyntax::of_name(name).unwrap()).collect()
    }

    /// What an instance becomes, and the file.
    fn run(
        body: &[u8],
        candidates: &[&str],
        fallback: &[&str],
        options: &Options,
    ) -> Result<(Chosen, Vec<u8>), CompressError> {
        let choice = Choice { candidates: syntaxes(candidates), fallback: syntaxes(fallback) };
        let data_set = walk(&body, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
        let explicit = crate::dicom::uids::EXPLICIT_VR_LITTLE_ENDIAN;
        let meta = FileMeta { transfer_syntax: explicit.to_owned(), ..FileMeta::default() };
        let mut out = Cursor::new(Vec::new());
        let restart = |out: &mut Cursor<Vec<u8>>| {
            *out = Cursor::new(Vec::new());
            Ok(())
        };
        let chosen = compress_as(&choice, &body, &data_set, &meta, options, &mut out, restart)?;
        Ok((chosen, out.into_inner()))
    }

    fn refusals(refused: &[Refusal]) -> Vec<(&str, &str)> {
        refused.iter().map(|refusal| (refusal.target, refusal.reason.name())).collect()
    }

    /// Twelve bits, and something above them in the last frame: nothing tells so before it is reached.
    fn with_unused_bits() -> Vec<u8> {
        let image = ImagePixel { frames: 9, ..stored(12, false, testing::image(40, 30, 16, 1, 0)) };
        let mut cells = cells(&image);
        let last = cells.len() - 1;
        cells[last] |= 0x80;
        instance(VrEncoding::ExplicitLittle, &image, &cells, &[])
    }

    #[test]
    fn the_fallback_takes_what_the_first_does_not() {
        let body = with_unused_bits();
        let (chosen, file) =
            run(&body, &["JPEGLSLossless"], &["JPEG2000Lossless", "RLELossless"], &Options::default())
                .unwrap();
        assert_eq!(chosen.report.target.keyword, "RLELossless");
        let expected = [("JPEGLSLossless", "unused_bits"), ("JPEG2000Lossless", "unused_bits")];
        assert_eq!(refusals(&chosen.refused), expected);
        assert!(chosen.sampled.is_empty());
        // What was begun before has left nothing behind.
        let (alone, directly) = run(&body, &["RLELossless"], &[], &Options::default()).unwrap();
        assert!(file == directly && alone.refused.is_empty());
    }

    #[test]
    fn where_nothing_fits_every_target_has_its_reason() {
        let error = run(&with_unused_bits(), &["JPEGLSLossless"], &["JPEG2000Lossless"], &Options::default());
        let Err(CompressError::Kept(reason)) = error else { panic!("{error:?}") };
        assert_eq!(reason.name(), "none_fits");
        let said = reason.to_string();
        assert!(said.contains("JPEGLSLossless: frame 9") && said.contains("; JPEG2000Lossless: "), "{said}");
        let alone = run(&with_unused_bits(), &["JPEGLSLossless"], &[], &Options::default()).unwrap_err();
        assert!(matches!(alone, CompressError::Kept(Reason::UnusedBits { frame: 9, .. })), "{alone}");
    }

    /// What no target could change is not tried with the next.
    #[test]
    fn a_reason_that_is_not_the_targets_ends_the_search() {
        let image = testing::image(8, 8, 8, 1, 0);
        let body = instance(VrEncoding::ExplicitLittle, &image, &[7; 60], &[]);
        let error =
            run(&body, &["JPEGLSLossless", "JPEG2000Lossless"], &["RLELossless"], &Options::default());
        assert!(matches!(error, Err(CompressError::Kept(Reason::PixelDataShort { .. }))), "{error:?}");
    }

    #[test]
    fn the_smallest_is_found_by_a_sample() {
        let image = ImagePixel { frames: 20, ..stored(12, false, testing::image(64, 64, 16, 1, 0)) };
        let all = ["RLELossless", "JPEG2000Lossless", "JPEGLSLossless"];
        // A soft slope, and a few values in long runs.
        let runs: Vec<u8> = (0..20 * 64 * 64_u32).flat_map(|at| (at as u16 / 1024).to_le_bytes()).collect();
        for cells in [cells(&image), runs] {
            let body = instance(VrEncoding::ExplicitLittle, &image, &cells, &[]);
            let (chosen, _) = run(&body, &all, &[], &Options::default()).unwrap();
            let whole = |target: &&'static str| {
                (run(&body, &[target], &[], &Options::default()).unwrap().0.report.encoded_bytes, *target)
            };
            let smallest = all.iter().map(whole).min().unwrap();
            assert_eq!((chosen.report.encoded_bytes, chosen.report.target.keyword), smallest);
            assert_eq!(chosen.sampled.len(), 3);
            assert!(chosen.sampled.is_sorted_by_key(|sample| sample.bytes));
        }
    }

    #[test]
    fn noise_that_grows_everywhere_is_kept() {
        let image = testing::image(32, 32, 8, 1, 0);
        let body = instance(VrEncoding::ExplicitLittle, &image, &noise(32 * 32, 5), &[]);
        let error = run(&body, &["RLELossless", "JPEGLSLossless"], &[], &Options::default()).unwrap_err();
        assert!(error.to_string().contains("would not be smaller"), "{error}");
    }

    #[test]
    fn a_name_counts_where_there_is_such_an_implementation() {
        let options = Options {
            encoder: Some("charls".to_owned()),
            verify_with: Some("charls".to_owned()),
            ..Options::default()
        };
        let image = stored(12, false, testing::image(40, 30, 16, 1, 0));
        let body = instance(VrEncoding::ExplicitLittle, &image, &cells(&image), &[]);
        for (target, encoder) in [("JPEGLSLossless", "charls"), ("JPEG2000Lossless", "openjpeg")] {
            let report = run(&body, &[target], &[], &options).unwrap().0.report;
            assert_eq!((report.encoder, report.verified_by), (Some(encoder), Some(encoder)));
        }
    }
}
