//! The brain of Pullstop: pod snapshots in, decisions out.
//!
//! Pods whose image can never be pulled are to be failed, pods that would have run never. This crate decides which
//! is which. It has no clock, no randomness, no I/O and no threads: a driver feeds [`engine::Input`]s with the time
//! at which they came, and after each drains the [`engine::Effect`]s. The same inputs give the same effects.
//!
//! ```
//! use pullstop_core::engine::{Engine, Input};
//! use pullstop_core::plugin::Profile;
//! use pullstop_core::policy::Policy;
//! use pullstop_core::time::Timestamp;
//!
//! let mut engine = Engine::new(Profile::standard(Policy::default()).unwrap());
//! engine.handle(Timestamp::from_millis(0), Input::Time);
//! while let Some(effect) = engine.poll() {
//!     println!("{effect:?}");
//! }
//! assert_eq!(engine.next_deadline(), None);
//! ```

pub mod cause;
pub mod classify;
pub mod container;
pub mod engine;
mod hash;
pub mod history;
pub mod image;
pub mod overrides;
pub mod plugin;
pub mod pod;
pub mod policy;
#[cfg(feature = "document")]
pub mod suggest;
pub mod text;
pub mod time;
#[cfg(feature = "wire")]
pub mod wire;
#[cfg(feature = "document")]
pub mod yaml;
