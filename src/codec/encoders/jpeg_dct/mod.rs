//! Baseline and Extended sequential JPEG, encoded by own code.

mod block;
mod component;
mod encoder;
mod entropy;
mod quantisation;

pub(super) use encoder::JpegDct;
