//! The rules of other projects, each over the same pods: when it fails them.

use std::fmt::Write;
use std::path::Path;

use pullstop_cluster::scenario::{self, Scenario};
use pullstop_cluster::simulation::{self, Decider};
use pullstop_cluster::world::enforcer::baselines::Baseline;
use pullstop_cluster::world::{RunOptions, World, ZERO};
use pullstop_core::time::Human;
use pullstop_tests::golden;

const PODS: &str = r#"
apiVersion: pullstop.dev/v1alpha1
kind: Scenario
metadata: {name: baselines}
spec:
  duration: 2h
  cluster: {nodes: [{name: n, serializeImagePulls: false}, {name: c, runtime: cri-o}]}
  images: [{image: "r.example/a:bad", missing: true}]
  workloads:
  - {pod: typo, nodes: n, image: "r.example/a:bad"}
  - {pod: typo-on-cri-o, nodes: c, image: "r.example/a:bad"}
  - {pod: bad-name, nodes: n, image: "r.example/A:v1"}
  - {pod: config-error, nodes: n, containers: [{name: main, image: "r.example/a:v1", cannotStart: CreateContainerConfigError}]}
  - {pod: typo-in-init, nodes: n, image: "r.example/a:v1", initContainers: [{name: i, image: "r.example/a:bad"}]}
  - {pod: typo-in-sidecar, nodes: n, image: "r.example/a:v1", initContainers: [{name: s, image: "r.example/a:bad", sidecar: true}]}
  - {pod: long-init, nodes: n, image: "r.example/a:bad", initContainers: [{name: i, image: "r.example/a:v1", runs: 20m}]}
  - {pod: late-start-beside, nodes: n, containers: [{name: a, image: "r.example/a:v1", runs: 3m}, {name: b, image: "r.example/a:bad"}]}
  - {pod: without-a-node, nodes: n, image: "r.example/a:v1", gatedUntil: 1h}
  - {job: replaced, nodes: n, image: "r.example/a:bad"}
  faults:
  - {at: 10m, deletePods: {pods: replaced-0}}
"#;

#[test]
fn each_fails_the_pods_that_its_rules_name() {
    let mut table = String::new();
    for (baseline, name) in Baseline::ALL {
        writeln!(table, "{name}\n{}", failed(&run(PODS, baseline))).unwrap();
    }
    golden("tests/golden/baselines.txt", &table);
}

#[test]
fn a_write_that_fails_is_made_again() {
    let fault = "  - {at: 0s, writeFault: {for: 1m, how: Failed}}\n";
    let world = run(&format!("{PODS}{fault}"), Baseline::Tekton);
    let truth = &world.cluster.truth.pods[0];
    let failed_after = truth.failed.unwrap().at.since(ZERO).as_secs();
    assert!((60..80).contains(&failed_after), "{failed_after}");
    assert!(world.enforcer.tally.failed > 0);
}

fn run(text: &str, baseline: Baseline) -> World {
    let mut no_policies = |_: &Path| Ok(pullstop_core::policy::Policy::default());
    let scenario: Scenario = scenario::parse("baselines.yaml", text, &mut no_policies)
        .unwrap_or_else(|errors| panic!("{}", errors[0]));
    let keep = RunOptions::default();
    let mut world = simulation::world(&scenario, 1, &Decider::Baseline(baseline), keep).unwrap();
    world.run();
    world
}

/// The pods that were failed, and when; of a Job that tries again and again, the first two.
fn failed(world: &World) -> String {
    let mut text = String::new();
    for pod in &world.cluster.truth.pods {
        let name = &pod.names.name;
        let is_one_of_many = name.starts_with("replaced-") && !name.ends_with(['0', '1']);
        if let (Some(failed), false) = (pod.failed, is_one_of_many) {
            let at = Human(failed.at.since(ZERO));
            writeln!(text, "  {name:<18} {at}").unwrap();
        }
    }
    text
}
