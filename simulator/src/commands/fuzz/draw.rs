//! Draws a random world from a seed.
//!
//! Swarm testing (Groce et al., ISSTA 2012): each world leaves out whole kinds of faults, so that those that are left
//! meet each other more often. All faults are over after the first phase, so that what must come in the end can be
//! asked for.

mod policies;

use std::time::Duration;

use pullstop_cluster::pull_errors::{PullError, Runtime};
use pullstop_cluster::scenario::fault::{Fault, FaultKind, Write, WriteFault};
use pullstop_cluster::scenario::supply::{
    Exists, Image, RateLimit, Registry, RegistryFault, RegistryFaultKind, Secret,
};
use pullstop_cluster::scenario::workload::{
    Arrival, Container, Job, Kind, Pace, PodFailureAction, PodFailureMatch, PodFailureRule,
    PodReplacement, PodTemplate, PullPolicy, Workload,
};
use pullstop_cluster::scenario::{
    DEFAULT_PATIENCE, Enforcer, Joins, KubeletConfig, NodeGroup, Places, Queue, QueueOrder, Quota,
    Resources, Scenario,
};
use pullstop_cluster::world::random::{Purpose, RandomStream, RandomStreams};
use pullstop_core::names::FAILED_CONDITION;
use pullstop_core::pod::{ContainerKind, Overrides, RestartPolicy};
use pullstop_core::policy::Policies;

use super::shrink::tidied;

/// How long things go on when nothing goes wrong any more: four times the longest of the standard thresholds.
pub const LIVENESS: Duration = Duration::from_secs(5 * 3600);

const REGISTRIES: [&str; 2] = ["docker.io", "registry.example"];
const IMAGES: [&str; 8] = [
    "registry.example/good:v1",
    "registry.example/other:v1",
    "registry.example/bad:v1",
    "registry.example/late:v1",
    "registry.example/private:v1",
    "docker.io/library/good:v1",
    "docker.io/library/broken:v1",
    "registry.example/Bad:v1",
];

/// A world, with all faults in the time before [`LIVENESS`].
pub fn scenario(seed: u64) -> Scenario {
    let streams = RandomStreams::new(seed);
    let mut draw = Draw {
        chance: streams.stream(Purpose::Fuzz, 0),
        safety: Duration::ZERO,
    };
    draw.safety = draw.minutes(10, 120);
    let faults = draw.faults();
    let mut scenario = Scenario {
        name: format!("fuzz-{seed}"),
        seed,
        duration: draw.safety + LIVENESS,
        patience: DEFAULT_PATIENCE,
        policies: Policies::default(),
        enforcer: draw.enforcer(),
        kubernetes_minor: 29 + draw.below(8),
        nodes: draw.nodes(),
        registries: REGISTRIES.iter().map(|host| draw.registry(host)).collect(),
        images: draw.images(),
        secrets: vec![Secret {
            name: "key".to_owned(),
            from: draw.sometimes().unwrap_or_default(),
            until: None,
        }],
        queues: vec![Queue {
            name: "queue".to_owned(),
            quota: Quota {
                jobs: Some(1 + u64::from(draw.below(3))),
                ..Quota::default()
            },
            order: if draw.coin() {
                QueueOrder::Fifo
            } else {
                QueueOrder::Priority
            },
        }],
        workloads: draw.workloads(),
        faults,
        expectations: Vec::new(),
        places: Places::default(),
    };
    // From a stream of its own: the rest of a world is what it was before there were such policies.
    let chance = streams.stream(Purpose::Fuzz, 2);
    policies::of_namespaces(&mut Draw { chance, ..draw }, &mut scenario);
    tidied(scenario)
}

struct Draw {
    chance: RandomStream,
    safety: Duration,
}

