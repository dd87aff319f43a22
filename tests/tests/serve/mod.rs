//! The simulated Kubernetes API, through requests.

mod arbitrary;
mod client;
mod clients;
mod faults;
mod follow;
mod kubectl;
mod more_transcripts;
mod objects;
mod safety;
mod server;
mod shown;
mod transcripts;
mod watches;
