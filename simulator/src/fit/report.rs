//! The report of a fit: what was estimated, from how many observations, and how well the scenarios show it.

use pullstop_core::time::Human;
use serde::Serialize;
use std::time::Duration;

use super::estimates::{Estimates, Kind, Pulls, quantile, rounded};
use super::fidelity::{Comparison, Quantiles};
use super::set::Fitted;
use super::survival::Survival;

const HOUR: Duration = Duration::from_secs(3600);

/// The content of `fit.json`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How long was recorded, in seconds; times with several recordings count once.
    pub observed_seconds: u64,
    /// Number of recordings.
    pub recordings: usize,
    /// Number of watch events.
    pub events: u64,
    /// Number of pods.
    pub pods: u64,
    /// Number of nodes that pods were on.
    pub nodes: usize,
    /// Pulls that the kubelet's own limiter refused: no failures.
    pub throttled: u64,
    /// Failed pulls by cause and registry, the most first.
    pub failures: Vec<Failures>,
    /// Successful pulls by registry.
    pub pulls: Vec<RegistryPulls>,
    /// What arrived.
    pub arrivals: Arrivals,
    /// How long Jobs were suspended and pods gated.
    pub waits: Times,
    /// How long pods ran.
    pub runs: Times,
    /// The recordings and the simulated day, side by side.
    pub fidelity: Vec<Comparison>,
    /// The scenarios that were written.
    pub scenarios: Vec<Written>,
}

/// Failed pulls of one cause at one registry.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    /// The cause.
    pub cause: String,
    /// The registry.
    pub registry: String,
    /// Failed pulls.
    pub failed_pulls: u64,
    /// Failed pulls in an hour, in thousandths.
    pub per_hour_permille: u64,
    /// Containers, from their first failed pull until they had their image.
    pub healing: Times,
    /// What made them fail: outages of a registry, or images that were missing.
    pub episodes: Times,
}

/// Times of which some were still going on when they were last seen, as Kaplan and Meier estimate them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    /// How many were seen.
    pub observed: usize,
    /// How many were seen to end; the others are censored.
    pub ended: usize,
    /// The share that never ends, in thousandths, as far as was observed.
    pub never_permille: u64,
    /// Of those that end, in milliseconds.
    pub p50_ms: Option<u64>,
    /// In milliseconds.
    pub p90_ms: Option<u64>,
    /// In milliseconds.
    pub p95_ms: Option<u64>,
}

/// Successful pulls from one registry.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryPulls {
    /// The registry.
    pub registry: String,
    /// How long they took.
    pub took: Quantiles,
    /// Median size, in bytes, and of how many pulls.
    pub bytes_p50: Option<u64>,
    /// How many pulls told their size.
    pub sizes: usize,
    /// Bytes per second without the latency, in MiB.
    pub bandwidth_mib: Option<u64>,
}

/// What arrived.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Arrivals {
    /// Jobs, and pods that are of no Job.
    pub observed: usize,
    /// Those in an hour, in thousandths.
    pub per_hour_permille: u64,
    /// Those of which a container never got its image.
    pub hopeless: usize,
    /// Of those that got their images, the shapes, the most frequent first.
    pub shapes: Vec<Shape>,
}

/// What arrives together.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    /// How many arrived.
    pub observed: u64,
    /// `Job` or `Pod`.
    pub kind: &'static str,
    /// The registry of the first image.
    pub registry: String,
    /// Pods that come at once.
    pub pods: u32,
    /// Of one pod, in thousandths.
    pub cpu_millis: u64,
    /// Of one pod.
    pub memory_mib: u64,
    /// Of one pod.
    pub gpus: u64,
}

/// A scenario that was written.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// The name of its file.
    pub file: String,
    /// What it is.
    pub what: String,
    /// How long it lasts.
    pub duration: String,
}

impl Report {
    pub(super) fn new(of: &Estimates, fidelity: Vec<Comparison>, set: &[Fitted]) -> Self {
        Self {
            observed_seconds: of.observed.as_secs(),
            recordings: of.recordings,
            events: of.events,
            pods: of.pods,
            nodes: of.nodes,
            throttled: of.throttled,
            failures: of.kinds.iter().map(|kind| failures(kind, of)).collect(),
            pulls: of
                .registries
                .iter()
                .map(|(host, pulls)| registry_pulls(host, pulls))
                .collect(),
            arrivals: arrivals(of),
            waits: times(&of.waits),
            runs: times(&of.runs),
            fidelity,
            scenarios: set.iter().map(written).collect(),
        }
    }
}

fn failures(kind: &Kind, of: &Estimates) -> Failures {
    Failures {
        cause: kind.cause.as_str().to_owned(),
        registry: kind.host.to_string(),
        failed_pulls: kind.failures,
        per_hour_permille: of.rate_permille(kind.failures, HOUR),
        healing: times(&kind.healing),
        episodes: times(&kind.episodes),
    }
}

fn times(survival: &Survival) -> Times {
    let at = |permille| {
        let time = survival.quantile(permille)?;
        u64::try_from(time.as_millis()).ok()
    };
    Times {
        observed: survival.observed,
        ended: survival.ended,
        never_permille: rounded(survival.never() * 1000.0),
        p50_ms: at(500),
        p90_ms: at(900),
        p95_ms: at(950),
    }
}

fn registry_pulls(host: &str, pulls: &Pulls) -> RegistryPulls {
    RegistryPulls {
        registry: host.to_owned(),
        took: Quantiles::of(&pulls.took_ms),
        bytes_p50: quantile(&pulls.bytes, 500),
        sizes: pulls.bytes.len(),
        bandwidth_mib: pulls.bandwidth_mib(),
    }
}

fn arrivals(of: &Estimates) -> Arrivals {
    Arrivals {
        observed: of.arrivals,
        per_hour_permille: of.rate_permille(of.arrivals as u64, HOUR),
        hopeless: of.hopeless_arrivals,
        shapes: of
            .shapes
            .iter()
            .map(|(shape, observed)| Shape {
                observed: *observed,
                kind: if shape.is_job { "Job" } else { "Pod" },
                registry: shape.host.to_string(),
                pods: shape.pods,
                cpu_millis: shape.requests.0,
                memory_mib: shape.requests.1,
                gpus: shape.requests.2,
            })
            .collect(),
    }
}

fn written(fitted: &Fitted) -> Written {
    Written {
        file: format!("{}.yaml", fitted.scenario.name),
        what: fitted.what.clone(),
        duration: Human(fitted.scenario.duration).to_string(),
    }
}
