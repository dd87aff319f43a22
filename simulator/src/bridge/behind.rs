//! Admission for the API server: refuses objects that the simulated cluster cannot run.

use pullstop_apiserver::value::{items, text};
use pullstop_apiserver::{Admission, GroupResource, QUEUE_LABEL};
use pullstop_cluster::scenario::supply::Image;
use pullstop_cluster::scenario::{Scenario, glob};
use serde_json::Value;

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
const PODS_MAX: u32 = 10_000;

impl Admission for Behind {
    fn create(&self, of: GroupResource<'_>, object: &Value) -> Result<Vec<String>, String> {
        if let Some((_, kinds, instead)) =
            NO_CONTROLLER.iter().find(|(one, ..)| *one == of.resource)
        {
            return Err(format!(
                "the simulated cluster has no controller for {kinds}, so nothing would come of it: use {instead}, or \
                 describe it in the scenario"
            ));
        }
        self.update(of, object)?;
        Ok(match (of.group, of.resource) {
            ("", "pods") => self.of_pod(&object["spec"]),
            (_, "jobs") => {
                Self::may_run(object)?;
                let mut said = self.of_pod(&object["spec"]["template"]["spec"]);
                said.extend(self.of_queue(object));
                said
            }
            (_, plural) if ONLY_STORED.contains(&plural) => vec![format!(
                "the simulated cluster only keeps {plural}: nothing acts on them"
            )],
            _ => Vec::new(),
        })
    }

    /// Whether the world can make as many pods as the object asks for.
    fn update(&self, of: GroupResource<'_>, object: &Value) -> Result<(), String> {
        if !["batch", "apps"].contains(&of.group) {
            return Ok(());
        }
        for field in ["completions", "parallelism", "replicas"] {
            let count = object["spec"][field].as_u64();
            if let Some(count) = count.filter(|count| *count > PODS_MAX.into()) {
                return Err(format!(
                    "spec.{field} is {count}, and the simulated cluster makes at most {PODS_MAX} pods of one object"
                ));
            }
        }
        Ok(())
    }

    fn delete(&self, of: GroupResource<'_>, _name: &str) -> Result<(), String> {
        if (of.group, of.resource) == ("", "nodes") {
            let why = "nodes of a simulated cluster stay as the scenario describes them: cordon it instead";
            return Err(why.to_owned());
        }
        Ok(())
    }
}

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

    /// Refuses what the simulated Job controller would not do.
    fn may_run(job: &Value) -> Result<(), String> {
        let rules = items(job, "/spec/podFailurePolicy/rules");
        let is_inverse = |rule: &Value| text(rule, "/onExitCodes/operator") == "NotIn";
        let what = match () {
            () if !job["spec"]["successPolicy"].is_null() => "spec.successPolicy",
            () if !job["spec"]["managedBy"].is_null() => "spec.managedBy",
            () if rules.iter().any(is_inverse) => "the operator NotIn in spec.podFailurePolicy",
            () => return Ok(()),
        };
        Err(format!(
            "the simulated Job controller does not know {what}: leave it out"
        ))
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

fn or_none(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
