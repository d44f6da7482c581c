//! Wild card matching (PS3.4 C.2.2.2.4): `*` stands for any run of characters, `?` for exactly one.

use serde::Deserialize;
use std::fmt;

/// A value to compare with, which may hold wild cards. Case counts, as it does in AE titles and UIDs; spaces at both
/// ends do not (PS3.5 6.2).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Wildcard(Vec<char>);

impl Wildcard {
    /// Whether a value fits. An absent value is the empty text, which only `*` and the empty pattern fit.
    pub fn matches(&self, value: &str) -> bool {
        let value: Vec<char> = value.trim_matches([' ', '\0']).chars().collect();
        let (mut at, mut rest) = (0, 0);
        // The last star, and the first character of the value that it has not swallowed yet.
        let mut star: Option<(usize, usize)> = None;
        loop {
            match (self.0.get(at), value.get(rest)) {
                (None, None) => return true,
                (Some('*'), _) => {
                    star = Some((at, rest));
                    at += 1;
                }
                (Some(wanted), Some(found)) if *wanted == '?' || wanted == found => {
                    at += 1;
                    rest += 1;
                }
                _ => match star {
                    // The star takes one character more, and what follows it is tried again.
                    Some((star_at, swallowed)) if swallowed < value.len() => {
                        star = Some((star_at, swallowed + 1));
                        (at, rest) = (star_at + 1, swallowed + 1);
                    }
                    _ => return false,
                },
            }
        }
    }
}

impl From<String> for Wildcard {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&str> for Wildcard {
    fn from(text: &str) -> Self {
        Self(text.trim_matches(' ').chars().collect())
    }
}

impl fmt::Display for Wildcard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|c| write!(f, "{c}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_what_the_standard_says() {
        for (pattern, value, fits) in [
            ("CT", "CT", true),
            ("CT", "ct", false),
            ("CT", "CT1", false),
            ("CT?", "CT1", true),
            ("CT?", "CT", false),
            ("CT*", "CT", true),
            ("CT*", "CT12", true),
            ("*CT", "XCT", true),
            ("*", "", true),
            ("", "", true),
            ("", "CT", false),
            ("?", "", false),
            ("A*B*C", "AxxBByC", true),
            ("A*B*C", "AxxCyB", false),
            ("*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("CT ", "CT\0", true),
            ("Ä?", "Äx", true),
        ] {
            assert_eq!(Wildcard::from(pattern).matches(value), fits, "{pattern} {value}");
        }
    }
}
