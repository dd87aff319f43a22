//! Infers workloads from recorded pods, and maps the names of pods.

use std::collections::BTreeMap;
use std::time::Duration;

use pullstop_cluster::scenario::quantity::{SIZE_MAX, cpu_millis, mebibytes};
use pullstop_cluster::scenario::workload::{
    Arrival, Container, Job, Kind, Pace, PodFailureAction, PodFailureMatch, PodFailureRule,
    PodReplacement, PodTemplate, PullPolicy, Workload,
};
use pullstop_cluster::scenario::{DURATION_MAX, Resources};
use pullstop_core::pod::{ContainerKind, RestartPolicy};
use pullstop_core::time::Human;

use super::expect;
use super::notes::Notes;
use super::observed::{ObservedContainer, ObservedPod};
use super::recording::Recording;
use crate::recorded::label;
use crate::recorded::objects::{JobSpec, PodFailureRule as RecordedRule};

/// The workloads, and what each recorded pod is called among them.
#[derive(Debug, Default)]
pub(super) struct Workloads {
    pub(super) all: Vec<Workload>,
    /// In the order of the recording's pods; none of a replacement, which may come or not.
    pub(super) names: Vec<Option<String>>,
}

/// How long a container runs that was not seen to end, or longer if the scenario lasts longer.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);
/// The controller of pods, by namespace, kind and name.
pub(super) type Owner<'a> = (&'a str, &'a str, &'a str);

/// Makes workloads of pods. `group` names the nodes that a pod needs.
pub(super) fn of(
    recording: &Recording,
    group: &dyn Fn(&ObservedPod) -> Option<String>,
    notes: &mut Notes,
) -> Workloads {
    let mut workloads = Workloads::default();
    let mut owners: BTreeMap<Owner<'_>, Vec<usize>> = BTreeMap::new();
    let mut order: Vec<Vec<usize>> = Vec::new();
    for (place, pod) in recording.pods.iter().enumerate() {
        match owner_of(pod) {
            Some(owner) => owners.entry(owner).or_default().push(place),
            None => order.push(vec![place]),
        }
    }
    order.extend(owners.into_values());
    // As they were first seen.
    order.sort_unstable();
    workloads.names = vec![None; recording.pods.len()];
    for places in order {
        workloads.add(recording, &places, group, notes);
    }
    for ((_, name), _) in recording
        .jobs
        .iter()
        .filter(|((namespace, name), _)| !has_pods(recording, namespace, name))
    {
        notes.add(format!("The Job {name} made no pod and is left out."));
    }
    for name in &recording.over {
        notes.add(format!(
            "{name} had ended before it was first seen and is left out."
        ));
    }
    workloads
}

fn has_pods(recording: &Recording, namespace: &str, job: &str) -> bool {
    let mut owners = recording.pods.iter().filter_map(owner_of);
    owners.any(|owner| owner == (namespace, "Job", job))
}

/// The controller, if it is one that scenarios know.
pub(super) fn owner_of(pod: &ObservedPod) -> Option<Owner<'_>> {
    let (kind, name) = pod.owner.as_ref()?;
    matches!(kind.as_str(), "Job" | "ReplicaSet").then_some((&pod.namespace, kind, name))
}

impl Workloads {
    fn add(
        &mut self,
        recording: &Recording,
        places: &[usize],
        group: &dyn Fn(&ObservedPod) -> Option<String>,
        notes: &mut Notes,
    ) {
        let pods: Vec<&ObservedPod> = places.iter().map(|place| &recording.pods[*place]).collect();
        let Some(first) = pods.first() else { return };
        let (name, kind, at) = match owner_of(first) {
            None => {
                if let Some((kind, owner)) = &first.owner {
                    notes.add(format!(
                        "{} of the {kind} {owner} is taken for a pod without owner.",
                        first.name
                    ));
                }
                (first.name.as_str(), Kind::Pod, first.first_at)
            }
            Some((_, "Job", name)) => {
                let key = (first.namespace.clone(), name.to_owned());
                let sight = recording.jobs.get(&key);
                if sight.is_none() {
                    notes.add(format!("The Job {name} itself is not in the recording: it has Kubernetes' defaults."));
                }
                let spec = sight.map(|sight| sight.spec.clone()).unwrap_or_default();
                let mut job = job(&spec);
                let limits = [&mut job.active_deadline, &mut job.ttl_after_finished];
                leave_out_unreached(limits, &format!("The Job {name}"), notes);
                job.suspended_until = sight.and_then(|sight| sight.resumed_at);
                let at = sight.map_or(first.first_at, |sight| sight.first_at.min(first.first_at));
                (name, Kind::Job(Box::new(job)), at)
            }
            Some((_, _, name)) => {
                let replicas = replicas(&pods);
                notes.add(format!(
                    "The ReplicaSet {name} is a Deployment that wants as many pods as there were before any ended."
                ));
                let name = name.rsplit_once('-').map_or(name, |(name, _)| name);
                (name, Kind::Deployment { replicas }, first.first_at)
            }
        };
        let name = self.label(name, notes);
        self.name_pods(&name, &kind, places, &pods);
        let is_deployment = matches!(kind, Kind::Deployment { .. });
        let for_ever = FOR_EVER.max(expect::duration(recording));
        let runs = if is_deployment { None } else { Some(for_ever) };
        let mut template = template(&pods, runs, notes);
        leave_out_unreached([&mut template.active_deadline], &first.name, notes);
        template.node_group = group(first);
        let late = first.bound.as_ref().map(|(_, at)| *at);
        template.gated_until = late.filter(|at| *at > first.first_at + BOUND_LATE);
        self.all.push(Workload {
            name,
            namespace: first.namespace.clone(),
            kind,
            arrival: Arrival {
                at,
                count: 1,
                pace: Pace::Every(Duration::ZERO),
            },
            template,
        });
    }

