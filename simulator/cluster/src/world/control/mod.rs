//! The controllers: they create the pods of workloads, queue Jobs, schedule pods, and replace them.

pub mod clients;
pub mod job;
mod quota;
pub mod replica_set;
mod scheduler;

pub use self::quota::Need;

use std::sync::Arc;
use std::time::Duration;

use self::job::JobState;
use self::quota::Queues;
use self::replica_set::ReplicaSetState;
use self::scheduler::Scheduler;
use super::ZERO;
use super::api::{Change, ChangeKind};
use super::cluster::Cluster;
use super::ids::{NodeId, OwnerId, PodId};
use super::journal::What;
use super::pod::{Names, Owner, OwnerKind, Pod, Status};
use super::random::Purpose;
use super::truth::{Idle, PodTruth};
use super::uid;
use crate::scenario::workload::{Arrival, Kind, Pace, PodTemplate, Workload};
use crate::scenario::{Joins, Scenario};

/// Everything that makes, places and counts pods.
#[derive(Debug)]
pub struct Control {
    workloads: Vec<Arc<Workload>>,
    templates: Vec<Arc<PodTemplate>>,
    scheduler: Scheduler,
    queues: Queues,
    owners: Vec<OwnerState>,
}

/// A controller's view of one of its objects.
#[derive(Debug)]
pub enum OwnerState {
    /// A Job.
    Job(Box<JobState>),
    /// A `ReplicaSet`.
    ReplicaSet(ReplicaSetState),
}

/// What happens in controllers.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// The so many-th of a workload arrives.
    Arrive(u32, u32),
    /// A node joins.
    Joins(NodeId),
    /// Pods are to be placed.
    Schedule,
    /// A pod's scheduling gate is lifted.
    Ungate(PodId),
    /// A Job or `ReplicaSet` is to be looked at.
    Sync(OwnerId),
    /// A Job is resumed by hand.
    Resume(OwnerId),
    /// Queues admit what fits.
    Admit,
    /// A finished Job is removed.
    Expire(OwnerId),
}

/// The Job controller takes changes together for a second (`pkg/controller/job`, `syncJobBatchPeriod`).
const JOB_BATCH: Duration = Duration::from_secs(1);
/// A new object is looked at this soon: the first pods of recorded Jobs came after 0.07–0.75 s.
const FIRST_LOOK: Duration = Duration::from_millis(150);

impl Control {
    /// Puts all arrivals on the agenda.
    pub fn new(scenario: &Scenario, c: &mut Cluster) -> Self {
        for (place, workload) in scenario.workloads.iter().enumerate() {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            let mut chance = c.streams.stream(Purpose::Arrival, place.into());
            let mut at = ZERO.after(workload.arrival.at);
            for n in 0..workload.arrival.count {
                c.queue
                    .add(at, super::Event::Control(Event::Arrive(place, n)));
                at = at.after(match workload.arrival.pace {
                    Pace::Every(pause) => pause,
                    Pace::Random(mean) => chance.waiting_time(mean),
                });
            }
        }
        let joins = |(id, node): (NodeId, &super::nodes::Node)| match node.joins {
            Joins::At(at) => Some((id, ZERO.after(at))),
            Joins::Scaled { .. } => None,
        };
        let joining: Vec<_> = c.nodes.iter().filter_map(joins).collect();
        for (node, at) in joining {
            c.queue.add(at, super::Event::Control(Event::Joins(node)));
        }
        let template = |w: &Workload| Arc::new(w.template.clone());
        Self {
            templates: scenario.workloads.iter().map(template).collect(),
            workloads: scenario.workloads.iter().cloned().map(Arc::new).collect(),
            scheduler: Scheduler::new(scenario),
            queues: Queues::new(&scenario.queues),
            owners: Vec::new(),
        }
    }

    /// All Jobs and `ReplicaSets` that there ever were.
    pub fn owners(&self) -> &[OwnerState] {
        &self.owners
    }

