//! Baseline and Extended sequential JPEG, decoded by own code.

mod block;
mod coefficient_table;
mod colour;
mod decoder;
mod plane;
mod scan;
mod upsampling;

pub(super) use decoder::JpegDct;
