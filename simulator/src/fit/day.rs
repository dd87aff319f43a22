//! The typical day: arrivals as often as recorded, and what failed as often and as long as recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pullstop_cluster::pull_errors::PullError;
use pullstop_cluster::scenario::fault::{Fault, FaultKind};
use pullstop_cluster::scenario::supply::{
    Exists, Image, Registry, RegistryFault, RegistryFaultKind,
};
use pullstop_cluster::scenario::workload::{
    Arrival, Container, Job, Kind as WorkloadKind, Pace, PodTemplate, PullPolicy, Workload,
};
use pullstop_cluster::scenario::{
    DEFAULT_PATIENCE, DEFAULT_SEED, Enforcer, NodeGroup, Places, Resources, Scenario,
};
use pullstop_core::cause::Cause;
use pullstop_core::pod::{ContainerKind, Overrides, RestartPolicy};
use pullstop_core::policy::Policies;

use super::estimates::{Estimates, Kind, Pulls, Shape, quantile};
use super::seen::host_of;
use crate::recorded::label;

/// The quantiles of pull times that have an image each, in thousandths.
const IMAGES: [usize; 10] = [50, 150, 250, 350, 450, 550, 650, 750, 850, 950];
/// The most frequent shapes stand for all.
const SHAPES_MAX: usize = 5;
/// Where no recording tells sizes, those of the scenario stand for times: one MiB for a millisecond.
const BANDWIDTH_UNKNOWN_MIB: u64 = 1000;
/// How often images are removed from the nodes at most.
const COLLECTIONS_MAX: u64 = 48;
/// What pods ask for that ask for nothing, in thousandths of a CPU and MiB.
const REQUESTS_USUAL: (u64, u64) = (100, 128);

/// A scenario under construction.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) scenario: Scenario,
    registries: BTreeMap<Arc<str>, Registry>,
}

impl Draft {
    /// An empty cluster like the recorded one.
    pub(super) fn new(name: &str, duration: Duration, of: &Estimates) -> Self {
        // What a scheduler would queue is no question of pulls, and whether it would was not recorded.
        let capacity = Resources {
            cpu_millis: 1_000_000_000,
            memory_mib: 1 << 30,
            gpus: 1_000_000,
            pods: 1_000_000,
        };
        let nodes = NodeGroup {
            count: u32::try_from(of.nodes.clamp(1, 1000)).unwrap_or(1),
            capacity,
            runtime: of.runtime,
            ..NodeGroup::usual("node".to_owned())
        };
        let scenario = Scenario {
            name: name.to_owned(),
            seed: DEFAULT_SEED,
            duration,
            patience: DEFAULT_PATIENCE,
            policies: Policies::default(),
            enforcer: Enforcer::default(),
            kubernetes_minor: if of.has_bare_back_off { 31 } else { 36 },
            nodes: vec![nodes],
            registries: Vec::new(),
            images: Vec::new(),
            secrets: Vec::new(),
            queues: Vec::new(),
            workloads: Vec::new(),
            faults: Vec::new(),
            expectations: Vec::new(),
            places: Places::default(),
        };
        Self {
            scenario,
            registries: BTreeMap::new(),
        }
    }

    /// Jobs and pods as often as recorded, for as long as the scenario lasts.
    pub(super) fn arrivals(&mut self, of: &Estimates) {
        let shapes = &of.shapes[..of.shapes.len().min(SHAPES_MAX)];
        let all: u64 = of.shapes.iter().map(|(_, times)| times).sum();
        let kept: u64 = shapes.iter().map(|(_, times)| times).sum();
        let duration_ms = self.scenario.duration.as_millis();
        let observed_ms = of.observed.as_millis().max(1);
        let mut pulling = 0;
        for (n, (shape, times)) in shapes.iter().enumerate() {
            // The shapes that are kept come more often, for those that are not.
            let expected = u128::from(*times) * u128::from(all) * duration_ms;
            let expected = expected / (observed_ms * u128::from(kept.max(1)));
            let expected = u32::try_from(expected).unwrap_or(u32::MAX);
            let images = self.images_of(&shape.host, of);
            let each = u32::try_from(images.len()).unwrap_or(1).max(1);
            for (place, image) in (0..each).zip(&images) {
                // What does not divide goes to the first.
                let count = expected / each + u32::from(place < expected % each);
                if count > 0 {
                    let name = format!("shape-{n}-{place}");
                    let share = (2 * place + 1, 2 * each);
                    self.come(&name, shape, image, (count, share), of);
                    pulling += u64::from(count);
                }
            }
        }
        self.collect_images(pulling, of);
    }

