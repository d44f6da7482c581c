//! What an instance must have come through before the node commits it (PS3.4 Annex J).

use crate::forward::After;
use std::collections::HashSet;

/// How far an instance must have come, and the peers that commit what they are sent.
#[derive(Debug)]
pub(super) struct Demand {
    pub(super) after: After,
    pub(super) committing: HashSet<String>,
}
