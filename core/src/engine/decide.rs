//! Decides on a pod: takes its counts through the extension points to a verdict.

use std::time::Duration;

use super::effect::{Decision, Effect, TransitionKind};
use super::record::{PodRecord, Write, Written};
use super::store::Slot;
use super::{DeadlineReason, Engine};
use crate::container::{FailingContainer, Latest};
use crate::history::Memory;
use crate::plugin::{
    Case, Classify, Enforcement, Judgement, Permission, Point, Trail, TrailEntry, Weight,
};
use crate::policy::{Action, Fallback, Mode};
use crate::time::Timestamp;

/// The explanation of one failing container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The container's name.
    pub container: String,
    /// The image that it cannot get.
    pub image: String,
    /// What each plugin said.
    pub trail: Vec<TrailEntry>,
}

/// Where the way through the extension points ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Wait(Option<Timestamp>),
    Held(Option<Timestamp>),
    Due(Enforcement, Action),
}

impl Engine {
    /// Explains the pod's failing containers as they are now; empty if it has none.
    pub fn explain(&self, uid: &str) -> Vec<Explanation> {
        let Some(slot) = self.store.find(uid) else {
            return Vec::new();
        };
        let record = self.store.record(slot);
        let explain = |container: &FailingContainer| {
            let mut trail = Trail::on();
            self.verdict(record, container, &mut trail);
            Explanation {
                container: container.name().to_owned(),
                image: container.image().to_owned(),
                trail: trail.into_entries(),
            }
        };
        record.containers.iter().map(explain).collect()
    }

    /// Decides on one pod and says when to come back to it.
    pub(super) fn decide(&mut self, slot: Slot) {
        let record = self.store.record(slot);
        let wake = match record.write {
            Write::InFlight(_) | Write::GaveUp => None,
            Write::Proposed { .. } | Write::Unsure { .. } => self
                .await_confirmation(slot)
                .map(|at| (at, DeadlineReason::Confirmation)),
            Write::Idle if !record.in_scope || record.ended => None,
            Write::Idle => self.judge(slot),
        };
        // A plugin that asks for a time that has come already must not stop the clock.
        let soon = self.now.after(Duration::from_millis(1));
        self.set_wake(slot, wake.map(|(at, reason)| (at.max(soon), reason)));
    }

    /// Sends every container through the extension points and does what the strongest verdict asks for.
    fn judge(&mut self, slot: Slot) -> Option<(Timestamp, DeadlineReason)> {
        self.settle_edits(slot);
        let record = self.store.record(slot);
        let mut due: Vec<(Enforcement, Action, usize)> = Vec::new();
        let mut held: Option<usize> = None;
        let mut wake: Option<(Timestamp, DeadlineReason)> = None;
        for (at, container) in record.containers.iter().enumerate() {
            let deadline = match self.verdict(record, container, &mut Trail::off()) {
                Verdict::Due(enforcement, action) => {
                    due.push((enforcement, action, at));
                    None
                }
                Verdict::Held(until) => {
                    held = held.or(Some(at));
                    until.map(|at| (at, DeadlineReason::Hold))
                }
                Verdict::Wait(until) => until.map(|at| (at, DeadlineReason::Duration)),
            };
            let settles = container
                .edit_settles_at()
                .map(|at| (at, DeadlineReason::Edit));
            wake = [wake, deadline, settles].into_iter().flatten().min();
        }
        let told = record.hold_told;
        match (due.iter().max(), held) {
            // A dry run writes nothing: all of it is told.
            (Some((strongest, ..)), _) if strongest.is_dry_run() => {
                for (enforcement, _, at) in &due {
                    self.carry_out(slot, *enforcement, *at);
                }
            }
            (Some((enforcement, _, at)), _) => self.carry_out(slot, *enforcement, *at),
            (None, Some(at)) if !told => self.tell_hold(slot, at),
            (None, _) => {}
        }
        if !due.is_empty() || held.is_none() {
            self.store.record_mut(slot).hold_told = false;
        }
        self.remember(slot);
        wake
    }

    /// Counts what edited containers still show when it can no longer be the old image's error.
    fn settle_edits(&mut self, slot: Slot) {
        let now = self.now;
        let record = self.store.record_mut(slot);
        if !record.containers.iter().any(FailingContainer::is_edited) {
            return;
        }
        let pod = record.pod.clone();
        let mut counted = Vec::new();
        for container in &mut record.containers {
            if let Some(Latest {
                cause, permanence, ..
            }) = container.settle_edit(now)
            {
                let failures = container.failures_in_all();
                let what = TransitionKind::Counted {
                    cause,
                    permanence,
                    matched: String::new(),
                    failures,
                };
                counted.push((container.name().to_owned(), what));
            }
        }
        record.to_remember |= !counted.is_empty();
        for (name, what) in counted {
            self.emit(&pod, &name, what);
        }
    }

