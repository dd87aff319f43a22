//! Nodes: when they join, their capacity, and the images on them.

use std::collections::BTreeSet;
use std::time::Duration;

use pullstop_core::time::Timestamp;

use super::ids::{ImageId, NodeId};
use super::supply::{Pull, Supply};
use crate::pull_errors::Runtime;
use crate::scenario::{Joins, KubeletConfig, NodeGroup, Resources, Scenario, glob};

/// All nodes that there are or may be.
#[derive(Debug)]
pub struct Nodes {
    all: Vec<Node>,
}

/// A node.
#[derive(Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// The place of its group in the scenario.
    pub group: usize,
    /// How it joins.
    pub joins: Joins,
    /// When it has joined.
    pub joined_at: Option<Timestamp>,
    /// When it was asked for, if it is scaled.
    pub is_booting: bool,
    /// Whether no further pods are placed on it (`spec.unschedulable`).
    pub is_cordoned: bool,
    /// What it has.
    pub capacity: Resources,
    /// What pods have taken of it, as the scheduler sees it; while a failed pod is put back, more than there is.
    pub taken: Resources,
    /// What pulls its images.
    pub runtime: Runtime,
    /// How its kubelet pulls.
    pub kubelet: KubeletConfig,
    /// No sandbox can be created until then.
    pub no_sandbox_until: Timestamp,
    images: BTreeSet<ImageId>,
    identity_after: Duration,
}

impl Nodes {
    /// The nodes of a scenario. Images that lie on them from the start are named by the workloads, all others do not
    /// matter.
    pub fn new(scenario: &Scenario, supply: &Supply) -> Self {
        let mut all = Vec::new();
        for (group, of) in scenario.nodes.iter().enumerate() {
            let images = images_of(of, supply);
            for n in 0..of.count {
                all.push(Node {
                    name: format!("{}-{n}", of.name),
                    group,
                    joins: of.joins,
                    joined_at: None,
                    is_booting: false,
                    is_cordoned: false,
                    capacity: of.capacity,
                    taken: Resources::default(),
                    runtime: of.runtime,
                    kubelet: of.kubelet,
                    no_sandbox_until: Timestamp::from_millis(0),
                    images: images.clone(),
                    identity_after: of.identity_after,
                });
            }
        }
        Self { all }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.all
            .iter()
            .enumerate()
            .map(|(index, node)| (NodeId::at(index), node))
    }

    /// How many there are or may be.
    pub const fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// One of them.
    pub fn get(&self, id: NodeId) -> &Node {
        &self.all[id.index()]
    }

    /// One of them, to change.
    pub fn get_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.all[id.index()]
    }

    /// The one of this name.
    pub fn named(&self, name: &str) -> Option<NodeId> {
        let mut all = self.iter();
        all.find(|(_, node)| node.name == name).map(|(id, _)| id)
    }

    /// Those whose names match.
    pub fn matching(&self, pattern: &str) -> Vec<NodeId> {
        self.iter()
            .filter(|(_, node)| glob::matches(pattern, &node.name))
            .map(|(id, _)| id)
            .collect()
    }

    /// A pull of `image` on the node.
    pub fn pull<'a>(&'a self, id: NodeId, image: ImageId, secrets: &'a [String]) -> Pull<'a> {
        let node = self.get(id);
        Pull {
            image,
            node: &node.name,
            identity_from: node
                .joined_at
                .unwrap_or(Timestamp::NEVER)
                .after(node.identity_after),
            secrets,
            is_here: node.has(image),
        }
    }
}

impl Node {
    /// What no pod has taken yet.
    pub const fn free(&self) -> Resources {
        self.capacity.less(&self.taken)
    }

    /// Whether the image lies on the node.
    pub fn has(&self, image: ImageId) -> bool {
        self.images.contains(&image)
    }

    /// The image is there now.
    pub fn add(&mut self, image: ImageId) {
        self.images.insert(image);
    }

    /// The image is gone.
    pub fn drop(&mut self, image: ImageId) {
        self.images.remove(&image);
    }
}

fn images_of(group: &NodeGroup, supply: &Supply) -> BTreeSet<ImageId> {
    let matching = |pattern: &String| supply.matching(pattern).collect::<Vec<_>>();
    group.images.iter().flat_map(matching).collect()
}
