//! From counts to verdicts: the way through the extension points.

use super::container::FailingContainer;
use super::effect::{Decision, Effect, Happening};
use super::record::{PodRecord, Write, Written};
use super::store::Slot;
use super::{DeadlineReason, Engine};
use crate::plugin::{Case, Deed, Judgement, Permission, Point, Profile, Said, Trail, Weight};
use crate::policy::{Action, Fallback, Mode};
use crate::time::Timestamp;

/// What is thought of one failing container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The container's name.
    pub container: String,
    /// The image that it cannot get.
    pub image: String,
    /// What each plugin said.
    pub trail: Vec<Said>,
}

/// Where the way through the extension points ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Wait(Option<Timestamp>),
    Held(Option<Timestamp>),
    Due(Deed),
}

impl Engine {
    /// What is thought of the pod's failing containers now, and why; empty if it has none.
    pub fn explain(&self, uid: &str) -> Vec<Explanation> {
        let Some(record) = self.store.find(uid).and_then(|slot| self.store.get(slot)) else {
            return Vec::new();
        };
        let explain = |container: &FailingContainer| {
            let mut trail = Trail::on();
            self.verdict(record, container, &mut trail);
            Explanation {
                container: container.name().to_owned(),
                image: container.image().to_owned(),
                trail: trail.into_said(),
            }
        };
        record.containers.iter().map(explain).collect()
    }

    /// Decides on one pod and says when to come back to it.
    pub(super) fn decide(&mut self, slot: Slot) {
        let Some(record) = self.store.get(slot) else {
            return;
        };
        let wake = match record.write {
            Write::InFlight(_) | Write::GaveUp => None,
            Write::Proposed { .. } | Write::Unsure { .. } => self
                .await_confirmation(slot)
                .map(|at| (at, DeadlineReason::Confirmation)),
            Write::Idle if !record.in_scope => None,
            Write::Idle => self.judge(slot),
        };
        self.set_wake(slot, wake);
    }

    /// Sends every container through the extension points and does what the strongest verdict asks for.
    fn judge(&mut self, slot: Slot) -> Option<(Timestamp, DeadlineReason)> {
        let record = self.store.get(slot)?;
        let mut due: Option<(Deed, usize)> = None;
        let mut held: Option<usize> = None;
        let mut wake: Option<(Timestamp, DeadlineReason)> = None;
        for (at, container) in record.containers.iter().enumerate() {
            let deadline = match self.verdict(record, container, &mut Trail::off()) {
                Verdict::Due(deed) => {
                    due = due.max(Some((deed, at)));
                    None
                }
                Verdict::Held(until) => {
                    held = held.or(Some(at));
                    until.map(|at| (at, DeadlineReason::Hold))
                }
                Verdict::Wait(until) => until.map(|at| (at, DeadlineReason::Duration)),
            };
            wake = [wake, deadline].into_iter().flatten().min();
        }
        let told = record.hold_told;
        match (due, held) {
            (Some((deed, at)), _) => self.carry_out(slot, deed, at),
            (None, Some(at)) if !told => self.tell_hold(slot, at),
            _ => {}
        }
        if due.is_some() || held.is_none() {
            self.store.get_mut(slot)?.hold_told = false;
        }
        self.remember(slot);
        wake
    }

    /// One container's way through the extension points.
    fn verdict(
        &self,
        record: &PodRecord,
        container: &FailingContainer,
        trail: &mut Trail,
    ) -> Verdict {
        let profile = &self.profile;
        let case = Case {
            now: self.now,
            policy: &profile.policy,
            pod: &record.pod,
            mode: profile.policy.mode_for(record.wish),
            patience: record.patience,
            container,
            siblings: &record.containers,
            others_may_pull_from: record.others_may_pull_from,
            view_is_whole: self.view_is_whole,
        };
        trail.say(
            Point::Scope,
            profile.scope.name(),
            format_args!("the pod is in scope"),
        );
        say_cause(profile, container, trail);

        let mut held = false;
        let mut held_until = None;
        let mut speak_against = |until: Option<Timestamp>| {
            held = true;
            held_until = [held_until, until].into_iter().flatten().min();
        };
        for evidence in &profile.evidence {
            if let Weight::Against { until } = evidence.weigh(&case, trail) {
                speak_against(until);
            }
        }
        let action = match profile.judge.judge(&case, trail) {
            Judgement::Due(action) => action,
            Judgement::Wait { until } => return Verdict::Wait(until),
        };
        if done_already(container, &case, action) {
            return Verdict::Wait(None);
        }
        for permit in &profile.permit {
            if let Permission::Held { until } = permit.permit(&case, trail) {
                speak_against(until);
            }
        }
        if held {
            return Verdict::Held(held_until);
        }
        match profile.act.act(&case, action, trail) {
            Deed::Nothing => Verdict::Wait(None),
            deed => Verdict::Due(deed),
        }
    }

