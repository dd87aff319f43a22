//! Checks of policy documents that types alone cannot make.

use std::time::Duration;

use serde_saphyr::Spanned;

use super::{MODES, PULL_TIMEOUT_MIN, RuleSpec};
use crate::cause::Cause;
use crate::policy::{Mode, Policy, Rule};
use crate::yaml::Check;

impl Check {
    pub(super) fn mode(&mut self, text: &Spanned<String>) -> Option<Mode> {
        let modes = [Mode::Enforce, Mode::Warn, Mode::DryRun, Mode::Off];
        let choices: Vec<(&str, Mode)> = MODES.into_iter().zip(modes).collect();
        self.choice("mode", text, &choices)
    }

    pub(super) fn cause(&mut self, text: &Spanned<String>) -> Option<Cause> {
        if text.value.parse() == Ok(Cause::KubeletThrottled) {
            let message = "`KubeletThrottled` is never a failure of the image, so no rule can judge it: remove it";
            self.error(text, message.to_owned());
            return None;
        }
        let choices: Vec<(&str, Cause)> = countable_causes().map(|c| (c.as_str(), c)).collect();
        self.choice("cause", text, &choices)
    }

    pub(super) fn pull_timeout(&mut self, text: &Spanned<String>) -> Option<Duration> {
        let timeout = self.duration(text)?;
        if timeout < PULL_TIMEOUT_MIN {
            let message = "a pull may well take longer than that: write `1m` or more".to_owned();
            self.error(text, message);
            return None;
        }
        Some(timeout)
    }

    pub(super) fn rules(&mut self, policy: Policy, specs: &[Spanned<RuleSpec>]) -> Policy {
        for spec in specs {
            if spec.value.causes.is_empty() {
                self.error(
                    spec,
                    "a rule without causes never applies: name some".to_owned(),
                );
            }
        }
        let rules: Vec<Option<Rule>> = specs
            .iter()
            .enumerate()
            .map(|(at, spec)| spec.value.validate(at + 1, self))
            .collect();
        let Some(rules) = rules.into_iter().collect::<Option<Vec<Rule>>>() else {
            return policy;
        };
        match policy.clone().with_rules(rules) {
            Ok(policy) => policy,
            Err(conflict) => {
                self.error(&specs[conflict.second], conflict.to_string());
                policy
            }
        }
    }
}

pub(super) fn countable_causes() -> impl Iterator<Item = Cause> {
    Cause::ALL.into_iter().filter(|cause| cause.is_failure())
}
