//! What a lint rule looks at: a scenario, and the run of it.

use std::time::Duration;

use pullstop_cluster::scenario::expect::{Expected, JobsExpected, PodsExpected};
use pullstop_cluster::scenario::metric::Figures;
use pullstop_cluster::scenario::supply::RegistryFault;
use pullstop_cluster::scenario::workload::{Kind, Workload};
use pullstop_cluster::scenario::{Place, Scenario};
use pullstop_cluster::world::ids::PodId;
use pullstop_cluster::world::truth::{Attempt, Ending, PodTruth};
use pullstop_cluster::world::{World, ZERO};
use pullstop_core::cause::Cause;
use pullstop_core::image::ImageReference;
use pullstop_core::policy::{Policy, Rule};

use crate::runs::figures;

/// A pod that runs so soon after its creation met no fault: the default image takes 2.4 s.
const SOON: Duration = Duration::from_secs(60);

/// A scenario, and what happened in it.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) world: &'a World,
    pub(super) figures: Figures,
}

/// A pull that was begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pull<'a> {
    pub(super) attempt: &'a Attempt,
    /// From the start of the simulation.
    pub(super) began: Duration,
    pub(super) image: &'a str,
    pub(super) node: &'a str,
}

impl<'a> Subject<'a> {
    pub(super) fn new(scenario: &'a Scenario, world: &'a World) -> Self {
        Self {
            scenario,
            world,
            figures: figures::figures(world, scenario),
        }
    }

    /// Every pod that there was.
    pub(super) fn pods(&self) -> &'a [PodTruth] {
        &self.world.cluster.truth.pods
    }

    /// The pods of each workload.
    pub(super) fn pods_by_workload(&self) -> Vec<Vec<&'a PodTruth>> {
        let mut pods = vec![Vec::new(); self.scenario.workloads.len()];
        for pod in self.pods() {
            if let Some(workload) = self.workload_of(pod) {
                pods[workload].push(pod);
            }
        }
        pods
    }

    /// The pods that a pattern means.
    pub(super) fn pods_named(
        &self,
        pattern: &'a str,
    ) -> impl Iterator<Item = (PodId, &'a PodTruth)> + use<'a> {
        let all = self.pods().iter().enumerate();
        all.filter(move |(_, pod)| pod.names.matches(pattern))
            .map(|(place, pod)| (PodId::at(place), pod))
    }

    /// What is expected of pods, and where that stands.
    pub(super) fn pods_expected(
        &self,
    ) -> impl Iterator<Item = (Place, &'a PodsExpected)> + use<'a> {
        self.scenario
            .expectations
            .iter()
            .filter_map(|e| match &e.what {
                Expected::Pods(pods) => Some((Some(e.place), pods)),
                Expected::Jobs(_) | Expected::Metric(_) => None,
            })
    }

    /// What is expected of Jobs, and where that stands.
    pub(super) fn jobs_expected(
        &self,
    ) -> impl Iterator<Item = (Place, &'a JobsExpected)> + use<'a> {
        self.scenario
            .expectations
            .iter()
            .filter_map(|e| match &e.what {
                Expected::Jobs(jobs) => Some((Some(e.place), jobs)),
                Expected::Pods(_) | Expected::Metric(_) => None,
            })
    }

    /// The pulls of a pod that were begun.
    pub(super) fn pulls_of(&self, pod: &'a PodTruth) -> impl Iterator<Item = Pull<'a>> + use<'a> {
        let cluster = &self.world.cluster;
        let node = pod.bound.map(|(node, _)| &cluster.nodes.get(node).name);
        pod.attempts.iter().filter_map(move |attempt| {
            Some(Pull {
                attempt,
                began: attempt.started_at?.since(ZERO),
                image: cluster.supply.name(attempt.image),
                node: node?,
            })
        })
    }

    /// All pulls that were begun.
    pub(super) fn pulls(&self) -> impl Iterator<Item = Pull<'a>> {
        self.pods().iter().flat_map(|pod| self.pulls_of(pod))
    }

    /// The workload that a pod is of, by its place.
    pub(super) fn workload_of(&self, pod: &PodTruth) -> Option<usize> {
        self.world.control.workload_of(pod)
    }

    /// Whether the policy judges a pod, as it stands in the end.
    pub(super) fn is_judged(&self, id: PodId) -> bool {
        let cluster = &self.world.cluster;
        let pod = cluster.api.get(id);
        pod.is_some_and(|pod| self.world.enforcer.covers(cluster, pod))
    }

    /// Whether a pod still waits for an image in the end, after a failed pull.
    pub(super) fn is_failing(&self, id: PodId, pod: &PodTruth) -> bool {
        let stored = self.world.cluster.api.get(id);
        stored.is_some_and(|stored| stored.deleting_since.is_none())
            && pod.first_failure_at().is_some()
            && pod.ran_at.is_none()
            && pod.ended.is_none()
    }

    /// The policy that judges a pod.
    pub(super) fn policy_of(&self, pod: &PodTruth) -> &'a Policy {
        self.scenario.policies.of(&pod.names.namespace)
    }

    /// The rule of the policy that judges failures of `cause`, and how long it waits for this pod.
    pub(super) fn patience(&self, pod: &PodTruth, cause: Cause) -> Option<(&'a Rule, Duration)> {
        let policy = self.policy_of(pod);
        let rule = policy.rule_for(cause)?;
        let wish = pod.template.overrides.patience;
        Some((rule, policy.duration_for(rule, wish)))
    }
}

impl Pull<'_> {
    /// Whether the image is pulled from this host.
    pub(super) fn is_from(&self, host: &str) -> bool {
        is_from(self.image, host)
    }

    /// Whether it was under way when the fault was there.
    pub(super) fn meets(&self, fault: &RegistryFault) -> bool {
        let ended = self.attempt.ended.map(|(at, _)| at.since(ZERO));
        fault.until.is_none_or(|until| self.began < until)
            && ended.is_none_or(|ended| fault.from <= ended)
            && fault.meets(self.image, self.node)
    }
}

/// Whether nothing ever kept the pod from running: it ran soon, and had every image at once.
pub(super) fn was_calm(pod: &PodTruth) -> bool {
    let ran_soon = pod
        .ran_at
        .is_some_and(|at| at.since(pod.created_at) <= SOON);
    let pulled = |attempt: &Attempt| matches!(attempt.ended, Some((_, Ending::Pulled)));
    ran_soon && pod.attempts.iter().all(pulled)
}

/// How people call a workload: `Job train`.
pub(super) fn shown(workload: &Workload) -> String {
    let kind = match &workload.kind {
        Kind::Pod => "pod",
        Kind::Job(_) => "Job",
        Kind::Deployment { .. } => "Deployment",
    };
    format!("{kind} `{}`", workload.name)
}

/// Whether an image comes from this host.
pub(super) fn is_from(image: &str, host: &str) -> bool {
    ImageReference::parse(image).is_ok_and(|image| image.registry() == host)
}
