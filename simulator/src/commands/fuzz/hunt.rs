//! Checks the invariants in one world: in a single run, and between runs that must agree.

use std::time::Duration;

use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::scenario::fault::{Fault, FaultKind};
use pullstop_cluster::world::checks::Broken;
use pullstop_cluster::world::controller::MakeController;
use pullstop_cluster::world::enforcer::pullstop::Pullstop;
use pullstop_cluster::world::ids::PodId;
use pullstop_cluster::world::oracle;
use pullstop_cluster::world::random::{Purpose, RandomStreams};
use pullstop_cluster::world::truth::PodTruth;
use pullstop_cluster::world::{RunOptions, World, ZERO};
use pullstop_core::plugin::Profile;
use pullstop_core::pod::Phase;
use pullstop_core::policy::{Action, Limits, Mode, Policies, Policy};
use pullstop_core::time::{Human, Timestamp};

use crate::runs::outcome::fingerprint;

/// Who is hunted: a way to make controllers for policies.
pub struct Hunt<'a> {
    /// What verdicts are held to, but in namespaces that have a policy of their own in a world.
    pub policy: &'a Policy,
    /// Makes the controller that decides by policies.
    pub make: &'a (dyn Fn(&Policies) -> MakeController + Sync),
}

/// What a world was like, for statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Worlds.
    pub worlds: u64,
    /// Pods that were created.
    pub pods: u64,
    /// Pods that were failed.
    pub verdicts: u64,
    /// Events that happened.
    pub events: u64,
}

/// What stands between the verdicts of an engine that was restarted and of one that was not: the longest back-off,
/// a worker sync before and after it, and the second to which a condition keeps times.
const ONE_OBSERVATION: Duration = Duration::from_secs(300 + 2 * 17 + 1);
/// Writes that meet each other may come this much later.
const ONE_RETRY: Duration = Duration::from_secs(20);

/// Pullstop's own engine.
pub fn engine(policies: &Policies) -> MakeController {
    let policies = policies.clone();
    Box::new(move || {
        let profile = Profile::standard(policies.clone()).ok()?;
        Some(Box::new(Pullstop::new(profile)))
    })
}

