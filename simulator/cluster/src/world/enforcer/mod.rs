//! The simulated enforcer: what it sees of the cluster and when, and how its writes arrive.
//!
//! A [`Controller`] decides: Pullstop's own engine ([`pullstop`]), or one of the baselines to compare it with
//! ([`baselines`]).

pub mod baselines;
pub mod coverage;
pub mod pullstop;
pub mod writes;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pullstop_core::engine::{GoneFrom, Outcome, Source};
use pullstop_core::time::Timestamp;

use self::coverage::Coverage;
use self::writes::Landing;
use super::api::{Change, ChangeKind};
use super::checks::Checks;
use super::cluster::Cluster;
use super::controller::{Command, Controller, ControllerEvent, MakeController};
use super::ids::PodId;
use super::journal::What;
use super::pod::Pod;
use super::random::{Purpose, RandomStream};
use crate::scenario::Enforcer as Links;
use crate::scenario::fault::WriteFault;

/// The enforcer: a controller, its watch and its writes.
pub struct Enforcer {
    make: MakeController,
    /// Nobody, while it is away.
    controller: Option<Box<dyn Controller>>,
    links: Links,
    /// Counts restarts: what was asked for before is answered to nobody.
    life: u32,
    /// The last delivery: a watch keeps the order.
    delivered_until: Timestamp,
    /// Everything up to this version was in a list.
    listed: u64,
    /// How often each of these goes on at the moment.
    blind: u32,
    away: u32,
    twice: u32,
    slower_by: Duration,
    write_faults: Vec<(WriteFault, u8)>,
    in_flight: BTreeSet<PodId>,
    timer_at: Option<Timestamp>,
    chance: RandomStream,
    /// How much was written, and how that ended.
    pub tally: Tally,
    /// Which transitions the controllers have made.
    pub coverage: Coverage,
}

/// How much was written, and how that ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Writes that were sent.
    pub writes: u64,
    /// Refused, since the pod had changed.
    pub conflicts: u64,
    /// Failed for another reason, or of unknown fate.
    pub failed: u64,
}

/// What happens to the enforcer.
#[derive(Clone, Debug)]
pub enum Event {
    /// A watch event arrives.
    Delivered(Arc<Pod>, Delivery),
    /// The controller wants to be woken.
    Timer(Timestamp),
    /// A write reaches the API server.
    Lands(Box<Landing>),
    /// Its answer arrives.
    Answered(PodId, Outcome, u32),
    /// What was read arrives.
    Read(PodId, u32),
    /// A list arrives.
    Listed(u32),
    /// Something goes wrong with its links.
    Fault(LinkFault),
    /// It is over.
    FaultOver(LinkFault),
}

/// The types of watch events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Kubernetes' own names")]
pub enum Delivery {
    Added,
    Modified,
    Deleted,
}

/// What goes wrong between the enforcer and the API server. Several of a kind may overlap: each has its own end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkFault {
    /// The watch goes silent; at the end that is noticed, and all pods are listed.
    Blind,
    /// The enforcer is killed, and started again at the end.
    Away,
    /// Everything takes so much longer.
    Slower(Duration),
    /// Every event comes twice.
    Twice,
    /// So many writes in a hundred fail.
    Writes(WriteFault, u8),
}

impl Enforcer {
    /// An enforcer that is there from the beginning.
    pub fn new(make: MakeController, links: Links, c: &mut Cluster) -> Self {
        let mut enforcer = Self {
            controller: make(),
            make,
            links,
            life: 0,
            delivered_until: c.now,
            listed: 0,
            blind: 0,
            away: 0,
            twice: 0,
            slower_by: Duration::ZERO,
            write_faults: Vec::new(),
            in_flight: BTreeSet::new(),
            timer_at: None,
            chance: c.streams.stream(Purpose::Enforcer, 0),
            tally: Tally::default(),
            coverage: Coverage::default(),
        };
        enforcer.list(c);
        enforcer
    }

