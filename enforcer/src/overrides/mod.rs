//! Overrides that pods inherit from annotations of their Job and namespace.
//!
//! Kubernetes copies the annotations of a Job's pod template to its pods, but not those of the Job itself, so they
//! have to be read. That takes additional permissions, so the enforcer reads them only with a flag.

pub mod cache;
mod source;

pub use self::source::{Asked, Kind, Source};
