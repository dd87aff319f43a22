//! Act: the enforcement of a permitted verdict.

use super::{Act, Case, Enforcement, Point, Trail};
use crate::policy::{Action, Mode};

/// As far as the rule's action and the pod's mode both go.
#[derive(Clone, Copy, Debug)]
pub struct ByMode;

impl Act for ByMode {
    fn name(&self) -> &'static str {
        "mode"
    }

    fn act(&self, case: &Case<'_>, action: Action, trail: &mut Trail) -> Option<Enforcement> {
        let (enforcement, what) = match (case.mode, action) {
            (Mode::Off, _) | (_, Action::Ignore) => (None, "nothing"),
            (Mode::DryRun, Action::Warn) => (Some(Enforcement::WouldWarn), "dry run: would warn"),
            (Mode::DryRun, Action::Fail) => {
                (Some(Enforcement::WouldFail), "dry run: would fail the pod")
            }
            (Mode::Warn, _) | (Mode::Enforce, Action::Warn) => (Some(Enforcement::Warn), "warn"),
            (Mode::Enforce, Action::Fail) => (Some(Enforcement::Fail), "fail the pod"),
        };
        trail.record(Point::Act, self.name(), format_args!("{what}"));
        enforcement
    }
}
