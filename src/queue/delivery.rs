//! What the queue holds: deliveries, each of one instance to one peer, and what becomes of them.

use crate::net::Priority;
use serde::Serialize;
use std::time::{Duration, SystemTime};

/// An instance of the store that is to be delivered. Its SOP Instance UID and digest together say which one it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// SOP Instance UID.
    pub sop_instance: String,
    /// The digest by which the store knows what was received.
    pub digest: [u8; 32],
    /// SOP Class UID.
    pub sop_class: String,
    /// The transfer syntax UID of the file.
    pub transfer_syntax: String,
    /// Study Instance UID; empty where the instance has none.
    pub study: String,
    /// The path of the file below the store's folder.
    pub file: String,
    /// The length of the file in bytes.
    pub bytes: u64,
    /// BLAKE3 of the whole file as it was stored; `None` where nobody has computed it (after a rebuild).
    pub checksum: Option<[u8; 32]>,
}

/// The number of a delivery in its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct DeliveryId(pub(super) i64);

/// How far a delivery has come. Every delivery is in exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It can be sent now.
    Queued,
    /// It failed and waits until it is due again.
    Deferred,
    /// Somebody is sending it.
    Claimed,
    /// The peer has answered Success, and is to commit it (PS3.4 J) before it counts as delivered.
    Sent,
    /// It waits for the operator.
    Held,
    /// The peer has it.
    Delivered,
}

/// One instance on its way to one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub id: DeliveryId,
    /// The name of the peer.
    pub peer: String,
    /// What is delivered.
    pub instance: Instance,
    /// How far it has come.
    pub state: State,
    /// How urgent it is.
    pub priority: Priority,
    /// When it was queued.
    pub queued: SystemTime,
    /// Deferred: when it is tried again. Claimed: when the claim lapses. Sent: when the peer is asked (again) to commit.
    pub due: Option<SystemTime>,
    /// How often it was tried; a claim counts before the try.
    pub attempts: u32,
    /// How often in a row a try ended without an answer, the present claim included: the node was killed, or the
    /// association broke.
    pub unanswered: u32,
    /// The last status that the peer answered.
    pub status: Option<u16>,
    /// What went wrong the last time.
    pub error: Option<String>,
    /// When it came into its state.
    pub changed: SystemTime,
}

/// What became of a claimed delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The peer has it: with the status that it answered.
    Delivered {
        /// Status (0000,0900).
        status: u16,
    },
    /// The peer has answered well and is still to commit it.
    Sent {
        /// Status (0000,0900).
        status: u16,
    },
    /// It is to be tried again.
    Deferred {
        /// After this time, a day at most.
        after: Duration,
        /// The status that the peer answered; without one the try counts as unanswered.
        status: Option<u16>,
        /// What went wrong.
        error: String,
    },
    /// It waits for the operator.
    Held {
        /// The status that the peer answered, if it did.
        status: Option<u16>,
        /// What went wrong.
        error: String,
    },
    /// It was not tried at all: the claim is given back and does not count.
    Untried,
}

/// Which deliveries an operator means: those that meet all that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// This one.
    pub delivery: Option<DeliveryId>,
    /// To this peer.
    pub peer: Option<String>,
    /// In one of these states; all states where none is named.
    pub states: Vec<State>,
    /// Of this study.
    pub study: Option<String>,
    /// Of this SOP instance.
    pub sop_instance: Option<String>,
}

/// An instance that is not in the store any more since each of its peers has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOn {
    /// SOP Class UID.
    pub sop_class: String,
    /// The names of those peers.
    pub peers: Vec<String>,
}

/// How many deliveries to one peer are in one state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The name of the peer.
    pub peer: String,
    /// The state.
    pub state: State,
    /// How many.
    pub deliveries: u64,
}

/// All states, in the order of their numbers in the database.
pub(super) const STATES: [State; 6] =
    [State::Queued, State::Deferred, State::Claimed, State::Sent, State::Held, State::Delivered];

impl State {
    /// The word for it in output and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Deferred => "deferred",
            Self::Claimed => "claimed",
            Self::Sent => "sent",
            Self::Held => "held",
            Self::Delivered => "delivered",
        }
    }

    /// Its number in the database.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::Queued => 0,
            Self::Deferred => 1,
            Self::Claimed => 2,
            Self::Sent => 3,
            Self::Held => 4,
            Self::Delivered => 5,
        }
    }
}

impl std::str::FromStr for State {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = STATES.into_iter().find(|state| state.name() == word);
        found.ok_or_else(|| format!("one of {}", STATES.map(State::name).join(", ")))
    }
}

impl std::fmt::Display for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let states = self.states.iter().map(|state| state.name()).collect::<Vec<_>>().join("|");
        let number = self.delivery.map(|id| id.to_string());
        let said = [
            ("delivery", number.as_deref()),
            ("peer", self.peer.as_deref()),
            ("state", Some(states.as_str()).filter(|states| !states.is_empty())),
            ("study", self.study.as_deref()),
            ("instance", self.sop_instance.as_deref()),
        ];
        let said: Vec<_> =
            said.iter().filter_map(|(key, value)| value.map(|value| format!("{key}={value}"))).collect();
        f.write_str(&if said.is_empty() { "everything".to_owned() } else { said.join(" ") })
    }
}

impl std::str::FromStr for DeliveryId {
    type Err = std::num::ParseIntError;

    fn from_str(digits: &str) -> Result<Self, Self::Err> {
        digits.parse().map(Self)
    }
}

impl std::fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_its_number_and_its_word() {
        for (number, state) in STATES.into_iter().enumerate() {
            assert_eq!(usize::try_from(state.number()), Ok(number));
            assert_eq!(state.name().parse(), Ok(state));
        }
        assert!("gone".parse::<State>().unwrap_err().contains("held"));
    }
}
