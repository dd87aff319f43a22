//! The scheduler: pods that wait for a place, and nodes that have one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use pullstop_core::pod::Phase;

use super::Event;
use crate::scenario::{Joins, Resources, Scenario};
use crate::world::api::{Change, ChangeKind, Patch};
use crate::world::cluster::Cluster;
use crate::world::ids::{NodeId, PodId};
use crate::world::journal::What;

/// A pass of the scheduler comes this long after what made it useful.
const LATENCY: Duration = Duration::from_millis(20);

/// Who waits, and where there may be room.
#[derive(Debug)]
pub(super) struct Scheduler {
    /// Pods that ask for the same, in the order of their coming.
    waiting: BTreeMap<Class, VecDeque<PodId>>,
    /// For each group, its nodes that have joined, and where to look next.
    groups: Vec<Group>,
    /// Pods that hold what they were given.
    holders: BTreeSet<PodId>,
    is_due: bool,
}

/// What pods ask for. Those of a class find a place one as well as the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Class {
    group: Option<usize>,
    cpu_millis: u64,
    memory_mib: u64,
    gpus: u64,
}

#[derive(Debug)]
struct Group {
    name: String,
    joined: Vec<NodeId>,
    next: usize,
}

impl Scheduler {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let group = |name: &str| Group {
            name: name.to_owned(),
            joined: Vec::new(),
            next: 0,
        };
        Self {
            waiting: BTreeMap::new(),
            groups: scenario.nodes.iter().map(|g| group(&g.name)).collect(),
            holders: BTreeSet::new(),
            is_due: false,
        }
    }

    pub(super) fn joined(&mut self, node: NodeId, group: usize) {
        self.groups[group].joined.push(node);
    }

    /// A pod needs a place.
    pub(super) fn add(&mut self, c: &mut Cluster, pod: PodId) {
        let Some(stored) = c.api.get(pod) else { return };
        let template = &stored.template;
        let wanted = template.node_group.as_ref();
        let class = Class {
            group: wanted.and_then(|name| self.groups.iter().position(|g| g.name == *name)),
            cpu_millis: template.requests.cpu_millis,
            memory_mib: template.requests.memory_mib,
            gpus: template.requests.gpus,
        };
        self.waiting.entry(class).or_default().push_back(pod);
        self.soon(c);
    }

    /// A pod has changed: one that has ended gives back what it held, one that is put back takes it again, whether
    /// there is room or not.
    pub(super) fn hear(&mut self, c: &mut Cluster, change: &Change) {
        let pod = &change.pod;
        let Some(node) = pod.node else { return };
        let holds = change.kind != ChangeKind::Removed && !pod.is_terminal();
        let held = self.holders.contains(&pod.id);
        if holds == held {
            return;
        }
        let requests = &pod.template.requests;
        let node = c.nodes.get_mut(node);
        if holds {
            self.holders.insert(pod.id);
            node.taken = node.taken.plus(requests);
        } else {
            self.holders.remove(&pod.id);
            node.taken = node.taken.less(requests);
            self.soon(c);
        }
    }

    /// Lets the scheduler have a look, if there is something to look for.
    pub(super) fn soon(&mut self, c: &mut Cluster) {
        if !self.is_due && !self.waiting.is_empty() {
            self.is_due = true;
            c.agenda.add(
                c.now.after(LATENCY),
                crate::world::Event::Control(Event::Schedule),
            );
        }
    }

    /// Places all that can be placed.
    pub(super) fn pass(&mut self, c: &mut Cluster) {
        self.is_due = false;
        let classes: Vec<Class> = self.waiting.keys().copied().collect();
        for class in classes {
            let mut queue = self.waiting.remove(&class).unwrap_or_default();
            while let Some(pod) = queue.pop_front() {
                let waits = c
                    .api
                    .get(pod)
                    .is_some_and(|p| p.node.is_none() && p.status.phase == Phase::Pending);
                if !waits {
                    continue;
                }
                let Some(node) = self.place(c, class) else {
                    queue.push_front(pod);
                    break;
                };
                self.bind(c, pod, node);
            }
            if !queue.is_empty() {
                scale_up(c, class, queue.len());
                self.waiting.insert(class, queue);
            }
        }
    }

    fn bind(&mut self, c: &mut Cluster, pod: PodId, node: NodeId) {
        // Nobody else places pods.
        let Ok(_) = c.api.patch(pod, None, Patch::Bind(node)) else {
            return;
        };
        let Some(stored) = c.api.get(pod) else { return };
        let to = c.nodes.get_mut(node);
        to.taken = to.taken.plus(&stored.template.requests);
        self.holders.insert(pod);
        let now = c.now;
        if let Some(truth) = c.truth.pod_mut(pod) {
            truth.bound = Some((node, now));
        }
        c.tell(pod, || What::Bound(node));
    }

    /// The next node that has room, round and round, so that pods are spread.
    fn place(&mut self, c: &Cluster, class: Class) -> Option<NodeId> {
        let wanted = Resources {
            cpu_millis: class.cpu_millis,
            memory_mib: class.memory_mib,
            gpus: class.gpus,
            pods: 1,
        };
        let groups = self.groups.iter_mut().enumerate();
        let mut groups =
            groups.filter(|(place, _)| class.group.is_none_or(|group| group == *place));
        groups.find_map(|(_, group)| {
            let (before, from) = group.joined.split_at(group.next.min(group.joined.len()));
            let fits = |node: &&NodeId| c.nodes.get(**node).free().holds(&wanted);
            let node = *from.iter().chain(before).find(fits)?;
            let place = group.joined.iter().position(|n| *n == node)?;
            group.next = (place + 1) % group.joined.len();
            Some(node)
        })
    }
}

/// Orders nodes for pods that find no place: as many as there are pods, as far as there are any.
fn scale_up(c: &mut Cluster, class: Class, waiting: usize) {
    let booting = c.nodes.iter().filter(|(_, node)| node.is_booting).count();
    let fits =
        |node: &crate::world::nodes::Node| class.group.is_none_or(|group| group == node.group);
    let ordered: Vec<(NodeId, Duration)> = c
        .nodes
        .iter()
        .filter(|(_, node)| node.joined_at.is_none() && !node.is_booting && fits(node))
        .filter_map(|(id, node)| match node.joins {
            Joins::Scaled { boots_in } => Some((id, boots_in)),
            Joins::At(_) => None,
        })
        .take(waiting.saturating_sub(booting))
        .collect();
    for (node, boots_in) in ordered {
        c.nodes.get_mut(node).is_booting = true;
        c.agenda.add(
            c.now.after(boots_in),
            crate::world::Event::Control(Event::Joins(node)),
        );
    }
}
