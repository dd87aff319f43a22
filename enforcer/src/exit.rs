//! Exit codes.

/// All went well.
pub(crate) const SUCCESS: u8 = 0;
/// Invalid input.
pub(crate) const INVALID: u8 = 2;
/// An error of the program or its surroundings.
pub(crate) const INTERNAL: u8 = 3;
