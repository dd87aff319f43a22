//! The first moment at which two policies do something else about a pod.

use pullstop_cluster::simulation::{self, Decider};
use pullstop_cluster::world::truth::PodTruth;
use pullstop_cluster::world::{RunOptions, World};
use pullstop_core::time::{Human, Timestamp};

use crate::runs::plan::Loaded;
use crate::runs::verify::{clock, fate_of};

/// The first difference.
#[derive(Debug)]
pub(super) struct First {
    /// The scenario's file.
    pub(super) file: String,
    pub(super) seed: u64,
    /// `namespace/name`.
    pub(super) pod: String,
    /// Since the start of the simulation.
    pub(super) at: Human,
    /// What came of the pod under each.
    pub(super) fates: [String; 2],
    /// The commands that show it.
    pub(super) commands: [String; 2],
}

/// The first difference in one scenario; none if both do the same to every pod.
pub(super) fn find(
    loaded: &Loaded,
    seed: u64,
    names: [&str; 2],
    deciders: &[Decider; 2],
) -> Option<First> {
    let worlds = [
        world(loaded, seed, &deciders[0])?,
        world(loaded, seed, &deciders[1])?,
    ];
    let pods = worlds.each_ref().map(|world| &world.cluster.truth.pods);
    // Until the first difference the worlds are the same: the same pods are at the same places.
    let places = 0..pods[0].len().max(pods[1].len());
    let (at, place) = places
        .filter_map(|place| Some((differs_at(pods[0].get(place), pods[1].get(place))?, place)))
        .min()?;
    let pod = pods[0].get(place).or_else(|| pods[1].get(place))?;
    let pod = format!("{}/{}", pod.names.namespace, pod.names.name);
    let file = loaded.file.display().to_string();
    let command =
        |name| format!("simulator run {file} --seed {seed} --policy {name} --explain {pod}");
    Some(First {
        at: clock(at),
        fates: pods.map(|pods| {
            pods.get(place)
                .map_or_else(|| "never created".to_owned(), fate_of)
        }),
        commands: names.map(command),
        file,
        seed,
        pod,
    })
}

fn world(loaded: &Loaded, seed: u64, decider: &Decider) -> Option<World> {
    let mut world =
        simulation::world(&loaded.scenario, seed, decider, RunOptions::default()).ok()?;
    world.run();
    Some(world)
}

/// When the pod was first treated in another way.
fn differs_at(first: Option<&PodTruth>, second: Option<&PodTruth>) -> Option<Timestamp> {
    let warned = |pod: Option<&PodTruth>| pod.and_then(|pod| pod.warned);
    let failed =
        |pod: Option<&PodTruth>| pod.and_then(|pod| Some((pod.failed?.at, pod.failed?.cause)));
    let earlier = |a: Option<(Timestamp, _)>, b: Option<(Timestamp, _)>| {
        let times = [a, b].into_iter().flatten().map(|(at, _)| at);
        times.min().filter(|_| a != b)
    };
    let differences = [
        earlier(warned(first), warned(second)),
        earlier(failed(first), failed(second)),
    ];
    differences.into_iter().flatten().min()
}
