//! The enforcer in the loop: what it sees of the cluster and when, and how its writes get there.
//!
//! Whoever decides is a [`Brain`]: Pullstop's own engine ([`pullstop`]), or one of the rivals to compare it with
//! ([`rivals`]). None of them can see the truth, only pods as the watch brings them.

pub mod coverage;
pub mod pullstop;
pub mod rivals;
pub mod writes;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pullstop_core::cause::Cause;
use pullstop_core::engine::{Decision, GoneFrom, Memory, Outcome, Seen, TransitionKind};
use pullstop_core::pod::Phase;
use pullstop_core::time::Timestamp;

use self::coverage::Coverage;
use self::writes::Landing;
use super::api::{Change, ChangeKind};
use super::checks::Checks;
use super::cluster::Cluster;
use super::dice::{Drawer, Stream};
use super::ids::PodId;
use super::journal::What;
use super::pod::Pod;
use crate::scenario::Enforcer as Links;
use crate::scenario::fault::WriteTrouble;

/// Somebody who decides which pods to fail.
pub trait Brain: std::fmt::Debug {
    /// Takes in what has happened, and adds what is to be done about it.
    fn handle(
        &mut self,
        now: Timestamp,
        notice: Notice<'_>,
        c: &Cluster,
        commands: &mut Vec<Command>,
    );
    /// When to come back with [`Notice::Time`].
    fn next_deadline(&self) -> Option<Timestamp>;
    /// Of how many pods it keeps something.
    fn tracked(&self) -> usize;
    /// The phases that its watch selects.
    fn phases(&self) -> &[Phase];
    /// Whether it claims to keep something only of pods that fail, and to judge all of those that it covers.
    fn keeps_only_failing(&self) -> bool {
        false
    }
    /// Whether it judges this pod.
    fn covers(&self, c: &Cluster, pod: &Pod) -> bool;
}

/// What a brain hears.
#[derive(Debug)]
pub enum Notice<'a> {
    /// A pod was seen.
    Pod {
        /// The pod.
        pod: &'a Pod,
        /// As a change or as the present state.
        seen: Seen,
    },
    /// A pod has left the watch, or is deleted.
    Gone {
        /// Its uid.
        uid: &'a str,
        /// From where.
        from: GoneFrom,
    },
    /// The watch was interrupted; all pods follow.
    ListBegin,
    /// These were all.
    ListEnd,
    /// How a write has ended.
    Answer {
        /// The pod's uid.
        uid: &'a str,
        /// How.
        outcome: Outcome,
    },
    /// Time has passed.
    Time,
}

/// What a brain wants done.
#[derive(Clone, Debug)]
pub enum Command {
    /// Fail the pod.
    Fail(Verdict),
    /// Lower its `activeDeadlineSeconds`.
    Deadline(Verdict),
    /// Warn of it.
    Warn(Verdict),
    /// Keep this in its condition.
    Remember {
        /// The pod.
        pod: PodId,
        /// The version that was judged.
        version: u64,
        /// What to keep; nothing takes it away.
        memories: Vec<Memory>,
    },
    /// Tell what the pod looks like.
    Read(PodId),
    /// List all pods.
    List,
    /// Something worth telling.
    Transition(PodId, TransitionKind),
}

/// A verdict on a pod.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The pod.
    pub pod: PodId,
    /// The version that was judged: the precondition of the write.
    pub version: Option<u64>,
    /// For what.
    pub cause: Cause,
    /// Whether the kubelet is made to keep it.
    pub durable: bool,
    /// What the engine says of it; rivals say nothing.
    pub decision: Option<Box<Decision>>,
}

/// Makes a brain: at the start, and after each restart. If it cannot, nobody decides.
pub type MakeBrain = Box<dyn Fn() -> Option<Box<dyn Brain>> + Send + Sync>;

