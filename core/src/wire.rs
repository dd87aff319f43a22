//! Pods as Kubernetes writes them: only the fields that decisions need.
//!
//! Everything is optional while reading, so that one strange pod does not spoil a list; what a snapshot cannot do
//! without is asked for by [`WirePod::snapshot`].

mod annotations;
mod ours;
pub mod timestamp;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer};

use crate::pod::{
    ContainerKind, ContainerSnapshot, ContainerState, Owner, Phase, PodSnapshot, ResourceVersion,
    RestartPolicy,
};
use crate::time::Timestamp;

/// `v1.Pod`.
#[derive(Clone, Debug, Default, Deserialize)]
#[expect(missing_docs, reason = "Kubernetes' own fields")]
pub struct WirePod {
    #[serde(default, deserialize_with = "nullable")]
    pub metadata: Metadata,
    #[serde(default, deserialize_with = "nullable")]
    pub spec: Spec,
    #[serde(default, deserialize_with = "nullable")]
    pub status: Status,
}

/// `metadata`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "Kubernetes' own fields")]
pub struct Metadata {
    pub name: String,
    #[serde(deserialize_with = "nullable")]
    pub namespace: String,
    pub uid: String,
    pub resource_version: String,
    pub creation_timestamp: Option<String>,
    pub deletion_timestamp: Option<String>,
    /// Those whose names begin with `pullstop.dev/`.
    #[serde(deserialize_with = "ours::annotations")]
    pub annotations: BTreeMap<String, String>,
    #[serde(deserialize_with = "nullable")]
    pub owner_references: Vec<OwnerReference>,
}

/// `metadata.ownerReferences`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "Kubernetes' own fields")]
pub struct OwnerReference {
    pub api_version: String,
    pub kind: String,
    pub name: String,
    pub uid: String,
    pub controller: Option<bool>,
}

/// `spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "Kubernetes' own fields")]
pub struct Spec {
    pub node_name: Option<String>,
    pub restart_policy: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub init_containers: Vec<Container>,
    #[serde(deserialize_with = "nullable")]
    pub containers: Vec<Container>,
    #[serde(deserialize_with = "nullable")]
    pub ephemeral_containers: Vec<Container>,
    #[serde(deserialize_with = "nullable")]
    pub volumes: Vec<Volume>,
}

/// A container of `spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "Kubernetes' own fields")]
pub struct Container {
    pub name: String,
    #[serde(deserialize_with = "nullable")]
    pub image: String,
    pub restart_policy: Option<String>,
}

/// A volume of `spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "Kubernetes' own fields")]
pub struct Volume {
    pub image: Option<ImageVolume>,
}

/// `volumes[].image`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "Kubernetes' own fields")]
pub struct ImageVolume {
    pub reference: Option<String>,
}

/// `status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "Kubernetes' own fields")]
pub struct Status {
    pub phase: Option<String>,
    /// `Ready`, and those whose types begin with `pullstop.dev/`.
    #[serde(deserialize_with = "ours::conditions")]
    pub conditions: Vec<Condition>,
    #[serde(deserialize_with = "nullable")]
    pub init_container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "nullable")]
    pub container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "nullable")]
    pub ephemeral_container_statuses: Vec<ContainerStatus>,
}

/// `status.conditions`.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "Kubernetes' own fields")]
pub struct Condition {
    pub r#type: String,
    pub reason: Option<String>,
    pub message: Option<String>,
}

/// `status.*ContainerStatuses`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "Kubernetes' own fields")]
pub struct ContainerStatus {
    pub name: String,
    pub restart_count: u32,
    #[serde(deserialize_with = "nullable")]
    pub state: State,
    #[serde(deserialize_with = "nullable")]
    pub last_state: State,
}

/// `state` and `lastState` of a container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "Kubernetes' own fields")]
pub struct State {
    pub waiting: Option<Waiting>,
    pub running: Option<Present>,
    pub terminated: Option<Present>,
}

/// `state.waiting`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "Kubernetes' own fields")]
pub struct Waiting {
    #[serde(deserialize_with = "nullable")]
    pub reason: String,
    #[serde(deserialize_with = "nullable")]
    pub message: String,
}

/// An object of which only the presence matters.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Present {}

/// A pod without one of the few fields that a snapshot cannot do without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    field: &'static str,
    value: String,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value } = self;
        if value.is_empty() {
            write!(f, "the pod has no `{field}`")
        } else {
            write!(
                f,
                "the pod's `{field}` is `{value}`, which Kubernetes does not write"
            )
        }
    }
}

impl std::error::Error for WireError {}

