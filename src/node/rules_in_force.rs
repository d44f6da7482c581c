//! The rules of a node, exchanged while it runs: an association keeps those that it began with.

use crate::rule::Rules;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The rules for new associations, and those of the open ones.
#[derive(Debug)]
pub(super) struct RulesInForce(Mutex<State>);

#[derive(Debug)]
struct State {
    now: Arc<Rules>,
    /// By the number of the association.
    of: HashMap<u64, Arc<Rules>>,
}

impl RulesInForce {
    pub(super) fn new(rules: Rules) -> Self {
        Self(Mutex::new(State { now: Arc::new(rules), of: HashMap::new() }))
    }

    /// An association begins.
    pub(super) fn begin(&self, association: u64) {
        let mut state = self.lock();
        let now = Arc::clone(&state.now);
        state.of.insert(association, now);
    }

    /// An association has ended.
    pub(super) fn end(&self, association: u64) {
        self.lock().of.remove(&association);
    }

    /// The rules of an association.
    pub(super) fn of(&self, association: u64) -> Arc<Rules> {
        let state = self.lock();
        Arc::clone(state.of.get(&association).unwrap_or(&state.now))
    }

    /// Those that an association would begin with now.
    pub(super) fn now(&self) -> Arc<Rules> {
        Arc::clone(&self.lock().now)
    }

    /// New ones, for associations that begin from now on.
    pub(super) fn exchange(&self, rules: Rules) {
        self.lock().now = Arc::new(rules);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
