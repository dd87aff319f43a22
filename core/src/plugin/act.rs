//! Act: how far a permitted verdict goes.

use super::{Act, Case, Deed, Point, Trail};
use crate::policy::{Action, Mode};

/// As far as the rule's action and the pod's mode both go.
#[derive(Clone, Copy, Debug)]
pub struct ByMode;

impl Act for ByMode {
    fn name(&self) -> &'static str {
        "mode"
    }

    fn act(&self, case: &Case<'_>, action: Action, trail: &mut Trail) -> Deed {
        let mut say = |what: &str| trail.say(Point::Act, self.name(), format_args!("{what}"));
        match (case.mode, action) {
            (Mode::Off, _) | (_, Action::Ignore) => {
                say("nothing");
                Deed::Nothing
            }
            (Mode::DryRun, _) => {
                say("dry run: say what would be done");
                Deed::Report
            }
            (Mode::Warn, _) | (Mode::Enforce, Action::Warn) => {
                say("warn");
                Deed::Warn
            }
            (Mode::Enforce, Action::Fail) => {
                say("fail the pod");
                Deed::Fail
            }
        }
    }
}
