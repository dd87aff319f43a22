//! Tests across the crates.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_collect,
    reason = "tests"
)]

mod architecture;
mod baseline;
mod baselines;
mod ci;
mod classify;
mod compare;
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
mod policy_range;
mod replay;
mod rights;
mod run;
mod scan;
mod scenario;
mod scenarios;
mod schema;
mod scratch;
mod serve;
mod sweep;
mod sweep_page;
mod tidy;
mod timeline;
mod traces;
mod worlds;
mod written;
