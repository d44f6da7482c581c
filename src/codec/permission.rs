//! Whether the samples of an instance may be changed: only on purpose, and never where they are no picture.

use super::instance::Instance;
use super::lossy::Lossy;
use super::pair::Pair;
use super::parameters::Exactness;
use super::reason::Reason;
use super::report::{CompressError, Options};
use crate::dicom::{StorageClass, Tag, TransferSyntax, ValueError};

/// Whether encoding as `target` with these options may change samples, of whatever image.
pub fn changes_samples(target: &TransferSyntax, options: &Options) -> bool {
    let exactness = |pair: Pair| pair.encoder.exactness(&options.parameters);
    Pair::of(target, options).is_ok_and(|pair| exactness(pair) != Exactness::Exact)
}

/// Whether `instance` may be encoded as exactly as that.
///
/// # Errors
/// The reason why not; or the source's own.
pub(super) fn may_lose(
    instance: &Instance<'_>,
    target: &TransferSyntax,
    exactness: Exactness,
    options: &Options,
) -> Result<(), CompressError> {
    if exactness == Exactness::Exact {
        return Ok(());
    }
    let kept = |reason| Err(CompressError::Kept(reason));
    if options.lossy == Lossy::Refused {
        return kept(Reason::LossyRefused(target.keyword));
    }
    let text = |tag| match instance.data_set.text(instance.source, tag) {
        Err(ValueError::Io(error)) => Err(CompressError::Io(error)),
        text => Ok(text.ok().flatten().unwrap_or_default()),
    };
    let sop_class = text(Tag::SOP_CLASS_UID)?;
    let mammography =
        MAMMOGRAPHY.contains(&sop_class.as_str()) || text(Tag::MODALITY)? == MAMMOGRAPHY_MODALITY;
    if mammography && options.lossy != Lossy::AllowedForMammography {
        return kept(Reason::LossyMammography);
    }
    if NO_PICTURES.contains(&sop_class.as_str()) {
        let class = StorageClass::of_uid(&sop_class).map_or(sop_class.as_str(), |class| class.keyword);
        return kept(Reason::NoPicture(class.to_owned()));
    }
    if instance.data_set.element(Tag::ENCRYPTED_ATTRIBUTES_SEQUENCE).is_some() {
        return kept(Reason::EncryptedAttributes);
    }
    Ok(())
}

/// Modality (0008,0060) of mammography, whatever the SOP class.
const MAMMOGRAPHY_MODALITY: &str = "MG";

/// SOP classes of mammography: digital mammography, breast tomosynthesis and breast projections.
const MAMMOGRAPHY: &[&str] = &[
    "1.2.840.10008.5.1.4.1.1.1.2",
    "1.2.840.10008.5.1.4.1.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.13.1.3",
    "1.2.840.10008.5.1.4.1.1.13.1.4",
    "1.2.840.10008.5.1.4.1.1.13.1.5",
];

/// SOP classes whose samples are labels or measured quantities: parametric maps, segmentations, height maps, doses.
const NO_PICTURES: &[&str] = &[
    "1.2.840.10008.5.1.4.1.1.30",
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.66.7",
    "1.2.840.10008.5.1.4.1.1.66.8",
    "1.2.840.10008.5.1.4.1.1.481.2",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::testing::DataSetBuilder;
    use crate::dicom::{Limits, Vr, VrEncoding, walk};

    const TOMOSYNTHESIS: &str = "1.2.840.10008.5.1.4.1.1.13.1.3";
    const DOSE: &str = "1.2.840.10008.5.1.4.1.1.481.2";
    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

    fn verdict(sop_class: &str, modality: &str, exactness: Exactness, lossy: Lossy) -> &'static str {
        let bytes = DataSetBuilder::new(VrEncoding::ExplicitLittle)
            .text(Tag::SOP_CLASS_UID, Vr::UI, sop_class)
            .text(Tag::MODALITY, Vr::CS, modality)
            .build();
        judged(&bytes, exactness, lossy)
    }

    fn judged(bytes: &Vec<u8>, exactness: Exactness, lossy: Lossy) -> &'static str {
        let data_set = walk(bytes, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
        let instance = Instance { source: bytes, data_set: &data_set, received: None };
        let target = TransferSyntax::of_name("JPEGLSNearLossless").unwrap();
        match may_lose(&instance, target, exactness, &Options { lossy, ..Options::default() }) {
            Ok(()) => "may",
            Err(CompressError::Kept(reason)) => reason.name(),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn nothing_is_lost_unless_it_is_allowed_and_a_picture() {
        use Exactness::{Close, Exact, Within};
        for (sop_class, modality, exactness, lossy, expected) in [
            (CT, "CT", Exact, Lossy::Refused, "may"),
            (TOMOSYNTHESIS, "MG", Exact, Lossy::Refused, "may"),
            (CT, "CT", Within(1), Lossy::Refused, "lossy_refused"),
            (CT, "CT", Within(1), Lossy::Allowed, "may"),
            (CT, "CT", Close, Lossy::Allowed, "may"),
            (TOMOSYNTHESIS, "MG", Close, Lossy::Allowed, "lossy_mammography"),
            (TOMOSYNTHESIS, "", Close, Lossy::Allowed, "lossy_mammography"),
            (CT, "MG", Close, Lossy::Allowed, "lossy_mammography"),
            (CT, "MG", Close, Lossy::AllowedForMammography, "may"),
            (TOMOSYNTHESIS, "MG", Within(2), Lossy::AllowedForMammography, "may"),
            (DOSE, "RTDOSE", Within(2), Lossy::AllowedForMammography, "no_picture"),
        ] {
            assert_eq!(verdict(sop_class, modality, exactness, lossy), expected, "{sop_class} {lossy:?}");
        }
        let encrypted = DataSetBuilder::new(VrEncoding::ExplicitLittle);
        let encrypted = encrypted.element(Tag::ENCRYPTED_ATTRIBUTES_SEQUENCE, Vr::SQ, &[]).build();
        assert_eq!(judged(&encrypted, Within(1), Lossy::Allowed), "encrypted_attributes");
        assert_eq!(judged(&encrypted, Exact, Lossy::Refused), "may");
    }

    #[test]
    fn every_class_that_is_named_is_one() {
        let keyword = |uid: &&str| StorageClass::of_uid(uid).map(|class| class.keyword);
        assert!(MAMMOGRAPHY.iter().all(|uid| {
            keyword(uid).is_some_and(|keyword| keyword.contains("Mammography") || keyword.contains("Breast"))
        }));
        let named: Vec<_> = NO_PICTURES.iter().filter_map(keyword).collect();
        assert_eq!(named.len(), NO_PICTURES.len(), "{named:?}");
    }
}
