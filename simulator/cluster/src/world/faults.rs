//! Begins the scenario's faults of the cluster at their times. Faults of registries are in `supply`.

use std::time::Duration;

use pullstop_core::names::FAILED_REASON;

use super::api::Patch;
use super::cluster::Cluster;
use super::enforcer::{self, LinkFault};
use super::ids::PodId;
use super::kubelet::{self, Kubelets};
use super::pod::Pod;
use super::{Event, ZERO, journal::What};
use crate::scenario::Scenario;
use crate::scenario::fault::{Fault, FaultKind, Write};

/// The faults in the order of their times, for those who may look ahead.
pub(super) fn to_come(scenario: &Scenario) -> Vec<Fault> {
    let mut faults = scenario.faults.clone();
    faults.sort_by_key(|fault| fault.at);
    faults
}

/// Puts every fault on the agenda.
pub(super) fn schedule(scenario: &Scenario, c: &mut Cluster) {
    for (place, fault) in scenario.faults.iter().enumerate() {
        c.queue.add(ZERO.after(fault.at), Event::Fault(place));
    }
}

/// A fault begins; its end, if it has one, is put on the agenda.
pub(super) fn begin(c: &mut Cluster, kubelets: &Kubelets, what: &FaultKind) {
    c.journal.add(c.now, None, || What::Fault(what.to_string()));
    match what {
        FaultKind::KubeletRestart { nodes, down_for } => {
            for node in c.nodes.matching(nodes) {
                c.queue
                    .add(c.now, Event::Kubelet(kubelet::Event::Kill(node)));
                let back_at = c.now.after(*down_for);
                c.queue
                    .add(back_at, Event::Kubelet(kubelet::Event::Start(node)));
            }
        }
        FaultKind::SandboxFault { nodes, lasts } => {
            let until = c.now.after(*lasts);
            for node in c.nodes.matching(nodes) {
                let node = c.nodes.get_mut(node);
                node.no_sandbox_until = node.no_sandbox_until.max(until);
            }
        }
        FaultKind::ImageGarbage { nodes, images } => {
            let images: Vec<_> = c.supply.matching(images).collect();
            for node in c.nodes.matching(nodes) {
                for image in &images {
                    kubelets.drops_image(c, node, *image);
                }
            }
        }
        FaultKind::ImageLoaded { nodes, image } => {
            let image = c.supply.image(image);
            for node in c.nodes.matching(nodes) {
                c.nodes.get_mut(node).add(image);
            }
        }
        FaultKind::EditImage {
            pods,
            container,
            image,
        } => edit(c, pods, container, image),
        FaultKind::DeletePods { pods } => {
            for pod in matching(c, pods) {
                patch(c, pod, Patch::Delete(c.now));
            }
        }
        FaultKind::FailPods { pods, how } => fail(c, pods, *how),
        FaultKind::WatchGap { lasts } => fault(c, *lasts, LinkFault::Blind),
        FaultKind::EnforcerRestart { down_for } => fault(c, *down_for, LinkFault::Away),
        FaultKind::ApiSlow { lasts, by } => fault(c, *lasts, LinkFault::Slower(*by)),
        FaultKind::WriteFault {
            lasts,
            how,
            percent,
        } => fault(c, *lasts, LinkFault::Writes(*how, *percent)),
        FaultKind::DuplicateEvents { lasts } => fault(c, *lasts, LinkFault::Twice),
    }
}

fn fault(c: &mut Cluster, lasts: Duration, what: LinkFault) {
    let over_at = c.now.after(lasts);
    let begins = enforcer::Event::Fault(what);
    c.queue.add(c.now, Event::Enforcer(begins));
    let over = enforcer::Event::FaultOver(what);
    c.queue.add(over_at, Event::Enforcer(over));
}

fn edit(c: &mut Cluster, pods: &str, container: &str, image: &str) {
    let image = c.supply.image(image);
    for id in matching(c, pods) {
        let place = c
            .api
            .get(id)
            .and_then(|pod| pod.template.place_of(container));
        if let Some(place) = place {
            patch(c, id, Patch::Image(place, image));
        }
    }
}

fn fail(c: &mut Cluster, pods: &str, how: Write) {
    for pod in matching(c, pods) {
        let fail = |durable| Patch::Fail {
            reason: FAILED_REASON,
            mark: None,
            durable,
        };
        let what = match how {
            Write::Durable => fail(true),
            Write::StatusOnly => fail(false),
            Write::ActiveDeadline => Patch::ActiveDeadline(Duration::from_secs(1)),
        };
        patch(c, pod, what);
    }
}

fn patch(c: &mut Cluster, pod: PodId, patch: Patch) {
    // Without a version it is refused only if the pod is gone, which is no fault of anybody.
    if c.api.patch(pod, None, patch).is_ok() {
        c.tell(pod, || What::Write("by hand"));
    }
}

/// Pods that have not ended and whose names match.
fn matching(c: &Cluster, pattern: &str) -> Vec<PodId> {
    let fits = |pod: &&std::sync::Arc<Pod>| !pod.is_terminal() && pod.names.matches(pattern);
    c.api.list().filter(fits).map(|pod| pod.id).collect()
}
