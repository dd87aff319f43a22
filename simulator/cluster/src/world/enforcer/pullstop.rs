//! Pullstop's own engine as a controller: the same code that runs in a cluster.

use pullstop_core::engine::{Decision, Effect, Engine, Input};
use pullstop_core::plugin::Profile;
use pullstop_core::pod::{
    ContainerKind, ContainerSnapshot, ContainerState as Seen, Owner, Phase, PodRef, PodSnapshot,
    ResourceVersion,
};
use pullstop_core::rehearsal::{Rehearsal, StandIn};
use pullstop_core::time::Timestamp;

use crate::world::cluster::Cluster;
use crate::world::controller::{Command, Controller, ControllerEvent, Verdict};
use crate::world::ids::PodId;
use crate::world::pod::{ContainerState, Mark, Pod};
use crate::world::uid;

/// The engine.
#[derive(Debug)]
pub struct Pullstop {
    rehearsal: Rehearsal<Commands>,
    phases: Vec<Phase>,
}

impl Pullstop {
    /// An engine that has seen nothing yet.
    pub fn new(profile: Profile) -> Self {
        Self {
            phases: profile.policies().given().phases().into_iter().collect(),
            rehearsal: Rehearsal::new(Engine::new(profile), Commands::default()),
        }
    }

    /// The engine.
    pub const fn engine(&self) -> &Engine {
        self.rehearsal.engine()
    }
}

impl Controller for Pullstop {
    fn handle(
        &mut self,
        now: Timestamp,
        event: ControllerEvent<'_>,
        c: &Cluster,
        commands: &mut Vec<Command>,
    ) {
        let rehearsal = &mut self.rehearsal;
        match event {
            ControllerEvent::Pod { pod, source } => with_snapshot(pod, c, |pod| {
                rehearsal.handle(now, Input::Pod { pod, source });
            }),
            ControllerEvent::Gone { uid, from } => rehearsal.handle(now, Input::Gone { uid, from }),
            ControllerEvent::ListBegin => rehearsal.handle(now, Input::RelistBegin),
            ControllerEvent::ListEnd => rehearsal.handle(now, Input::RelistEnd),
            ControllerEvent::Answer { uid, outcome } => {
                rehearsal.handle(now, Input::Outcome { uid, outcome });
            }
            ControllerEvent::Time => rehearsal.handle(now, Input::Time),
        }
        commands.append(&mut rehearsal.stand_in.0);
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.engine().next_deadline().map(|(at, _)| at)
    }

    fn tracked(&self) -> usize {
        self.engine().tracked()
    }

    fn phases(&self) -> &[Phase] {
        &self.phases
    }

    fn keeps_only_failing(&self) -> bool {
        true
    }

    fn covers(&self, c: &Cluster, pod: &Pod) -> bool {
        with_snapshot(pod, c, |pod| self.engine().covers(pod)).is_ok()
    }
}

/// What the engine has asked for: the simulated enforcer carries it out, and answers later.
#[derive(Debug, Default)]
struct Commands(Vec<Command>);

impl StandIn for Commands {
    fn carry_out(&mut self, _: &mut Engine, _: Timestamp, effect: Effect) {
        self.0.extend(command(effect));
    }
}

fn command(effect: Effect) -> Option<Command> {
    Some(match effect {
        Effect::Fail(decision) => Command::Fail(verdict(decision)?),
        Effect::Deadline(decision) => Command::Deadline(verdict(decision)?),
        Effect::Warn(decision) => Command::Warn(verdict(decision)?),
        Effect::Remember {
            pod,
            resource_version: ResourceVersion(version),
            memories,
        } => Command::Remember {
            pod: id_of(&pod)?,
            version,
            memories,
        },
        Effect::List => Command::List,
        Effect::Read(pod) => Command::Read(id_of(&pod)?),
        Effect::Transition(transition) => {
            Command::Transition(id_of(&transition.pod)?, transition.kind)
        }
    })
}

fn verdict(decision: Box<Decision>) -> Option<Verdict> {
    let ResourceVersion(version) = decision.resource_version;
    Some(Verdict {
        pod: id_of(&decision.pod)?,
        version: Some(version),
        cause: decision.cause,
        durable: true,
        decision: Some(decision),
    })
}

fn id_of(pod: &PodRef) -> Option<PodId> {
    uid::pod_of(&pod.uid())
}

/// Containers beyond this many need memory of their own.
const CONTAINERS_USUAL: usize = 8;

/// Lends the pod as the engine sees it.
pub fn with_snapshot<R>(pod: &Pod, c: &Cluster, use_it: impl FnOnce(&PodSnapshot<'_>) -> R) -> R {
    const NONE: ContainerSnapshot<'_> = ContainerSnapshot {
        kind: ContainerKind::Main,
        name: "",
        image: "",
        state: Seen::Unreported,
        restart_count: 0,
        ran: false,
        memory: None,
    };
    let mut usual = [NONE; CONTAINERS_USUAL];
    let mut many = Vec::new();
    let count = pod.images.len();
    let containers = if count <= CONTAINERS_USUAL {
        &mut usual[..count]
    } else {
        many.resize(count, NONE);
        &mut many[..]
    };
    for (place, container) in containers.iter_mut().enumerate() {
        *container = container_snapshot(pod, place, c);
    }
    let owner_name = pod
        .owner
        .map(|owner| owner.id.0.to_string())
        .unwrap_or_default();
    use_it(&PodSnapshot {
        uid: &pod.names.uid,
        namespace: &pod.names.namespace,
        name: &pod.names.name,
        resource_version: ResourceVersion(pod.version),
        created_at: Some(pod.created_at),
        deleting: pod.deleting_since.is_some(),
        owner: pod.owner.map(|owner| Owner {
            kind: owner.kind.as_str(),
            name: &owner_name,
        }),
        restart_policy: pod.restart_policy(),
        node: pod.node.map(|node| c.nodes.get(node).name.as_str()),
        phase: pod.status.phase,
        kubelet_agreed: pod.status.conditions.agreed(),
        overrides: pod.template.overrides,
        containers,
        image_volumes: &[],
    })
}

fn container_snapshot<'a>(pod: &'a Pod, place: usize, c: &'a Cluster) -> ContainerSnapshot<'a> {
    let spec = &pod.template.containers[place];
    let status = pod.status.containers.get(place);
    let memory = match &pod.mark {
        Some(Mark::Failing(memories)) => memories.iter().find(|m| m.container == spec.name),
        Some(Mark::Failed(_)) | None => None,
    };
    ContainerSnapshot {
        kind: spec.kind,
        name: &spec.name,
        image: c.supply.name(pod.images[place]),
        state: status.map_or(Seen::Unreported, |status| match &status.state {
            ContainerState::Waiting { reason, message } => Seen::Waiting { reason, message },
            ContainerState::Running => Seen::Running,
            ContainerState::Terminated { .. } => Seen::Terminated,
        }),
        restart_count: status.map_or(0, |status| status.restart_count),
        ran: status.is_some_and(|status| status.ran),
        memory,
    }
}
