//! Simulated pods as `Pod` objects: how they are created, and what others than the kubelet change.

use std::sync::Arc;

use pullstop_apiserver::pod::{begin, set_defaults};
use pullstop_apiserver::value::{items_mut, set, text};
use pullstop_cluster::scenario::workload::PodTemplate;
use pullstop_cluster::world::cluster::Cluster;
use pullstop_cluster::world::control::OwnerState;
use pullstop_cluster::world::pod::{Owner, OwnerKind, Pod};
use pullstop_core::names::{MODE_ANNOTATION, PATIENCE_ANNOTATION};
use pullstop_core::policy::Mode;
use serde_json::{Map, Value, json};

use super::Bridge;
use super::apply::Told;
use super::owners::Shown;
use super::status::{self, conditions, set_condition};
use super::template::spec;

/// What a pod's deletion may take, unless it says otherwise.
const GRACE_SECONDS: u64 = 30;

impl Bridge {
    /// A pod that was just made.
    pub(super) fn pod_object(&self, pod: &Pod) -> Value {
        let mut labels = Map::new();
        let mut spec = spec(&pod.template, |place| {
            Arc::clone(self.world.cluster.supply.name(pod.images[place]))
        });
        let mut notes = annotations(&pod.template);
        let mut metadata = json!({
            "name": pod.names.name, "namespace": pod.names.namespace, "uid": pod.names.uid,
            "creationTimestamp": self.stamp(pod.created_at), "generation": 1,
        });
        if let Some(owner) = pod.owner {
            let shown = self.owners.get(&owner.id);
            let uid = shown.map_or(Value::Null, Shown::uid);
            let state = &self.world.control.owners()[owner.id.index()];
            metadata["ownerReferences"] = json!([owner_reference(owner, state, &uid)]);
            labels = owner_labels(owner, state, &uid);
            if let Some(own) = shown.and_then(Shown::own_template) {
                spec.clone_from(&own["spec"]);
                let of_template = |member: &str| own["metadata"][member].as_object().cloned();
                labels.extend(of_template("labels").unwrap_or_default());
                notes.extend(of_template("annotations").unwrap_or_default());
            }
        }
        if !labels.is_empty() {
            metadata["labels"] = labels.into();
        }
        if !notes.is_empty() {
            metadata["annotations"] = notes.into();
        }
        let mut object = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec,
        });
        set_defaults(&mut object);
        begin(&mut object);
        if pod.template.gated_until.is_some() {
            let now = self.stamp(pod.created_at);
            let gated = ("PodScheduled", "False", Some("SchedulingGated"));
            set_condition(conditions(&mut object), gated, &now);
        }
        object
    }
}

/// Writes what somebody else than the kubelet has changed.
pub(super) fn change(
    object: &mut Value,
    before: &Pod,
    pod: &Pod,
    told: Option<&Told>,
    c: &Cluster,
    now: &str,
) {
    let spec = object["spec"].clone();
    if let (None, Some(node)) = (before.node, pod.node) {
        object["spec"]["nodeName"] = c.nodes.get(node).name.as_str().into();
        set(&mut object["spec"], "schedulingGates", None);
        set_condition(conditions(object), ("PodScheduled", "True", None), now);
        return;
    }
    for (place, container) in pod.template.containers.iter().enumerate() {
        if pod.images[place] != before.images[place] {
            let image = &**c.supply.name(pod.images[place]);
            let list = if status::is_init(container.kind) {
                "/spec/initContainers"
            } else {
                "/spec/containers"
            };
            items_mut(object, list)
                .filter(|one| text(one, "/name") == container.name)
                .for_each(|one| one["image"] = image.into());
        }
    }
    if let Some(deadline) = pod.active_deadline
        && before.active_deadline != Some(deadline)
    {
        object["spec"]["activeDeadlineSeconds"] = deadline.as_secs().into();
    }
    if object["spec"] != spec {
        let generation = object["metadata"]["generation"].as_u64().unwrap_or(0);
        object["metadata"]["generation"] = (generation + 1).into();
    }
    if pod.deleting_since.is_some() && before.deleting_since.is_none() {
        object["metadata"]["deletionTimestamp"] = now.into();
        object["metadata"]["deletionGracePeriodSeconds"] = GRACE_SECONDS.into();
    }
    if pod.owner.is_none() && before.owner.is_some() {
        set(&mut object["metadata"], "ownerReferences", None);
    }
    if pod.status.phase != before.status.phase {
        status::set_phase(object, &pod.status, told);
    }
}

pub(super) fn owner_reference(owner: Owner, state: &OwnerState, uid: &Value) -> Value {
    json!({
        "apiVersion": match owner.kind {
            OwnerKind::Job => "batch/v1",
            OwnerKind::ReplicaSet => "apps/v1",
        },
        "kind": owner.kind.as_str(), "name": state.name(), "uid": uid,
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// The labels by which the Job controller finds its pods (`batch/v1`, `well_known_labels.go`), and one for
/// `ReplicaSets`.
fn owner_labels(owner: Owner, state: &OwnerState, uid: &Value) -> Map<String, Value> {
    let name = Value::from(state.name());
    let mut labels = Map::new();
    match state {
        OwnerState::Job(job) => {
            labels.insert("batch.kubernetes.io/controller-uid".to_owned(), uid.clone());
            labels.insert("batch.kubernetes.io/job-name".to_owned(), name.clone());
            labels.insert("job-name".to_owned(), name);
            if job.spec.indexed {
                let index = owner.index.to_string().into();
                labels.insert("batch.kubernetes.io/job-completion-index".to_owned(), index);
            }
        }
        OwnerState::ReplicaSet(_) => {
            labels.insert("app.kubernetes.io/name".to_owned(), name);
        }
    }
    labels
}

fn annotations(template: &PodTemplate) -> Map<String, Value> {
    let mut annotations = Map::new();
    if let Some(mode) = template.overrides.mode {
        let mode = match mode {
            Mode::Enforce => "enforce",
            Mode::Warn => "warn",
            Mode::DryRun | Mode::Off => "off",
        };
        annotations.insert(MODE_ANNOTATION.to_owned(), mode.into());
    }
    if let Some(patience) = template.overrides.patience {
        let patience = pullstop_core::time::Human(patience).to_string();
        annotations.insert(PATIENCE_ANNOTATION.to_owned(), patience.into());
    }
    annotations
}
