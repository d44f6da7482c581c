//! The `condenser` command: hands over to the library.
fn main() {}
