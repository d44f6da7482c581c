//! The choice whether samples may change, in the words of configuration and command line.

use serde::Deserialize;
use std::str::FromStr;

/// Whether encoding may change samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum Lossy {
    /// It may not: what would be lossy is not done.
    #[default]
    Refused,
    /// It may, but for mammography: for its primary interpretation, retention and transfer the FDA reads MQSA as a
    /// prohibition (AJR 2015;205:W640).
    Allowed,
    /// It may, for mammography too: other countries have other rules.
    AllowedForMammography,
}

impl Lossy {
    /// All choices.
    pub const ALL: &[Lossy] = &[Lossy::Refused, Lossy::Allowed, Lossy::AllowedForMammography];

    /// The word for it in configuration files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Lossy::Refused => "refused",
            Lossy::Allowed => "allowed",
            Lossy::AllowedForMammography => "allowed-for-mammography",
        }
    }
}

impl TryFrom<String> for Lossy {
    type Error = String;

    fn try_from(name: String) -> Result<Lossy, String> {
        name.parse()
    }
}

impl FromStr for Lossy {
    type Err = String;

    fn from_str(name: &str) -> Result<Lossy, String> {
        let choice = Lossy::ALL.iter().copied().find(|which| which.name() == name);
        choice.ok_or_else(|| {
            let names: Vec<&str> = Lossy::ALL.iter().map(|which| which.name()).collect();
            format!("`{name}` is none of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_has_its_word() {
        for choice in Lossy::ALL {
            assert_eq!(choice.name().parse(), Ok(*choice));
        }
        assert!("yes".parse::<Lossy>().unwrap_err().contains("refused, allowed"));
    }
}
