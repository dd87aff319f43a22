//! What the API server knows of the simulated cluster behind it, so that nobody is told "created" of something that
//! nothing will ever come of.

use serde_json::Value;

use super::resources::Resource;
use super::status::Failure;
use super::value::{items, text};
use crate::scenario::supply::Image;
use crate::scenario::{Scenario, glob};

/// The cluster of a scenario, as far as writes of clients are looked at.
#[derive(Clone, Debug, Default)]
pub struct Behind {
    images: Vec<Image>,
    queues: Vec<String>,
    scenario: String,
}

/// Kinds whose controllers are not simulated, and what to use in their place.
const NO_CONTROLLER: [(&str, &str, &str); 8] = [
    ("deployments", "Deployments", "Jobs and pods"),
    ("replicasets", "new ReplicaSets", "Jobs and pods"),
    ("statefulsets", "StatefulSets", "Jobs and pods"),
    ("daemonsets", "DaemonSets", "Jobs and pods"),
    (
        "replicationcontrollers",
        "ReplicationControllers",
        "Jobs and pods",
    ),
    ("cronjobs", "CronJobs", "Jobs"),
    (
        "horizontalpodautoscalers",
        "HorizontalPodAutoscalers",
        "ReplicaSets of the scenario, with `kubectl scale`",
    ),
    ("nodes", "new nodes", "nodes of the scenario"),
];

/// Kinds that are kept as they are, though a real cluster would act on them.
const ONLY_STORED: [&str; 8] = [
    "services",
    "ingresses",
    "networkpolicies",
    "persistentvolumeclaims",
    "persistentvolumes",
    "resourcequotas",
    "limitranges",
    "certificatesigningrequests",
];

/// Fields of a pod's specification that decide elsewhere where it runs.
const NO_SCHEDULING: [&str; 3] = ["nodeSelector", "affinity", "topologySpreadConstraints"];

/// How many pods of one Job or `ReplicaSet` the simulated cluster makes.
pub(super) const PODS_MAX: u32 = 10_000;

impl Behind {
    /// What there is in this scenario.
    pub fn new(scenario: &Scenario) -> Self {
        Self {
            images: scenario.images.clone(),
            queues: scenario
                .queues
                .iter()
                .map(|queue| queue.name.clone())
                .collect(),
            scenario: scenario.name.clone(),
        }
    }

    /// What is to be said of a new object, as warnings.
    ///
    /// # Errors
    /// If nothing would ever come of it.
    pub(super) fn admit(
        &self,
        resource: &Resource,
        object: &Value,
    ) -> Result<Vec<String>, Failure> {
        if resource.custom {
            return Ok(Vec::new());
        }
        let plural = resource.plural.as_str();
        if let Some((_, kinds, instead)) = NO_CONTROLLER.iter().find(|(one, ..)| *one == plural) {
            let why = format!(
                "the simulated cluster has no controller for {kinds}, so nothing would come of it: use {instead}, or \
                 describe it in the scenario"
            );
            return Err(Failure::forbidden(
                resource,
                text(object, "/metadata/name"),
                &why,
            ));
        }
        Self::fits(resource, object)?;
        Ok(match plural {
            "pods" if resource.is_core("pods") => self.of_pod(&object["spec"]),
            "jobs" => {
                Self::may_run(resource, object)?;
                let mut said = self.of_pod(&object["spec"]["template"]["spec"]);
                said.extend(self.of_queue(object));
                said
            }
            _ if ONLY_STORED.contains(&plural) => vec![format!(
                "the simulated cluster only keeps {plural}: nothing acts on them"
            )],
            _ => Vec::new(),
        })
    }

    /// Whether the world can make as many pods as an object asks for.
    ///
    /// # Errors
    /// If it asks for more.
    pub(super) fn fits(resource: &Resource, object: &Value) -> Result<(), Failure> {
        if resource.custom || !["batch", "apps"].contains(&resource.group.as_str()) {
            return Ok(());
        }
        for field in ["completions", "parallelism", "replicas"] {
            let count = object["spec"][field].as_u64();
            if let Some(count) = count.filter(|count| *count > PODS_MAX.into()) {
                let why = format!(
                    "spec.{field} is {count}, and the simulated cluster makes at most {PODS_MAX} pods of one object"
                );
                let name = text(object, "/metadata/name");
                return Err(Failure::forbidden(resource, name, &why));
            }
        }
        Ok(())
    }

    /// Whether an object may be deleted.
    ///
    /// # Errors
    /// If the world cannot be without it.
    pub(super) fn may_delete(resource: &Resource, name: &str) -> Result<(), Failure> {
        if resource.is_core("nodes") {
            let why = "nodes of a simulated cluster stay as the scenario describes them: cordon it instead";
            return Err(Failure::forbidden(resource, name, why));
        }
        Ok(())
    }

    /// Refuses what the simulated Job controller would not do.
    fn may_run(resource: &Resource, job: &Value) -> Result<(), Failure> {
        let rules = items(job, "/spec/podFailurePolicy/rules");
        let is_inverse = |rule: &Value| text(rule, "/onExitCodes/operator") == "NotIn";
        let what = match () {
            () if !job["spec"]["successPolicy"].is_null() => "spec.successPolicy",
            () if !job["spec"]["managedBy"].is_null() => "spec.managedBy",
            () if rules.iter().any(is_inverse) => "the operator NotIn in spec.podFailurePolicy",
            () => return Ok(()),
        };
        let why = format!("the simulated Job controller does not know {what}: leave it out");
        let name = text(job, "/metadata/name");
        Err(Failure::forbidden(resource, name, &why))
    }

    fn of_pod(&self, spec: &Value) -> Vec<String> {
        let mut said: Vec<String> = Vec::new();
        for list in ["/initContainers", "/containers"] {
            for container in items(spec, list) {
                let image = text(container, "/image");
                said.extend(self.of_image(image).filter(|one| !said.contains(one)));
            }
        }
        for field in NO_SCHEDULING {
            if !spec[field].is_null() {
                said.push(format!("the simulated scheduler does not look at {field}"));
            }
        }
        said
    }

    /// Images that no scenario speaks of exist: that holds for the scenario's own pods as well.
    fn of_image(&self, image: &str) -> Option<String> {
        let is_described = |one: &Image| glob::matches(&one.reference, image);
        if image.is_empty() || self.images.iter().any(is_described) {
            return None;
        }
        let missing = self.images.iter().find(|one| one.exists.from.is_none());
        let example = missing.map_or_else(
            || "none of its images is missing".to_owned(),
            |missing| format!("missing is, for example, \"{}\"", missing.reference),
        );
        Some(format!(
            "the scenario \"{}\" does not describe the image \"{image}\": it is taken to exist, and can be pulled; \
             {example}",
            self.scenario
        ))
    }

    fn of_queue(&self, job: &Value) -> Option<String> {
        let queue = job["metadata"]["labels"][QUEUE_LABEL].as_str()?;
        let is_known = self.queues.iter().any(|one| one == queue);
        (!is_known).then(|| {
            format!(
                "the scenario has no queue \"{queue}\": the Job stays suspended; its queues: {}",
                or_none(&self.queues)
            )
        })
    }
}

/// The label by which Kueue knows a Job's queue.
pub(super) const QUEUE_LABEL: &str = "kueue.x-k8s.io/queue-name";

fn or_none(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
