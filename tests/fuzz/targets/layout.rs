//! Any text as a layout, any bytes as the UIDs and values of an instance (PS3.5 9.1): a path inside the store whose names every
//! file system takes, or a refusal.

#![no_main]

use condenser::dicom::Uid;
use condenser::store::{Identity, Layout};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut fields = input.split(|byte| *byte == 0xFF);
    let mut next = || fields.next().unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let template = text(next());
    let Ok(sop_instance) = Uid::from_value(next()) else { return };
    assert!(sop_instance.as_str().len() <= 64);
    assert!(sop_instance.as_str().bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
    assert_eq!(Uid::parse(sop_instance.as_str()).as_ref(), Ok(&sop_instance));
    let Ok(layout) = template.parse::<Layout>() else { return };
    let identity = Identity {
        sop_class: Uid::from_value(next()).ok(),
        study: Uid::from_value(next()).ok(),
        series: Uid::from_value(next()).ok(),
        modality: text(next()),
        patient_id: text(next()),
        study_date: text(next()),
        calling_ae: text(next()),
        called_ae: text(next()),
        ..Identity::new(sop_instance.clone())
    };
    let place = layout.place(&identity);
    let beside = place.name_beside(&"f".repeat(64));
    for name in place.directories.iter().chain([&place.name, &beside]) {
        assert!(!name.is_empty() && name.len() <= 255, "{name:?}");
        assert!(!name.starts_with('.'), "{name:?}");
        assert!(
            !name.chars().any(|letter| letter == '/' || letter == '\\' || letter.is_control()),
            "{name:?}"
        );
    }
    assert!(place.directories.first().is_none_or(|first| first != "quarantine"));
    let whole = [place.directories.join("/"), place.name].join("/");
    assert!(whole.contains(sop_instance.as_str()), "{whole:?} is not of this instance alone");
});
