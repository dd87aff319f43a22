//! The live enforcer against clusters that pull, fail and recover: the `suite` on the one that `KUBECONFIG` names or on
//! simulated ones, everything else on simulated ones in paused time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod cases;
mod cluster;
mod command;
mod faults;
mod history;
mod kills;
mod network;
mod partitions;
mod process;
mod programs;
#[path = "../../../enforcer/tests/live/replica.rs"]
mod replica;
#[path = "../scratch.rs"]
mod scratch;
mod stage;
mod suite;
mod traces;
mod writes;
