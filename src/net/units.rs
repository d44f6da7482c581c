//! Durations and sizes as people write them in a configuration file: `"15 s"`, `"500 ms"`, `"64 MiB"`.

use serde::{Deserialize, Deserializer, de};
use std::time::Duration;

const TIMES: &[(&str, u64)] =
    &[("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// Reads a duration such as `"15 s"`; a number without a unit is refused, since nobody could tell what it counts.
/// For `#[serde(deserialize_with)]`.
pub fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    measure(&text, TIMES).map(Duration::from_millis).ok_or_else(|| {
        de::Error::custom(format!("{text:?} is not a duration such as \"15 s\" or \"500 ms\""))
    })
}

/// Reads a size in bytes: a number, or text such as `"64 MiB"`. For `#[serde(deserialize_with)]`.
pub fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Size {
        Number(u64),
        Text(String),
    }
    match Size::deserialize(deserializer) {
        Ok(Size::Number(bytes)) => Ok(bytes),
        Ok(Size::Text(text)) => measure(&text, SIZES)
            .ok_or_else(|| de::Error::custom(format!("{text:?} is not a size such as \"64 MiB\""))),
        Err(_) => Err(de::Error::custom("a size is a number of bytes or text such as \"64 MiB\"")),
    }
}

/// A whole number followed by one of the units, in multiples of the smallest one; spaces do not count.
fn measure(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Sample {
        #[serde(deserialize_with = "duration")]
        time: Duration,
        #[serde(deserialize_with = "bytes")]
        size: u64,
    }

    #[test]
    fn units_are_read() {
        let sample: Sample = toml::from_str("time = '15 s'\nsize = '64 MiB'").expect("reads");
        assert_eq!((sample.time, sample.size), (Duration::from_secs(15), 64 << 20));
        let sample: Sample = toml::from_str("time = '250ms'\nsize = 4096").expect("reads");
        assert_eq!((sample.time, sample.size), (Duration::from_millis(250), 4096));
    }

    #[test]
    fn numbers_without_a_meaning_are_refused() {
        for text in ["time = '15'\nsize = 1", "time = 15\nsize = 1", "time = '1 s'\nsize = '1 parsec'"] {
            assert!(toml::from_str::<Sample>(text).is_err(), "{text}");
        }
        assert!(toml::from_str::<Sample>("time = '99999999999999999 d'\nsize = 1").is_err(), "overflow");
    }
}
