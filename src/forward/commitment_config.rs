//! The `[commitment]` section of the configuration: Storage Commitment as its provider (PS3.4 Annex J).

use super::config::Retry;
use crate::net::read_duration;
use serde::Deserialize;
use std::time::Duration;

/// What peers that ask for Storage Commitment are answered, and how.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommitmentConfig {
    /// Whether it is offered at all.
    pub offer: bool,
    /// How far an instance must have come before it counts as committed.
    pub after: After,
    /// With `after` of `"forwarded"` or `"committed"`: for how long peers are waited for; what they do not have by then is
    /// reported as a failure.
    #[serde(deserialize_with = "read_duration")]
    pub within: Duration,
    /// For so long after the request the report goes over the association by which the request came, while that lasts; then,
    /// or if it does not, over a new one. Nothing: always over a new one.
    #[serde(deserialize_with = "read_duration")]
    pub same_association: Duration,
    /// When a report that was not taken is tried again.
    pub retry: Retry,
}

/// How far an instance must have come before it counts as committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum After {
    /// Its file is in the store, and every byte of it was read back.
    Stored,
    /// That, and each peer that it is forwarded to has answered with Success.
    Forwarded,
    /// That, and each peer that it is forwarded to has committed it.
    Committed,
}

impl CommitmentConfig {
    /// Everything that is wrong with it, each beginning with its key.
    pub fn check(&self) -> Vec<String> {
        let mut wrong: Vec<String> =
            self.retry.check().iter().map(|fault| format!("retry.{fault}")).collect();
        if self.within.is_zero() {
            wrong.push("within: must be longer than nothing".to_owned());
        }
        wrong
    }
}

impl Default for CommitmentConfig {
    fn default() -> Self {
        Self {
            offer: true,
            after: After::Stored,
            within: Duration::from_secs(24 * 60 * 60),
            same_association: Duration::from_secs(30),
            retry: Retry::default(),
        }
    }
}
