//! The kubelets: what they do and when, and what they publish.
//!
//! Modelled on Kubernetes 1.36 and checked against recordings of a real one (`tests/tests/fidelity.rs`). One thing
//! must be kept in mind while reading: a status is made at the beginning of a sync, from what the sync before it left
//! behind, so everything is seen one sync late.

pub mod back_off;
mod ending;
mod events;
mod notes;
mod pace;
mod puller;
mod sync;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use pullstop_core::time::Timestamp;

use self::back_off::Periods;
use self::puller::Puller;
use self::worker::{RunState, Step, Worker};
use super::ZERO;
use super::api::{Change, ChangeKind, Writer};
use super::cluster::Cluster;
use super::ids::{ImageId, NodeId, PodId};
use super::journal::What;
use super::pod::Pod;
use super::random::Purpose;
use super::truth::Ending;

pub use self::events::{Kind as EventKind, Written as EventWritten};

/// From a change in the API server until the kubelet has it: 0.02 s until the answer in 45 recorded writes.
const WATCH_DELAY: Duration = Duration::from_millis(10);
/// The ticker of the sync loop (`pkg/kubelet/kubelet.go`): work that is due is taken up then.
const SYNC_TICK_MS: u64 = 1000;
/// The pod lifecycle event generator looks at the runtime so often (`pkg/kubelet/kubelet.go`).
const PLEG_TICK_MS: u64 = 1000;
/// The status manager compares so often (`pkg/kubelet/status/status_manager.go`).
const STATUS_TICK_MS: u64 = 10_000;

/// All kubelets and what they know.
#[derive(Debug)]
pub struct Kubelets {
    nodes: Vec<Kubelet>,
    workers: Vec<Option<Box<Worker>>>,
    minor: u32,
    keeps_events: bool,
}

/// The kubelet of one node.
#[derive(Debug)]
struct Kubelet {
    /// How often it was killed and not started again: while it is down it may be killed once more.
    down: u32,
    /// When within each second or ten its tickers tick.
    phase_ms: u64,
    puller: Puller,
    /// The pods on the node, to be taken up again after a restart.
    pods: Vec<PodId>,
    /// Kubernetes' minor release.
    minor: u32,
    back_off: Periods,
}

/// What happens in kubelets. A number of a life or a ticket that is no longer current makes an event void.
#[derive(Clone, Debug)]
pub enum Event {
    /// A change by another client arrives.
    Seen(Arc<Pod>),
    /// A sync is due.
    Sync(PodId, u32),
    /// Something asks for a sync out of turn.
    Wake(PodId, u32),
    /// The sandbox is there, or cannot be created.
    Sandbox(PodId, u32),
    /// A pull has ended.
    Pulled(PodId, u32),
    /// A container has ended, in its so many-th run.
    Exited(PodId, u16, u32),
    /// The status manager's patch lands.
    Publish(PodId, u32),
    /// The status manager compares.
    Compare(PodId, u32),
    /// The next step of stopping a pod.
    Ending(PodId, u32),
    /// Kubelets are killed.
    Kill(NodeId),
    /// They come back.
    Start(NodeId),
}

/// A worker with its surroundings.
struct Visit<'a> {
    c: &'a mut Cluster,
    kubelet: &'a mut Kubelet,
    w: &'a mut Worker,
    pod: PodId,
}

impl Kubelets {
    /// A kubelet for each node. Events are costly, and kept on demand.
    pub fn new(c: &Cluster, minor: u32, keeps_events: bool) -> Self {
        let kubelet = |(id, node): (NodeId, &super::nodes::Node)| Kubelet {
            down: 0,
            phase_ms: c
                .streams
                .stream(Purpose::Node, id.0.into())
                .below(STATUS_TICK_MS),
            puller: Puller::new(node.kubelet),
            pods: Vec::new(),
            minor,
            back_off: Periods::default(),
        };
        Self {
            nodes: c.nodes.iter().map(kubelet).collect(),
            workers: Vec::new(),
            minor,
            keeps_events,
        }
    }

