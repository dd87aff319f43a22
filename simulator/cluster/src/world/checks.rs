//! The invariants of every run, checked against the truth that no policy can see.
//!
//! The numbers are those of the invariants in `docs/design.md`. Those that compare two runs (4, 7, 8 and 12) are
//! checked by `simulator fuzz`.

use std::fmt;
use std::time::Duration;

use pullstop_core::engine::{Decision, TransitionKind};
use pullstop_core::plugin::Enforcement;
use pullstop_core::policy::{Action, Limits, Mode, Policies, Policy};
use pullstop_core::time::{Human, Timestamp};

use super::ZERO;
use super::cluster::Cluster;
use super::controller::{Controller, Verdict};
use super::ids::PodId;
use super::oracle;
use super::pod::Pod;
use super::truth::{Attempt, Ending, Failed, PodTruth};
use crate::scenario::Scenario;
use crate::scenario::fault::FaultKind;

/// What must hold, and what did not.
#[derive(Debug)]
pub struct Checks {
    /// As far as they go within the cluster's.
    policies: Policies,
    /// The longest time from a change in a kubelet until the enforcer can have seen it, with its own writes' way.
    sight: Duration,
    /// Whether nothing disturbs the enforcer, so that its verdicts have a latest moment.
    is_undisturbed: bool,
    held: Vec<PodId>,
    broken: Vec<Broken>,
}

/// Something that must hold did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The number of the invariant.
    pub invariant: u8,
    /// When.
    pub at: Timestamp,
    /// For which pod.
    pub pod: Option<PodId>,
    /// What happened.
    pub what: String,
}

/// One worker sync: 15 s of pause, up to 1 s until the tick, and the sync's own time (`docs/design.md`).
pub const WORKER_SYNC: Duration = Duration::from_millis(16_200);
/// More than this is not told: the first ones are those that matter.
const BROKEN_MAX: usize = 100;

impl Checks {
    /// Nothing is broken yet.
    pub fn new(scenario: &Scenario, policies: &Policies) -> Self {
        let links = scenario.enforcer;
        let disturbs = |what: &FaultKind| {
            matches!(
                what,
                FaultKind::WatchGap { .. }
                    | FaultKind::EnforcerRestart { .. }
                    | FaultKind::ApiSlow { .. }
                    | FaultKind::WriteFault { .. }
                    | FaultKind::KubeletRestart { .. }
                    | FaultKind::EditImage { .. }
                    | FaultKind::SandboxFault { .. }
                    | FaultKind::FailPods { .. }
            )
        };
        Self {
            policies: policies.limited(&Limits::NONE),
            sight: links.watch_delay + links.write_latency * 4 + Duration::from_secs(1),
            is_undisturbed: !scenario.faults.iter().any(|fault| disturbs(&fault.what)),
            held: Vec::new(),
            broken: Vec::new(),
        }
    }

