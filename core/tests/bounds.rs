//! What one pod can cost, however it is made.

use crate::harness::{Container, Machine, NOT_FOUND, Pod, St, at, policy};
use pullstop_core::engine::{
    Effect, FAILING_CONTAINERS_MAX, Memory, Source, StartedOver, TransitionKind,
};
use pullstop_core::image::NAME_BYTES_MAX;

/// A pod of so many containers, each with an image of its own that cannot be pulled.
fn failing(count: usize) -> Pod {
    let mut pod = Pod::new("pod", &[]);
    pod.containers = (0..count)
        .map(|n| Container {
            image: format!("r.example/a:{n}"),
            state: St::failed(NOT_FOUND),
            ..Container::new(&format!("container-{n:05}"))
        })
        .collect();
    pod
}

fn memories(machine: &Machine) -> &[Memory] {
    &machine.memories["pod"]
}

/// Work that grows with the square of the containers would take hours here.
#[test]
fn thousands_of_failing_containers_cost_no_more_than_the_bound() {
    let mut machine = Machine::new(policy(99, 9));
    let mut pod = failing(5000);
    for turn in 0..40 {
        pod.version += 1;
        for container in &mut pod.containers {
            container.state = match turn % 4 {
                0 => St::failed(&format!("{NOT_FOUND} in turn {turn}")),
                1 => St::backing_off(NOT_FOUND),
                2 => St::creating(),
                _ => St::waiting("CreateContainerError", ""),
            };
        }
        let source = [Source::Watch, Source::List][turn % 3 / 2];
        machine.see(at(300_000 * turn as u64), &pod, source);
    }
    assert_eq!(machine.counted(), 10 * FAILING_CONTAINERS_MAX);
    let notes = machine.transitions().count();
    assert!(notes <= 40 * FAILING_CONTAINERS_MAX, "{notes}");
}

#[test]
fn one_container_more_than_the_bound_may_be_pulled_for() {
    let pull_timeout = policy(4, 0).pull_timeout;
    let verdict_at = |containers| {
        let mut machine = Machine::new(policy(4, 0));
        let mut pod = failing(containers);
        for failure in 0..4 {
            pod.version += 1;
            for container in &mut pod.containers {
                container.image = "r.example/a:b".to_owned();
                container.state = St::failed(&format!("{NOT_FOUND} {failure}"));
            }
            machine.see(at(40_000 * failure), &pod, Source::Watch);
        }
        machine.run_through(at(120_000).after(2 * pull_timeout));
        machine.first_failure_at().unwrap()
    };
    assert_eq!(verdict_at(FAILING_CONTAINERS_MAX), at(120_000));
    assert!(verdict_at(FAILING_CONTAINERS_MAX + 1) >= at(0).after(pull_timeout));
}

#[test]
fn a_container_beyond_the_bound_is_counted_once_another_has_recovered() {
    let mut machine = Machine::new(policy(99, 9));
    let mut pod = failing(FAILING_CONTAINERS_MAX + 1);
    machine.see(at(0), &pod, Source::Watch);
    assert_eq!(memories(&machine).len(), FAILING_CONTAINERS_MAX);
    pod.version += 1;
    pod.containers[0].state = St::Running;
    machine.see(at(12_000), &pod, Source::Watch);
    let last = &pod.containers[FAILING_CONTAINERS_MAX].name;
    assert_eq!(memories(&machine).len(), FAILING_CONTAINERS_MAX);
    assert_eq!(memories(&machine).last().unwrap().container, *last);
}

#[test]
fn an_image_that_is_no_name_is_kept_as_a_fingerprint() {
    let long = format!("r.example/{}", "a".repeat(1_200_000));
    let mut machine = Machine::new(policy(2, 60));
    let mut pod = Pod::new("pod", &["main"]);
    let invalid = St::waiting("InvalidImageName", "couldn't parse image name");
    pod.containers[0].image.clone_from(&long);
    pod.containers[0].state = invalid.clone();
    machine.see(at(0), &pod, Source::Watch);
    assert!(memories(&machine)[0].image.len() < NAME_BYTES_MAX);

    // Another engine knows it again, and so does this one.
    let mut restarted = machine.restarted(policy(1, 60));
    pod.version += 1;
    restarted.see(at(30_000), &pod, Source::List);
    machine.see(at(30_000), &pod, Source::Watch);
    restarted.run_through(at(60_000));
    assert_eq!(restarted.first_failure_at(), Some(at(60_000)));
    assert!(restarted.failures()[0].image.len() < NAME_BYTES_MAX);
    assert!(
        restarted
            .log
            .iter()
            .all(|(_, effect)| format!("{effect:?}").len() < 8192)
    );

    // One that differs at its end only is another.
    pod.version += 1;
    pod.containers[0].image = format!("{long}b");
    machine.see(at(40_000), &pod, Source::Watch);
    let edited = |what: &TransitionKind| matches!(what, TransitionKind::StartedOver { why, .. } if *why == StartedOver::ImageEdited);
    assert_eq!(
        machine
            .transitions()
            .filter(|(.., what)| edited(what))
            .count(),
        1
    );
}

#[test]
fn a_container_that_no_cluster_lets_in_is_not_kept() {
    let mut machine = Machine::new(policy(1, 0));
    let mut pod = failing(1);
    pod.containers[0].name = "a".repeat(1_000_000);
    machine.see(at(0), &pod, Source::Watch);
    machine.run_through(at(10_000_000));
    let written = |(_, effect): &(_, Effect)| !matches!(effect, Effect::Transition(_));
    assert!(!machine.log.iter().any(written), "{:?}", machine.log);
}
