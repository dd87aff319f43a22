//! The regression gate: it holds for this repository, finds what it is for, and says what to do.

use std::path::Path;
use std::time::Duration;

use pullstop_cluster::scenario::{self, Scenario};
use pullstop_cluster::simulation::{self, Decider};
use pullstop_cluster::world::cluster::Cluster;
use pullstop_cluster::world::controller::{Command, Controller, ControllerEvent};
use pullstop_cluster::world::enforcer::pullstop::Pullstop;
use pullstop_cluster::world::kubelet::back_off::Periods;
use pullstop_cluster::world::pod::Pod;
use pullstop_cluster::world::{RunOptions, World};
use pullstop_core::plugin::Profile;
use pullstop_core::pod::Phase;
use pullstop_core::policy::{Policy, document};
use pullstop_core::time::Timestamp;
use pullstop_simulator::baseline::compare::{Findings, compare};
use pullstop_simulator::baseline::{Baseline, Run, document as baseline_document};
use pullstop_simulator::input;
use pullstop_simulator::runs::outcome::Outcome;
use pullstop_tests::{Ran, files, golden, path, root, simulator};

use crate::scratch;

const OURS: &str = "tests/baseline.yaml";
const TYPO: &str = "scenarios/typo-queued-six-hours.yaml";

/// That of this repository: who makes something worse on purpose writes it again and says why.
#[test]
fn the_baseline_of_the_scenarios_holds() {
    let ran = simulator(&["baseline", "check", &path(OURS)]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(ran.err, "");
}

/// Measures all scenarios with another policy or in another world, and compares.
fn findings(change: &dyn Fn(&mut Scenario), make: &dyn Fn(&Scenario, u64) -> World) -> Findings {
    let text = std::fs::read_to_string(root().join(OURS)).unwrap();
    let baseline = baseline_document::read(&text, &|_| Ok((1, 3))).unwrap();
    let mut runs = Vec::new();
    for file in files(&["yaml"])
        .iter()
        .filter(|file| file.starts_with("scenarios/"))
    {
        let mut scenario = load(&root().join(file));
        change(&mut scenario);
        for seed in 1..=3 {
            let mut world = make(&scenario, seed);
            world.run();
            let outcome = Outcome::of(&world, &scenario, seed);
            runs.push(Run::of(format!("../{file}"), &outcome));
        }
    }
    compare(&baseline, &runs).unwrap()
}

fn load(file: &Path) -> Scenario {
    let text = std::fs::read_to_string(file).unwrap();
    let mut policy = |policy: &Path| input::policy(Some(policy));
    scenario::parse(&file.display().to_string(), &text, &mut policy).unwrap()
}

fn standard(scenario: &Scenario, seed: u64) -> World {
    simulation::world(scenario, seed, &Decider::Scenario, RunOptions::default()).unwrap()
}

fn for_each_policy(scenario: &mut Scenario, change: &dyn Fn(&mut Policy)) {
    scenario.policies.iter_mut().for_each(change);
}

/// The names of what has become worse, and of the scenario that shows it most.
fn worse(findings: &Findings) -> Vec<&str> {
    for change in &findings.worse {
        let name = change.metric.name;
        assert!(change.most.is_some(), "{name}: no scenario shows it");
    }
    findings
        .worse
        .iter()
        .map(|change| change.metric.name)
        .collect()
}

#[test]
fn the_same_is_not_worse() {
    let findings = findings(&|_| {}, &standard);
    assert!(
        worse(&findings).is_empty() && findings.better.is_empty(),
        "{findings:?}"
    );
    assert!(
        findings.within.is_empty() && findings.other.is_empty(),
        "{findings:?}"
    );
}

#[test]
fn a_loosened_rule_is_found() {
    let loosen = |policy: &mut Policy| {
        let mut rules = policy.rules().to_vec();
        for rule in rules.iter_mut().filter(|rule| rule.name == "definite") {
            rule.duration = rule.duration * 3 / 2;
        }
        *policy = policy.clone().with_rules(rules).unwrap();
    };
    let findings = findings(&|scenario| for_each_policy(scenario, &loosen), &standard);
    let worse = worse(&findings);
    assert!(worse.contains(&"timeToFail.p50"), "{worse:?}");
    assert!(worse.contains(&"wastedGpuHours"), "{worse:?}");
}

/// A pull of no length at all is never in flight, so that the permit always says yes.
#[test]
fn a_permit_that_is_switched_off_is_found() {
    let switch_off = |policy: &mut Policy| policy.pull_timeout = Duration::ZERO;
    let make = |scenario: &Scenario, seed| {
        let policies = scenario.policies.clone().rehearsed();
        let mut without = policies.clone();
        without.iter_mut().for_each(switch_off);
        let make = Box::new(move || -> Option<Box<dyn Controller>> {
            let profile = Profile::standard(without.clone()).ok()?;
            Some(Box::new(Pullstop::new(profile)))
        });
        World::new(scenario, seed, &policies, make, RunOptions::default())
    };
    let findings = findings(&|_| {}, &make);
    let worse = worse(&findings);
    assert!(worse.contains(&"brokenInvariants"), "{worse:?}");
}

/// A pattern of the policy takes what the built-in ones would have recognized, as if they were not there.
#[test]
fn a_missing_pattern_is_found() {
    let text = "apiVersion: pullstop.dev/v1alpha1\nkind: ClusterPullFailurePolicy\nmetadata: {name: p}\n\
                spec:\n  patterns:\n  - {text: not found, cause: RegistryUnavailable, permanence: transient}\n";
    let patterns = document::parse(text).unwrap().patterns;
    let blind = |policy: &mut Policy| policy.patterns = patterns.clone();
    let findings = findings(&|scenario| for_each_policy(scenario, &blind), &standard);
    let worse = worse(&findings);
    assert!(worse.contains(&"missed"), "{worse:?}");
    assert!(worse.contains(&"timeToFail.p50"), "{worse:?}");
}

#[test]
fn a_kubelet_that_backs_off_twice_as_long_is_found() {
    let make = |scenario: &Scenario, seed| {
        let mut world = standard(scenario, seed);
        let Periods { first, longest } = Periods::default();
        world.kubelets.set_back_off(Periods {
            first: first * 2,
            longest: longest * 2,
        });
        world
    };
    let findings = findings(&|_| {}, &make);
    let worse = worse(&findings);
    assert!(worse.contains(&"timeToFail.p50"), "{worse:?}");
}

/// The real engine, which wakes up every few seconds for nothing.
#[derive(Debug)]
struct Sleepless {
    inner: Box<dyn Controller>,
    wakes_at: Timestamp,
}

impl Controller for Sleepless {
    fn handle(
        &mut self,
        now: Timestamp,
        event: ControllerEvent<'_>,
        c: &Cluster,
        commands: &mut Vec<Command>,
    ) {
        if self.wakes_at <= now {
            self.wakes_at = now.after(Duration::from_secs(5));
        }
        self.inner.handle(now, event, c, commands);
    }
    fn next_deadline(&self) -> Option<Timestamp> {
        let inner = self.inner.next_deadline();
        Some(inner.map_or(self.wakes_at, |at| at.min(self.wakes_at)))
    }
    fn tracked(&self) -> usize {
        self.inner.tracked()
    }
    fn phases(&self) -> &[Phase] {
        self.inner.phases()
    }
    fn keeps_only_failing(&self) -> bool {
        true
    }
    fn covers(&self, c: &Cluster, pod: &Pod) -> bool {
        self.inner.covers(c, pod)
    }
}

#[test]
fn a_world_that_is_a_third_slower_is_found() {
    let make = |scenario: &Scenario, seed| {
        let policies = scenario.policies.clone().rehearsed();
        let own = policies.clone();
        let make = Box::new(move || -> Option<Box<dyn Controller>> {
            let inner = Box::new(Pullstop::new(Profile::standard(own.clone()).ok()?));
            let wakes_at = Timestamp::from_millis(0);
            Some(Box::new(Sleepless { inner, wakes_at }))
        });
        World::new(scenario, seed, &policies, make, RunOptions::default())
    };
    let findings = findings(&|_| {}, &make);
    assert_eq!(worse(&findings), ["events"]);
    let change = &findings.worse[0];
    let percent = change.after.unwrap() * 100 / change.before.unwrap();
    assert!((115..140).contains(&percent), "{percent} % of the events");
}

/// A baseline of two scenarios in a folder of its own, and a policy that makes them worse.
fn small(name: &str) -> String {
    let folder = scratch::folder(name);
    for scenario in [TYPO, "scenarios/secret-comes-late.yaml"] {
        let file = root().join(scenario);
        std::fs::copy(&file, folder.join(file.file_name().unwrap())).unwrap();
    }
    folder.display().to_string()
}

fn write(folder: &str, more: &[&str]) -> Ran {
    let file = format!("{folder}/baseline.yaml");
    let all = ["baseline", "write", file.as_str()];
    simulator(
        &all.into_iter()
            .chain(more.iter().copied())
            .collect::<Vec<_>>(),
    )
}

fn check(folder: &str, more: &[&str]) -> Ran {
    let file = format!("{folder}/baseline.yaml");
    let all = ["baseline", "check", file.as_str()];
    let ran = simulator(
        &all.into_iter()
            .chain(more.iter().copied())
            .collect::<Vec<_>>(),
    );
    let plain = |text: &str| text.replace(&format!("{folder}/"), "");
    Ran {
        out: plain(&ran.out),
        err: plain(&ran.err),
        code: ran.code,
    }
}

const LOOSE: &str = "apiVersion: pullstop.dev/v1alpha1\nkind: ClusterPullFailurePolicy\nmetadata: {name: loose}\nspec:\n  \
    mode: Enforce\n  rules:\n  - {name: definite, action: Fail, causes: [ManifestNotFound], attempts: 5, duration: 10m}\n";

fn replace(file: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    std::fs::write(file, text.replace(from, to)).unwrap();
}

#[test]
fn every_report_says_what_is_worse_where_and_which_command_shows_why() {
    let folder = small("reports");
    std::fs::write(
        format!("{folder}/policy.yaml"),
        LOOSE
            .replace("10m", "2m")
            .replace("attempts: 5", "attempts: 3"),
    )
    .unwrap();
    let written = write(
        &folder,
        &[
            "--seeds",
            "1..3",
            "--policy",
            &format!("{folder}/policy.yaml"),
            &folder,
        ],
    );
    assert_eq!(written.code, 0, "{}", written.err);
    // The policy lies in the folder of the scenarios, and is none of them.
    assert!(written.err.starts_with("note: skipped "), "{}", written.err);
    assert_eq!(check(&folder, &[]).code, 0);
    std::fs::write(format!("{folder}/policy.yaml"), LOOSE).unwrap();
    for (format, ending) in [
        ("human", "txt"),
        ("json", "jsonl"),
        ("junit", "xml"),
        ("github", "txt"),
        ("markdown", "md"),
    ] {
        let ran = check(&folder, &["--output", format]);
        assert_eq!(ran.code, 1, "{format}: {}", ran.err);
        golden(
            &format!("tests/golden/baseline-{format}.{ending}"),
            &ran.out,
        );
    }
    let report = format!("{folder}/gate.md");
    let ran = check(
        &folder,
        &["-o", "human", "-o", &format!("markdown={report}")],
    );
    assert!(
        ran.out
            .contains("see why: simulator run typo-queued-six-hours.yaml --seed "),
        "{}",
        ran.out
    );
    assert!(
        std::fs::read_to_string(report)
            .unwrap()
            .contains("| worse | ")
    );
}

/// The other way round: what is better passes, and the advice is followed.
#[test]
fn what_is_better_is_told_so_that_the_baseline_is_moved() {
    let folder = small("better");
    std::fs::write(format!("{folder}/policy.yaml"), LOOSE).unwrap();
    write(
        &folder,
        &[
            "--seeds",
            "1..3",
            "--policy",
            &format!("{folder}/policy.yaml"),
            &folder,
        ],
    );
    std::fs::write(
        format!("{folder}/policy.yaml"),
        LOOSE
            .replace("10m", "2m")
            .replace("attempts: 5", "attempts: 3"),
    )
    .unwrap();
    let ran = check(&folder, &[]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains("better: time to fail, p50"), "{}", ran.out);
    assert!(
        ran.out
            .ends_with("to keep what is better: simulator baseline write baseline.yaml\n"),
        "{}",
        ran.out
    );
    let moved = write(&folder, &[]);
    assert_eq!(moved.code, 0, "{}", moved.err);
    let ran = check(&folder, &[]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "12 measures of 2 scenarios, 6 runs: 0 worse, 0 better\n")
    );
}

