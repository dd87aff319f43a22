//! The simulated Kubernetes API, through requests.

mod arbitrary;
mod client;
mod faults;
mod follow;
mod objects;
mod server;
mod transcripts;
mod watches;