    /// So many come, the first one after a share of the mean time between two: those of other images come before and
    /// after it.
    fn come(
        &mut self,
        name: &str,
        shape: &Shape,
        image: &str,
        (count, (part, of_parts)): (u32, (u32, u32)),
        of: &Estimates,
    ) {
        let mean = whole_ms(self.scenario.duration / count);
        let at = whole_ms(mean * part / of_parts);
        let pace = Pace::Random(mean);
        let mut workload = pod(name, image, at, of);
        workload.arrival = Arrival { at, count, pace };
        if shape.is_job {
            workload.kind = WorkloadKind::Job(Box::new(Job {
                completions: shape.pods,
                parallelism: shape.pods,
                ..Job::default()
            }));
        }
        let (cpu, memory, gpus) = shape.requests;
        let requests = &mut workload.template.requests;
        if shape.requests != (0, 0, 0) {
            (requests.cpu_millis, requests.memory_mib, requests.gpus) = (cpu, memory, gpus);
        }
        if !shape.always_pulls {
            workload.template.containers[0].pull_policy = PullPolicy::IfNotPresent;
        }
        self.scenario.workloads.push(workload);
    }

    /// The images of a registry: one for each of some quantiles of its pull times.
    fn images_of(&mut self, host: &Arc<str>, of: &Estimates) -> Vec<String> {
        let registry = self.registry(host, of).clone();
        let Some(pulls) = of.registries.get(host) else {
            return vec![format!("{host}/fit/app:v1")];
        };
        let mut images = Vec::new();
        for (n, permille) in IMAGES.into_iter().enumerate() {
            let reference = format!("{host}/fit/app-{n}:v1");
            if !self
                .scenario
                .images
                .iter()
                .any(|one| one.reference == reference)
            {
                let size = size_mib(pulls, permille, &registry);
                self.scenario.images.push(image(&reference, size));
            }
            images.push(reference);
        }
        images
    }

    /// Nodes lose images so often that there are as many pulls as recorded, and not only the first on each node.
    fn collect_images(&mut self, arrivals: u64, of: &Estimates) {
        let nodes = u64::from(self.scenario.nodes[0].count);
        let slots = nodes * (self.scenario.images.len().max(1) as u64);
        let times = (arrivals / slots).min(COLLECTIONS_MAX);
        if of.registries.is_empty() {
            return;
        }
        let every = self.scenario.duration / u32::try_from(times + 1).unwrap_or(1);
        self.scenario.faults.extend((1..=times).map(|n| Fault {
            at: whole_ms(every * u32::try_from(n).unwrap_or(1)),
            what: FaultKind::ImageGarbage {
                nodes: "*".to_owned(),
                images: "*".to_owned(),
            },
        }));
    }

    /// An outage of the kind's registry, which `witnesses` pods meet, one after the other.
    pub(super) fn outage(
        &mut self,
        kind: &Kind,
        name: &str,
        span: (Duration, Duration),
        witnesses: u32,
        of: &Estimates,
    ) {
        let (from, length) = span;
        let Some(error) = kind.error else { return };
        let until = self.within(from + length);
        let registry = self.registry(&kind.host, of);
        let after = match error {
            PullError::ConnectTimeout => Duration::from_secs(30),
            PullError::Hung => Duration::from_secs(60),
            _ => registry.latency,
        };
        registry.faults.push(RegistryFault {
            from,
            until,
            what: RegistryFaultKind::Error { error, after },
            percent: 100,
            images: None,
            nodes: None,
        });
        let mut workload = pod(
            name,
            &format!("{}/fit/{name}:v1", kind.host),
            from + MOMENT,
            of,
        );
        workload.arrival.count = witnesses;
        let pause = length.saturating_sub(MOMENT) / witnesses.max(1);
        workload.arrival.pace = Pace::Every(whole_ms(pause));
        self.scenario.workloads.push(workload);
    }

