//! The live enforcer against clusters that pull, fail and recover: simulated ones in paused time, and a real one if
//! somebody names it (docs/enforcer.md says how).

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod cases;
mod command;
mod faults;
mod kills;
mod network;
mod partitions;
mod process;
mod programs;
mod real;
mod replica;
mod stage;
mod traces;
mod writes;