    /// From now on all kubelets back off for other times than those of Kubernetes.
    pub fn set_back_off(&mut self, periods: Periods) {
        for kubelet in &mut self.nodes {
            kubelet.back_off = periods;
        }
    }

    /// A client has changed a pod: its kubelet hears of it.
    pub fn hear(&self, c: &mut Cluster, change: &Change) {
        let is_theirs = change.pod.node.is_some() && change.by == Writer::Other;
        if is_theirs && change.kind != ChangeKind::Removed {
            let event = Event::Seen(Arc::clone(&change.pod));
            c.queue
                .add(c.now.after(WATCH_DELAY), super::Event::Kubelet(event));
        }
    }

    /// Lets something happen.
    pub fn handle(&mut self, c: &mut Cluster, event: Event) {
        match event {
            Event::Seen(pod) => self.seen(c, pod),
            Event::Sync(pod, ticket) => self.visit(c, pod, |mut v| {
                if v.w.ticket == ticket {
                    v.sync();
                }
            }),
            Event::Wake(pod, life) => self.alive(c, pod, life, |mut v| v.wake()),
            Event::Sandbox(pod, life) => self.alive(c, pod, life, |mut v| v.sandbox_done()),
            Event::Pulled(pod, life) => self.pulled(c, pod, life),
            Event::Exited(pod, place, run) => {
                self.visit(c, pod, |mut v| v.exited(place.into(), run));
            }
            Event::Publish(pod, life) => self.alive(c, pod, life, |mut v| v.publish_lands()),
            Event::Compare(pod, life) => self.alive(c, pod, life, |mut v| v.compare()),
            Event::Ending(pod, life) => self.alive(c, pod, life, |mut v| v.end()),
            Event::Kill(node) => self.kill(c, node),
            Event::Start(node) => self.start(c, node),
        }
    }

    /// The Events that were written about a pod, if they are kept.
    pub fn events(&self, pod: PodId) -> &[EventWritten] {
        let worker = self.workers.get(pod.index()).and_then(Option::as_ref);
        worker
            .and_then(|worker| worker.events.as_ref())
            .map_or(&[], |events| events.written())
    }

    /// An image is removed from a node, or from all pods that ran there.
    pub fn drops_image(&self, c: &mut Cluster, node: NodeId, image: ImageId) {
        let runs = |pod: &PodId| {
            let worker = self.workers.get(pod.index()).and_then(Option::as_ref);
            worker.is_some_and(|w| {
                let mut containers = w.containers.iter();
                containers.any(|c| c.image == Some(image) && c.state == RunState::Running)
            })
        };
        if !self.nodes[node.index()].pods.iter().any(runs) {
            c.nodes.get_mut(node).drop(image);
        }
    }