impl Draw {
    fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.chance.below(limit.into())).unwrap_or(0)
    }

    fn coin(&mut self) -> bool {
        self.chance.chance(50)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        let place = usize::try_from(self.chance.below(all.len() as u64)).unwrap_or(0);
        all[place]
    }

    fn minutes(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_secs(60 * self.chance.between(low, high))
    }

    /// A time while things go wrong.
    fn time(&mut self) -> Duration {
        let ms = u64::try_from(self.safety.as_millis()).unwrap_or(u64::MAX);
        // In whole seconds, for readers; what is random is random enough.
        Duration::from_secs(self.chance.below(ms) / 1000)
    }

    fn sometimes(&mut self) -> Option<Duration> {
        self.coin().then(|| self.time())
    }

    fn enforcer(&mut self) -> Enforcer {
        Enforcer {
            watch_delay: Duration::from_millis(self.chance.between(1, 2000)),
            write_latency: Duration::from_millis(self.chance.between(1, 300)),
        }
    }

    fn nodes(&mut self) -> Vec<NodeGroup> {
        let runtimes = [
            Runtime::Containerd16,
            Runtime::Containerd17,
            Runtime::Containerd2,
            Runtime::Crio,
        ];
        let joins = match self.below(4) {
            0 => Joins::At(self.time()),
            1 => Joins::Scaled {
                boots_in: self.minutes(0, 5),
            },
            _ => Joins::At(Duration::ZERO),
        };
        vec![NodeGroup {
            name: "node".to_owned(),
            count: 1 + self.below(3),
            capacity: Resources {
                cpu_millis: 64_000,
                memory_mib: 262_144,
                gpus: 8,
                pods: 110,
            },
            joins,
            runtime: self.one_of(&runtimes),
            kubelet: KubeletConfig {
                parallel_pulls_max: self.one_of(&[Some(1), Some(2), None]),
                registry_qps: self.one_of(&[0, 1, 5]),
                registry_burst: 1 + self.below(10),
            },
            images: if self.coin() {
                vec![IMAGES[1].to_owned()]
            } else {
                Vec::new()
            },
            identity_after: self.sometimes().unwrap_or_default(),
        }]
    }

    fn registry(&mut self, host: &str) -> Registry {
        let mut registry = Registry::usual(host);
        registry.latency = Duration::from_millis(self.chance.between(20, 3000));
        registry.bandwidth_mib_per_s = self.chance.between(5, 200);
        if self.chance.chance(20) {
            registry.rate_limit = Some(RateLimit {
                pulls: 1 + self.below(20),
                per: self.minutes(1, 60),
            });
        }
        for _ in 0..self.below(3) {
            let fault = self.registry_fault();
            registry.faults.push(fault);
        }
        registry
    }

    fn registry_fault(&mut self) -> RegistryFault {
        let from = self.time();
        let errors = [
            PullError::RateLimited,
            PullError::BadGateway,
            PullError::ServiceUnavailable,
            PullError::Refused,
            PullError::NoSuchHost,
            PullError::CertificateUnknown,
            PullError::ConnectTimeout,
            PullError::Hung,
            PullError::Reset,
            PullError::NoBasicAuth,
            PullError::ManifestNotFound,
            PullError::DiskFull,
        ];
        let what = if self.chance.chance(20) {
            RegistryFaultKind::Slow {
                factor: 2 + self.below(50),
            }
        } else {
            RegistryFaultKind::Error {
                error: self.one_of(&errors),
                after: Duration::from_millis(self.chance.between(10, 30_000)),
            }
        };
        let lasts = self.minutes(1, 60);
        RegistryFault {
            from,
            until: Some(
                (from + lasts)
                    .min(self.safety)
                    .max(from + Duration::from_secs(1)),
            ),
            what,
            percent: self.one_of(&[100, 100, 50, 10]),
            images: None,
            nodes: None,
        }
    }

    fn images(&mut self) -> Vec<Image> {
        let image = |reference: &str| Image {
            reference: reference.to_owned(),
            size_mib: 100,
            exists: Exists::default(),
            defect: None,
            secret: None,
            node_identity: false,
        };
        let missing = [
            PullError::ManifestNotFound,
            PullError::RepositoryNotFound,
            PullError::DeniedOrMissing,
        ];
        let never = Exists {
            from: None,
            until: None,
            missing: self.one_of(&missing),
        };
        let late = Exists {
            from: Some(self.time() + Duration::from_secs(1)),
            ..never
        };
        let defects = [
            PullError::PlatformMismatch,
            PullError::UnsupportedManifest,
            PullError::PolicyBlocked,
        ];
        vec![
            Image {
                size_mib: self.chance.between(1, 3000),
                node_identity: self.coin(),
                ..image(IMAGES[0])
            },
            Image {
                exists: never,
                ..image(IMAGES[2])
            },
            Image {
                exists: late,
                ..image(IMAGES[3])
            },
            Image {
                secret: Some("key".to_owned()),
                ..image(IMAGES[4])
            },
            Image {
                defect: Some(self.one_of(&defects)),
                ..image(IMAGES[6])
            },
        ]
    }

    fn workloads(&mut self) -> Vec<Workload> {
        (0..=self.below(6)).map(|n| self.workload(n)).collect()
    }

    fn workload(&mut self, n: u32) -> Workload {
        let kind = match self.below(5) {
            0 => Kind::Pod,
            1 => Kind::Deployment {
                replicas: 1 + self.below(2),
            },
            _ => Kind::Job(Box::new(self.job())),
        };
        let is_deployment = matches!(kind, Kind::Deployment { .. });
        let count = if is_deployment { 1 } else { 1 + self.below(4) };
        let pace = match self.below(2) {
            _ if count == 1 => Pace::Every(Duration::ZERO),
            0 => Pace::Every(Duration::from_secs(self.chance.below(120))),
            _ => Pace::Random(self.minutes(1, 5)),
        };
        let at = self.time() / 2;
        let mut template = self.template(is_deployment);
        if self.chance.chance(10) {
            template.gated_until = Some(at + self.minutes(1, 30));
        }
        Workload {
            name: format!("w{n}"),
            namespace: "default".to_owned(),
            arrival: Arrival { at, count, pace },
            template,
            kind,
        }
    }

    fn job(&mut self) -> Job {
        let fails_job = PodFailureRule {
            action: PodFailureAction::FailJob,
            on: PodFailureMatch::Condition(FAILED_CONDITION.to_owned()),
        };
        let pod_failure_policy = if self.coin() {
            vec![fails_job]
        } else {
            Vec::new()
        };
        // What Kubernetes sets, and with a policy demands.
        let replacement = if pod_failure_policy.is_empty() {
            PodReplacement::TerminatingOrFailed
        } else {
            PodReplacement::Failed
        };
        Job {
            backoff_limit: self.below(3),
            parallelism: 1 + self.below(2),
            completions: 2,
            pod_failure_policy,
            replacement,
            queue: self.coin().then(|| "queue".to_owned()),
            ..Job::default()
        }
    }

    fn template(&mut self, is_deployment: bool) -> PodTemplate {
        let mut containers = Vec::new();
        if self.chance.chance(20) {
            let kind = if self.coin() {
                ContainerKind::Init
            } else {
                ContainerKind::Sidecar
            };
            containers.push(self.container("init", kind, false));
        }
        for n in 0..=self.below(2) {
            containers.push(self.container(
                &format!("main{n}"),
                ContainerKind::Main,
                is_deployment,
            ));
        }
        PodTemplate {
            restart_policy: if is_deployment {
                RestartPolicy::Always
            } else {
                RestartPolicy::Never
            },
            containers,
            requests: Resources {
                cpu_millis: 100,
                memory_mib: 128,
                gpus: 0,
                pods: 1,
            },
            secrets: if self.coin() {
                vec!["key".to_owned()]
            } else {
                Vec::new()
            },
            overrides: Overrides::default(),
            gated_until: None,
            node_group: None,
            active_deadline: None,
        }
    }

    fn container(&mut self, name: &str, kind: ContainerKind, is_deployment: bool) -> Container {
        let policies = [
            PullPolicy::IfNotPresent,
            PullPolicy::IfNotPresent,
            PullPolicy::Always,
            PullPolicy::Never,
        ];
        let lasts = self.minutes(0, 20) + Duration::from_secs(1);
        let is_endless = kind == ContainerKind::Sidecar || is_deployment;
        Container {
            name: name.to_owned(),
            kind,
            image: self.one_of(&IMAGES).to_owned(),
            pull_policy: self.one_of(&policies),
            runs: (!is_endless).then_some(lasts),
            exit_code: 0,
            cannot_start: None,
        }
    }

    fn faults(&mut self) -> Vec<Fault> {
        // Which kinds there are in this world at all.
        let swarm = self.chance.bits();
        let mut faults = Vec::new();
        for _ in 0..self.below(6) {
            let kind = self.below(FAULT_KINDS);
            if swarm >> kind & 1 == 0 {
                continue;
            }
            let at = self.time();
            let lasts =
                self.minutes(0, 10).min(self.safety.saturating_sub(at)) + Duration::from_secs(5);
            let what = self.fault(kind, lasts);
            faults.push(Fault { at, what });
        }
        faults
    }

    fn fault(&mut self, kind: u32, lasts: Duration) -> FaultKind {
        let nodes = || "*".to_owned();
        let pods = || "w0*".to_owned();
        match kind {
            0 => FaultKind::KubeletRestart {
                nodes: nodes(),
                down_for: lasts,
            },
            1 => FaultKind::SandboxFault {
                nodes: nodes(),
                lasts,
            },
            2 => FaultKind::ImageGarbage {
                nodes: nodes(),
                images: "*".to_owned(),
            },
            3 => FaultKind::EditImage {
                pods: pods(),
                container: "main0".to_owned(),
                image: self.one_of(&IMAGES).to_owned(),
            },
            4 => FaultKind::DeletePods { pods: pods() },
            5 => FaultKind::FailPods {
                pods: pods(),
                how: self.one_of(&[Write::Durable, Write::StatusOnly, Write::ActiveDeadline]),
            },
            6 => FaultKind::WatchGap { lasts },
            7 => FaultKind::EnforcerRestart { down_for: lasts },
            8 => FaultKind::ApiSlow {
                lasts,
                by: Duration::from_millis(self.chance.between(10, 5000)),
            },
            9 => FaultKind::WriteFault {
                lasts,
                how: self.one_of(&[
                    WriteFault::Conflict,
                    WriteFault::Failed,
                    WriteFault::LostAnswer,
                ]),
                percent: self.one_of(&[100, 50, 20]),
            },
            _ => FaultKind::DuplicateEvents { lasts },
        }
    }
}

const FAULT_KINDS: u32 = 11;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use pullstop_cluster::scenario::{parse, write};
    use pullstop_core::policy::Policy;

    #[test]
    fn what_is_drawn_can_be_written_and_read_again() {
        for seed in 0..200 {
            let drawn = scenario(seed);
            let yaml = write::to_yaml(&drawn);
            let mut no_policies = |_: &Path| Ok(Policy::default());
            let read = parse("drawn.yaml", &yaml, &mut no_policies);
            let mut read = read.unwrap_or_else(|errors| panic!("{}\n{yaml}", errors[0]));
            read.places = Places::default();
            let (drawn, read) = (format!("{drawn:#?}"), format!("{read:#?}"));
            for (line, again) in drawn.lines().zip(read.lines()) {
                assert_eq!(line, again, "{yaml}");
            }
            assert_eq!(drawn.len(), read.len(), "{yaml}");
        }
    }
}
