//! What is still to be delivered: one row for each instance and peer, committed before Success is answered.
//!
//! [`Queue`] says what a queue does, [`Sqlite`] is the one that needs nothing beside the node. It can be made anew from
//! the store, whose files are the truth. [`Transactions`] are the other thing that is owed to peers: reports on what they have
//! asked to be committed.

mod config;
mod delivery;
mod error;
mod interface;
mod rows;
mod schema;
mod sqlite;
mod statements;
mod transactions;
mod writer;

pub use config::{Config, QueueUrl};
pub use delivery::{Count, Delivery, DeliveryId, Instance, PassedOn, Selection, Settlement, State};
pub use error::QueueError;
pub use interface::Queue;
pub use sqlite::Sqlite;
pub use transactions::{Begun, Reference, Transaction, Transactions};
