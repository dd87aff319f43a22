//! Tests across the crates.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_collect,
    reason = "tests"
)]

mod architecture;
mod baselines;
mod classify;
mod deploy;
mod diagnostics;
mod docs;
mod enforcer;
mod fidelity;
mod fit;
mod folders;
mod hostile;
mod import;
mod lint;
mod live;
mod mistakes;
mod modules;
mod mutants;
mod new;
mod replay;
mod rights;
mod run;
mod scan;
mod scenario;
mod scenarios;
mod schema;
mod scratch;
mod serve;
mod tidy;
mod timeline;
mod traces;
mod worlds;
mod written;