#[test]
fn scenarios_that_come_or_go_are_named() {
    let folder = small("outdated");
    assert_eq!(write(&folder, &["--seeds", "1..2", &folder]).code, 0);
    std::fs::copy(
        root().join("scenarios/demo.yaml"),
        format!("{folder}/demo.yaml"),
    )
    .unwrap();
    let ran = check(&folder, &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.contains("new: demo.yaml is not in the baseline"),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains("to take new scenarios in: "),
        "{}",
        ran.out
    );
    std::fs::remove_file(format!("{folder}/secret-comes-late.yaml")).unwrap();
    let ran = check(&folder, &[]);
    assert_eq!(ran.code, 2);
    let expected = "the scenario `secret-comes-late.yaml` is not there any more: if that is right, write the baseline again \
                    with `simulator baseline write ";
    assert!(ran.err.contains(expected), "{}", ran.err);
    assert!(
        ran.err
            .lines()
            .any(|line| line.starts_with("error: baseline.yaml:")),
        "{}",
        ran.err
    );
}

#[test]
fn an_invalid_baseline_is_refused_with_the_place() {
    let folder = small("invalid");
    assert_eq!(write(&folder, &["--seeds", "1..2", &folder]).code, 0);
    let file = format!("{folder}/baseline.yaml");
    let good = std::fs::read_to_string(&file).unwrap();
    for (from, to, expected) in [
        (
            "kind: Baseline",
            "kind: Basline",
            "unknown kind `Basline`: did you mean `Baseline`?",
        ),
        (
            "  missed: 0\n",
            "  mised: 0\n",
            "unknown metric `mised`: did you mean `missed`?",
        ),
        ("  events: ", "  events: about ", "is no number"),
        ("1..2", "2..1", "did you mean 1..2?"),
        ("total:", "totals:", "totals"),
    ] {
        replace(&file, from, to);
        let ran = check(&folder, &[]);
        assert_eq!(ran.code, 2, "{to}: {}", ran.out);
        assert!(ran.err.contains(expected), "{to}: {}", ran.err);
        let place = ran
            .err
            .strip_prefix("error: baseline.yaml:")
            .unwrap_or_default();
        assert!(
            place.starts_with(|c: char| c.is_ascii_digit()),
            "{to}: {}",
            ran.err
        );
        std::fs::write(&file, &good).unwrap();
    }
    assert_eq!(simulator(&["baseline", "check", "no/such.yaml"]).code, 2);
    assert_eq!(simulator(&["baseline", "write", &file, "-"]).code, 2);
    let own = write(&folder, &[&folder]);
    assert!(
        own.err.contains("one seed says nothing about chance"),
        "{}",
        own.err
    );
}

/// The file says the same wherever it is read, and however many runs go on at a time.
#[test]
fn a_baseline_is_the_same_with_any_number_of_jobs() {
    let folder = small("jobs");
    let text = |jobs: &str| {
        assert_eq!(
            write(&folder, &["--seeds", "1..4", "--jobs", jobs, &folder]).code,
            0
        );
        std::fs::read_to_string(format!("{folder}/baseline.yaml")).unwrap()
    };
    let one = text("1");
    assert_eq!(one, text("7"));
    assert!(one.contains("\n  paths: [\".\"]\n  seeds: 1..4\n"), "{one}");
    let from_elsewhere: Baseline = baseline_document::read(&one, &|_| Ok((1, 4))).unwrap();
    assert_eq!(baseline_document::write(&from_elsewhere), one);
}