    /// What did not hold, in the order in which it happened.
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }

    /// The enforcer noticed something.
    pub fn noticed(&mut self, c: &Cluster, pod: PodId, what: &TransitionKind) {
        match what {
            TransitionKind::Held { .. } => self.held.push(pod),
            TransitionKind::Counted { failures, .. } => {
                let really = c.truth.pod(pod).map_or(0, failures_ever);
                if *failures as usize > really {
                    self.add(2, c.now, pod, || {
                        format!("{failures} failures were counted, of which only {really} happened")
                    });
                }
            }
            TransitionKind::DryRun(decision) => {
                if let Some(truth) = c.truth.pod(pod) {
                    self.check_mode(c.now, pod, truth, decision);
                }
            }
            _ => {}
        }
    }

    /// A second write was sent while the answer to the first was still awaited.
    pub fn two_writes(&mut self, now: Timestamp, pod: PodId) {
        self.add(5, now, pod, || {
            "a write was sent while another was in flight".to_owned()
        });
    }

    /// The enforcer has decided.
    pub fn decided(&mut self, c: &Cluster, verdict: &Verdict) {
        let Some(decision) = &verdict.decision else {
            return;
        };
        let Some(truth) = c.truth.pod(verdict.pod) else {
            return;
        };
        self.check_mode(c.now, verdict.pod, truth, decision);
        self.check_threshold(c, verdict.pod, truth, decision);
    }

    /// A write that fails a pod was stored. `pod` is how it stood before.
    pub fn failed(&mut self, c: &Cluster, pod: &Pod, failed: &Failed, verdict: &Verdict) {
        let Some(decision) = &verdict.decision else {
            return;
        };
        let Some(truth) = c.truth.pod(pod.id) else {
            return;
        };
        if pod.status.conditions.agreed() {
            self.add(5, c.now, pod.id, || {
                "a pod was written to that its kubelet had ended".to_owned()
            });
        }
        if failed.while_pulling && !self.may_be_hung(c.now, truth, decision) {
            self.add(5, c.now, pod.id, || {
                "a pod was failed while a pull was in flight".to_owned()
            });
        }
        if has_image(truth, pod, decision) {
            self.add(10, c.now, pod.id, || {
                format!(
                    "a pod was failed for `{}`, which has its image",
                    decision.container
                )
            });
        }
    }

    /// The simulation is over, and `controller` has decided.
    pub fn end(&mut self, c: &Cluster, controller: &dyn Controller) {
        if !controller.keeps_only_failing() {
            return;
        }
        let failing = |truth: &PodTruth| {
            truth
                .attempts
                .iter()
                .any(|a| a.ended.is_some_and(|(_, e)| e != Ending::Pulled))
        };
        let failing = c.truth.pods.iter().filter(|truth| failing(truth)).count();
        if controller.tracked() > failing {
            let what = format!(
                "state is kept for {} pods, but only {failing} ever failed",
                controller.tracked()
            );
            self.broken.push(Broken {
                invariant: 11,
                at: c.now,
                pod: None,
                what,
            });
        }
        if self.is_undisturbed {
            self.held.sort_unstable();
            self.check_latest(c, controller);
        }
    }

    /// 1 and 3: both thresholds are reached, by failures that really happened, of this image, since it last ran.
    fn check_threshold(&mut self, c: &Cluster, pod: PodId, truth: &PodTruth, decision: &Decision) {
        let Some(rule) = self
            .policy_of(truth)
            .rules()
            .iter()
            .find(|rule| rule.name == decision.rule)
        else {
            return;
        };
        let place = truth.template.place_of(&decision.container);
        let image = c.supply.known(&decision.image);
        let counts =
            |a: &&Attempt| Some(usize::from(a.container)) == place && Some(a.image) == image;
        let really = failures_of(truth, |a| counts(&a));
        let waited = decision.decided_at.since(decision.first_failure_at);
        let first = truth.attempts.iter().filter(counts).find_map(failed_at);
        if decision.failures < rule.attempts.get() || waited < rule.duration {
            let (failures, waited) = (decision.failures, Human(waited));
            self.add(1, c.now, pod, || {
                format!("a verdict after {failures} failures in {waited}")
            });
        }
        if decision.failures as usize > really {
            let failures = decision.failures;
            self.add(3, c.now, pod, || {
                format!("a verdict on {failures} failures, of which {really} are of this image and since it last ran")
            });
        }
        // A condition keeps times to the second.
        let earliest = first.map(|at| at.as_millis() / 1000 * 1000);
        if earliest.is_none_or(|at| decision.first_failure_at.as_millis() < at) {
            self.add(1, c.now, pod, || {
                "the clock began before the first failure".to_owned()
            });
        }
    }

    /// 13: no verdict goes further than the pod's namespace and the cluster allow.
    fn check_mode(&mut self, now: Timestamp, pod: PodId, truth: &PodTruth, decision: &Decision) {
        let overrides = truth.template.overrides;
        let mode = self.policy_of(truth).mode_for(overrides.mode);
        let is_allowed = match decision.enforcement {
            Enforcement::Fail => mode == Mode::Enforce,
            Enforcement::Warn => mode >= Mode::Warn,
            Enforcement::WouldFail | Enforcement::WouldWarn => mode >= Mode::DryRun,
        };
        if !is_allowed {
            self.add(13, now, pod, || {
                let enforcement = decision.enforcement;
                format!("a verdict of `{enforcement}` where the policies allow {mode:?}")
            });
        }
    }

    /// What judges the pod.
    fn policy_of(&self, truth: &PodTruth) -> &Policy {
        self.policies.of(&truth.names.namespace)
    }

    /// A pull of which nothing is heard for so long counts as hung, and one verdict that has waited for so long is
    /// allowed between two pulls that take as long.
    fn may_be_hung(&self, now: Timestamp, truth: &PodTruth, decision: &Decision) -> bool {
        let policy = self.policy_of(truth);
        let patience = policy.pull_timeout;
        // By the arithmetic of the back-off the pull may have begun a little before it really did.
        let early = WORKER_SYNC * 3;
        let began = truth.attempts.last().and_then(|a| a.started_at);
        let rule = policy.rule_for(decision.cause);
        let overdue_at = rule.map(|rule| decision.first_failure_at.after(rule.duration + patience));
        began.is_some_and(|began| now.since(began) + early >= patience)
            || overdue_at.is_some_and(|at| at <= now)
    }

    /// 9: what is absent forever is failed within threshold, one worker sync and the watch's delay.
    fn check_latest(&mut self, c: &Cluster, controller: &dyn Controller) {
        for place in 0..c.truth.pods.len() {
            let pod = PodId::at(place);
            let truth = &c.truth.pods[place];
            let Some(due_at) = self.due_at(truth) else {
                continue;
            };
            let latest = due_at.after(WORKER_SYNC + self.sight);
            let ended_at = truth.ended.map(|(at, _)| at);
            let until = truth
                .failed
                .map(|failed| failed.at)
                .or(ended_at)
                .unwrap_or(c.now);
            let is_late = until > latest && self.held.binary_search(&pod).is_err();
            let stored = c.api.get(pod);
            let is_ours = stored.is_some_and(|pod| controller.covers(c, pod));
            if is_late
                && is_ours
                && stored.is_none_or(|pod| is_lost(c, pod))
                && truth.ran_at.is_none()
            {
                self.add(9, latest, pod, || {
                    let late = Human(until.since(due_at));
                    format!("a pod whose image is absent was not failed {late} after its threshold")
                });
            }
        }
    }

    /// When the pod's threshold was reached, if all its failures have one cause, whose rule fails pods.
    fn due_at(&self, truth: &PodTruth) -> Option<Timestamp> {
        if truth.template.overrides.mode.is_some() || truth.template.overrides.patience.is_some() {
            return None;
        }
        let first = truth.attempts.first()?;
        let is_same = |a: &Attempt| a.container == first.container && a.image == first.image;
        let cause = first.ended?.1.cause()?;
        let has_cause = |a: &Attempt| {
            a.ended
                .is_none_or(|(_, ending)| ending.cause() == Some(cause))
        };
        if !truth.attempts.iter().all(|a| is_same(a) && has_cause(a)) {
            return None;
        }
        let policy = self.policy_of(truth);
        if policy.mode != Mode::Enforce {
            return None;
        }
        let rule = policy
            .rule_for(cause)
            .filter(|rule| rule.action == Action::Fail)?;
        let failures: Vec<Timestamp> = truth.attempts.iter().filter_map(failed_at).collect();
        let by_attempts = *failures.get(rule.attempts.get() as usize - 1)?;
        // What is seen of the first failure comes up to one sync after it.
        let by_time = failures.first()?.after(WORKER_SYNC + rule.duration);
        quiet_from(truth, by_attempts.max(by_time))
    }

    fn add(&mut self, invariant: u8, at: Timestamp, pod: PodId, what: impl FnOnce() -> String) {
        if self.broken.len() < BROKEN_MAX {
            self.broken.push(Broken {
                invariant,
                at,
                pod: Some(pod),
                what: what(),
            });
        }
    }
}

