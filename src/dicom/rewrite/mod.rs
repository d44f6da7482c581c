//! Elements of a data set in any encoding, written in Explicit or Implicit VR Little Endian (PS3.5 sections 7.1.2, 7.1.3 and A).
//!
//! Headers are made anew, values are copied: little endian ones byte for byte, big endian ones with their numbers
//! turned round. Group lengths (retired) are left out, since no header keeps its length. A sequence of defined length
//! keeps one, which has to be known before its items are written: every element is gone through twice, first to
//! measure, then to write, and only lengths are kept in between.

mod lengths;
mod output;
mod rewriter;
mod sink;

pub(super) use rewriter::Rewriter;
pub use sink::RewriteError;
