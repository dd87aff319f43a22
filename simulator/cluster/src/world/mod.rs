//! A cluster in virtual time: kubelets, registries, queues, controllers and an enforcer, driven by one event queue.
//!
//! Nothing here knows a real clock or a real network. A [`World`] is made of a scenario and a seed, and the same two
//! give the same history, event by event. The parts hear of each other only through the simulated API server, with the
//! delays that a real one has.

pub mod api;
pub mod checks;
pub mod cluster;
pub mod control;
pub mod controller;
pub mod enforcer;
pub mod event_queue;
mod faults;
pub mod ids;
pub mod journal;
pub mod kubelet;
pub mod nodes;
pub mod oracle;
pub mod outside;
pub mod pod;
pub mod random;
pub mod supply;
pub mod truth;
pub mod uid;

use std::time::Duration;

use pullstop_core::pod::Phase;
use pullstop_core::policy::Policies;
use pullstop_core::time::Timestamp;

use self::api::{Api, Change, ChangeKind};
use self::checks::Checks;
use self::cluster::Cluster;
use self::control::Control;
use self::controller::MakeController;
use self::enforcer::Enforcer;
use self::event_queue::EventQueue;
use self::journal::{Journal, What};
use self::kubelet::Kubelets;
use self::nodes::Nodes;
use self::random::RandomStreams;
use self::supply::Supply;
use self::truth::Truth;
use crate::scenario::{Fault, Scenario};

/// When every simulation begins: midnight of 1 January 2026, UTC.
pub const ZERO: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// A simulated cluster, at some moment.
#[derive(Debug)]
pub struct World {
    /// What all parts share.
    pub cluster: Cluster,
    /// The kubelets.
    pub kubelets: Kubelets,
    /// The controllers.
    pub control: Control,
    /// The enforcer.
    pub enforcer: Enforcer,
    /// What must always hold.
    pub checks: Checks,
    /// How many events have happened.
    pub events: u64,
    faults: Vec<Fault>,
    end: Timestamp,
    changes: Vec<Change>,
    /// What is still to be told outside, if anybody listens there.
    told_outside: Option<Vec<Change>>,
}

/// What happens.
#[derive(Debug)]
pub enum Event {
    /// In a kubelet.
    Kubelet(kubelet::Event),
    /// In a controller.
    Control(control::Event),
    /// To the enforcer.
    Enforcer(enforcer::Event),
    /// A fault of the scenario begins.
    Fault(usize),
}

/// What to keep of a run besides the truth: it costs time and memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// The journal.
    pub journal: bool,
    /// The kubelets' Events.
    pub events: bool,
}

impl World {
    /// The world of a scenario, at its beginning. The checks hold the enforcer to `policies`, and `make` makes what
    /// decides.
    pub fn new(
        scenario: &Scenario,
        seed: u64,
        policies: &Policies,
        make: MakeController,
        options: RunOptions,
    ) -> Self {
        let mut supply = Supply::new(scenario);
        for name in scenario.image_names() {
            supply.image(name);
        }
        let nodes = Nodes::new(scenario, &supply);
        let mut cluster = Cluster {
            now: ZERO,
            queue: EventQueue::default(),
            api: Api::default(),
            supply,
            nodes,
            streams: RandomStreams::new(seed),
            truth: Truth::default(),
            journal: Journal::new(options.journal),
            faults: faults::to_come(scenario),
        };
        let kubelets = Kubelets::new(&cluster, scenario.kubernetes_minor, options.events);
        let control = Control::new(scenario, &mut cluster);
        let enforcer = Enforcer::new(make, scenario.enforcer, &mut cluster);
        faults::schedule(scenario, &mut cluster);
        Self {
            checks: Checks::new(scenario, policies),
            cluster,
            kubelets,
            control,
            enforcer,
            events: 0,
            faults: scenario.faults.clone(),
            end: ZERO.after(scenario.duration),
            changes: Vec::new(),
            told_outside: None,
        }
    }

    /// Lets everything happen until the end.
    pub fn run(&mut self) {
        self.run_until(self.end);
        self.cluster.now = self.end;
        if let Some(controller) = self.enforcer.controller() {
            self.checks.end(&self.cluster, controller);
        }
    }

    /// Lets everything happen until `until`, or until the end if that comes first.
    pub fn run_until(&mut self, until: Timestamp) {
        let until = until.min(self.end);
        while let Some((at, event)) = self.cluster.queue.next(until) {
            self.cluster.now = at;
            self.events += 1;
            self.happen(event);
            self.spread();
        }
    }

    /// When the simulation is over.
    pub const fn end(&self) -> Timestamp {
        self.end
    }

    /// How long it has been running, in virtual time.
    pub fn elapsed(&self) -> Duration {
        self.cluster.now.since(ZERO)
    }

    fn happen(&mut self, event: Event) {
        let c = &mut self.cluster;
        match event {
            Event::Kubelet(event) => self.kubelets.handle(c, event),
            Event::Control(event) => self.control.handle(c, event),
            Event::Enforcer(event) => self.enforcer.handle(c, &mut self.checks, event),
            Event::Fault(place) => {
                if let Some(fault) = self.faults.get(place) {
                    faults::begin(c, &self.kubelets, &fault.what);
                }
            }
        }
    }

    /// Tells everybody what has changed, until nothing changes any more.
    fn spread(&mut self) {
        let mut changes = std::mem::take(&mut self.changes);
        loop {
            changes.clear();
            self.cluster.api.take_changes(&mut changes);
            if changes.is_empty() {
                break;
            }
            for change in &changes {
                note(&mut self.cluster, change);
                self.kubelets.hear(&mut self.cluster, change);
                self.control.hear(&mut self.cluster, change);
                self.enforcer.hear(&mut self.cluster, change);
            }
            if let Some(told) = &mut self.told_outside {
                told.append(&mut changes);
            }
        }
        self.changes = changes;
    }
}

/// Keeps the truth up to date with what is stored.
fn note(c: &mut Cluster, change: &Change) {
    let pod = &change.pod;
    let (now, phase) = (c.now, pod.status.phase);
    let Some(truth) = c.truth.pod_mut(pod.id) else {
        return;
    };
    match change.kind {
        ChangeKind::Removed => {
            truth.ended.get_or_insert((now, phase));
            truth.idle.end(now);
            c.tell(pod.id, || What::Removed);
        }
        ChangeKind::Changed { from } if phase.is_terminal() && !from.is_terminal() => {
            truth.ended = Some((now, phase));
            truth.idle.end(now);
            c.tell(pod.id, || What::Ended(phase));
        }
        ChangeKind::Changed { from } if from.is_terminal() && !phase.is_terminal() => {
            truth.ended = None;
            if phase == Phase::Pending && truth.first_failure_at().is_some() {
                truth.idle.begin(now);
            }
        }
        ChangeKind::Created | ChangeKind::Changed { .. } => {}
    }
}