/// When a verdict that is due at `at` is free to fall: not while a pull may be in flight, which the enforcer can only
/// tell from what is published one sync after it. `None` if the pull goes on forever.
fn quiet_from(truth: &PodTruth, at: Timestamp) -> Option<Timestamp> {
    let lag = WORKER_SYNC * 2;
    let is_near = |a: &&Attempt| {
        let ended_after = a.ended.is_none_or(|(ended, _)| ended.after(lag) > at);
        a.started_at.is_some() && a.queued_at <= at.after(lag) && ended_after
    };
    let near = truth.attempts.iter().filter(is_near);
    let ends: Option<Vec<Timestamp>> = near.map(|a| a.ended.map(|(ended, _)| ended)).collect();
    Some(ends?.into_iter().fold(at, Timestamp::max))
}

/// Whether the pod's images can never be had.
fn is_lost(c: &Cluster, pod: &Pod) -> bool {
    oracle::heals_at(c, pod).is_none() && pod.deleting_since.is_none()
}

/// The failures among `counts`, since the last of them that was none.
fn failures_of(truth: &PodTruth, counts: impl Fn(&Attempt) -> bool) -> usize {
    let attempts = truth.attempts.iter().rev().filter(|a| counts(a));
    let endings = attempts.filter_map(|a| a.ended.map(|(_, ending)| ending));
    sum(endings.take_while(|e| *e != Ending::Pulled))
}

/// All failures of all containers.
fn failures_ever(truth: &PodTruth) -> usize {
    sum(truth
        .attempts
        .iter()
        .filter_map(|a| a.ended.map(|(_, ending)| ending)))
}

/// A container whose image is never pulled fails with every look at it, of which the truth keeps one.
fn sum(endings: impl Iterator<Item = Ending>) -> usize {
    let failures = endings.filter(|ending| ending.is_failure());
    failures.fold(0, |count: usize, ending| match ending {
        Ending::InvalidName | Ending::NeverPulled => usize::MAX,
        _ => count.saturating_add(1),
    })
}

fn failed_at(attempt: &Attempt) -> Option<Timestamp> {
    attempt
        .ended
        .filter(|(_, ending)| ending.is_failure())
        .map(|(at, _)| at)
}

/// Whether the last that was heard of the container's image is that it is there.
fn has_image(truth: &PodTruth, pod: &Pod, decision: &Decision) -> bool {
    let Some(place) = truth.template.place_of(&decision.container) else {
        return false;
    };
    let of_this = |a: &&Attempt| usize::from(a.container) == place && a.image == pod.images[place];
    let mut ended = truth
        .attempts
        .iter()
        .rev()
        .filter(of_this)
        .filter_map(|a| a.ended);
    ended
        .next()
        .is_some_and(|(_, ending)| ending == Ending::Pulled)
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = Human(self.at.since(ZERO));
        write!(
            f,
            "invariant {} broken at {at}: {}",
            self.invariant, self.what
        )
    }
}
