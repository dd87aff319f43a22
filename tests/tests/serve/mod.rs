//! The simulated Kubernetes API, through requests.

mod arbitrary;
mod client;
mod faults;
mod follow;
mod more_transcripts;
mod objects;
mod server;
mod transcripts;
mod watches;
