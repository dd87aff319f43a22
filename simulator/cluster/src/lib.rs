//! A Kubernetes cluster in virtual time: the world that a scenario makes.
//!
//! Nothing here knows a clock, a file or a socket: the same scenario and seed give the same history everywhere.

pub mod policy_range;
pub mod simulation;
pub mod world;

pub use pullstop_scenario::{input_error, pull_errors, scenario};
