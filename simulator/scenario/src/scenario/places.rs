//! Line and column of each part of a scenario in its file.

use super::Place;
use super::old_names::OldName;
use super::raw::Spec;
use super::raw::value::{Placed, place};

/// Line and column of what a scenario describes, from 1; each list in the order of the scenario's own.
///
/// Kept apart from what is described: the simulated world has no use for it.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// `spec.policy`, if one is written.
    pub policy: Option<Place>,
    /// The registries.
    pub registries: Vec<Place>,
    /// The faults of each registry.
    pub registry_faults: Vec<Vec<Place>>,
    /// The images.
    pub images: Vec<Place>,
    /// The secrets.
    pub secrets: Vec<Place>,
    /// The queues.
    pub queues: Vec<Place>,
    /// The workloads.
    pub workloads: Vec<Place>,
    /// The faults.
    pub faults: Vec<Place>,
    /// Names that have changed since they were written.
    pub old_names: Vec<OldName>,
}

impl Places {
    pub(super) fn of(spec: &Spec) -> Self {
        let registries = || spec.registries.iter();
        Self {
            policy: place(spec.policy.as_ref()),
            registries: all(&spec.registries),
            registry_faults: registries().map(|registry| all(&registry.faults)).collect(),
            images: all(&spec.images),
            secrets: all(&spec.secrets),
            queues: all(&spec.queues),
            workloads: all(&spec.workloads),
            faults: all(&spec.faults),
            old_names: Vec::new(),
        }
    }
}

fn all<T: Placed>(parts: &[T]) -> Vec<Place> {
    parts.iter().map(Placed::place).collect()
}