    /// One container's way through the extension points.
    fn verdict(
        &self,
        record: &PodRecord,
        container: &FailingContainer,
        trail: &mut Trail,
    ) -> Verdict {
        let profile = &self.profile;
        let policy = profile.policies.of(record.pod.namespace());
        let case = Case {
            now: self.now,
            policy,
            pod: &record.pod,
            mode: policy.mode_for(record.overrides.mode),
            patience: record.overrides.patience,
            container,
            siblings: &record.containers,
            others_may_pull_from: record.others_may_pull_from,
            memory_error: profile.memory_error,
            view_is_whole: self.view_is_whole,
        };
        trail.record(
            Point::Scope,
            profile.scope.name(),
            format_args!("the pod is in scope"),
        );
        record_cause(
            profile.policies.classify(record.pod.namespace()),
            container,
            trail,
        );

        let mut held = false;
        let mut held_until = None;
        let mut speak_against = |until: Option<Timestamp>| {
            held = true;
            held_until = [held_until, until].into_iter().flatten().min();
        };
        for evidence in &profile.evidence {
            if let Weight::Against { until } = evidence.weigh(&case, trail) {
                trail.mark_hold();
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
                trail.mark_hold();
                speak_against(until);
            }
        }
        if held {
            return Verdict::Held(held_until);
        }
        match profile.act.act(&case, action, trail) {
            None => Verdict::Wait(None),
            Some(enforcement) => Verdict::Due(enforcement, action),
        }
    }

    /// Turns a verdict on the pod's `at`-th failing container into an effect.
    fn carry_out(&mut self, slot: Slot, enforcement: Enforcement, at: usize) {
        let Some(decision) = self.decision(slot, enforcement, at).map(Box::new) else {
            return;
        };
        let record = self.store.record_mut(slot);
        let policy = self.profile.policies.of(record.pod.namespace());
        let put_back = policy.put_back;
        let last_resort = record.put_back >= put_back.writes_max.get()
            && put_back.fallback == Fallback::ActiveDeadline;
        let effect = match enforcement {
            Enforcement::Fail => {
                let (written, effect) = if last_resort {
                    (Written::Deadline, Effect::Deadline(decision))
                } else {
                    (Written::Failure, Effect::Fail(decision))
                };
                record.write = Write::InFlight(written);
                effect
            }
            Enforcement::Warn => {
                record.write = Write::InFlight(Written::Warning);
                record.containers[at].warned = true;
                Effect::Warn(decision)
            }
            Enforcement::WouldWarn | Enforcement::WouldFail => {
                record.containers[at].warned = true;
                let (pod, container) = (record.pod.clone(), decision.container.clone());
                self.emit(&pod, &container, TransitionKind::DryRun(decision));
                return;
            }
        };
        self.effects.push_back(effect);
    }

    fn decision(&self, slot: Slot, enforcement: Enforcement, at: usize) -> Option<Decision> {
        let record = self.store.record(slot);
        let container = record.containers.get(at)?;
        let latest = container.latest()?;
        let policy = self.profile.policies.of(record.pod.namespace());
        let rule = policy.rule_for(latest.cause)?;
        let mut trail = Trail::on();
        self.verdict(record, container, &mut trail);
        Some(Decision {
            pod: record.pod.clone(),
            resource_version: record.resource_version,
            overrides: record.overrides,
            container: container.name().to_owned(),
            image: container.image().to_owned(),
            cause: latest.cause,
            permanence: latest.permanence,
            failures: container.failures(rule.causes),
            first_failure_at: container.first_failure_at(rule.causes)?,
            decided_at: self.now,
            rule: rule.name.clone(),
            enforcement,
            trail: trail.into_entries(),
        })
    }

    fn tell_hold(&mut self, slot: Slot, at: usize) {
        let record = self.store.record(slot);
        let Some(container) = record.containers.get(at) else {
            return;
        };
        let mut trail = Trail::on();
        self.verdict(record, container, &mut trail);
        let (pod, name) = (record.pod.clone(), container.name().to_owned());
        self.emit(
            &pod,
            &name,
            TransitionKind::Held {
                why: trail.hold().to_owned(),
                trail: trail.into_entries(),
            },
        );
        self.store.record_mut(slot).hold_told = true;
    }

    /// Asks to remember what has become known, unless nothing may be written.
    fn remember(&mut self, slot: Slot) {
        let record = self.store.record_mut(slot);
        let policy = self.profile.policies.of(record.pod.namespace());
        let writes = policy.mode_for(record.overrides.mode) > Mode::DryRun;
        if record.write != Write::Idle || !record.to_remember || !writes {
            return;
        }
        record.to_remember = false;
        let memories: Vec<Memory> = record
            .containers
            .iter()
            .filter_map(FailingContainer::memory)
            .collect();
        if memories.is_empty() && !record.carries_memory {
            return;
        }
        record.carries_memory = true;
        let written = if memories.is_empty() {
            Written::NoMemory
        } else {
            Written::Memory
        };
        record.write = Write::InFlight(written);
        let (pod, resource_version) = (record.pod.clone(), record.resource_version);
        self.effects.push_back(Effect::Remember {
            pod,
            resource_version,
            memories,
        });
    }
}

fn record_cause(classify: &dyn Classify, container: &FailingContainer, trail: &mut Trail) {
    let name = classify.name();
    match container.latest() {
        None => trail.record(Point::Classify, name, format_args!("nothing counted yet")),
        Some(latest) => match latest.decided_by {
            None => trail.record(Point::Classify, name, format_args!("{}", latest.cause)),
            Some(by) => trail.record(
                Point::Classify,
                name,
                format_args!(
                    "{} ({}), by {}",
                    latest.cause,
                    latest.permanence,
                    classify.describe(by)
                ),
            ),
        },
    }
}

/// Whether all that would be done is to warn, and that was done.
fn done_already(container: &FailingContainer, case: &Case<'_>, action: Action) -> bool {
    container.warned && !(action == Action::Fail && case.mode == Mode::Enforce)
}
