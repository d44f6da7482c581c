//! The cells of the matrix, and the batches that foreign decoders judge.

pub(crate) mod batch;
pub(crate) mod cell;