impl Hunt<'_> {
    /// The first invariant that is broken in this world.
    pub fn check(&self, scenario: &Scenario, seen: &mut Seen) -> Option<Broken> {
        let world = self.run(scenario, &self.policies(scenario));
        seen.worlds += 1;
        seen.pods += world.cluster.truth.pods.len() as u64;
        seen.verdicts += verdicts(&world).iter().flatten().count() as u64;
        seen.events += world.events;
        let alone = world.checks.broken().first().cloned();
        alone
            .or_else(|| self.check_liveness(scenario, &world))
            .or_else(|| self.check_determinism(scenario, &world))
            .or_else(|| self.check_duplicates(scenario, &world))
            .or_else(|| self.check_thresholds(scenario))
            .or_else(|| self.check_restarts(scenario))
            .or_else(|| self.check_bounds(scenario))
    }

    /// The policies in a world: the one that is hunted, and those of namespaces.
    fn policies(&self, scenario: &Scenario) -> Policies {
        let policies = Policies {
            cluster: self.policy.clone(),
            namespaces: scenario.policies.namespaces.clone(),
        };
        policies.rehearsed()
    }

    fn run(&self, scenario: &Scenario, policies: &Policies) -> World {
        let mut world = World::new(
            scenario,
            scenario.seed,
            policies,
            (self.make)(policies),
            RunOptions::default(),
        );
        world.run();
        world
    }

    /// 9, whatever went wrong before: hours after the last fault no pod waits that should have been failed.
    fn check_liveness(&self, scenario: &Scenario, world: &World) -> Option<Broken> {
        let c = &world.cluster;
        let policies = self.policies(scenario).limited(&Limits::NONE);
        let long_ago = Timestamp::from_millis(c.now.as_millis().saturating_sub(3 * 3_600_000));
        let is_forgotten = |place: &usize| {
            let id = PodId::at(*place);
            let (Some(pod), Some(truth)) = (c.api.get(id), c.truth.pod(id)) else {
                return false;
            };
            let last = truth.attempts.iter().rev().find_map(|a| a.ended?.1.cause());
            let policy = policies.of(&truth.names.namespace);
            let is_judged = policy.mode == Mode::Enforce
                && last
                    .and_then(|cause| policy.rule_for(cause))
                    .is_some_and(|rule| rule.action == Action::Fail);
            let failed_long_ago = truth.first_failure_at().is_some_and(|at| at <= long_ago);
            pod.status.phase == Phase::Pending
                && pod.deleting_since.is_none()
                && is_judged
                && failed_long_ago
                && world.enforcer.covers(c, pod)
                && oracle::heals_at(c, pod).is_none()
        };
        let place = (0..c.truth.pods.len()).find(is_forgotten)?;
        Some(broken(
            9,
            c.now,
            place,
            "a pod that can never pull its image was not failed for hours".to_owned(),
        ))
    }

    /// 12: the same again.
    fn check_determinism(&self, scenario: &Scenario, first: &World) -> Option<Broken> {
        let second = self.run(scenario, &self.policies(scenario));
        if fingerprint(first) == fingerprint(&second) {
            return None;
        }
        let place = difference(&verdicts(first), &verdicts(&second)).unwrap_or(0);
        Some(broken(
            12,
            first.cluster.now,
            place,
            "the same world had another history the second time".to_owned(),
        ))
    }

    /// 4: every event twice changes nothing.
    fn check_duplicates(&self, scenario: &Scenario, once: &World) -> Option<Broken> {
        let twice = with_fault(
            scenario,
            Duration::ZERO,
            FaultKind::DuplicateEvents {
                lasts: scenario.duration,
            },
        );
        let twice = self.run(&twice, &self.policies(scenario));
        let (once, twice) = (verdicts(once), verdicts(&twice));
        let place = difference(&once, &twice)?;
        let at = once.get(place).copied().flatten().unwrap_or(ZERO);
        Some(broken(
            4,
            at,
            place,
            "duplicated events brought another verdict".to_owned(),
        ))
    }

    /// 7: with higher thresholds no verdict comes earlier. Warnings leave the world as it is, so they can be compared.
    fn check_thresholds(&self, scenario: &Scenario) -> Option<Broken> {
        let calm = undisturbed(scenario);
        let policies = changed(self.policies(scenario), warn_only);
        let raised = changed(policies.clone(), raised);
        let low = warnings(&self.run(&calm, &policies));
        let high = warnings(&self.run(&calm, &raised));
        let is_earlier = |place: &usize| match (low[*place], high.get(*place).copied().flatten()) {
            (Some(low), Some(high)) => high.after(ONE_RETRY) < low,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let place = (0..low.len()).find(is_earlier)?;
        let at = high[place].unwrap_or(ZERO);
        Some(broken(
            7,
            at,
            place,
            "a higher threshold brought a verdict forward".to_owned(),
        ))
    }

    /// 8: restarts at random moments change no verdict, and bring it later by one observation at most.
    fn check_restarts(&self, scenario: &Scenario) -> Option<Broken> {
        let mut calm = undisturbed(scenario);
        // A kubelet that is away lets the next observation wait for as long.
        calm.faults
            .retain(|fault| !matches!(fault.what, FaultKind::KubeletRestart { .. }));
        let policies = changed(self.policies(scenario), warn_only);
        let world = self.run(&calm, &policies);
        let steady = warnings(&world);
        let mut chance = RandomStreams::new(scenario.seed).stream(Purpose::Fuzz, 1);
        let mut restarted = calm.clone();
        // Away for less than a failure is shown: what happens meanwhile is old, but not unseen.
        let down_for = Duration::from_millis(chance.between(1, 5000));
        let mut moments = Vec::new();
        for _ in 0..=chance.below(3) {
            let at = Duration::from_secs(chance.below(scenario.duration.as_secs() / 2));
            moments.push(Human(at).to_string());
            restarted = with_fault(&restarted, at, FaultKind::EnforcerRestart { down_for });
        }
        let restarted = warnings(&self.run(&restarted, &policies));
        let end = ZERO.after(scenario.duration);
        let differs = |place: &usize| {
            let later = restarted.get(*place).copied().flatten();
            if !has_one_rule(&policies, &world.cluster.truth.pods[*place]) {
                // Which rule judges last may change with what was seen last.
                return false;
            }
            let Some(steady) = steady[*place] else {
                return later.is_some();
            };
            let latest = steady.after(ONE_OBSERVATION + down_for);
            let is_early = later.is_some_and(|at| at.after(ONE_RETRY) < steady);
            // The next observation may be that it has recovered.
            let pod = &world.cluster.truth.pods[*place];
            let is_over = pod
                .ran_at
                .into_iter()
                .chain(pod.ended.map(|(at, _)| at))
                .any(|at| at <= latest);
            is_early || (latest < end && !is_over && later.is_none_or(|at| at > latest))
        };
        let place = (0..steady.len()).find(differs)?;
        let at = steady[place].unwrap_or(ZERO);
        let after = restarted.get(place).copied().flatten().map_or_else(
            || "never came".to_owned(),
            |later| format!("came at {}", Human(later.since(ZERO))),
        );
        Some(broken(
            8,
            at,
            place,
            format!(
                "with restarts of {} at {} a verdict {after} that was due at {}",
                Human(down_for),
                moments.join(", "),
                Human(at.since(ZERO))
            ),
        ))
    }
}