    /// What the simulated controllers call the pods that are sure to come.
    fn name_pods(&mut self, name: &str, kind: &Kind, places: &[usize], pods: &[&ObservedPod]) {
        let mut made: BTreeMap<u32, u32> = BTreeMap::new();
        for (n, (place, pod)) in (0..).zip(places.iter().zip(pods)) {
            self.names[*place] = match kind {
                Kind::Pod => Some(name.to_owned()),
                Kind::Job(job) if job.indexed => {
                    let index = pod.index.unwrap_or_default();
                    let n = made.entry(index).or_default();
                    *n += 1;
                    // The first pods are numbered as their indexes are.
                    let is_first = *n == 1 && index < job.parallelism;
                    is_first.then(|| format!("{name}-{index}-{index}"))
                }
                Kind::Job(job) => (n < job.parallelism).then(|| format!("{name}-{n}")),
                Kind::Deployment { replicas } => (n < *replicas).then(|| format!("{name}-{n}")),
            };
        }
    }

    /// A name that scenarios allow and that nobody has yet.
    fn label(&self, recorded: &str, notes: &mut Notes) -> String {
        let mut label = label(recorded);
        while self.all.iter().any(|workload| workload.name == label) {
            label = format!("{label}-again");
        }
        if label != recorded && !recorded.starts_with(&label) {
            notes.add(format!(
                "{recorded} is called {label}, as scenarios allow it."
            ));
        }
        label
    }
}

/// A pod that waited longer than this for its node was not let in earlier.
const BOUND_LATE: Duration = Duration::from_secs(5);

fn replicas(pods: &[&ObservedPod]) -> u32 {
    let ends = pods
        .iter()
        .filter_map(|pod| match (pod.ended_at, pod.deleted_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        });
    let first_end = ends.min().unwrap_or(Duration::MAX);
    let before = pods.iter().filter(|pod| pod.first_at < first_end).count();
    u32::try_from(before).unwrap_or(u32::MAX).max(1)
}

/// Limits that no scenario lasts long enough to reach; many write the largest number for "none".
fn leave_out_unreached<'a>(
    limits: impl IntoIterator<Item = &'a mut Option<Duration>>,
    whose: &str,
    notes: &mut Notes,
) {
    for limit in limits {
        if let Some(unreached) = limit.take_if(|limit| *limit > DURATION_MAX) {
            notes.add(format!(
                "{whose} has a limit of {}, which no scenario reaches: it is left out.",
                Human(unreached)
            ));
        }
    }
}

/// `runs` is how long a main container runs that was not seen to end.
fn template(pods: &[&ObservedPod], runs: Option<Duration>, notes: &mut Notes) -> PodTemplate {
    let Some(first) = pods.first() else {
        return PodTemplate {
            restart_policy: RestartPolicy::Never,
            containers: Vec::new(),
            requests: Resources::default(),
            secrets: Vec::new(),
            overrides: pullstop_core::pod::Overrides::default(),
            gated_until: None,
            node_group: None,
            active_deadline: None,
        };
    };
    let containers = first.containers.iter().enumerate().map(|(place, sight)| {
        // Pods of one owner are alike: what one shows is true of all.
        let all = pods.iter().filter_map(|pod| pod.containers.get(place));
        container(sight, &all.collect::<Vec<_>>(), runs)
    });
    if first.overrides != pullstop_core::pod::Overrides::default() {
        notes.add(format!(
            "What the annotations of {} ask for is left out.",
            first.name
        ));
    }
    PodTemplate {
        restart_policy: first.restart_policy,
        containers: containers.collect(),
        requests: requests(first),
        secrets: first.secrets.clone(),
        overrides: pullstop_core::pod::Overrides::default(),
        gated_until: None,
        node_group: None,
        active_deadline: first.active_deadline,
    }
}

