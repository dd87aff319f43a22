//! The driver: feeds observations into the engine and carries out its effects.
//!
//! One future owns the engine, so that inputs have an order. It never waits for an answer: reads and writes go on beside
//! it, and their reports come back as inputs.
//!
//! A replica that does not hold the lease, or whose kill switch is thrown, runs in a dry run: it counts and judges like
//! the leader, and writes nothing. When it becomes leader, the policy's own mode applies, all pods are listed, and due
//! verdicts are carried out.

mod lanes;
mod observe;
mod past;
mod state;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use pullstop_core::engine::{Decision, Effect, Engine, Input};
use pullstop_core::plugin::{ActivePolicies, Profile};
use pullstop_core::policy::{Limits, Mode, Policies};
use pullstop_core::time::Timestamp;
use tokio::sync::{Notify, mpsc, watch};

use self::lanes::{Lane, Lanes, Task};
use self::past::Recalled;
pub use self::state::{Question, State};
use crate::api::server_time;
use crate::clock::Clock;
use crate::lease::{Claim, Stop};
use crate::metrics::Metrics;
use crate::overrides::Asked;
use crate::overrides::cache::OverrideCache;
use crate::pods::feed::FeedEvent;
use crate::pods::history::Historian;
use crate::pods::jobs::{Job, Report};
use crate::pods::kind::VerdictWrite;
use crate::pods::wire::field_selector;
use crate::pods::write::Writer;
use crate::reporter::Reporter;

/// Writes that are under way when the program ends have this long to arrive.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// The channels of the driver.
#[derive(Debug)]
pub struct Links {
    /// Changes of pods.
    pub events: mpsc::Receiver<FeedEvent>,
    /// The active policies.
    pub policies: watch::Receiver<Policies>,
    /// The namespaces that are selected by their labels; all if nothing is selected.
    pub namespaces: watch::Receiver<Option<BTreeSet<String>>>,
    /// Whether this replica may write.
    pub claim: watch::Receiver<Claim>,
    /// Whether the kill switch is on, and who turned it on.
    pub switch: watch::Receiver<Option<Stop>>,
    /// Which pods are to be watched: a field selector.
    pub selector: watch::Sender<String>,
    /// Asks for a list of all pods.
    pub relist: Arc<Notify>,
    /// Questions about the present state.
    pub questions: mpsc::Receiver<Question>,
    /// Turns true when the program is to end.
    pub stop: watch::Receiver<bool>,
}

/// Limits of all policies.
#[derive(Clone, Debug)]
pub struct RunLimits {
    /// How far verdicts go at most.
    pub ceiling: Mode,
    /// Only these namespaces: names, or beginnings of names followed by `*`; all if empty.
    pub namespaces: Vec<String>,
}

/// The driver.
#[derive(Debug)]
pub struct Driver {
    engine: Engine,
    clock: Clock,
    writer: Arc<Writer>,
    metrics: Arc<Metrics>,
    reporter: Reporter,
    cache: OverrideCache,
    /// Reads and writes that wait for others.
    lanes: Lanes,
    /// Reads and writes under way.
    jobs: FuturesUnordered<BoxFuture<'static, (Lane, Done)>>,
    /// Reads earlier failures from Events, if enabled.
    historian: Option<Arc<Historian>>,
    /// What was before, as far as it is being read.
    recalling: FuturesUnordered<BoxFuture<'static, Recalled>>,
    claim: Claim,
    limits: RunLimits,
    /// The namespaces that are selected by their labels.
    selected: Option<BTreeSet<String>>,
    view_is_whole: bool,
    /// A pod could not be read, and no watch event may come for it: all pods must be listed.
    overlooked: bool,
    heard_at: Timestamp,
}

/// What has been done.
#[derive(Debug)]
enum Done {
    /// Something about one pod.
    Job(Why, Report),
    /// What pods belong to was asked.
    Asked(Asked),
}

/// For what a job was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// The engine asked for it.
    Asked,
    /// The pod has left the watch, which does not say why.
    Left,
}

