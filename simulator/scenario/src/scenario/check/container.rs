//! Checks containers.

use std::time::Duration;

use pullstop_core::image::ImageReference;
use pullstop_core::pod::ContainerKind;

use super::Check;
use crate::scenario::raw::value::{At, Placed, place};
use crate::scenario::raw::workload::{ContainerSpec, WorkloadSpec};
use crate::scenario::workload::{Container, Kind, PullPolicy};

/// The name of a pod's only container.
const MAIN: &str = "main";
/// How long containers run that do not say it.
const RUNS_USUAL: Duration = Duration::from_secs(60);
/// Reasons for which a container cannot be created although its image is there (`pkg/kubelet/kuberuntime`).
const CANNOT_START: [&str; 6] = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "PreCreateHookError",
    "PreStartHookError",
    "PostStartHookError",
    "RunContainerError",
];

/// What containers have that do not say it.
struct Usual {
    runs: Option<Duration>,
    exit_code: i32,
    pull_policy: Option<PullPolicy>,
}

impl Check {
    /// Init containers and sidecars in their order, then main containers.
    pub(super) fn containers(
        &mut self,
        w: &At<WorkloadSpec>,
        kind: &Kind,
        kubernetes_minor: u32,
    ) -> Vec<Container> {
        let given = [
            ("image", place(w.image.as_ref())),
            ("containers", place(w.containers.as_ref())),
        ];
        self.one_of(w, "what runs", &given);
        let mains = || w.containers.iter().flat_map(|all| all.iter());
        if let Some(containers) = &w.containers {
            self.ensure(
                !containers.is_empty(),
                containers,
                "a pod has at least one container: name one",
            );
        }
        self.unique(
            "container",
            w.init_containers
                .iter()
                .chain(mains())
                .map(|container| &container.name),
        );
        let usual_runs = (!matches!(kind, Kind::Deployment { .. })).then_some(RUNS_USUAL);
        let usual = Usual {
            runs: self.maybe(w.runs.as_ref()).or(usual_runs),
            exit_code: self.or(w.exit_code.as_ref(), 0),
            pull_policy: self.maybe(w.image_pull_policy.as_ref()),
        };
        if let (Some(code), None) = (&w.exit_code, usual.runs) {
            self.error(
                code,
                "what never ends has no exit code: say how long it `runs`",
            );
        }
        let mut containers = Vec::new();
        for init in &w.init_containers {
            containers.push(self.init_container(init, &usual, kubernetes_minor));
        }
        if let Some(image) = &w.image {
            let image = self.name(image);
            containers.push(Container {
                name: MAIN.to_owned(),
                kind: ContainerKind::Main,
                pull_policy: usual
                    .pull_policy
                    .unwrap_or_else(|| PullPolicy::usual(&image)),
                image,
                runs: usual.runs,
                exit_code: usual.exit_code,
                cannot_start: None,
            });
        }
        for main in mains() {
            if let Some(sidecar) = &main.sidecar {
                self.error(
                    sidecar,
                    "sidecars are `initContainers`: move the container there",
                );
            }
            containers.push(self.container(main, ContainerKind::Main, usual.runs, &usual));
        }
        containers
    }

    fn init_container(
        &mut self,
        init: &ContainerSpec,
        usual: &Usual,
        kubernetes_minor: u32,
    ) -> Container {
        if !self.or(init.sidecar.as_ref(), false) {
            let usual = Usual {
                exit_code: 0,
                ..*usual
            };
            return self.container(init, ContainerKind::Init, Some(RUNS_USUAL), &usual);
        }
        if let Some(sidecar) = &init.sidecar {
            self.needs_release("sidecar", sidecar.place(), kubernetes_minor);
        }
        for place in [place(init.runs.as_ref()), place(init.exit_code.as_ref())]
            .into_iter()
            .flatten()
        {
            self.error(&place, "a sidecar runs as long as its pod: remove this");
        }
        let usual = Usual {
            exit_code: 0,
            ..*usual
        };
        self.container(init, ContainerKind::Sidecar, None, &usual)
    }

    fn container(
        &mut self,
        container: &ContainerSpec,
        kind: ContainerKind,
        runs: Option<Duration>,
        usual: &Usual,
    ) -> Container {
        if let Some(reason) = &container.cannot_start {
            self.known("reason", "cannotStart", reason, CANNOT_START.into_iter());
        }
        let image = self.name(&container.image);
        let runs = self.maybe(container.runs.as_ref()).or(runs);
        if let (Some(code), None, ContainerKind::Main) = (&container.exit_code, runs, kind) {
            self.error(
                code,
                "what never ends has no exit code: say how long it `runs`",
            );
        }
        let pull_policy = self
            .maybe(container.image_pull_policy.as_ref())
            .or(usual.pull_policy);
        Container {
            name: self.name(&container.name),
            kind,
            pull_policy: pull_policy.unwrap_or_else(|| PullPolicy::usual(&image)),
            image,
            runs,
            exit_code: self.or(container.exit_code.as_ref(), usual.exit_code),
            cannot_start: self.maybe(container.cannot_start.as_ref()),
        }
    }
}

impl PullPolicy {
    /// As Kubernetes sets it: what may change under its name is always pulled (`pkg/apis/core/v1/defaults.go`).
    fn usual(image: &str) -> Self {
        match ImageReference::parse(image) {
            Ok(image) if image.tag() == Some("latest") => Self::Always,
            Ok(image) if image.tag().is_none() && image.digest().is_none() => Self::Always,
            _ => Self::IfNotPresent,
        }
    }
}

#[cfg(test)]
mod tests {
    use pullstop_core::pod::WaitingReason;

    use super::*;

    #[test]
    fn the_core_knows_all_reasons_beyond_pulls() {
        for reason in CANNOT_START {
            assert_eq!(
                WaitingReason::parse(reason),
                Some(WaitingReason::BeyondPull),
                "{reason}"
            );
        }
    }

    #[test]
    fn the_pull_policy_is_that_of_kubernetes() {
        for (image, expected) in [
            ("nginx", PullPolicy::Always),
            ("nginx:latest", PullPolicy::Always),
            ("nginx:1.27", PullPolicy::IfNotPresent),
            ("Not An Image", PullPolicy::IfNotPresent),
        ] {
            assert_eq!(PullPolicy::usual(image), expected, "{image}");
        }
    }
}