impl Hunt<'_> {
    /// 13: where the cluster's policy only warns, or does nothing, no policy of a namespace goes further.
    fn check_bounds(&self, scenario: &Scenario) -> Option<Broken> {
        if scenario.policies.namespaces.is_empty() {
            return None;
        }
        [Mode::Warn, Mode::Off].into_iter().find_map(|mode| {
            let mut policies = changed(self.policies(scenario), |policy| {
                policy.mode = Mode::Enforce;
            });
            policies.cluster.mode = mode;
            let world = self.run(scenario, &policies);
            let goes_further = |pod: &PodTruth| {
                pod.failed.is_some() || (mode == Mode::Off && pod.warned.is_some())
            };
            let place = world.cluster.truth.pods.iter().position(goes_further)?;
            let what = format!(
                "a namespace went further than the cluster's mode, {}",
                mode.as_str()
            );
            Some(broken(13, world.cluster.now, place, what))
        })
    }
}

/// Whether all failures of the pod are judged by the same rule.
fn has_one_rule(policies: &Policies, pod: &PodTruth) -> bool {
    let policy = policies.of(&pod.names.namespace);
    let causes = pod.attempts.iter().filter_map(|a| a.ended?.1.cause());
    let mut rules = causes.filter_map(|cause| Some(&policy.rule_for(cause)?.name));
    let first = rules.next();
    rules.all(|rule| Some(rule) == first)
}

fn broken(invariant: u8, at: Timestamp, place: usize, what: String) -> Broken {
    Broken {
        invariant,
        at,
        pod: Some(PodId::at(place)),
        what,
    }
}

/// When each pod was failed.
fn verdicts(world: &World) -> Vec<Option<Timestamp>> {
    let pods = world.cluster.truth.pods.iter();
    pods.map(|pod| pod.failed.map(|failed| failed.at)).collect()
}

/// When each pod was warned of.
fn warnings(world: &World) -> Vec<Option<Timestamp>> {
    let pods = world.cluster.truth.pods.iter();
    pods.map(|pod| pod.warned.map(|(at, _)| at)).collect()
}

fn difference(one: &[Option<Timestamp>], other: &[Option<Timestamp>]) -> Option<usize> {
    let differs = |place: &usize| one.get(*place) != other.get(*place);
    (0..one.len().max(other.len())).find(differs)
}

fn with_fault(scenario: &Scenario, at: Duration, what: FaultKind) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.faults.push(Fault { at, what });
    scenario
}

/// The same world, with an enforcer to which nothing happens.
fn undisturbed(scenario: &Scenario) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.faults.retain(|fault| {
        !matches!(
            fault.what,
            FaultKind::WatchGap { .. }
                | FaultKind::EnforcerRestart { .. }
                | FaultKind::ApiSlow { .. }
                | FaultKind::WriteFault { .. }
                | FaultKind::DuplicateEvents { .. }
        )
    });
    scenario
}

fn changed(mut policies: Policies, change: fn(&mut Policy)) -> Policies {
    policies.iter_mut().for_each(change);
    policies
}

fn warn_only(policy: &mut Policy) {
    policy.mode = Mode::Warn;
}

/// One attempt more and half as long again for every rule.
fn raised(policy: &mut Policy) {
    let mut rules = policy.rules().to_vec();
    for rule in &mut rules {
        rule.attempts = rule.attempts.saturating_add(1);
        rule.duration = rule.duration * 3 / 2;
    }
    // The same causes under the same names: nothing that two rules could claim.
    if let Ok(raised) = policy.clone().with_rules(rules) {
        *policy = raised;
    }
}
