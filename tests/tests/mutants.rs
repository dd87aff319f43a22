//! Enforcers that are broken on purpose, one for each invariant: random worlds find them all.
//!
//! Each mutant is the real engine behind a small lie. What is asked for is that the invariant that it breaks is found
//! broken soon. Invariant 6 comes with a budget.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pullstop_cluster::world::cluster::Cluster;
use pullstop_cluster::world::controller::{
    Command, Controller, ControllerEvent, MakeController, Verdict,
};
use pullstop_cluster::world::enforcer::pullstop::Pullstop;
use pullstop_cluster::world::ids::{ImageId, PodId};
use pullstop_cluster::world::oracle;
use pullstop_cluster::world::pod::{ContainerState, Pod};
use pullstop_cluster::world::truth::Ending;
use pullstop_core::engine::GoneFrom;
use pullstop_core::plugin::Profile;
use pullstop_core::pod::Phase;
use pullstop_core::policy::{Mode, Policies, Policy, Rule};
use pullstop_core::time::Timestamp;
use pullstop_simulator::commands::fuzz::{draw, hunt};

/// So many worlds are tried.
const WORLDS: u64 = 400;

fn engine(policies: &Policies) -> Option<Box<dyn Controller>> {
    let profile = Profile::standard(policies.clone()).ok()?;
    Some(Box::new(Pullstop::new(profile)))
}

/// The real engine, behind a lie.
#[derive(Debug)]
struct Mutant<L> {
    inner: Box<dyn Controller>,
    lie: L,
}

/// What a mutant does differently; by default nothing.
trait Lie: std::fmt::Debug + Default {
    /// What the engine is told of a pod, if anything else.
    fn pod(&mut self, _pod: &Pod, _c: &Cluster) -> Option<Pod> {
        None
    }

    /// What becomes of what it wants.
    fn commands(&mut self, _now: Timestamp, _commands: &mut Vec<Command>, _c: &Cluster) {}

    fn deadline(&self) -> Option<Timestamp> {
        None
    }

    fn tracked(&self) -> usize {
        0
    }
}

