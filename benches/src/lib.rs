//! What the benchmarks share: pods to lend snapshots of, the same as JSON, and who sends and who takes them.

pub mod enforcer;
pub mod server;
pub mod wire;

use pullstop_core::engine::Engine;
use pullstop_core::plugin::Profile;
use pullstop_core::pod::{
    ContainerKind, ContainerSnapshot, ContainerState, Overrides, Owner, Phase, PodSnapshot,
    ResourceVersion, RestartPolicy,
};
use pullstop_core::policy::{Mode, Policy};

/// A usual error of 300 characters.
pub const NOT_FOUND: &str = "rpc error: code = NotFound desc = failed to pull and unpack image \
    \"registry.example.com/research/trainer:v1.4.2-typo\": failed to resolve reference \
    \"registry.example.com/research/trainer:v1.4.2-typo\": registry.example.com/research/trainer:v1.4.2-typo: not found";

/// A pod of a Job with two containers.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Its uid, a UUID.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
}

impl Pod {
    /// The `n`-th pod; names are as long as they are in clusters.
    pub fn new(n: u64) -> Self {
        // Spread over all bits, as random uids are.
        let bits = u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let hex = format!("{bits:032x}");
        let uid = format!(
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        );
        Self {
            uid,
            name: format!("training-job-{n:07}-x7k2p"),
            image: format!("registry.example.com/research/trainer:v{n}"),
        }
    }

    /// Lends a snapshot in which the first container is in `state` and the second runs.
    pub fn lend<R>(
        &self,
        version: u64,
        state: ContainerState<'_>,
        use_it: impl FnOnce(&PodSnapshot<'_>) -> R,
    ) -> R {
        let containers = [
            container("main", &self.image, state),
            container("proxy", &self.image, ContainerState::Running),
        ];
        self.lend_with(version, &containers, use_it)
    }

    /// Lends a snapshot with these containers.
    pub fn lend_with<R>(
        &self,
        version: u64,
        containers: &[ContainerSnapshot<'_>],
        use_it: impl FnOnce(&PodSnapshot<'_>) -> R,
    ) -> R {
        use_it(&PodSnapshot {
            uid: &self.uid,
            namespace: "research-gpu",
            name: &self.name,
            resource_version: ResourceVersion(version),
            created_at: None,
            deleting: false,
            owner: Some(Owner {
                kind: "Job",
                name: "training-job",
            }),
            restart_policy: RestartPolicy::Never,
            node: Some("node-17"),
            phase: Phase::Pending,
            kubelet_agreed: false,
            overrides: Overrides::default(),
            containers,
            image_volumes: &[],
        })
    }
}

/// A container that has never run.
pub fn container<'a>(
    name: &'a str,
    image: &'a str,
    state: ContainerState<'a>,
) -> ContainerSnapshot<'a> {
    ContainerSnapshot {
        kind: ContainerKind::Main,
        name,
        image,
        state,
        restart_count: 0,
        ran: false,
        memory: None,
    }
}

/// The state of a container whose pull failed.
pub const FAILED: ContainerState<'static> = ContainerState::Waiting {
    reason: "ErrImagePull",
    message: NOT_FOUND,
};
/// The state of a container between two pulls.
pub const BACKING_OFF: ContainerState<'static> = ContainerState::Waiting {
    reason: "ImagePullBackOff",
    message: NOT_FOUND,
};

/// An engine with the built-in policy, enforced.
///
/// # Panics
/// If the built-in policy is not valid, which a test rules out.
#[expect(clippy::unwrap_used, reason = "called by benchmarks only")]
pub fn engine() -> Engine {
    Engine::new(Profile::standard(Policy::default().in_mode(Mode::Enforce)).unwrap())
}

/// Drains the engine; how many effects there were.
pub fn drain(engine: &mut Engine) -> usize {
    std::iter::from_fn(|| engine.poll()).count()
}
