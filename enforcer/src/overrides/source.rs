//! The Jobs and namespaces whose annotations pods inherit, and how they are read.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use pullstop_core::pod::Overrides;
use pullstop_core::wire::{Metadata, WirePod};
use serde::Deserialize;

use crate::api::{Api, ApiError, ApiPath, Call, Name, rights};

/// The kinds of objects whose annotations are read besides those of pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The Jobs that control pods
    Jobs,
    /// The pods' namespaces
    Namespaces,
}

/// One object whose annotations are overrides of its pods.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A Job.
    Job {
        /// Its namespace.
        namespace: Name,
        /// Its name.
        name: Name,
        /// Its uid: what a later Job of the same name asks for is for that one's pods.
        uid: String,
    },
    /// A namespace.
    Namespace {
        /// Its name.
        name: Name,
    },
}

impl Source {
    /// Those of `kinds` that the pod belongs to, the most specific first. The creator of a pod can name any Job as
    /// its owner: an invalid name has no source.
    pub fn of(pod: &WirePod, kinds: &[Kind]) -> Vec<Self> {
        let Ok(namespace) = pod.metadata.namespace.parse::<Name>() else {
            return Vec::new();
        };
        let is_job = |kind: &str, version: &str| kind == "Job" && version.starts_with("batch/");
        let job = pod
            .controller()
            .filter(|owner| kinds.contains(&Kind::Jobs) && is_job(&owner.kind, &owner.api_version))
            .and_then(|owner| {
                Some(Self::Job {
                    namespace: namespace.clone(),
                    name: owner.name.parse().ok()?,
                    uid: owner.uid.clone(),
                })
            });
        let own_namespace = kinds
            .contains(&Kind::Namespaces)
            .then_some(Self::Namespace { name: namespace });
        job.into_iter().chain(own_namespace).collect()
    }

    /// The namespace that it is in, or is.
    pub fn namespace(&self) -> &str {
        match self {
            Self::Job { namespace, .. } => namespace.as_str(),
            Self::Namespace { name } => name.as_str(),
        }
    }

    /// What it asks for; nothing if it is gone.
    ///
    /// # Errors
    /// If it cannot be read: its overrides are then unknown.
    pub async fn ask(&self, api: &Api, deadline: Duration) -> Result<Overrides, ApiError> {
        #[derive(Deserialize)]
        struct Object {
            metadata: Metadata,
        }
        let bytes = match api.call(self.call(), deadline).await {
            Ok(bytes) => bytes,
            Err(ApiError::NotFound) => return Ok(Overrides::default()),
            Err(error) => return Err(error),
        };
        let object: Object = serde_json::from_slice(&bytes)
            .map_err(|error| ApiError::InvalidResponse(error.to_string()))?;
        let is_another = matches!(self, Self::Job { uid, .. } if *uid != object.metadata.uid);
        Ok(if is_another {
            Overrides::default()
        } else {
            object.metadata.overrides()
        })
    }

    fn call(&self) -> Call {
        match self {
            Self::Job {
                namespace, name, ..
            } => Call::metadata(
                &rights::GET_JOB,
                ApiPath::in_namespace("/apis/batch/v1", namespace, "jobs").name(name),
            ),
            Self::Namespace { name } => Call::metadata(
                &rights::GET_NAMESPACE,
                ApiPath::to("/api/v1/namespaces").name(name),
            ),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job {
                namespace, name, ..
            } => write!(f, "Job {namespace}/{name}"),
            Self::Namespace { name } => write!(f, "namespace {name}"),
        }
    }
}

/// A source, and what it asked for when it was read.
pub type Asked = (Source, Result<Overrides, ApiError>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_a_pod() {
        let pod = |owner: &str| -> WirePod {
            let json = format!(
                r#"{{"metadata": {{"namespace": "n", "ownerReferences": [{{"kind": "Node", "name": "x"}}, {owner}]}}}}"#
            );
            serde_json::from_str(&json).unwrap()
        };
        let of_a_job = pod(
            r#"{"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "u", "controller": true}"#,
        );
        let all = [Kind::Namespaces, Kind::Jobs];
        let words = |pod: &WirePod, kinds: &[Kind]| -> Vec<String> {
            let sources = Source::of(pod, kinds);
            sources.iter().map(Source::to_string).collect()
        };
        assert_eq!(words(&of_a_job, &all), ["Job n/j", "namespace n"]);
        assert_eq!(words(&of_a_job, &[Kind::Jobs]), ["Job n/j"]);
        assert_eq!(words(&of_a_job, &[]), [""; 0]);
        let of_others = pod(
            r#"{"apiVersion": "example.org/v1", "kind": "Job", "name": "j", "uid": "u", "controller": true}"#,
        );
        assert_eq!(words(&of_others, &all), ["namespace n"]);
    }
}
