//! `spec` of pods and pod templates, as Kubernetes writes it.

use std::sync::Arc;

use pullstop_cluster::scenario::Resources;
use pullstop_cluster::scenario::workload::{PodTemplate, PullPolicy};
use pullstop_core::pod::{ContainerKind, RestartPolicy};
use serde_json::{Map, Value, json};

use super::status;

/// `spec` of a pod or of a pod template; `image` says which image is at each place.
pub(super) fn spec(template: &PodTemplate, image: impl Fn(usize) -> Arc<str>) -> Value {
    let container = |(place, spec): (usize, &pullstop_cluster::scenario::workload::Container)| {
        let mut container = json!({
            "name": spec.name, "image": *image(place),
            "imagePullPolicy": match spec.pull_policy {
                PullPolicy::Always => "Always",
                PullPolicy::IfNotPresent => "IfNotPresent",
                PullPolicy::Never => "Never",
            },
        });
        if spec.kind == ContainerKind::Sidecar {
            container["restartPolicy"] = "Always".into();
        }
        container
    };
    let of = |is_init: bool| -> Vec<Value> {
        let all = template.containers.iter().enumerate();
        all.filter(|(_, c)| status::is_init(c.kind) == is_init)
            .map(container)
            .collect()
    };
    let (init, mut main) = (of(true), of(false));
    if let Some(first) = main.first_mut() {
        let asks = quantities(&template.requests);
        if !asks.is_empty() {
            first["resources"] = json!({"requests": asks});
        }
    }
    let mut spec = json!({
        "containers": main,
        "restartPolicy": match template.restart_policy {
            RestartPolicy::Always => "Always",
            RestartPolicy::OnFailure => "OnFailure",
            RestartPolicy::Never => "Never",
        },
    });
    if !init.is_empty() {
        spec["initContainers"] = init.into();
    }
    if !template.secrets.is_empty() {
        let named = template.secrets.iter().map(|name| json!({"name": name}));
        spec["imagePullSecrets"] = named.collect();
    }
    if template.gated_until.is_some() {
        spec["schedulingGates"] = json!([{"name": "simulated"}]);
    }
    if let Some(deadline) = template.active_deadline {
        spec["activeDeadlineSeconds"] = deadline.as_secs().into();
    }
    spec
}

/// Resources as Kubernetes writes them, those that are zero left out.
pub(super) fn quantities(resources: &Resources) -> Map<String, Value> {
    let Resources {
        cpu_millis,
        memory_mib,
        gpus,
        ..
    } = *resources;
    let all = [
        ("cpu", cpu_millis, format!("{cpu_millis}m")),
        ("memory", memory_mib, format!("{memory_mib}Mi")),
        ("nvidia.com/gpu", gpus, gpus.to_string()),
    ];
    all.into_iter()
        .filter(|(_, amount, _)| *amount > 0)
        .map(|(name, _, text)| (name.to_owned(), text.into()))
        .collect()
}
