//! Checks workloads: what creates pods, when, and what the pods are like.

use std::collections::BTreeMap;

use pullstop_core::pod::{Overrides, RestartPolicy};
use pullstop_core::time::Human;

use super::Check;
use super::names::Names;
use crate::scenario::raw::Spec;
use crate::scenario::raw::read::Label;
use crate::scenario::raw::value::{At, Placed, Text, place};
use crate::scenario::raw::workload::{RequestsSpec, WorkloadSpec};
use crate::scenario::workload::{Arrival, Kind, Pace, PodTemplate};
use crate::scenario::{NodeGroup, Queue, Resources, Scenario, Secret, Workload};

/// What workloads refer to.
pub(super) struct Around<'a> {
    pub(super) nodes: &'a [NodeGroup],
    pub(super) queues: &'a [Queue],
    pub(super) secrets: &'a [Secret],
    pub(super) kubernetes_minor: u32,
}

/// More would take more memory than most machines have.
const PODS_MAX: u64 = 1_000_000;
/// What a pod takes that says nothing of it: little, so that only those who say so are ever held up.
const REQUESTS_USUAL: Resources = Resources {
    cpu_millis: 100,
    memory_mib: 128,
    gpus: 0,
    pods: 1,
};

impl Check {
    pub(super) fn workloads(&mut self, spec: &At<Spec>, around: &Around<'_>) -> Vec<Workload> {
        if spec.workloads.is_empty() {
            self.error(
                spec,
                "nothing runs here: name a `job`, `pod` or `deployment` in `workloads`",
            );
        }
        self.unique_workloads(spec);
        let mut pods: u64 = 0;
        let mut workloads = Vec::new();
        for written in &spec.workloads {
            let workload = self.workload(written, around);
            let before = pods;
            pods = pods.saturating_add(workload.pods());
            if before <= PODS_MAX && pods > PODS_MAX {
                let message =
                    format!("{pods} pods so far are too many: a scenario has at most {PODS_MAX}");
                self.error(written, message);
            }
            workloads.push(workload);
        }
        workloads
    }

    /// Two workloads whose pods may get the same names could not be told apart.
    pub(super) fn same_pods(&mut self, spec: &Spec, scenario: &Scenario) {
        let names = Names::new(&scenario.workloads, &[]);
        for (place, written) in spec.workloads.iter().enumerate() {
            if let (Some(other), Some(name)) = (names.same_pods(place), written.name()) {
                let other = &scenario.workloads[other].name;
                let message = format!(
                    "pods of `{}` and of `{other}` may get the same name, since their numbers are appended: rename one",
                    name.text
                );
                self.error(name, message);
            }
        }
    }

    fn unique_workloads(&mut self, spec: &Spec) {
        let mut seen = BTreeMap::new();
        for workload in &spec.workloads {
            let Some(name) = workload.name() else {
                continue;
            };
            let namespace = workload
                .namespace
                .as_ref()
                .map_or(NAMESPACE_USUAL, |namespace| &namespace.text);
            if let Some(first) = seen.get(&(namespace, name.text.as_str())) {
                let message = format!(
                    "the workload `{}` is there already, in line {first}: rename one, since pods are called after it",
                    name.text
                );
                self.error(name, message);
            } else {
                let line = name.place().map_or(0, |(line, _)| line);
                seen.insert((namespace, name.text.as_str()), line);
            }
        }
    }

    fn workload(&mut self, written: &At<WorkloadSpec>, around: &Around<'_>) -> Workload {
        let given = [
            ("job", place(written.job.as_ref())),
            ("pod", place(written.pod.as_ref())),
            ("deployment", place(written.deployment.as_ref())),
        ];
        self.one_of(written, "the workload's name", &given);
        self.only_for_some(written);
        let kind = if written.job.is_some() {
            Kind::Job(Box::new(self.job(written, around)))
        } else if written.deployment.is_some() {
            Kind::Deployment {
                replicas: self.or(written.replicas.as_ref(), 1),
            }
        } else {
            Kind::Pod
        };
        let arrival = self.arrival(written);
        let template = self.template(written, &kind, around);
        if let Kind::Job(job) = &kind {
            self.quota(written, job, &template, around);
        }
        Workload {
            name: written
                .name()
                .map(|name| self.name(name))
                .unwrap_or_default(),
            namespace: self.or(written.namespace.as_ref(), NAMESPACE_USUAL.to_owned()),
            kind,
            arrival,
            template,
        }
    }

    fn arrival(&mut self, written: &WorkloadSpec) -> Arrival {
        let at = self.begins(written.at.as_ref()).unwrap_or_default();
        let count = self.or(written.count.as_ref(), 1);
        let every = self.maybe(written.every.as_ref());
        let randomly = self.maybe(written.randomly.as_ref());
        if let (Some(_), Some(text)) = (&written.every, &written.randomly) {
            self.error(
                text,
                "`every` says already when they come: remove `every` or `randomly`",
            );
        }
        let pace = written
            .every
            .as_ref()
            .map(Placed::place)
            .or_else(|| place(written.randomly.as_ref()));
        if let (Some(place), 1) = (pace, count) {
            self.error(&place, "there is only one: say how many in `count`");
        }
        if let (Some(text), Some(every)) = (&written.every, every) {
            let last = at.saturating_add(every.saturating_mul(count - 1));
            if last >= self.end && at < self.end {
                let message = format!(
                    "the last of {count} would come at {}, when the scenario is over after {} (`spec.duration`)",
                    Human(last),
                    Human(self.end)
                );
                self.error(text, message);
            }
        }
        Arrival {
            at,
            count,
            pace: match randomly {
                Some(mean) => Pace::Random(mean),
                None => Pace::Every(every.unwrap_or_default()),
            },
        }
    }

