//! Condenser: a DICOM network node that compresses what it receives, and the encoder core inside it.
//!
//! # The map
//!
//! Three verbs: **receive** ([`net`]), **condense** ([`codec`]), **keep** ([`store`]). [`node`] joins them, [`observe`]
//! shows what happens, [`config`] is the sum of what each can be told, [`cli`] is how a person starts it. The nouns that
//! all of them speak of are in [`dicom`].
//!
//! ```text
//! main
//! cli            one file a command
//! node           the journey of an instance; statuses; start and end
//! config         the file as types
//! forward        delivery to peers
//! queue  rule  store   what is still to be delivered  |  facts → decision  |  drafts, the tree, what makes them durable
//! audit          who sent what to whom, as messages of the standard
//! codec   net    encoders, decoders, proof  |  associations, messages, both sides
//! dicom  observe UIDs, elements, pixels     |  log, counters
//! ```
//!
//! A file imports only rooms in layers below its own, through their door (`mod.rs`), and its siblings by their own file;
//! `tests/architecture.rs` holds it to that.
//!
//! # Where to begin reading
//!
//! [`node::Node::journey`]: about twenty lines from received bytes to a durable file. Everything else is one of its words.
//!
//! To use the encoder core as a library, begin with the [`manual`].
//!
//! # What is promised, and what is absent
//!
//! * Success is answered only for a file that is synced, under its final name, in a synced folder.
//! * Whatever an encoder does, an image is never lost or altered: a frame that does not decode to the stored cells leaves
//!   the instance as it was received.
//! * No element is decoded and encoded again: received bytes are copied, and only what the new transfer syntax obliges us
//!   to change is replaced.
//! * [`codec`] and [`dicom`] open no file and no socket, and know no configuration.
//! * Nothing is allocated by a number that a peer sent before that many bytes have come or a limit was checked, and
//!   nothing recurses over received data.

pub mod audit;
pub mod cli;
pub mod codec;
pub mod config;
pub mod dicom;
pub mod forward;
pub mod manual;
pub mod net;
pub mod node;
pub mod observe;
pub mod queue;
pub mod rule;
pub mod store;
