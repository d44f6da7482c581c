//! Condenser: a DICOM network node that compresses what it receives, and the encoder core inside it.

pub mod cli;
pub mod codec;
pub mod config;
pub mod dicom;
pub mod net;
pub mod node;
pub mod observe;
pub mod store;
