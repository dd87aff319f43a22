//! Tests across the crates.

#![allow(clippy::unwrap_used, reason = "tests")]

mod classify;
mod diagnostics;
mod replay;
mod schema;
mod tidy;
mod traces;