impl WirePod {
    /// Lends a snapshot of the pod to `use_it`. `created_at` is `metadata.creationTimestamp`, read.
    ///
    /// # Errors
    /// If uid, name, resource version or phase is missing or is none that Kubernetes writes.
    pub fn snapshot<R>(
        &self,
        created_at: Option<Timestamp>,
        use_it: impl FnOnce(&PodSnapshot<'_>) -> R,
    ) -> Result<R, WireError> {
        let meta = &self.metadata;
        let containers: Vec<ContainerSnapshot<'_>> = self.containers().collect();
        let image_volumes: Vec<&str> = self
            .spec
            .volumes
            .iter()
            .filter_map(|v| v.image.as_ref()?.reference.as_deref())
            .collect();
        let version = required("metadata.resourceVersion", &meta.resource_version)?;
        let is_ready = |c: &&Condition| c.r#type == ours::READY;
        let ready_reason = self
            .status
            .conditions
            .iter()
            .find(is_ready)
            .and_then(|c| c.reason.as_deref());
        Ok(use_it(&PodSnapshot {
            uid: required("metadata.uid", &meta.uid)?,
            namespace: &meta.namespace,
            name: required("metadata.name", &meta.name)?,
            resource_version: version
                .parse()
                .map(ResourceVersion)
                .map_err(|_| WireError {
                    field: "metadata.resourceVersion",
                    value: version.to_owned(),
                })?,
            created_at,
            deleting: meta.deletion_timestamp.is_some(),
            owner: self.controller().map(|owner| Owner {
                kind: &owner.kind,
                name: &owner.name,
            }),
            restart_policy: self.restart_policy()?,
            node: self
                .spec
                .node_name
                .as_deref()
                .filter(|node| !node.is_empty()),
            phase: self.phase()?,
            kubelet_agreed: matches!(ready_reason, Some("PodFailed" | "PodCompleted")),
            overrides: meta.overrides(),
            containers: &containers,
            image_volumes: &image_volumes,
        }))
    }

    /// The owner that controls the pod, if any.
    pub fn controller(&self) -> Option<&OwnerReference> {
        let mut owners = self.metadata.owner_references.iter();
        owners.find(|owner| owner.controller == Some(true))
    }

    fn containers(&self) -> impl Iterator<Item = ContainerSnapshot<'_>> {
        let (spec, status) = (&self.spec, &self.status);
        let of_init = Statuses::of(&status.init_container_statuses);
        let of_main = Statuses::of(&status.container_statuses);
        let of_ephemeral = Statuses::of(&status.ephemeral_container_statuses);
        let init = spec.init_containers.iter().map(move |container| {
            let sidecar = container.restart_policy.as_deref() == Some("Always");
            let kind = if sidecar {
                ContainerKind::Sidecar
            } else {
                ContainerKind::Init
            };
            snapshot(kind, container, of_init.find(&container.name))
        });
        let main = spec.containers.iter().map(move |container| {
            snapshot(
                ContainerKind::Main,
                container,
                of_main.find(&container.name),
            )
        });
        let ephemeral = spec.ephemeral_containers.iter().map(move |container| {
            snapshot(
                ContainerKind::Ephemeral,
                container,
                of_ephemeral.find(&container.name),
            )
        });
        init.chain(main).chain(ephemeral)
    }

    fn phase(&self) -> Result<Phase, WireError> {
        match self.status.phase.as_deref() {
            // The API server defaults it, so only a hand-made pod has none.
            None | Some("" | "Pending") => Ok(Phase::Pending),
            Some("Running") => Ok(Phase::Running),
            Some("Succeeded") => Ok(Phase::Succeeded),
            Some("Failed") => Ok(Phase::Failed),
            Some("Unknown") => Ok(Phase::Unknown),
            Some(other) => Err(WireError {
                field: "status.phase",
                value: other.to_owned(),
            }),
        }
    }

    fn restart_policy(&self) -> Result<RestartPolicy, WireError> {
        match self.spec.restart_policy.as_deref() {
            None | Some("" | "Always") => Ok(RestartPolicy::Always),
            Some("OnFailure") => Ok(RestartPolicy::OnFailure),
            Some("Never") => Ok(RestartPolicy::Never),
            Some(other) => Err(WireError {
                field: "spec.restartPolicy",
                value: other.to_owned(),
            }),
        }
    }
}

/// The statuses of containers, to be found by name.
enum Statuses<'a> {
    /// As many as pods have.
    Few(&'a [ContainerStatus]),
    /// By name; of the same name the first.
    Many(BTreeMap<&'a str, &'a ContainerStatus>),
}

impl<'a> Statuses<'a> {
    /// Looking through as many is faster than to sort them.
    const FEW_MAX: usize = 16;