    fn template(
        &mut self,
        written: &At<WorkloadSpec>,
        kind: &Kind,
        around: &Around<'_>,
    ) -> PodTemplate {
        for secret in &written.image_pull_secrets {
            let names = around.secrets.iter().map(|secret| secret.name.as_str());
            self.known("secret", "spec.secrets", secret, names);
        }
        let annotations = written.annotations.as_ref();
        PodTemplate {
            restart_policy: self.restart_policy(written, kind),
            containers: self.containers(written, kind, around.kubernetes_minor),
            requests: self.requests(written, around.nodes),
            secrets: written
                .image_pull_secrets
                .iter()
                .filter_map(|secret| self.read(secret))
                .collect(),
            overrides: Overrides {
                mode: self.maybe(annotations.and_then(|all| all.mode.as_ref())),
                patience: self.maybe(annotations.and_then(|all| all.patience.as_ref())),
            },
            gated_until: self.until(self.arrives(written), None, written.gated_until.as_ref()),
            node_group: self.maybe(written.nodes.as_ref()),
            active_deadline: self.maybe(written.active_deadline.as_ref()),
        }
    }

    fn restart_policy(&mut self, written: &WorkloadSpec, kind: &Kind) -> RestartPolicy {
        let usual = match kind {
            Kind::Deployment { .. } => RestartPolicy::Always,
            Kind::Pod | Kind::Job(_) => RestartPolicy::Never,
        };
        let Some(text) = &written.restart_policy else {
            return usual;
        };
        let policy = self.read(text).unwrap_or(usual);
        match (kind, policy) {
            (Kind::Job(_), RestartPolicy::Always) => {
                self.error(text, "Kubernetes allows a Job only `Never` or `OnFailure`");
            }
            (Kind::Deployment { .. }, RestartPolicy::Never | RestartPolicy::OnFailure) => {
                self.error(
                    text,
                    "Kubernetes allows a Deployment only `Always`: remove `restartPolicy`",
                );
            }
            _ => {}
        }
        policy
    }

    fn requests(&mut self, written: &At<WorkloadSpec>, nodes: &[NodeGroup]) -> Resources {
        let requests = self.requested(written.requests.as_deref());
        if let Some(group) = &written.nodes {
            self.known(
                "group of nodes",
                "spec.cluster.nodes",
                group,
                nodes.iter().map(|group| group.name.as_str()),
            );
        }
        let wanted = written.nodes.as_ref().map(|group| group.text.as_str());
        let usable = || {
            nodes
                .iter()
                .filter(|group| wanted.is_none_or(|name| name == group.name))
        };
        if usable().next().is_some() && !usable().any(|group| group.capacity.holds(&requests)) {
            let place = place(written.requests.as_ref()).unwrap_or_else(|| written.place());
            let of = wanted.map_or_else(String::new, |name| format!(" of `{name}`"));
            let largest: Vec<&Resources> = usable().map(|group| &group.capacity).collect();
            self.error(
                &place,
                format!(
                    "no node{of} can hold this pod: {}",
                    lacking(&requests, &largest)
                ),
            );
        }
        requests
    }

    fn requested(&mut self, requests: Option<&RequestsSpec>) -> Resources {
        let usual = REQUESTS_USUAL;
        let Some(requests) = requests else {
            return usual;
        };
        Resources {
            cpu_millis: self.or(requests.cpu.as_ref(), usual.cpu_millis),
            memory_mib: self.or(requests.memory.as_ref(), usual.memory_mib),
            gpus: self
                .maybe(requests.gpus.as_ref())
                .map_or(usual.gpus, u64::from),
            pods: 1,
        }
    }
}

/// As in Kubernetes.
const NAMESPACE_USUAL: &str = "default";

/// What is too much of what is asked for, resource by resource.
fn lacking(requests: &Resources, nodes: &[&Resources]) -> String {
    let most = |of: fn(&Resources) -> u64| nodes.iter().map(|node| of(node)).max().unwrap_or(0);
    let (cpu, memory, gpus) = (
        most(|r| r.cpu_millis),
        most(|r| r.memory_mib),
        most(|r| r.gpus),
    );
    if requests.cpu_millis > cpu {
        format!(
            "it asks for {}m CPU, the largest has {cpu}m",
            requests.cpu_millis
        )
    } else if requests.memory_mib > memory {
        format!(
            "it asks for {}Mi of memory, the largest has {memory}Mi",
            requests.memory_mib
        )
    } else if requests.gpus > gpus {
        format!("it asks for {} GPUs, the largest has {gpus}", requests.gpus)
    } else {
        "none has enough of everything that it asks for".to_owned()
    }
}

impl WorkloadSpec {
    /// The first name that is written.
    pub(super) fn name(&self) -> Option<&Text<Label>> {
        self.job
            .as_ref()
            .or(self.pod.as_ref())
            .or(self.deployment.as_ref())
    }
}

impl Workload {
    /// How many pods there are at least.
    fn pods(&self) -> u64 {
        let each = match &self.kind {
            Kind::Pod => 1,
            Kind::Job(job) => job.completions,
            Kind::Deployment { replicas } => *replicas,
        };
        u64::from(each).saturating_mul(self.arrival.count.into())
    }
}
