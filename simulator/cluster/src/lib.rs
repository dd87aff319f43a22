//! A Kubernetes cluster in virtual time: what is described in a scenario, and the world that it makes.
//!
//! Nothing here knows a clock, a file or a socket: the same scenario and seed give the same history everywhere.

pub mod input_error;
pub mod pull_errors;
pub mod scenario;
pub mod simulation;
pub mod world;