    fn of(statuses: &'a [ContainerStatus]) -> Self {
        if statuses.len() <= Self::FEW_MAX {
            return Self::Few(statuses);
        }
        let by_name = statuses.iter().rev().map(|s| (s.name.as_str(), s));
        Self::Many(by_name.collect())
    }

    fn find(&self, name: &str) -> Option<&'a ContainerStatus> {
        match self {
            Self::Few(statuses) => statuses.iter().find(|status| status.name == name),
            Self::Many(by_name) => by_name.get(name).copied(),
        }
    }
}

fn snapshot<'a>(
    kind: ContainerKind,
    container: &'a Container,
    status: Option<&'a ContainerStatus>,
) -> ContainerSnapshot<'a> {
    let state = match status.map(|status| &status.state) {
        Some(State {
            running: Some(_), ..
        }) => ContainerState::Running,
        Some(State {
            terminated: Some(_),
            ..
        }) => ContainerState::Terminated,
        Some(State {
            waiting: Some(waiting),
            ..
        }) => ContainerState::Waiting {
            reason: &waiting.reason,
            message: &waiting.message,
        },
        _ => ContainerState::Unreported,
    };
    ContainerSnapshot {
        kind,
        name: &container.name,
        image: &container.image,
        state,
        restart_count: status.map_or(0, |status| status.restart_count),
        ran: status.is_some_and(|status| status.last_state.terminated.is_some()),
        memory: None,
    }
}

fn required<'a>(field: &'static str, value: &'a str) -> Result<&'a str, WireError> {
    if value.is_empty() {
        Err(WireError {
            field,
            value: String::new(),
        })
    } else {
        Ok(value)
    }
}

/// `null` where Go means an empty value.
fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Mode;
    use std::time::Duration;

    fn pod(json: &str) -> WirePod {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_small_pod_is_read() {
        let pod = pod(r#"{
            "metadata": {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "7",
                "annotations": {"pullstop.dev/mode": "off", "pullstop.dev/patience": "1h"},
                "ownerReferences": [{"kind": "Job", "name": "j", "controller": true}]},
            "spec": {"restartPolicy": "Never", "initContainers": [
                {"name": "s", "image": "side", "restartPolicy": "Always"}, {"name": "i", "image": "init"}],
                "containers": [{"name": "c", "image": "main"}],
                "volumes": [{"name": "v", "image": {"reference": "data:1"}}, {"name": "w"}]},
            "status": {"phase": "Pending", "containerStatuses": [{"name": "c", "restartCount": 2,
                "state": {"waiting": {"reason": "ErrImagePull", "message": "m"}},
                "lastState": {"terminated": {"exitCode": 1}}}], "initContainerStatuses": null}
        }"#);
        pod.snapshot(None, |pod| {
            assert_eq!(
                (pod.namespace, pod.name, pod.resource_version),
                ("n", "p", ResourceVersion(7))
            );
            assert_eq!(
                pod.owner,
                Some(Owner {
                    kind: "Job",
                    name: "j"
                })
            );
            assert_eq!(pod.overrides.mode, Some(Mode::Off));
            assert_eq!(pod.overrides.patience, Some(Duration::from_secs(3600)));
            assert_eq!(pod.image_volumes, ["data:1"]);
            let kinds: Vec<_> = pod.containers.iter().map(|c| c.kind).collect();
            assert_eq!(
                kinds,
                [
                    ContainerKind::Sidecar,
                    ContainerKind::Init,
                    ContainerKind::Main
                ]
            );
            let main = &pod.containers[2];
            assert_eq!((main.restart_count, main.ran), (2, true));
            assert_eq!(
                main.state,
                ContainerState::Waiting {
                    reason: "ErrImagePull",
                    message: "m"
                }
            );
            assert_eq!(pod.containers[0].state, ContainerState::Unreported);
        })
        .unwrap();
    }

    #[test]
    fn what_is_missing_is_named() {
        for (json, says) in [
            ("{}", "the pod has no `metadata.resourceVersion`"),
            (
                r#"{"metadata": {"uid": "u", "resourceVersion": "x", "name": "n"}}"#,
                "is `x`",
            ),
            (
                r#"{"metadata": {"uid": "u", "resourceVersion": "1"}}"#,
                "no `metadata.name`",
            ),
            (
                r#"{"metadata": {"uid": "u", "name": "n", "resourceVersion": "1"}, "status": {"phase": "Lost"}}"#,
                "`status.phase` is `Lost`",
            ),
        ] {
            let error = pod(json).snapshot(None, |_| ()).unwrap_err().to_string();
            assert!(error.contains(says), "{json}: {error}");
        }
    }
}