/// The enforcer: a brain, its watch and its writes.
pub struct Enforcer {
    make: MakeBrain,
    /// Nobody, while it is away.
    brain: Option<Box<dyn Brain>>,
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
    write_troubles: Vec<(WriteTrouble, u8)>,
    in_flight: BTreeSet<PodId>,
    timer_at: Option<Timestamp>,
    chance: Stream,
    /// How much was written, and how that ended.
    pub tally: Tally,
    /// Which transitions the brains have made.
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
    /// The brain wants to be woken.
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
    Trouble(LinkTrouble),
    /// It is over.
    TroubleOver(LinkTrouble),
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
pub enum LinkTrouble {
    /// The watch goes silent; at the end that is noticed, and all pods are listed.
    Blind,
    /// The enforcer is killed, and started again at the end.
    Away,
    /// Everything takes so much longer.
    Slower(Duration),
    /// Every event comes twice.
    Twice,
    /// So many writes in a hundred fail.
    Writes(WriteTrouble, u8),
}

impl Enforcer {
    /// An enforcer that is there from the beginning.
    pub fn new(make: MakeBrain, links: Links, c: &mut Cluster) -> Self {
        let mut enforcer = Self {
            brain: make(),
            make,
            links,
            life: 0,
            delivered_until: c.now,
            listed: 0,
            blind: 0,
            away: 0,
            twice: 0,
            slower_by: Duration::ZERO,
            write_troubles: Vec::new(),
            in_flight: BTreeSet::new(),
            timer_at: None,
            chance: c.dice.stream(Drawer::Enforcer, 0),
            tally: Tally::default(),
            coverage: Coverage::default(),
        };
        enforcer.list(c);
        enforcer
    }

    /// Of how many pods the brain keeps something.
    pub fn tracked(&self) -> usize {
        self.brain.as_ref().map_or(0, |brain| brain.tracked())
    }

    /// Whether the brain claims to keep something only of pods that fail.
    pub fn keeps_only_failing(&self) -> bool {
        self.brain
            .as_ref()
            .is_some_and(|brain| brain.keeps_only_failing())
    }

    /// Whether the brain judges this pod.
    pub fn covers(&self, c: &Cluster, pod: &Pod) -> bool {
        self.brain
            .as_ref()
            .is_some_and(|brain| brain.covers(c, pod))
    }

    /// A pod has changed: the watch will tell.
    pub fn hear(&mut self, c: &mut Cluster, change: &Change) {
        let Some(brain) = &self.brain else { return };
        let selects = |phase| brain.phases().contains(&phase);
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
        c.agenda
            .add(self.delivered_until, super::Event::Enforcer(event));
    }

    /// Lets something happen.
    pub fn handle(&mut self, c: &mut Cluster, checks: &mut Checks, event: Event) {
        match event {
            Event::Delivered(pod, delivery) => self.delivered(c, checks, &pod, delivery),
            Event::Timer(at) => {
                if self.timer_at == Some(at) {
                    self.timer_at = None;
                    self.tell(c, checks, Notice::Time);
                }
            }
            Event::Lands(landing) => self.lands(c, checks, &landing),
            Event::Answered(pod, outcome, life) => self.answered(c, checks, pod, outcome, life),
            Event::Read(pod, life) => self.has_read(c, checks, pod, life),
            Event::Listed(life) => self.has_listed(c, checks, life),
            Event::Trouble(trouble) => self.trouble_begins(trouble),
            Event::TroubleOver(trouble) => self.trouble_ends(c, trouble),
        }
    }

