//! Infers the faults of the cluster, and what people changed by hand.

use std::time::Duration;

use pullstop_cluster::scenario::fault::{Fault, FaultKind, Write};
use pullstop_core::time::Human;

use super::nodes::pattern_of;
use super::notes::Notes;
use super::observed::ObservedPod;
use super::recording::Recording;
use super::workloads;

/// How long a kubelet was away that was seen to come back.
const KUBELET_DOWN: Duration = Duration::from_secs(30);
/// Pods of a restarted kubelet are published within this time.
const SAME_RESTART: Duration = Duration::from_secs(60);

/// The faults, in the order of their times.
pub(super) fn of(recording: &Recording, names: &[Option<String>], notes: &mut Notes) -> Vec<Fault> {
    let mut faults = restarts(recording, notes);
    faults.extend(sandbox(recording, notes));
    for (pod, name) in recording.pods.iter().zip(names) {
        let by_hand = by_hand(pod, notes);
        match name {
            Some(name) => faults.extend(by_hand.into_iter().map(|(at, fault)| Fault {
                at,
                what: fault(format!("{}/{name}", pod.namespace)),
            })),
            None if by_hand.is_empty() => {}
            None => notes.add(format!(
                "What was done by hand to {} is left out: it is a replacement, which may come or not.",
                pod.name
            )),
        }
        faults.extend(loaded(pod, notes));
    }
    faults.sort_by_key(|fault| fault.at);
    faults
}

/// Something that is done to the pods of this name.
type MakeFault = Box<dyn Fn(String) -> FaultKind>;

fn by_hand(pod: &ObservedPod, notes: &mut Notes) -> Vec<(Duration, MakeFault)> {
    let mut faults: Vec<(Duration, MakeFault)> = Vec::new();
    for (at, how) in pod.writes.iter().copied() {
        notes.add(match &pod.turned_away {
            Some(reason) => format!(
                "{} was turned away by its kubelet at {} ({reason}): it is failed by hand.",
                pod.name,
                Human(at)
            ),
            None => format!(
                "{} was failed by hand at {} ({how:?}, {}); conditions that this set as well are left out.",
                pod.name,
                Human(at),
                if how == Write::StatusOnly { "since the kubelet put it back" } else { "since it held" },
            ),
        });
        faults.push((at, Box::new(move |pods| FaultKind::FailPods { pods, how })));
    }
    for (at, container, image) in pod.edits.iter().cloned() {
        faults.push((
            at,
            Box::new(move |pods| FaultKind::EditImage {
                pods,
                container: container.clone(),
                image: image.clone(),
            }),
        ));
    }
    // Controllers that scenarios know delete their pods themselves.
    if let (Some(at), None) = (pod.deleted_at, workloads::owner_of(pod)) {
        faults.push((at, Box::new(|pods| FaultKind::DeletePods { pods })));
    }
    faults
}

fn restarts(recording: &Recording, notes: &mut Notes) -> Vec<Fault> {
    let pods = recording.pods.iter();
    let mut seen: Vec<(String, Duration)> = pods
        .flat_map(|pod| pod.kubelet_restarts.iter().map(|at| (pattern_of(pod), *at)))
        .collect();
    seen.sort();
    seen.dedup_by(|later, earlier| {
        later.0 == earlier.0 && later.1.saturating_sub(earlier.1) < SAME_RESTART
    });
    if !seen.is_empty() {
        notes.add(format!(
            "A container that went from a failed pull back to ContainerCreating shows that its kubelet came back; how \
             long that was away cannot be seen: {} are assumed.",
            Human(KUBELET_DOWN)
        ));
    }
    let fault = |(nodes, back_at): (String, Duration)| Fault {
        at: back_at.saturating_sub(KUBELET_DOWN),
        what: FaultKind::KubeletRestart {
            nodes,
            down_for: KUBELET_DOWN.min(back_at).max(Duration::from_secs(1)),
        },
    };
    seen.into_iter().map(fault).collect()
}

fn sandbox(recording: &Recording, notes: &mut Notes) -> Option<Fault> {
    let (from, until) = recording.sandbox_fault?;
    notes.add("No sandbox could be created from the first Event that says so to the last.");
    let from = from.saturating_sub(Duration::from_secs(5));
    Some(Fault {
        at: from,
        what: FaultKind::SandboxFault {
            nodes: "*".to_owned(),
            lasts: until.saturating_sub(from).max(Duration::from_secs(1)),
        },
    })
}

/// An image that must not be pulled, and that was there later.
fn loaded(pod: &ObservedPod, notes: &mut Notes) -> Vec<Fault> {
    let mut faults = Vec::new();
    for container in &pod.containers {
        let Some(missed_at) = container.never_pulled_at else {
            continue;
        };
        let Some((at, image)) = container.had.iter().find(|(at, _)| *at > missed_at) else {
            continue;
        };
        notes.add(format!(
            "{image} was loaded onto the node just before it was there."
        ));
        faults.push(Fault {
            at: at.saturating_sub(Duration::from_secs(1)),
            what: FaultKind::ImageLoaded {
                nodes: pattern_of(pod),
                image: image.clone(),
            },
        });
    }
    faults
}
