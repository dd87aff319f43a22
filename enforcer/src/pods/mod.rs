//! Reads, watches and writes pods.

pub mod announce;
mod cut;
pub mod feed;
pub mod history;
pub mod jobs;
pub mod kind;
pub mod memory;
pub mod pages;
pub mod patch;
pub(crate) mod pauses;
pub(crate) mod rounds;
mod versions;
pub mod wire;
pub mod write;
