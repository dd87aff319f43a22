//! What a client's write to a pod means for the simulation.

use std::time::Duration;

use pullstop_apiserver::value::{items, text};
use pullstop_cluster::world::api::Patch;
use pullstop_cluster::world::control::job::DISRUPTION;
use pullstop_cluster::world::pod::{Mark, Pod};
use pullstop_cluster::world::supply::Supply;
use pullstop_core::cause::Cause;
use pullstop_core::names::{FAILED_CONDITION, FAILED_REASON, WARNING_CONDITION};
use serde_json::Value;

/// What a client has said when it failed a pod: the world knows only that somebody did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) reason: String,
    pub(super) message: String,
}

/// What is to happen in the world.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) patches: Vec<Patch>,
    pub(super) told: Option<Told>,
    /// Pullstop fails the pod.
    pub(super) failed_for: Option<Cause>,
    /// Pullstop warns of it.
    pub(super) warned_for: Option<Cause>,
}

/// What becomes of the difference between two versions of a pod.
pub(super) fn wanted(old: &Value, new: &Value, shown: &Pod, supply: &mut Supply) -> Wanted {
    let mut wanted = Wanted::default();
    let differs = |pointer: &str| old.pointer(pointer) != new.pointer(pointer);
    if differs("/metadata/deletionTimestamp") && shown.deleting_since.is_none() {
        // When is not looked at, only whether.
        wanted.patches.push(Patch::Delete(shown.created_at));
    }
    for (place, name) in edited(old, new, shown) {
        wanted.patches.push(Patch::Image(place, supply.image(name)));
    }
    let deadline = new["spec"]["activeDeadlineSeconds"].as_u64();
    if let Some(deadline) = deadline.filter(|_| differs("/spec/activeDeadlineSeconds")) {
        let deadline = Duration::from_secs(deadline);
        wanted.patches.push(Patch::ActiveDeadline(deadline));
    }
    if mark_of(new, DISRUPTION).is_some() && !shown.is_disrupted {
        wanted.patches.push(Patch::Disrupt);
    }
    let wakes = differs("/metadata/labels") || differs("/metadata/annotations");
    let mark = mark(new, FAILED_CONDITION);
    let is_marked = matches!(shown.mark, Some(Mark::Failed(_)));
    let phase = |pod: &Value| text(pod, "/status/phase").to_owned();
    let fails = phase(new) == "Failed" && phase(old) != "Failed" && !shown.is_terminal();
    if fails || (phase(new) == "Failed" && wakes && !shown.status.conditions.agreed()) {
        wanted.told = Some(Told {
            reason: text(new, "/status/reason").to_owned(),
            message: text(new, "/status/message").to_owned(),
        });
        wanted.failed_for = mark;
        wanted.patches.push(Patch::Fail {
            reason: FAILED_REASON,
            mark: mark.map(Mark::Failed),
            durable: wakes,
        });
    } else {
        if let (Some(cause), false) = (mark, is_marked) {
            wanted.patches.push(Patch::Mark(Some(Mark::Failed(cause))));
        }
        if wakes {
            wanted.patches.push(Patch::Touch);
        }
    }
    if mark.is_none() && is_marked {
        wanted.patches.push(Patch::Mark(None));
    }
    wanted.warned_for = self::mark(new, WARNING_CONDITION);
    wanted
}

/// The containers whose image is another one: their places, and the image.
fn edited<'a>(old: &Value, new: &'a Value, shown: &Pod) -> Vec<(usize, &'a str)> {
    let specs = &shown.template.containers;
    let mut edited = Vec::new();
    for list in ["/spec/initContainers", "/spec/containers"] {
        for (before, after) in items(old, list).iter().zip(items(new, list)) {
            let name = text(after, "/name");
            let place = specs.iter().position(|spec| spec.name == name);
            if let Some(place) = place.filter(|_| before["image"] != after["image"]) {
                edited.push((place, text(after, "/image")));
            }
        }
    }
    edited
}

/// The cause that a condition names while it is `True`.
fn mark(pod: &Value, condition: &str) -> Option<Cause> {
    mark_of(pod, condition).map(|reason| reason.parse().unwrap_or(Cause::Unknown))
}

/// The reason of a condition that is `True`.
fn mark_of<'a>(pod: &'a Value, condition: &str) -> Option<&'a str> {
    let mut conditions = items(pod, "/status/conditions").iter();
    let found = conditions.find(|one| text(one, "/type") == condition)?;
    (text(found, "/status") == "True").then(|| text(found, "/reason"))
}
