//! What pods may set by annotation: the mode, and the patience.

use std::time::Duration;

/// The overrides of a pod, within the bounds of the policy: from its own annotations, or those of its Job and namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `pullstop.dev/mode`.
    pub mode: Option<Mode>,
    /// `pullstop.dev/patience`: no verdict before the first failure is this long ago.
    pub patience: Option<Duration>,
}

impl Overrides {
    /// These overrides; fields that are not set are taken from `less_specific`.
    #[must_use]
    pub fn or(self, less_specific: Self) -> Self {
        Self {
            mode: self.mode.or(less_specific.mode),
            patience: self.patience.or(less_specific.patience),
        }
    }
}

/// How far verdicts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// The pod is left alone.
    Off,
    /// Nothing is written; what would be done is said.
    DryRun,
    /// Conditions and events only.
    Warn,
    /// Pods are failed.
    Enforce,
}

impl Mode {
    /// The name that policies give it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "Disabled",
            Self::DryRun => "DryRun",
            Self::Warn => "Warn",
            Self::Enforce => "Enforce",
        }
    }
}
