//! The proof: what the node does under faults, load and malice, one named test for each row of the fault matrix.
//!
//! `rows.tsv` is the register of all rows: each is proven by a test whose name begins with the row (here, in another
//! file of `tests/` or beside the code), by `scripts/faults`, or stands there with what it needs. `register` holds it to
//! that. The tests here are those that belong to no other file.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

#[path = "../support/journey.rs"]
mod journey;
#[path = "../support/made.rs"]
mod made;
#[path = "../support/peer.rs"]
mod peer;
#[path = "../support/process.rs"]
mod process;

mod content;
mod node;
mod pixels;
mod register;
