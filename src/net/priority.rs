//! Priority (0000,0700) of a C-STORE request (PS3.7 9.3.1.1): how urgent the invoker finds it.

use serde::{Deserialize, Serialize};

/// How urgent an operation is. They are ordered: `Low < Medium < High`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// After everything else.
    Low,
    /// The usual.
    #[default]
    Medium,
    /// Before everything else.
    High,
}

impl Priority {
    /// The word for it in configuration and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
