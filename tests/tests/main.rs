//! Tests across the crates.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_collect,
    reason = "tests"
)]

mod classify;
mod deploy;
mod diagnostics;
mod docs;
mod e2e;
mod enforcer;
mod lint;
mod live;
mod mutants;
mod new;
mod replay;
mod scenario;
mod schema;
mod serve;
mod tidy;
mod traces;
