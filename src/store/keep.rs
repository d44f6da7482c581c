//! How long an instance stays in the store.

use crate::net::read_duration;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// When an instance may be removed. One that was to be forwarded to nobody never is, and none is before each of its peers
/// has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// `"forever"`: never.
    #[default]
    Forever,
    /// `"until-forwarded"`: as soon as each of its peers has it.
    UntilForwarded,
    /// `"30 d"`: so long after it was received, or when each of its peers has it, if that is later.
    For(Duration),
}

const UNITS: [(u128, &str); 5] =
    [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")];

impl Keep {
    /// How old an instance must be before it may be removed; `None` where none ever is.
    pub fn age(self) -> Option<Duration> {
        match self {
            Self::Forever => None,
            Self::UntilForwarded => Some(Duration::ZERO),
            Self::For(time) => Some(time),
        }
    }
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "forever" => Ok(Self::Forever),
            "until-forwarded" => Ok(Self::UntilForwarded),
            _ => {
                let duration: Result<_, de::value::Error> = read_duration(text.into_deserializer());
                let wrong = |_| {
                    format!("{text:?} is not \"forever\", \"until-forwarded\" or a duration such as \"30 d\"")
                };
                duration.map(Self::For).map_err(wrong)
            }
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forever => f.write_str("forever"),
            Self::UntilForwarded => f.write_str("until-forwarded"),
            Self::For(time) => {
                let time = time.as_millis();
                let (length, unit) =
                    UNITS.into_iter().find(|(length, _)| time.is_multiple_of(*length)).unwrap_or((1, "ms"));
                write!(f, "{} {unit}", time / length)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Keep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_word_or_a_duration() {
        let day = Duration::from_secs(86_400);
        for (text, keep, shown) in [
            ("forever", Keep::Forever, "forever"),
            ("until-forwarded", Keep::UntilForwarded, "until-forwarded"),
            ("30d", Keep::For(30 * day), "30 d"),
            ("36 h", Keep::For(day + day / 2), "36 h"),
        ] {
            assert_eq!(text.parse(), Ok(keep));
            assert_eq!(keep.to_string(), shown);
        }
        for text in ["", "30", "always", "-1 d"] {
            assert!(text.parse::<Keep>().unwrap_err().contains("30 d"), "{text}");
        }
    }
}