    /// Who decides; nobody while the enforcer is away.
    pub fn controller(&self) -> Option<&dyn Controller> {
        self.controller.as_deref()
    }

    /// Whether the controller judges this pod.
    pub fn covers(&self, c: &Cluster, pod: &Pod) -> bool {
        self.controller
            .as_ref()
            .is_some_and(|controller| controller.covers(c, pod))
    }

    /// A pod has changed: the watch will tell.
    pub fn hear(&mut self, c: &mut Cluster, change: &Change) {
        let Some(controller) = &self.controller else {
            return;
        };
        let selects = |phase| controller.phases().contains(&phase);
        let now = selects(change.pod.status.phase);
        let delivery = match change.kind {
            ChangeKind::Changed { from } if selects(from) && now => Delivery::Modified,
            ChangeKind::Changed { from } if selects(from) => Delivery::Deleted,
            ChangeKind::Created | ChangeKind::Changed { .. } if now => Delivery::Added,
            ChangeKind::Removed if now => Delivery::Deleted,
            _ => return,
        };
        let at = c.now.after(self.links.watch_delay + self.slower_by);
        self.delivered_until = self.delivered_until.max(at);
        let event = Event::Delivered(Arc::clone(&change.pod), delivery);
        c.queue
            .add(self.delivered_until, super::Event::Enforcer(event));
    }

    /// Lets something happen.
    pub fn handle(&mut self, c: &mut Cluster, checks: &mut Checks, event: Event) {
        match event {
            Event::Delivered(pod, delivery) => self.delivered(c, checks, &pod, delivery),
            Event::Timer(at) => {
                if self.timer_at == Some(at) {
                    self.timer_at = None;
                    self.tell(c, checks, ControllerEvent::Time);
                }
            }
            Event::Lands(landing) => self.lands(c, checks, &landing),
            Event::Answered(pod, outcome, life) => self.answered(c, checks, pod, outcome, life),
            Event::Read(pod, life) => self.has_read(c, checks, pod, life),
            Event::Listed(life) => self.has_listed(c, checks, life),
            Event::Fault(fault) => self.fault_begins(fault),
            Event::FaultOver(fault) => self.fault_ends(c, fault),
        }
    }

    fn delivered(&mut self, c: &mut Cluster, checks: &mut Checks, pod: &Pod, delivery: Delivery) {
        if self.blind > 0 || pod.version <= self.listed {
            return;
        }
        for _ in 0..=u8::from(self.twice > 0) {
            let event = match delivery {
                Delivery::Added => ControllerEvent::Pod {
                    pod,
                    source: Source::List,
                },
                Delivery::Modified => ControllerEvent::Pod {
                    pod,
                    source: Source::Watch,
                },
                Delivery::Deleted => ControllerEvent::Gone {
                    uid: &pod.names.uid,
                    from: GoneFrom::View,
                },
            };
            self.tell(c, checks, event);
        }
    }

    fn answered(
        &mut self,
        c: &mut Cluster,
        checks: &mut Checks,
        pod: PodId,
        outcome: Outcome,
        life: u32,
    ) {
        if life != self.life {
            return;
        }
        self.in_flight.remove(&pod);
        let Some(names) = c.truth.pod(pod).map(|truth| Arc::clone(&truth.names)) else {
            return;
        };
        let uid = &names.uid;
        self.tell(c, checks, ControllerEvent::Answer { uid, outcome });
    }

    fn has_read(&mut self, c: &mut Cluster, checks: &mut Checks, pod: PodId, life: u32) {
        if life != self.life {
            return;
        }
        if let Some(pod) = c.api.get(pod).map(Arc::clone) {
            let source = Source::List;
            self.tell(c, checks, ControllerEvent::Pod { pod: &pod, source });
        } else if let Some(names) = c.truth.pod(pod).map(|truth| Arc::clone(&truth.names)) {
            let (uid, from) = (names.uid.as_str(), GoneFrom::Cluster);
            self.tell(c, checks, ControllerEvent::Gone { uid, from });
        }
    }