    /// A pod whose image appears so long after its first failed pull, or never.
    pub(super) fn missing(
        &mut self,
        kind: &Kind,
        name: &str,
        at: Duration,
        until: Option<Duration>,
        of: &Estimates,
    ) {
        if kind.cause == Cause::NeverPullMissing {
            let mut workload = pod(name, &format!("{}/fit/{name}:v1", kind.host), at, of);
            workload.template.containers[0].pull_policy = PullPolicy::Never;
            self.scenario.workloads.push(workload);
            return;
        }
        let Some(error) = kind.error else { return };
        let latency = self.registry(&kind.host, of).latency;
        let reference = format!("{}/fit/{name}:v1", kind.host);
        let mut missing = image(&reference, SIZE_USUAL_MIB);
        missing.exists = Exists {
            from: until.and_then(|length| self.within(at + latency + length)),
            until: None,
            missing: error,
        };
        self.scenario.images.push(missing);
        self.scenario.workloads.push(pod(name, &reference, at, of));
    }

    /// What comes after the end of the scenario never comes in it.
    fn within(&self, at: Duration) -> Option<Duration> {
        Some(at).filter(|at| *at < self.scenario.duration)
    }

    /// The scenario, complete.
    pub(super) fn finish(mut self) -> Scenario {
        for registry in self.registries.values_mut() {
            registry.faults.sort_by_key(|fault| fault.from);
        }
        let named: BTreeSet<String> = self.scenario.image_names().map(str::to_owned).collect();
        let hosts: BTreeSet<Arc<str>> = named.iter().map(|image| host_of(image)).collect();
        // Registries and images from which no pod of this scenario pulls would only be a riddle.
        self.registries.retain(|host, _| hosts.contains(host));
        self.scenario
            .images
            .retain(|image| named.contains(&image.reference));
        self.scenario.registries = self.registries.into_values().collect();
        self.scenario
    }

    fn registry(&mut self, host: &Arc<str>, of: &Estimates) -> &mut Registry {
        self.registries.entry(Arc::clone(host)).or_insert_with(|| {
            let mut registry = Registry::usual(host);
            if let Some(pulls) = of.registries.get(host) {
                let latency = pulls.latency_ms().map(Duration::from_millis);
                registry.latency = latency.unwrap_or(registry.latency);
                let bandwidth = pulls.bandwidth_mib();
                registry.bandwidth_mib_per_s =
                    bandwidth.unwrap_or(BANDWIDTH_UNKNOWN_MIB).clamp(1, 100_000);
            }
            registry
        })
    }
}

/// A pod comes so long after an outage has begun.
const MOMENT: Duration = Duration::from_secs(1);
/// As in scenarios that say nothing.
const SIZE_USUAL_MIB: u64 = 100;
const RUNS_USUALLY: Duration = Duration::from_secs(60);

/// A pod by itself.
fn pod(name: &str, image: &str, at: Duration, of: &Estimates) -> Workload {
    let runs = of.runs.quantile(500).filter(|runs| !runs.is_zero());
    let main = Container {
        name: "main".to_owned(),
        kind: ContainerKind::Main,
        image: image.to_owned(),
        pull_policy: PullPolicy::Always,
        runs: Some(whole_ms(runs.unwrap_or(RUNS_USUALLY))),
        exit_code: 0,
        cannot_start: None,
    };
    let (cpu_millis, memory_mib) = REQUESTS_USUAL;
    Workload {
        name: label(name),
        namespace: "default".to_owned(),
        kind: WorkloadKind::Pod,
        arrival: Arrival {
            at: whole_ms(at),
            count: 1,
            pace: Pace::Every(Duration::ZERO),
        },
        template: PodTemplate {
            restart_policy: RestartPolicy::Never,
            containers: vec![main],
            requests: Resources {
                cpu_millis,
                memory_mib,
                gpus: 0,
                pods: 1,
            },
            secrets: Vec::new(),
            overrides: Overrides::default(),
            gated_until: None,
            node_group: None,
            active_deadline: None,
        },
    }
}

fn image(reference: &str, size_mib: u64) -> Image {
    Image {
        reference: reference.to_owned(),
        size_mib,
        exists: Exists::default(),
        defect: None,
        secret: None,
        node_identity: false,
    }
}

fn size_mib(pulls: &Pulls, permille: usize, registry: &Registry) -> u64 {
    let took = quantile(&pulls.took_ms, permille).unwrap_or(0);
    let latency = u64::try_from(registry.latency.as_millis()).unwrap_or(u64::MAX);
    let transfer = took.saturating_sub(latency);
    (transfer.saturating_mul(registry.bandwidth_mib_per_s) / 1000).clamp(1, 1 << 20)
}

/// Scenarios are written in milliseconds.
fn whole_ms(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
