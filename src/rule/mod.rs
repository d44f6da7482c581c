//! What is done with an instance: the facts that are known of it → the first rule that fits → a decision.
//!
//! Nothing here reads an instance or knows a peer: [`Facts`] are plain values, and a [`Decision`] is too.

mod compress;
mod condition;
mod decision;
mod facts;
mod one_rule;
mod target;

pub use compress::{Compress, Otherwise};
pub use condition::{OneOf, SopClassPattern, TransferSyntaxPattern};
pub use decision::{Decision, Rules};
pub use facts::Facts;
pub use one_rule::Rule;
pub use target::{Implementation, Target, Writable};