fn container(
    first: &ObservedContainer,
    all: &[&ObservedContainer],
    for_ever: Option<Duration>,
) -> Container {
    let ended = all.iter().find_map(|sight| sight.ended);
    let has_run = all.iter().any(|sight| sight.ran);
    let beyond = all.iter().find_map(|sight| sight.beyond.clone());
    let runs = match ended {
        _ if first.kind == ContainerKind::Sidecar => None,
        // It may have begun long before the recording.
        Some((_, runs)) => Some(runs.min(DURATION_MAX)),
        None => for_ever,
    };
    let exit_code = ended.map_or(0, |(code, _)| code.clamp(0, 255));
    Container {
        name: first.name.clone(),
        kind: first.kind,
        image: first.image.clone(),
        pull_policy: match first.pull_policy.as_str() {
            "Always" => PullPolicy::Always,
            "Never" => PullPolicy::Never,
            _ => PullPolicy::IfNotPresent,
        },
        exit_code: if runs.is_some() { exit_code } else { 0 },
        runs,
        cannot_start: beyond.filter(|_| !has_run),
    }
}

/// What one pod takes; what cannot be read counts as nothing.
pub(super) fn requests(pod: &ObservedPod) -> Resources {
    let sum = |name: &str, read: &dyn Fn(&str) -> Option<u64>| -> u64 {
        let amounts = pod.requests.get(name).into_iter().flatten();
        amounts.filter_map(|amount| read(amount)).sum()
    };
    Resources {
        cpu_millis: sum("cpu", &|amount| cpu_millis(amount).ok()),
        memory_mib: sum("memory", &|amount| mebibytes(amount).ok()),
        gpus: sum("nvidia.com/gpu", &|amount| amount.parse().ok()),
        pods: 1,
    }
}

fn job(spec: &JobSpec) -> Job {
    let usual = Job::default();
    let rules = spec
        .pod_failure_policy
        .iter()
        .flat_map(|policy| &policy.rules);
    let rules: Vec<PodFailureRule> = rules.filter_map(rule).collect();
    let replaces_failed = spec.pod_replacement_policy.as_deref() == Some("Failed");
    let indexed = spec.completion_mode.as_deref() == Some("Indexed");
    // A Job with a limit for each index has none in all, for which Kubernetes writes its largest number.
    let count = |count: Option<u32>, usual: u32| count.unwrap_or(usual).min(SIZE_MAX);
    let of_index = |count: Option<u32>| count.filter(|_| indexed).map(|n| n.min(SIZE_MAX));
    Job {
        completions: count(spec.completions, usual.completions).max(1),
        parallelism: count(spec.parallelism, usual.parallelism).max(1),
        indexed,
        backoff_limit: count(spec.backoff_limit, usual.backoff_limit),
        backoff_limit_per_index: of_index(spec.backoff_limit_per_index),
        failed_indexes_max: of_index(spec.max_failed_indexes),
        replacement: if replaces_failed || !rules.is_empty() {
            PodReplacement::Failed
        } else {
            PodReplacement::TerminatingOrFailed
        },
        pod_failure_policy: rules,
        ttl_after_finished: spec.ttl_seconds_after_finished.map(Duration::from_secs),
        active_deadline: spec.active_deadline_seconds.map(Duration::from_secs),
        ..usual
    }
}

/// Conditions and lists of exit codes are what scenarios know; `NotIn` they do not.
fn rule(rule: &RecordedRule) -> Option<PodFailureRule> {
    let action = match rule.action.as_str() {
        "FailJob" => PodFailureAction::FailJob,
        "FailIndex" => PodFailureAction::FailIndex,
        "Ignore" => PodFailureAction::Ignore,
        _ => PodFailureAction::Count,
    };
    let condition = rule.on_pod_conditions.first();
    let condition = condition.map(|condition| PodFailureMatch::Condition(condition.r#type.clone()));
    let codes = rule
        .on_exit_codes
        .as_ref()
        .filter(|codes| codes.operator == "In");
    let codes = codes.map(|codes| PodFailureMatch::ExitCodes(codes.values.clone()));
    condition.or(codes).map(|on| PodFailureRule { action, on })
}

#[cfg(test)]
mod tests {
    use pullstop_core::yaml::is_label;

    use super::*;

    #[test]
    fn names_become_labels() {
        for (text, expected) in [
            ("train-0", "train-0"),
            ("web.example_A", "web-example-a"),
            ("--", "unnamed"),
        ] {
            assert_eq!(label(text), expected);
            assert!(is_label(&label(text)));
        }
    }
}
