//! Frames that someone else compressed, put into an instance (PS3.5 8.2 and A.4).

mod error;
mod headers;
mod judge;
mod options;
mod place;
mod wrapped_image;
mod wrapping;

pub use error::WrapError;
pub use options::{WrapOptions, WrapReport};
pub use wrapping::wrap;