impl<L: Lie> Controller for Mutant<L> {
    fn handle(
        &mut self,
        now: Timestamp,
        event: ControllerEvent<'_>,
        c: &Cluster,
        commands: &mut Vec<Command>,
    ) {
        match event {
            ControllerEvent::Pod { pod, source } => {
                let told = self.lie.pod(pod, c);
                let pod = told.as_ref().unwrap_or(pod);
                self.inner
                    .handle(now, ControllerEvent::Pod { pod, source }, c, commands);
            }
            event => self.inner.handle(now, event, c, commands),
        }
        self.lie.commands(now, commands, c);
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        [self.inner.next_deadline(), self.lie.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    fn tracked(&self) -> usize {
        self.inner.tracked() + self.lie.tracked()
    }

    fn phases(&self) -> &[Phase] {
        self.inner.phases()
    }

    fn keeps_only_failing(&self) -> bool {
        true
    }

    fn covers(&self, c: &Cluster, pod: &Pod) -> bool {
        self.inner.covers(c, pod)
    }
}

fn with_lie<L: Lie + 'static>(policies: &Policies) -> MakeController {
    let policies = policies.clone();
    Box::new(move || {
        let inner = engine(&policies)?;
        let lie = L::default();
        Some(Box::new(Mutant { inner, lie }))
    })
}

/// The real engine, with other rules than it is held to.
fn with_rules(policies: &Policies, change: impl Fn(&mut Rule)) -> MakeController {
    let mut policies = policies.clone();
    for policy in policies.iter_mut() {
        let mut rules = policy.rules().to_vec();
        rules.iter_mut().for_each(&change);
        *policy = policy.clone().with_rules(rules).unwrap();
    }
    Box::new(move || engine(&policies))
}

/// Whether this invariant breaks in some random world.
fn is_found(make: &(dyn Fn(&Policies) -> MakeController + Sync), invariant: u8) -> bool {
    let policy = Policy::default().rehearsed();
    let hunt = hunt::Hunt {
        policy: &policy,
        make,
    };
    let mut seen = hunt::Seen::default();
    let mut broken = (1..=WORLDS).filter_map(|seed| hunt.check(&draw::scenario(seed), &mut seen));
    broken.any(|broken| broken.invariant == invariant)
}

#[test]
fn the_engine_itself_breaks_nothing() {
    let policy = Policy::default().rehearsed();
    let hunt = hunt::Hunt {
        policy: &policy,
        make: &hunt::engine,
    };
    let mut seen = hunt::Seen::default();
    for seed in 1..=150 {
        let broken = hunt.check(&draw::scenario(seed), &mut seen);
        assert_eq!(broken, None, "seed {seed}");
    }
    assert!(seen.verdicts > 500, "{seen:?}");
}

/// It judges by lower thresholds than it is held to.
#[test]
fn no_1_hasty() {
    let hasty = |policies: &Policies| with_rules(policies, |rule| rule.duration /= 2);
    assert!(is_found(&hasty, 1));
}

/// It takes the kubelet's own limiter for a missing image.
#[test]
fn no_2_throttling_counts() {
    #[derive(Debug, Default)]
    struct Throttled;
    impl Lie for Throttled {
        fn pod(&mut self, pod: &Pod, _c: &Cluster) -> Option<Pod> {
            let mut pod = pod.clone();
            for container in &mut pod.status.containers {
                if let ContainerState::Waiting { message, .. } = &mut container.state
                    && message.contains("pull QPS exceeded")
                {
                    *message = "manifest unknown".into();
                }
            }
            Some(pod)
        }
    }
    assert!(is_found(&with_lie::<Throttled>, 2));
}

/// It does not see that an image was edited.
#[test]
fn no_3_edits_are_not_seen() {
    #[derive(Debug, Default)]
    struct Unedited(BTreeMap<PodId, std::sync::Arc<[ImageId]>>);
    impl Lie for Unedited {
        fn pod(&mut self, pod: &Pod, _c: &Cluster) -> Option<Pod> {
            let first = self.0.entry(pod.id).or_insert_with(|| pod.images.clone());
            Some(Pod {
                images: first.clone(),
                ..pod.clone()
            })
        }
    }
    assert!(is_found(&with_lie::<Unedited>, 3));
}

/// It takes a repeated event for news.
#[test]
fn no_4_duplicates_count() {
    #[derive(Debug)]
    struct Credulous {
        inner: Box<dyn Controller>,
        last: BTreeMap<PodId, u64>,
    }
    impl Controller for Credulous {
        fn handle(
            &mut self,
            now: Timestamp,
            event: ControllerEvent<'_>,
            c: &Cluster,
            commands: &mut Vec<Command>,
        ) {
            if let ControllerEvent::Pod { pod, .. } = &event
                && self.last.insert(pod.id, pod.version) == Some(pod.version)
            {
                // The pod is forgotten, as if a new one had come.
                let uid = &pod.names.uid;
                let from = GoneFrom::Cluster;
                self.inner
                    .handle(now, ControllerEvent::Gone { uid, from }, c, commands);
            }
            self.inner.handle(now, event, c, commands);
        }
        fn next_deadline(&self) -> Option<Timestamp> {
            self.inner.next_deadline()
        }
        fn tracked(&self) -> usize {
            self.inner.tracked()
        }
        fn phases(&self) -> &[Phase] {
            self.inner.phases()
        }
        fn keeps_only_failing(&self) -> bool {
            true
        }
        fn covers(&self, c: &Cluster, pod: &Pod) -> bool {
            self.inner.covers(c, pod)
        }
    }
    let credulous = |policies: &Policies| -> MakeController {
        let policies = policies.clone();
        Box::new(move || {
            let inner = engine(&policies)?;
            let last = BTreeMap::new();
            Some(Box::new(Credulous { inner, last }))
        })
    };
    assert!(is_found(&credulous, 4));
}

/// It writes when it likes, and without naming the version that it judged.
#[derive(Debug, Default)]
struct Careless {
    later: Vec<(Timestamp, Verdict)>,
}

impl Lie for Careless {
    fn commands(&mut self, now: Timestamp, commands: &mut Vec<Command>, _c: &Cluster) {
        let mut kept = Vec::new();
        for command in commands.drain(..) {
            match command {
                Command::Fail(verdict) => {
                    let at = now.after(Duration::from_secs(35));
                    self.later.push((
                        at,
                        Verdict {
                            version: None,
                            ..verdict
                        },
                    ));
                }
                command => kept.push(command),
            }
        }
        let is_due = |(at, _): &(Timestamp, Verdict)| *at <= now;
        let (due, later) = std::mem::take(&mut self.later)
            .into_iter()
            .partition(is_due);
        self.later = later;
        kept.extend(due.into_iter().map(|(_, verdict)| Command::Fail(verdict)));
        *commands = kept;
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.later.iter().map(|(at, _)| *at).min()
    }
}

#[test]
fn no_5_writes_while_a_pull_is_in_flight() {
    assert!(is_found(&with_lie::<Careless>, 5));
}

/// The higher its thresholds, the hastier it is.
#[test]
fn no_7_higher_is_earlier() {
    let standard = Policy::default();
    let contrary = |policies: &Policies| {
        with_rules(policies, |rule| {
            let mut usual = standard.rules().iter();
            let usual = usual.find(|usual| usual.name == rule.name).unwrap();
            if rule.duration > usual.duration {
                rule.duration = usual.duration / 2;
                rule.attempts = usual.attempts;
            }
        })
    };
    assert!(is_found(&contrary, 7));
}

/// It remembers nothing over a restart.
#[test]
fn no_8_forgetful() {
    #[derive(Debug, Default)]
    struct Forgetful;
    impl Lie for Forgetful {
        fn pod(&mut self, pod: &Pod, _c: &Cluster) -> Option<Pod> {
            Some(Pod {
                mark: None,
                ..pod.clone()
            })
        }
    }
    assert!(is_found(&with_lie::<Forgetful>, 8));
}

/// It never acts.
#[test]
fn no_9_idle() {
    #[derive(Debug, Default)]
    struct Idle;
    impl Lie for Idle {
        fn commands(&mut self, _now: Timestamp, commands: &mut Vec<Command>, _c: &Cluster) {
            commands.retain(|command| !matches!(command, Command::Fail(_)));
        }
    }
    assert!(is_found(&with_lie::<Idle>, 9));
}

/// It waits until a pod has its image, and fails it before anybody can see that.
#[test]
fn no_10_too_late() {
    #[derive(Debug, Default)]
    struct TooLate {
        waiting: BTreeMap<PodId, Verdict>,
        look_at: Option<Timestamp>,
    }
    impl Lie for TooLate {
        fn commands(&mut self, now: Timestamp, commands: &mut Vec<Command>, c: &Cluster) {
            let heals = |pod: PodId| {
                let pod = c.api.get(pod);
                pod.is_some_and(|pod| oracle::heals_at(c, pod).is_some())
            };
            // What never heals is failed when it is due.
            commands.retain(|command| match command {
                Command::Fail(verdict) if heals(verdict.pod) => {
                    let mut late = verdict.clone();
                    late.version = None;
                    self.waiting.insert(verdict.pod, late);
                    false
                }
                _ => true,
            });
            let has_image = |pod: &PodId| {
                let truth = c.truth.pod(*pod);
                let last = truth.and_then(|truth| truth.attempts.last()?.ended);
                last.is_some_and(|(_, ending)| ending == Ending::Pulled)
            };
            let late: Vec<PodId> = self.waiting.keys().copied().filter(has_image).collect();
            let late = late.iter().filter_map(|pod| self.waiting.remove(pod));
            commands.extend(late.map(Command::Fail));
            let soon = now.after(Duration::from_millis(100));
            self.look_at = (!self.waiting.is_empty()).then_some(soon);
        }

        fn deadline(&self) -> Option<Timestamp> {
            self.look_at
        }
    }
    assert!(is_found(&with_lie::<TooLate>, 10));
}

/// It keeps state for every pod that it ever saw.
#[test]
fn no_11_hoarder() {
    #[derive(Debug, Default)]
    struct Hoarder(std::collections::BTreeSet<PodId>);
    impl Lie for Hoarder {
        fn pod(&mut self, pod: &Pod, _c: &Cluster) -> Option<Pod> {
            self.0.insert(pod.id);
            None
        }
        fn tracked(&self) -> usize {
            self.0.len()
        }
    }
    assert!(is_found(&with_lie::<Hoarder>, 11));
}

/// What it does depends on what it did in other runs.
#[test]
fn no_12_moody() {
    static MOOD: AtomicU64 = AtomicU64::new(0);
    #[derive(Debug)]
    struct Moody {
        is_curious: bool,
    }
    impl Default for Moody {
        fn default() -> Self {
            let is_curious = MOOD.fetch_add(1, Ordering::Relaxed) % 2 == 1;
            Self { is_curious }
        }
    }
    impl Lie for Moody {
        fn commands(&mut self, _now: Timestamp, commands: &mut Vec<Command>, c: &Cluster) {
            if c.api.pods_ever() > 0 && std::mem::take(&mut self.is_curious) {
                commands.push(Command::Read(PodId(0)));
            }
        }
    }
    assert!(is_found(&with_lie::<Moody>, 12));
}

/// It judges all namespaces by the cluster's policy.
#[test]
fn no_13_deaf_to_namespaces() {
    let deaf = |policies: &Policies| -> MakeController {
        let policies = Policies::from(policies.cluster.clone());
        Box::new(move || engine(&policies))
    };
    assert!(is_found(&deaf, 13));
}

/// It lets policies of namespaces go as far as they like.
#[test]
fn no_13_deaf_to_the_cluster() {
    let deaf = |policies: &Policies| -> MakeController {
        let mut policies = policies.clone();
        policies.cluster.mode = Mode::Enforce;
        Box::new(move || engine(&policies))
    };
    assert!(is_found(&deaf, 13));
}
