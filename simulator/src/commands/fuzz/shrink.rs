//! Shrinks a world as long as the same invariant breaks in it.

use std::collections::BTreeSet;
use std::path::Path;

use pullstop_cluster::input_error::InputError;
use pullstop_cluster::scenario::fault::FaultKind;
use pullstop_cluster::scenario::workload::Kind;
use pullstop_cluster::scenario::{self, Enforcer, Scenario, write};
use pullstop_core::image::ImageReference;

/// The smallest world found of those that `still_breaks`: whatever can be left out is left out, one thing at a time,
/// until nothing more can. Every world that is tried can be written to a file and read again.
pub fn shrink(scenario: Scenario, still_breaks: &mut dyn FnMut(&Scenario) -> bool) -> Scenario {
    let mut best = scenario;
    loop {
        let smaller = candidates(&best).into_iter().find_map(|candidate| {
            let candidate = tidied(candidate);
            (is_valid(&candidate) && still_breaks(&candidate)).then_some(candidate)
        });
        match smaller {
            Some(smaller) => best = smaller,
            None => return best,
        }
    }
}

/// Whether the world can be written to a file and read again.
pub fn is_valid(scenario: &Scenario) -> bool {
    let mut no_policies =
        |_: &Path| -> Result<_, Vec<InputError>> { Ok(scenario.policies.cluster.clone()) };
    scenario::parse("shrunk", &write::to_yaml(scenario), &mut no_policies).is_ok()
}

/// Worlds with one thing less.
fn candidates(from: &Scenario) -> Vec<Scenario> {
    let mut all = Vec::new();
    for namespace in from.policies.namespaces.keys() {
        let mut smaller = from.clone();
        smaller.policies.namespaces.remove(namespace);
        all.push(smaller);
    }
    without_each(from, |s| &mut s.workloads, &mut all);
    without_each(from, |s| &mut s.faults, &mut all);
    without_each(from, |s| &mut s.registries, &mut all);
    without_each(from, |s| &mut s.images, &mut all);
    without_each(from, |s| &mut s.queues, &mut all);
    without_each(from, |s| &mut s.secrets, &mut all);
    for place in 0..from.registries.len() {
        without_each(from, move |s| &mut s.registries[place].faults, &mut all);
        changed(
            from,
            |s| s.registries[place].rate_limit = None,
            |s| s.registries[place].rate_limit.is_some(),
            &mut all,
        );
    }
    for place in 0..from.workloads.len() {
        without_each(
            from,
            move |s| &mut s.workloads[place].template.containers,
            &mut all,
        );
        changed(
            from,
            |s| s.workloads[place].arrival.count = 1,
            |s| s.workloads[place].arrival.count > 1,
            &mut all,
        );
        let is_job = |s: &Scenario| matches!(s.workloads[place].kind, Kind::Job(_));
        changed(
            from,
            |s| s.workloads[place].kind = Kind::Pod,
            is_job,
            &mut all,
        );
    }
    for place in 0..from.nodes.len() {
        changed(
            from,
            |s| s.nodes[place].count = 1,
            |s| s.nodes[place].count > 1,
            &mut all,
        );
        changed(
            from,
            |s| s.nodes[place].images.clear(),
            |s| !s.nodes[place].images.is_empty(),
            &mut all,
        );
    }
    changed(
        from,
        |s| s.enforcer = Enforcer::default(),
        |s| s.enforcer != Enforcer::default(),
        &mut all,
    );
    changed(
        from,
        |s| s.duration /= 2,
        |s| s.duration.as_secs() > 600,
        &mut all,
    );
    all
}

fn without_each<T>(
    from: &Scenario,
    list: impl Fn(&mut Scenario) -> &mut Vec<T>,
    all: &mut Vec<Scenario>,
) {
    let many = list(&mut from.clone()).len();
    for place in 0..many {
        let mut smaller = from.clone();
        list(&mut smaller).remove(place);
        all.push(smaller);
    }
}

fn changed(
    from: &Scenario,
    change: impl Fn(&mut Scenario),
    helps: impl Fn(&Scenario) -> bool,
    all: &mut Vec<Scenario>,
) {
    if helps(from) {
        let mut smaller = from.clone();
        change(&mut smaller);
        all.push(smaller);
    }
}

/// Without references to what is not there.
pub(super) fn tidied(mut scenario: Scenario) -> Scenario {
    let has_secret = |name: &String| scenario.secrets.iter().any(|secret| secret.name == *name);
    let has_queue = |name: &String| scenario.queues.iter().any(|queue| queue.name == *name);
    for image in &mut scenario.images {
        image.secret = image.secret.take().filter(|name| has_secret(name));
    }
    for workload in &mut scenario.workloads {
        workload.template.secrets.retain(|name| has_secret(name));
        if let Kind::Job(job) = &mut workload.kind {
            job.queue = job.queue.take().filter(|name| has_queue(name));
        }
    }
    let workloads = &scenario.workloads;
    let is_used = |namespace: &String| workloads.iter().any(|w| w.namespace == *namespace);
    scenario
        .policies
        .namespaces
        .retain(|namespace, _| is_used(namespace));
    // Faults name a workload as `w0*`.
    let has_pods = |pods: &str| {
        workloads
            .iter()
            .any(|w| w.name == pods.trim_end_matches('*'))
    };
    scenario.faults.retain(|fault| match &fault.what {
        FaultKind::EditImage { pods, .. }
        | FaultKind::DeletePods { pods }
        | FaultKind::FailPods { pods, .. } => has_pods(pods),
        _ => true,
    });
    let pulled: BTreeSet<String> = scenario.image_names().map(str::to_owned).collect();
    scenario
        .images
        .retain(|image| pulled.contains(&image.reference));
    let is_of = |image: &String, host: &str| {
        ImageReference::parse(image).is_ok_and(|image| image.registry() == host)
    };
    let pulls_from = |host: &str| pulled.iter().any(|image| is_of(image, host));
    scenario
        .registries
        .retain(|registry| pulls_from(&registry.host));
    for group in &mut scenario.nodes {
        group.images.retain(|image| pulled.contains(image));
    }
    scenario
}
