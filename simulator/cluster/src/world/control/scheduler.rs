//! The scheduler: it gives waiting pods a node with room for them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
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
    /// Pods that ask for the same, in the order of their coming, with their place in the order of all.
    waiting: BTreeMap<Class, VecDeque<(u64, PodId)>>,
    /// How many there ever were.
    came: u64,
    /// For each group, its nodes that have joined, and where to look next.
    groups: Vec<Group>,
    /// Pods that hold what they were given.
    holders: BTreeSet<PodId>,
    /// Whether some nodes come only when they are needed.
    is_scaled: bool,
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

impl Class {
    const fn wants(&self) -> Resources {
        Resources {
            cpu_millis: self.cpu_millis,
            memory_mib: self.memory_mib,
            gpus: self.gpus,
            pods: 1,
        }
    }

    fn may_use(&self, group: usize) -> bool {
        self.group.is_none_or(|wanted| wanted == group)
    }
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
            came: 0,
            groups: scenario.nodes.iter().map(|g| group(&g.name)).collect(),
            holders: BTreeSet::new(),
            is_scaled: scenario
                .nodes
                .iter()
                .any(|g| matches!(g.joins, Joins::Scaled { .. })),
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
        self.came += 1;
        let queue = self.waiting.entry(class).or_default();
        queue.push_back((self.came, pod));
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
            c.queue.add(
                c.now.after(LATENCY),
                crate::world::Event::Control(Event::Schedule),
            );
        }
    }

    /// Places all that can be placed, who came first the first: pods have no priority, and so the time decides
    /// (`PrioritySort`). One that finds no place holds up those only that ask for the same.
    pub(super) fn pass(&mut self, c: &mut Cluster) {
        self.is_due = false;
        let first = |(class, queue): (&Class, &VecDeque<_>)| {
            let (came, _): &(u64, PodId) = queue.front()?;
            Some(Reverse((*came, *class)))
        };
        let mut firsts: BinaryHeap<_> = self.waiting.iter().filter_map(first).collect();
        while let Some(Reverse((_, class))) = firsts.pop() {
            if self.place_first(c, class)
                && let Some((came, _)) = self.waiting.get(&class).and_then(VecDeque::front)
            {
                firsts.push(Reverse((*came, class)));
            }
        }
        self.waiting.retain(|_, queue| !queue.is_empty());
        self.scale_up(c);
    }

    /// Places the first pod of a class, or finds that it does not wait any more; if it has to go on waiting, the answer
    /// is no.
    fn place_first(&mut self, c: &mut Cluster, class: Class) -> bool {
        let first = self.waiting.get(&class).and_then(VecDeque::front);
        let Some((_, pod)) = first.copied() else {
            return false;
        };
        let waits = c
            .api
            .get(pod)
            .is_some_and(|p| p.node.is_none() && p.status.phase == Phase::Pending);
        if waits {
            let Some(node) = self.place(c, class) else {
                return false;
            };
            self.bind(c, pod, node);
        }
        self.waiting.get_mut(&class).and_then(VecDeque::pop_front);
        true
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
        let wanted = class.wants();
        let groups = self.groups.iter_mut().enumerate();
        let mut groups = groups.filter(|(place, _)| class.may_use(*place));
        groups.find_map(|(_, group)| {
            let (before, from) = group.joined.split_at(group.next.min(group.joined.len()));
            let fits = |id: &&NodeId| {
                let node = c.nodes.get(**id);
                !node.is_cordoned && node.free().holds(&wanted)
            };
            let node = *from.iter().chain(before).find(fits)?;
            let place = group.joined.iter().position(|n| *n == node)?;
            group.next = (place + 1) % group.joined.len();
            Some(node)
        })
    }

    /// Orders a node for each pod that finds no place, as far as there are any on which it would, and as far as none is
    /// on its way for it.
    fn scale_up(&self, c: &mut Cluster) {
        if !self.is_scaled || self.waiting.is_empty() {
            return;
        }
        let (mut booting, mut spare) = (Vec::new(), Vec::new());
        for (id, node) in c.nodes.iter() {
            match node.joins {
                Joins::Scaled { .. } if node.joined_at.is_some() => {}
                Joins::Scaled { .. } if node.is_booting => booting.push(id),
                Joins::Scaled { boots_in } => spare.push((id, boots_in)),
                Joins::At(_) => {}
            }
        }
        for (class, queue) in &self.waiting {
            let would_fit = |id: NodeId| {
                let node = c.nodes.get(id);
                class.may_use(node.group) && node.capacity.holds(&class.wants())
            };
            let coming = booting.extract_if(.., |id| would_fit(*id));
            let missing = queue.len() - coming.take(queue.len()).count();
            let ordered = spare.extract_if(.., |(id, _)| would_fit(*id));
            for (node, boots_in) in ordered.take(missing).collect::<Vec<_>>() {
                c.nodes.get_mut(node).is_booting = true;
                let joins = Event::Joins(node);
                c.queue
                    .add(c.now.after(boots_in), crate::world::Event::Control(joins));
            }
        }
    }
}
