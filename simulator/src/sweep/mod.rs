//! Sweeps: many policies on the same scenarios and seeds, and what they cost each other.

pub mod page;
pub mod summary;