    fn list(&mut self, c: &mut Cluster) {
        let at = c.now.after(self.links.watch_delay + self.slower_by);
        c.queue
            .add(at, super::Event::Enforcer(Event::Listed(self.life)));
    }

    fn has_listed(&mut self, c: &mut Cluster, checks: &mut Checks, life: u32) {
        if life != self.life || self.blind > 0 {
            return;
        }
        self.tell(c, checks, ControllerEvent::ListBegin);
        let Some(controller) = &self.controller else {
            return;
        };
        let selected: Vec<Arc<Pod>> = c
            .api
            .list()
            .filter(|pod| controller.phases().contains(&pod.status.phase))
            .map(Arc::clone)
            .collect();
        self.listed = c.api.version();
        for pod in selected {
            let source = Source::List;
            self.tell(c, checks, ControllerEvent::Pod { pod: &pod, source });
        }
        self.tell(c, checks, ControllerEvent::ListEnd);
    }

    fn fault_begins(&mut self, fault: LinkFault) {
        match fault {
            LinkFault::Blind => self.blind += 1,
            LinkFault::Away => {
                self.away += 1;
                self.life += 1;
                self.controller = None;
                self.timer_at = None;
                self.in_flight.clear();
            }
            LinkFault::Slower(by) => self.slower_by += by,
            LinkFault::Twice => self.twice += 1,
            LinkFault::Writes(how, percent) => self.write_faults.push((how, percent)),
        }
    }

    fn fault_ends(&mut self, c: &mut Cluster, fault: LinkFault) {
        match fault {
            LinkFault::Blind => {
                self.blind -= 1;
                if self.blind == 0 {
                    self.list(c);
                }
            }
            LinkFault::Away => {
                self.away -= 1;
                if self.away == 0 {
                    self.controller = (self.make)();
                    self.list(c);
                }
            }
            LinkFault::Slower(by) => self.slower_by -= by,
            LinkFault::Twice => self.twice -= 1,
            LinkFault::Writes(how, percent) => {
                let mut faults = self.write_faults.iter();
                if let Some(place) = faults.position(|t| *t == (how, percent)) {
                    self.write_faults.remove(place);
                }
            }
        }
    }

    /// Tells the controller something, and does what it wants.
    fn tell(&mut self, c: &mut Cluster, checks: &mut Checks, event: ControllerEvent<'_>) {
        let Some(controller) = &mut self.controller else {
            return;
        };
        self.coverage.event(&event);
        let mut commands = Vec::new();
        controller.handle(c.now, event, c, &mut commands);
        for command in commands {
            self.coverage.command(&command);
            self.carry_out(c, checks, command);
        }
        self.set_timer(c);
    }

    fn set_timer(&mut self, c: &mut Cluster) {
        let Some(at) = self
            .controller
            .as_ref()
            .and_then(|controller| controller.next_deadline())
        else {
            self.timer_at = None;
            return;
        };
        let at = at.max(c.now);
        if self.timer_at.is_none_or(|set| at < set || set < c.now) {
            self.timer_at = Some(at);
            c.queue.add(at, super::Event::Enforcer(Event::Timer(at)));
        }
    }

    fn carry_out(&mut self, c: &mut Cluster, checks: &mut Checks, command: Command) {
        match command {
            Command::Read(pod) => {
                let at = c.now.after((self.links.write_latency + self.slower_by) * 2);
                c.queue
                    .add(at, super::Event::Enforcer(Event::Read(pod, self.life)));
            }
            Command::List => self.list(c),
            Command::Transition(pod, what) => {
                checks.noticed(c, pod, &what);
                c.tell(pod, || What::Noticed(what));
            }
            Command::Fail(_)
            | Command::Deadline(_)
            | Command::Warn(_)
            | Command::Remember { .. } => {
                self.write(c, checks, command);
            }
        }
    }
}

impl std::fmt::Debug for Enforcer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enforcer")
            .field("controller", &self.controller)
            .field("tally", &self.tally)
            .finish_non_exhaustive()
    }
}
