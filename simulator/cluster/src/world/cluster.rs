//! What all parts of the world share: time, the event queue, the API server, the supply of images, and the truth.

use pullstop_core::time::Timestamp;

use super::api::Api;
use super::event_queue::EventQueue;
use super::journal::{Journal, What};
use super::nodes::Nodes;
use super::random::RandomStreams;
use super::supply::{Pull, Supply};
use super::truth::Truth;
use super::{Event, ids::NodeId, ids::PodId, pod::Pod};
use crate::scenario::Fault;

/// What all parts of the world share.
#[derive(Debug)]
pub struct Cluster {
    /// The present moment.
    pub now: Timestamp,
    /// What is still to happen.
    pub queue: EventQueue<Event>,
    /// The stored pods.
    pub api: Api,
    /// Registries and images.
    pub supply: Supply,
    /// The nodes.
    pub nodes: Nodes,
    /// Where chance comes from.
    pub streams: RandomStreams,
    /// What really happened.
    pub truth: Truth,
    /// What is told of it.
    pub journal: Journal,
    /// What will go wrong, in the order of time: for the oracle only.
    pub faults: Vec<Fault>,
}

impl Cluster {
    /// Notes something for people to read.
    pub fn tell(&mut self, pod: PodId, what: impl FnOnce() -> What) {
        self.journal.add(self.now, Some(pod), what);
    }

    /// Who would pull, if the container at `place` of `pod` did.
    pub fn pull_of<'a>(&'a self, pod: &'a Pod, place: usize, node: NodeId) -> Option<Pull<'a>> {
        let image = *pod.images.get(place)?;
        Some(self.nodes.pull(node, image, &pod.template.secrets))
    }
}