    /// The place of the workload from which a pod was made.
    pub fn workload_of(&self, pod: &PodTruth) -> Option<usize> {
        let made_from = |template: &Arc<PodTemplate>| Arc::ptr_eq(template, &pod.template);
        self.templates.iter().position(made_from)
    }

    /// Lets something happen.
    pub fn handle(&mut self, c: &mut Cluster, event: Event) {
        match event {
            Event::Arrive(workload, n) => self.arrive(c, workload as usize, n),
            Event::Joins(node) => {
                let joined = c.nodes.get_mut(node);
                joined.joined_at = Some(c.now);
                joined.is_booting = false;
                let group = joined.group;
                self.scheduler.joined(node, group);
                self.scheduler.soon(c);
            }
            Event::Schedule => self.scheduler.pass(c),
            Event::Ungate(pod) => self.scheduler.add(c, pod),
            Event::Sync(id) => self.sync(c, id),
            Event::Resume(id) => {
                if let Some(OwnerState::Job(job)) = self.owners.get_mut(id.index()) {
                    job.resume(c, id);
                }
            }
            Event::Admit => self.admit(c),
            Event::Expire(id) => {
                if let Some(OwnerState::Job(job)) = self.owners.get_mut(id.index()) {
                    job.expire(c);
                    job.remove();
                }
            }
        }
    }

    /// A pod has changed.
    pub fn hear(&mut self, c: &mut Cluster, change: &Change) {
        let pod = &change.pod;
        // A client may have said on which node it is to run.
        if change.kind == ChangeKind::Created && pod.node.is_none() {
            self.wait_for_node(c, pod);
        } else {
            self.scheduler.hear(c, change);
        }
        if change.kind != ChangeKind::Removed && pod.deleting_since.is_some() && pod.node.is_none()
        {
            // No kubelet has to be asked.
            c.api.remove(pod.id);
        }
        let Some(owner) = pod.owner else { return };
        match self.owners.get_mut(owner.id.index()) {
            Some(OwnerState::Job(job)) => job.look_after(c, owner.id, JOB_BATCH),
            Some(OwnerState::ReplicaSet(set)) => set.look_soon(c, owner.id),
            None => {}
        }
    }

    fn wait_for_node(&mut self, c: &mut Cluster, pod: &Arc<Pod>) {
        match pod.template.gated_until.map(|until| ZERO.after(until)) {
            Some(until) if c.now < until => {
                c.queue
                    .add(until, super::Event::Control(Event::Ungate(pod.id)));
            }
            _ => self.scheduler.add(c, pod.id),
        }
    }

    fn arrive(&mut self, c: &mut Cluster, place: usize, n: u32) {
        let workload = Arc::clone(&self.workloads[place]);
        let template = Arc::clone(&self.templates[place]);
        let name = instance_name(&workload.name, workload.arrival, n);
        let id = OwnerId::at(self.owners.len());
        match &workload.kind {
            Kind::Pod => {
                create_pod(c, &template, &workload.namespace, name, None);
            }
            Kind::Job(spec) => {
                let job = JobState::new(c.now, name, spec, &workload.namespace, template);
                c.journal
                    .add(c.now, None, || What::Owner(id, "created".to_owned()));
                self.owners.push(OwnerState::Job(Box::new(job)));
                self.job_arrives(c, id);
            }
            Kind::Deployment { replicas } => {
                let set = ReplicaSetState::new(name, &workload.namespace, *replicas, template);
                self.owners.push(OwnerState::ReplicaSet(set));
                c.queue.add(
                    c.now.after(FIRST_LOOK),
                    super::Event::Control(Event::Sync(id)),
                );
            }
        }
    }