    /// Turns a verdict on the pod's `at`-th failing container into an effect.
    fn carry_out(&mut self, slot: Slot, deed: Deed, at: usize) {
        let Some(decision) = self.decision(slot, deed, at).map(Box::new) else {
            return;
        };
        let put_back = self.profile.policy.put_back;
        let Some(record) = self.store.get_mut(slot) else {
            return;
        };
        let last_resort = u32::from(record.put_back) >= put_back.writes_max.get()
            && put_back.fallback == Fallback::ActiveDeadline;
        let effect = match deed {
            Deed::Nothing => return,
            Deed::Fail => {
                record.write = Write::InFlight(Written::Failure);
                if last_resort {
                    Effect::Deadline(decision)
                } else {
                    Effect::Fail(decision)
                }
            }
            Deed::Warn => {
                record.write = Write::InFlight(Written::Warning);
                record.containers[at].warned = true;
                Effect::Warn(decision)
            }
            Deed::Report => {
                record.containers[at].warned = true;
                let (pod, container) = (record.pod.clone(), decision.container.clone());
                self.note(&pod, &container, Happening::Would(decision));
                return;
            }
        };
        self.effects.push_back(effect);
    }

    fn decision(&self, slot: Slot, deed: Deed, at: usize) -> Option<Decision> {
        let record = self.store.get(slot)?;
        let container = record.containers.get(at)?;
        let latest = container.latest()?;
        let rule = self.profile.policy.rule_for(latest.cause)?;
        let mut trail = Trail::on();
        self.verdict(record, container, &mut trail);
        Some(Decision {
            pod: record.pod.clone(),
            resource_version: record.resource_version,
            container: container.name().to_owned(),
            image: container.image().to_owned(),
            cause: latest.cause,
            permanence: latest.permanence,
            failures: container.failures(rule.causes),
            first_failure_at: container.first_failure_at(rule.causes)?,
            decided_at: self.now,
            rule: rule.name.clone(),
            deed,
            trail: trail.into_said(),
        })
    }

    fn tell_hold(&mut self, slot: Slot, at: usize) {
        let Some(record) = self.store.get(slot) else {
            return;
        };
        let Some(container) = record.containers.get(at) else {
            return;
        };
        let mut trail = Trail::on();
        self.verdict(record, container, &mut trail);
        let (pod, name) = (record.pod.clone(), container.name().to_owned());
        self.note(
            &pod,
            &name,
            Happening::Held {
                trail: trail.into_said(),
            },
        );
        if let Some(record) = self.store.get_mut(slot) {
            record.hold_told = true;
        }
    }

    /// Asks to remember the counts if they have grown and a rule still waits for more, unless nothing may be written.
    fn remember(&mut self, slot: Slot) {
        let policy = &self.profile.policy;
        let Some(record) = self.store.get_mut(slot) else {
            return;
        };
        let failures = record.failures();
        let counts = |container: &FailingContainer| {
            container
                .latest()
                .and_then(|latest| policy.rule_for(latest.cause))
                .is_some_and(|rule| {
                    rule.action != Action::Ignore
                        && container.failures(rule.causes) <= rule.attempts.get()
                })
        };
        let writes = policy.mode_for(record.wish) > Mode::DryRun;
        if record.write != Write::Idle
            || failures <= record.remembered
            || !writes
            || !record.containers.iter().any(counts)
        {
            return;
        }
        record.remembered = failures;
        record.write = Write::InFlight(Written::Memory);
        let effect = Effect::Remember {
            pod: record.pod.clone(),
            resource_version: record.resource_version,
            memories: record
                .containers
                .iter()
                .filter_map(FailingContainer::memory)
                .collect(),
        };
        self.effects.push_back(effect);
    }
}

fn say_cause(profile: &Profile, container: &FailingContainer, trail: &mut Trail) {
    let name = profile.classify.name();
    match container.latest() {
        None => trail.say(Point::Classify, name, format_args!("nothing counted yet")),
        Some(latest) => match latest.decided_by {
            None => trail.say(Point::Classify, name, format_args!("{}", latest.cause)),
            Some(by) => trail.say(
                Point::Classify,
                name,
                format_args!(
                    "{} ({}), by {}",
                    latest.cause,
                    latest.permanence,
                    profile.classify.describe(by)
                ),
            ),
        },
    }
}

/// Whether all that would be done is to warn, and that was done.
fn done_already(container: &FailingContainer, case: &Case<'_>, action: Action) -> bool {
    container.warned && !(action == Action::Fail && case.mode == Mode::Enforce)
}
