//! Pods: how they are read, watched and written.

pub mod announce;
pub mod feed;
pub mod memory;
pub mod pages;
pub mod patch;
pub mod wire;
pub mod write;
