//! Scenarios: how a cluster, what goes wrong in it and what is expected are written, with all mistakes told by place.
//!
//! `pullstop-cluster` re-exports all of it. It is a crate of its own since it is mostly derived code, which is slow to
//! compile with optimizations and gains nothing from them.

pub mod input_error;
pub mod pull_errors;
pub mod scenario;
