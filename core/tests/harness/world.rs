//! Random observations of a few pods, without regard to what a kubelet would do.

use proptest::prelude::*;
use pullstop_core::engine::Source;
use pullstop_core::pod::Phase;

use super::{DENIED, Machine, NOT_FOUND, Pod, REFUSED, St, THROTTLED, at};

pub(crate) const PODS: usize = 2;
pub(crate) const CONTAINERS: usize = 2;

/// Something that happens to a pod, and how long after the last thing.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) wait_ms: u64,
    pub(crate) pod: usize,
    pub(crate) what: Op,
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// A container's state changes.
    State(usize, St),
    /// A container's image is edited, while its status stays.
    Edit(usize),
    /// A container has run since the last look, and waits again.
    Ran(usize),
    /// Something else about the pod changes.
    Touch,
    /// The pod is deleted, and another one of its name comes.
    Replace,
    /// The watch breaks, and comes back after this long.
    Relist(u64),
}

pub(crate) fn failing() -> impl Strategy<Value = St> {
    let message = prop_oneof![Just(NOT_FOUND), Just(DENIED), Just(REFUSED)];
    prop_oneof![
        4 => message.clone().prop_map(St::failed),
        3 => message.prop_map(St::backing_off),
        1 => Just(St::waiting("InvalidImageName", "couldn't parse image name")),
        1 => Just(St::waiting("ErrImageNeverPull", "is not present with pull policy of Never")),
    ]
}

pub(crate) fn not_failing() -> impl Strategy<Value = St> {
    prop_oneof![
        Just(St::creating()),
        Just(St::waiting("PodInitializing", "")),
        Just(St::waiting(
            "CrashLoopBackOff",
            "back-off 40s restarting failed container=main"
        )),
        Just(St::waiting(
            "CreateContainerConfigError",
            "configmap \"absent\" not found"
        )),
        Just(St::waiting("failed to look up credentials: boom", "")),
        Just(St::failed(THROTTLED)),
        Just(St::backing_off(THROTTLED)),
        Just(St::waiting(
            "ImagePullBackOff",
            "Back-off pulling image \"r.example/a:b\""
        )),
        Just(St::Unreported),
        Just(St::Running),
        Just(St::Terminated),
    ]
}

pub(crate) fn steps(
    state: impl Strategy<Value = St> + 'static,
    relists: bool,
) -> impl Strategy<Value = Vec<Step>> {
    let container = 0..CONTAINERS;
    let what = prop_oneof![
        12 => (container.clone(), state).prop_map(|(c, state)| Op::State(c, state)),
        1 => container.clone().prop_map(Op::Edit),
        1 => container.prop_map(Op::Ran),
        2 => Just(Op::Touch),
        1 => Just(Op::Replace),
        u32::from(relists) => (0u64..90_000).prop_map(Op::Relist),
    ];
    let wait_ms = prop_oneof![3 => 0u64..20_000, 1 => 0u64..400_000];
    let step =
        (wait_ms, 0..PODS, what).prop_map(|(wait_ms, pod, what)| Step { wait_ms, pod, what });
    prop::collection::vec(step, 1..60)
}

/// The pods, as they really are.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) now_ms: u64,
    pub(crate) pods: Vec<Pod>,
    version: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        let pod = |n| Pod::new(&format!("pod-{n}"), &["one", "two"]);
        Self {
            now_ms: 0,
            pods: (0..PODS).map(pod).collect(),
            version: 10,
        }
    }

    /// Lets a step happen and tells the machine.
    pub(crate) fn step(&mut self, step: &Step, machine: &mut Machine) {
        self.now_ms += step.wait_ms;
        self.version += 1;
        let pod = &mut self.pods[step.pod];
        pod.version = self.version;
        match &step.what {
            Op::State(c, state) => pod.containers[*c].state = state.clone(),
            Op::Edit(c) => pod.containers[*c].image = format!("r.example/a:{}", self.version),
            Op::Ran(c) => {
                pod.containers[*c].ran = true;
                pod.containers[*c].restart_count += 1;
                pod.containers[*c].state = St::failed(NOT_FOUND);
            }
            Op::Touch => {}
            Op::Replace => {
                machine.gone(at(self.now_ms), &pod.uid);
                let next = Pod::new(&format!("pod-{}", self.version), &["one", "two"]);
                let namespace = std::mem::take(&mut pod.namespace);
                *pod = Pod {
                    namespace,
                    version: self.version,
                    ..next
                };
            }
            Op::Relist(blind_ms) => {
                use pullstop_core::engine::Input;
                machine.input(at(self.now_ms), Input::RelistBegin);
                self.now_ms += blind_ms;
                for pod in &self.pods {
                    machine.see(at(self.now_ms), pod, Source::List);
                }
                machine.input(at(self.now_ms), Input::RelistEnd);
                return;
            }
        }
        let all_run = pod.containers.iter().all(|c| c.state == St::Running);
        pod.phase = if all_run {
            Phase::Running
        } else {
            Phase::Pending
        };
        machine.see(at(self.now_ms), &self.pods[step.pod], Source::Watch);
    }
}
