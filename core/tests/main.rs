//! The tests of the engine from outside: one program, so that what they share is compiled once.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod bounds;
mod exhaustive;
mod harness;
mod invariants;
mod regressions;
mod transcripts;
