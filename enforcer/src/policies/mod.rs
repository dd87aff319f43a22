//! The active policies: where they come from, and how they change while the program runs.
//!
//! A policy that is wrong never comes into force: the last good one stays. Both sources are looked at again and again
//! instead of being watched. That is simple, notices every kind of change (a `ConfigMap` swaps links, an editor
//! replaces files), and is fast enough for a kill switch.

pub mod accepted;
pub mod file;
pub mod object;
pub mod objects;
pub mod opinion;

use pullstop_core::policy::{Policies, Policy};

/// Without any policy, the built-in rules, which only say what they would do.
pub fn built_in() -> Policies {
    Policies::from(Policy::default())
}
