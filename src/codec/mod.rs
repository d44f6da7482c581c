//! The encoder core: encodes the native frames of an instance losslessly, proves every one, and writes the whole file.
//!
//! No sockets, no clock, no configuration file: usable alone. A new encoder is one file under `encoders` and its row in
//! [`ENCODERS`]; a decoder likewise.

mod cells;
mod charls;
mod compress;
mod decoders;
mod encoder;
mod encoders;
mod frame_job;
mod pair;
mod pool;
mod profile;
mod reason;
mod report;
mod scratch;
mod size_limit;
mod suitability;
#[cfg(test)]
mod testing;
mod verify;

pub use compress::{compress, compress_with};
pub use decoders::DECODERS;
pub use encoder::{DecodeError, Decoder, EncodeError, Encoder, Frame};
pub use encoders::ENCODERS;
pub use pair::Pair;
pub use profile::allows;
pub use reason::Reason;
pub use report::{CompressError, Options, Report};
pub use suitability::{Suitable, suitable};
pub use verify::{VerifyError, verify};
