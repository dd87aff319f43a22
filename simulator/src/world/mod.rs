//! A cluster in virtual time.

pub mod errors;
