//! A Kubernetes cluster in virtual time: the scenario format, and the world that a scenario makes.
//!
//! Nothing here knows a clock, a file or a socket: the same scenario and seed give the same history everywhere.

pub mod input_error;
pub mod policy_range;
pub mod pull_errors;
pub mod scenario;
pub mod simulation;
pub mod world;