    fn delivered(&mut self, c: &mut Cluster, checks: &mut Checks, pod: &Pod, delivery: Delivery) {
        if self.blind > 0 || pod.version <= self.listed {
            return;
        }
        for _ in 0..=u8::from(self.twice > 0) {
            let notice = match delivery {
                Delivery::Added => Notice::Pod {
                    pod,
                    seen: Seen::Standing,
                },
                Delivery::Modified => Notice::Pod {
                    pod,
                    seen: Seen::Changing,
                },
                Delivery::Deleted => Notice::Gone {
                    uid: &pod.names.uid,
                    from: GoneFrom::View,
                },
            };
            self.tell(c, checks, notice);
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
        self.tell(c, checks, Notice::Answer { uid, outcome });
    }

    fn has_read(&mut self, c: &mut Cluster, checks: &mut Checks, pod: PodId, life: u32) {
        if life != self.life {
            return;
        }
        if let Some(pod) = c.api.get(pod).map(Arc::clone) {
            let seen = Seen::Standing;
            self.tell(c, checks, Notice::Pod { pod: &pod, seen });
        } else if let Some(names) = c.truth.pod(pod).map(|truth| Arc::clone(&truth.names)) {
            let (uid, from) = (names.uid.as_str(), GoneFrom::Cluster);
            self.tell(c, checks, Notice::Gone { uid, from });
        }
    }

    fn list(&mut self, c: &mut Cluster) {
        let at = c.now.after(self.links.watch_delay + self.slower_by);
        c.agenda
            .add(at, super::Event::Enforcer(Event::Listed(self.life)));
    }

    fn has_listed(&mut self, c: &mut Cluster, checks: &mut Checks, life: u32) {
        if life != self.life || self.blind > 0 {
            return;
        }
        self.tell(c, checks, Notice::ListBegin);
        let Some(brain) = &self.brain else { return };
        let selected: Vec<Arc<Pod>> = c
            .api
            .list()
            .filter(|pod| brain.phases().contains(&pod.status.phase))
            .map(Arc::clone)
            .collect();
        self.listed = c.api.version();
        for pod in selected {
            let seen = Seen::Standing;
            self.tell(c, checks, Notice::Pod { pod: &pod, seen });
        }
        self.tell(c, checks, Notice::ListEnd);
    }

    fn trouble_begins(&mut self, trouble: LinkTrouble) {
        match trouble {
            LinkTrouble::Blind => self.blind += 1,
            LinkTrouble::Away => {
                self.away += 1;
                self.life += 1;
                self.brain = None;
                self.timer_at = None;
                self.in_flight.clear();
            }
            LinkTrouble::Slower(by) => self.slower_by += by,
            LinkTrouble::Twice => self.twice += 1,
            LinkTrouble::Writes(how, percent) => self.write_troubles.push((how, percent)),
        }
    }

    fn trouble_ends(&mut self, c: &mut Cluster, trouble: LinkTrouble) {
        match trouble {
            LinkTrouble::Blind => {
                self.blind -= 1;
                if self.blind == 0 {
                    self.list(c);
                }
            }
            LinkTrouble::Away => {
                self.away -= 1;
                if self.away == 0 {
                    self.brain = (self.make)();
                    self.list(c);
                }
            }
            LinkTrouble::Slower(by) => self.slower_by -= by,
            LinkTrouble::Twice => self.twice -= 1,
            LinkTrouble::Writes(how, percent) => {
                let mut troubles = self.write_troubles.iter();
                if let Some(place) = troubles.position(|t| *t == (how, percent)) {
                    self.write_troubles.remove(place);
                }
            }
        }
    }

    /// Tells the brain something, and does what it wants.
    fn tell(&mut self, c: &mut Cluster, checks: &mut Checks, notice: Notice<'_>) {
        let Some(brain) = &mut self.brain else { return };
        self.coverage.notice(&notice);
        let mut commands = Vec::new();
        brain.handle(c.now, notice, c, &mut commands);
        for command in commands {
            self.coverage.command(&command);
            self.carry_out(c, checks, command);
        }
        self.set_timer(c);
    }

    fn set_timer(&mut self, c: &mut Cluster) {
        let Some(at) = self.brain.as_ref().and_then(|brain| brain.next_deadline()) else {
            self.timer_at = None;
            return;
        };
        let at = at.max(c.now);
        if self.timer_at.is_none_or(|set| at < set || set < c.now) {
            self.timer_at = Some(at);
            c.agenda.add(at, super::Event::Enforcer(Event::Timer(at)));
        }
    }

    fn carry_out(&mut self, c: &mut Cluster, checks: &mut Checks, command: Command) {
        match command {
            Command::Read(pod) => {
                let at = c.now.after((self.links.write_latency + self.slower_by) * 2);
                c.agenda
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
            .field("brain", &self.brain)
            .field("tally", &self.tally)
            .finish_non_exhaustive()
    }
}