impl Driver {
    /// A driver that has seen nothing yet. Nothing goes beyond `limits`, whatever the policies say.
    ///
    /// # Errors
    /// If a policy cannot be used.
    pub fn new(
        policies: Policies,
        limits: RunLimits,
        clock: Clock,
        writer: Arc<Writer>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, String> {
        let profile = Profile::standard(policies).map_err(|error| error.to_string())?;
        // Nothing is written before the lease is held.
        let profile = profile
            .within(Limits::DRY_RUN)
            .with_memory_error(server_time::ERROR_MAX);
        Ok(Self {
            engine: Engine::new(profile),
            clock,
            cache: OverrideCache::new(writer.kinds.clone()),
            writer,
            reporter: Reporter::new(Arc::clone(&metrics)),
            metrics,
            lanes: Lanes::default(),
            jobs: FuturesUnordered::new(),
            historian: None,
            recalling: FuturesUnordered::new(),
            claim: Claim::default(),
            limits,
            selected: None,
            view_is_whole: false,
            overlooked: false,
            heard_at: clock.now(),
        })
    }

    /// The same driver, which also reads the past of pods that it finds failing.
    #[must_use]
    pub fn with_historian(mut self, historian: Option<Historian>) -> Self {
        self.historian = historian.map(Arc::new);
        self
    }

    /// Runs until `stop` turns true.
    pub async fn run(mut self, mut links: Links) {
        self.show();
        self.selected
            .clone_from(&links.namespaces.borrow_and_update());
        loop {
            self.follow_claim(&mut links);
            let wake = self.wake();
            tokio::select! {
                biased;
                _ = links.stop.changed() => break,
                changed = links.claim.changed() => if changed.is_err() { break },
                changed = links.policies.changed() => {
                    if changed.is_err() { break }
                    self.adopt(&mut links);
                }
                // Without a selector this never changes.
                Ok(()) = links.namespaces.changed() => {
                    self.selected.clone_from(&links.namespaces.borrow_and_update());
                    self.limit(&links);
                }
                Some((lane, done)) = self.jobs.next() => self.done(lane, done),
                Some(recalled) = self.recalling.next() => self.recollect(&recalled),
                Some(Question { with_pods, answer }) = links.questions.recv() => {
                    // The asker may be gone.
                    let stop = links.switch.borrow().clone();
                    let _ = answer.send(State { stop, ..self.state(with_pods) });
                }
                () = tokio::time::sleep_until(wake) => {
                    self.engine.handle(self.clock.now(), Input::Time);
                }
                // Last, so that a flood of news holds up nothing else.
                events = links.events.recv() => match events {
                    Some(events) => self.events(events),
                    None => break,
                },
            }
            self.drain(&links.relist);
            self.ask();
            self.begin_waiting();
            if std::mem::take(&mut self.overlooked) {
                links.relist.notify_one();
            }
            let kept = self.engine.tracked();
            self.reporter.keep(kept, |uid| self.engine.tracks(uid));
            self.show();
        }
        let rest = async {
            while let Some((lane, _)) = self.jobs.next().await {
                self.lanes.end(lane);
                self.begin_waiting();
            }
        };
        if tokio::time::timeout(LAST_WRITES, rest).await.is_err() {
            tracing::warn!(
                "ended with writes in flight; the next start finds out whether they were stored"
            );
        }
    }

    /// The next moment at which something is to be done, or shown.
    fn wake(&self) -> tokio::time::Instant {
        /// Gauges of ages are never older than this.
        const SHOW_EVERY: Duration = Duration::from_secs(5);
        let now = self.clock.now();
        let claimed = self.claim.until.filter(|until| *until > now);
        let waiting = self.lanes.are_waited_for();
        let pause_ends = waiting.then(|| self.writer.pauses().next_end(now));
        let next = [
            self.engine.next_deadline().map(|(at, _)| at),
            self.cache.next_at(),
            claimed,
            pause_ends.flatten(),
            Some(now.after(SHOW_EVERY)),
        ];
        self.clock
            .instant(next.into_iter().flatten().min().unwrap_or(now))
    }

    /// Begins or ceases to write as the lease and the kill switch say.
    fn follow_claim(&mut self, links: &mut Links) {
        self.claim = *links.claim.borrow_and_update();
        let limits = self.engine.policies().limits();
        let is_limited = limits.mode == self.ceiling() && limits.namespaces == self.selected;
        if !is_limited || self.reporter.is_active() != self.leads() {
            self.limit(links);
        }
    }

    fn adopt(&mut self, links: &mut Links) {
        let policies = links.policies.borrow_and_update().clone();
        if policies == *self.engine.policies().given() {
            return;
        }
        let policies = match ActivePolicies::new(policies) {
            Ok(policies) => Box::new(policies),
            Err(error) => {
                tracing::error!(
                    %error,
                    "cannot use the policy; the previous one stays active"
                );
                return;
            }
        };
        self.engine
            .handle(self.clock.now(), Input::Policies(policies));
        let selector = selector(self.engine.policies().given());
        links
            .selector
            .send_if_modified(|old| std::mem::replace(old, selector.clone()) != selector);
        self.show_policies(links);
    }

    /// How far verdicts go, and in which namespaces, is as the lease, the kill switch and the labels of namespaces say.
    fn limit(&mut self, links: &Links) {
        let limits = Limits {
            mode: self.ceiling(),
            namespaces: self.selected.clone(),
        };
        self.engine.handle(self.clock.now(), Input::Limits(limits));
        self.reporter.set_active(self.leads());
        self.show_policies(links);
    }

    /// Other policies or limits apply.
    fn show_policies(&mut self, links: &Links) {
        // The kill switch tells of itself: the policy is what it was.
        if !self.claim.stopped {
            tracing::info!(mode = self.current_mode().as_str(), "policy applied");
            self.tell_of_dry_run();
        }
        // The engine asks for a list. If it were heard only later, all pods might be listed twice.
        self.drain(&links.relist);
    }

    /// Says so if this replica would write and yet nothing is written, and what to do about that.
    fn tell_of_dry_run(&self) {
        if !self.leads() || self.current_mode() != Mode::DryRun {
            return;
        }
        if self.limits.ceiling == Mode::DryRun {
            tracing::warn!(
                "dry run: nothing is written. To enforce the policy, start without --dry-run"
            );
        } else if self.engine.policies().given().cluster.mode == Mode::DryRun {
            tracing::warn!(
                "dry run: nothing is written. To fail pods, set `mode: Enforce` in the policy"
            );
        }
    }

    /// How far verdicts may go, whatever the policies say.
    fn ceiling(&self) -> Mode {
        if self.claim.covers(self.clock.now()) {
            self.limits.ceiling
        } else {
            Mode::DryRun
        }
    }

    /// How far verdicts go at present.
    fn current_mode(&self) -> Mode {
        let policies = self.engine.policies();
        policies.given().cluster.mode.min(policies.limits().mode)
    }

    /// How far verdicts go at present; while the kill switch is thrown, how far they will go when it is lifted.
    fn mode(&self) -> Mode {
        if self.claim.stopped && self.leads() {
            let given = self.engine.policies().given();
            given.cluster.mode.min(self.limits.ceiling)
        } else {
            self.current_mode()
        }
    }

    /// Whether this replica is the one that tells, even if the kill switch keeps it from writing.
    fn leads(&self) -> bool {
        self.claim
            .until
            .is_some_and(|until| self.clock.now() < until)
    }

    /// Carries out what the engine asks for.
    fn drain(&mut self, relist: &Notify) {
        let now = self.clock.now();
        while let Some(effect) = self.engine.poll() {
            let job = match effect {
                Effect::Transition(transition) => {
                    let policies = self.engine.policies().given();
                    let policy = policies.of(transition.pod.namespace());
                    self.reporter.transition(now, policy, &transition);
                    continue;
                }
                Effect::List => {
                    relist.notify_one();
                    continue;
                }
                Effect::Read(pod) => Job::Read(pod),
                Effect::Remember {
                    pod,
                    resource_version: version,
                    memories,
                } => Job::Remember {
                    unread: self.cache.unread(now, &pod),
                    pod,
                    version,
                    memories,
                },
                Effect::Fail(decision) => self.verdict(VerdictWrite::Fail, decision),
                Effect::Deadline(decision) => self.verdict(VerdictWrite::Deadline, decision),
                Effect::Warn(decision) => self.verdict(VerdictWrite::Warn, decision),
            };
            self.begin(Why::Asked, job);
        }
    }

    /// Tells of a verdict that is to be carried out by this write.
    fn verdict(&mut self, write: VerdictWrite, decision: Box<Decision>) -> Job {
        self.reporter.verdict(write, &decision);
        let policy = self.engine.policies().of(decision.pod.namespace());
        let bounds = policy.overrides.clone();
        Job::Verdict(write, decision, bounds)
    }

    fn begin(&mut self, why: Why, job: Job) {
        self.lanes.push(Task::Job(why, job));
    }

    /// Begins what waits, as far as there are lanes for it.
    fn begin_waiting(&mut self) {
        let now = self.clock.now();
        loop {
            let pauses = self.writer.pauses();
            let next = self
                .lanes
                .begin(|namespace| pauses.are_over(now, namespace));
            drop(pauses);
            let Some((lane, mut task)) = next else { return };
            // Other policies may be active than when the verdict was reached.
            if let Task::Job(why, Job::Verdict(write, decision, bounds)) = &mut task {
                let policies = self.engine.policies();
                if !decision.is_allowed_by(policies) {
                    let done = Done::Job(*why, self.writer.withdraw(*write, decision));
                    self.jobs.push(Box::pin(std::future::ready((lane, done))));
                    continue;
                }
                *bounds = policies.of(decision.pod.namespace()).overrides.clone();
            }
            let writer = Arc::clone(&self.writer);
            self.jobs.push(Box::pin(async move {
                let done = match task {
                    Task::Job(why, job) => Done::Job(why, writer.carry_out(job).await),
                    Task::Ask(source) => Done::Asked(writer.ask(source).await),
                };
                (lane, done)
            }));
        }
    }

    /// A read or write has ended.
    fn done(&mut self, lane: Lane, done: Done) {
        self.lanes.end(lane);
        match done {
            Done::Asked(asked) => self.learn(&[asked], None),
            Done::Job(why, report) => {
                let was_read = report.outcome.is_none();
                if was_read && self.lanes.end_read(&report.pod) {
                    let again = Job::Read(report.pod.clone());
                    self.begin(Why::Left, again);
                }
                self.report(why, &report);
            }
        }
    }

    /// Asks what failing pods belong to whether they ask for something.
    fn ask(&mut self) {
        for source in self.cache.due(self.clock.now()) {
            self.lanes.push(Task::Ask(source));
        }
    }
}

/// Selects the pods that any of the policies is about.
pub fn selector(policies: &Policies) -> String {
    field_selector(&policies.phases().into_iter().collect::<Vec<_>>())
}