    fn visit(&mut self, c: &mut Cluster, pod: PodId, what: impl FnOnce(Visit<'_>)) {
        let Some(Some(w)) = self.workers.get_mut(pod.index()) else {
            return;
        };
        let node = w.node;
        let kubelet = &mut self.nodes[node.index()];
        what(Visit { c, kubelet, w, pod });
        self.start_pulls(c, node);
    }

    /// As `visit`, if the kubelet was not restarted since.
    fn alive(&mut self, c: &mut Cluster, pod: PodId, life: u32, what: impl FnOnce(Visit<'_>)) {
        self.visit(c, pod, |v| {
            if v.w.life == life {
                what(v);
            }
        });
    }

    fn seen(&mut self, c: &mut Cluster, pod: Arc<Pod>) {
        let id = pod.id;
        let Some(node) = pod.node else { return };
        if self.nodes[node.index()].down > 0 {
            return;
        }
        if self.workers.get(id.index()).is_none_or(Option::is_none) {
            self.meet(c, node, pod);
        } else {
            self.visit(c, id, |mut v| v.seen(pod));
        }
    }

    /// A pod that was bound to the node begins its life there.
    fn meet(&mut self, c: &mut Cluster, node: NodeId, pod: Arc<Pod>) {
        let id = pod.id;
        let kubelet = &mut self.nodes[node.index()];
        let rng = c.streams.stream(Purpose::Worker, id.0.into());
        if self.workers.len() <= id.index() {
            self.workers.resize_with(id.index() + 1, || None);
        }
        let worker = Worker::new(pod, node, rng, self.keeps_events);
        self.workers[id.index()] = Some(Box::new(worker));
        kubelet.pods.push(id);
        self.visit(c, id, |mut v| v.wake());
    }

    fn pulled(&mut self, c: &mut Cluster, pod: PodId, life: u32) {
        self.alive(c, pod, life, |mut v| {
            v.kubelet.puller.done();
            v.pull_done();
        });
    }

    /// The next pod in turn begins to pull.
    fn start_pulls(&mut self, c: &mut Cluster, node: NodeId) {
        while let Some((pod, is_allowed)) = self.nodes[node.index()].puller.next(c.now) {
            let Some(Some(w)) = self.workers.get_mut(pod.index()) else {
                self.nodes[node.index()].puller.done();
                continue;
            };
            let kubelet = &mut self.nodes[node.index()];
            Visit { c, kubelet, w, pod }.pull_begins(is_allowed);
        }
    }

    fn kill(&mut self, c: &mut Cluster, node: NodeId) {
        let kubelet = &mut self.nodes[node.index()];
        kubelet.down += 1;
        kubelet.puller = Puller::new(c.nodes.get(node).kubelet);
        for pod in &kubelet.pods {
            let Some(Some(worker)) = self.workers.get_mut(pod.index()) else {
                continue;
            };
            if let Step::Pull(_) = worker.step {
                note_end(c, *pod, Ending::Cancelled);
            }
            worker.forget();
        }
    }

    fn start(&mut self, c: &mut Cluster, node: NodeId) {
        self.nodes[node.index()].down -= 1;
        if self.nodes[node.index()].down > 0 {
            return;
        }
        for pod in std::mem::take(&mut self.nodes[node.index()].pods) {
            let worker = self.workers.get(pod.index()).and_then(Option::as_ref);
            if worker.is_some_and(|w| w.step != Step::Done) {
                self.nodes[node.index()].pods.push(pod);
            }
        }
        let bound: Vec<Arc<Pod>> = c
            .api
            .list()
            .filter(|pod| pod.node == Some(node))
            .map(Arc::clone)
            .collect();
        for pod in bound {
            self.seen(c, pod);
        }
        for pod in self.nodes[node.index()].pods.clone() {
            self.visit(c, pod, |mut v| v.restart());
        }
    }

    /// Kubernetes' minor release.
    pub const fn minor(&self) -> u32 {
        self.minor
    }
}

/// The pull of a pod that is under way has ended.
fn note_end(c: &mut Cluster, pod: PodId, ending: Ending) {
    let now = c.now;
    let Some(truth) = c.truth.pod_mut(pod) else {
        return;
    };
    let Some(attempt) = truth.attempts.last_mut().filter(|a| a.ended.is_none()) else {
        return;
    };
    attempt.ended = Some((now, ending));
    let container = attempt.container.into();
    c.tell(pod, || What::PullEnded { container, ending });
}

/// The first moment that is not before `at` at which a ticker ticks.
fn on_tick(at: Timestamp, phase_ms: u64, period_ms: u64) -> Timestamp {
    let passed = at.as_millis().saturating_sub(ZERO.as_millis());
    let phase = phase_ms % period_ms;
    let rest = (passed + period_ms - phase) % period_ms;
    let wait = (period_ms - rest) % period_ms;
    at.after(Duration::from_millis(wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickers_tick_on_their_grid() {
        let at = |ms| ZERO.after(Duration::from_millis(ms));
        assert_eq!(on_tick(at(0), 300, 1000), at(300));
        assert_eq!(on_tick(at(300), 300, 1000), at(300));
        assert_eq!(on_tick(at(301), 300, 1000), at(1300));
        assert_eq!(on_tick(at(1299), 5300, 1000), at(1300));
    }
}
