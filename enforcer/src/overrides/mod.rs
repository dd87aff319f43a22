//! Overrides that pods inherit from annotations of their Job and namespace.
//!
//! Kubernetes copies the annotations of a Job's pod template to its pods, and those of the Job itself to nobody, so they
//! have to be read. That takes rights that an enforcer does not have otherwise; so it reads them only if it is told to.

pub mod cache;
mod source;

pub use self::source::{Asked, Kind, Source};