    fn job_arrives(&mut self, c: &mut Cluster, id: OwnerId) {
        let Some(OwnerState::Job(job)) = self.owners.get_mut(id.index()) else {
            return;
        };
        match (job.spec.suspended_until, &job.spec.queue) {
            (Some(until), _) if c.now < ZERO.after(until) => {
                c.queue
                    .add(ZERO.after(until), super::Event::Control(Event::Resume(id)));
            }
            (_, Some(queue)) => {
                self.queues.wait(queue, id, job.spec.priority);
                c.queue.add(c.now, super::Event::Control(Event::Admit));
            }
            _ => job.resume(c, id),
        }
    }

    fn admit(&mut self, c: &mut Cluster) {
        let owners = &self.owners;
        let need = |id: OwnerId| match owners.get(id.index()) {
            Some(OwnerState::Job(job)) => Some(job.need()),
            _ => None,
        };
        for id in self.queues.admit(need) {
            if let Some(OwnerState::Job(job)) = self.owners.get_mut(id.index()) {
                job.resume(c, id);
            }
        }
    }

    fn sync(&mut self, c: &mut Cluster, id: OwnerId) {
        match self.owners.get_mut(id.index()) {
            Some(OwnerState::Job(job)) => {
                let was_finished = job.finished.is_some();
                job.sync(c, id);
                if job.finished.is_some()
                    && !was_finished
                    && let Some(queue) = job.spec.queue.clone()
                {
                    self.queues.release(&queue, &job.need());
                    c.queue.add(c.now, super::Event::Control(Event::Admit));
                }
            }
            Some(OwnerState::ReplicaSet(set)) => set.sync(c, id),
            None => {}
        }
    }
}

/// Creates a pod.
fn create_pod(
    c: &mut Cluster,
    template: &Arc<PodTemplate>,
    namespace: &str,
    name: String,
    owner: Option<Owner>,
) -> PodId {
    let names = Names {
        namespace: namespace.to_owned(),
        name,
        uid: uid::of(c.api.next_id(), c.streams),
    };
    create_named(c, template, names, owner, None)
}

/// Creates a pod that has all its names, and perhaps a node.
pub(in crate::world) fn create_named(
    c: &mut Cluster,
    template: &Arc<PodTemplate>,
    names: Names,
    owner: Option<Owner>,
    node: Option<NodeId>,
) -> PodId {
    let id = c.api.next_id();
    let names = Arc::new(names);
    let images = template
        .containers
        .iter()
        .map(|spec| c.supply.image(&spec.image))
        .collect();
    c.truth.pods.push(PodTruth {
        names: Arc::clone(&names),
        owner,
        template: Arc::clone(template),
        created_at: c.now,
        bound: node.map(|node| (node, c.now)),
        attempts: Vec::new(),
        idle: Idle::default(),
        ran_at: None,
        ended: None,
        failed: None,
        put_back: 0,
        warned: None,
    });
    c.tell(id, || What::Created);
    c.api.create(Pod {
        id,
        names,
        owner,
        template: Arc::clone(template),
        images,
        created_at: c.now,
        version: 0,
        deleting_since: None,
        node,
        active_deadline: template.active_deadline,
        generation: 0,
        status: Status::fresh(),
        mark: None,
        is_disrupted: false,
    })
}

/// The name of the so many-th of a workload.
fn instance_name(name: &str, arrival: Arrival, n: u32) -> String {
    if arrival.count == 1 {
        name.to_owned()
    } else {
        format!("{name}-{n}")
    }
}

impl OwnerState {
    /// `metadata.name`.
    pub fn name(&self) -> &str {
        match self {
            Self::Job(job) => &job.name,
            Self::ReplicaSet(set) => &set.name,
        }
    }

    /// Whether it was deleted, or has expired.
    pub const fn is_removed(&self) -> bool {
        match self {
            Self::Job(job) => job.is_removed,
            Self::ReplicaSet(set) => set.is_removed(),
        }
    }

    /// `kind`.
    pub const fn kind(&self) -> OwnerKind {
        match self {
            Self::Job(_) => OwnerKind::Job,
            Self::ReplicaSet(_) => OwnerKind::ReplicaSet,
        }
    }
}
