//! Tests across the crates.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_collect,
    reason = "tests"
)]

mod classify;
mod diagnostics;
mod docs;
mod import;
mod mutants;
mod replay;
mod scenario;
mod schema;
mod tidy;
mod timeline;
mod traces;
