//! Scenario files: what is read, and what is said of those that are wrong.

use std::fmt::Write;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use pullstop_cluster::input_error::InputError;
use pullstop_cluster::scenario::{self, Scenario};
use pullstop_core::policy::{Policy, document};
use pullstop_tests::{golden, root};

const HEAD: &str = "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {name: s}\n";
const BASE: &str = "spec:\n  duration: 1h\n";
const TRAIN: &str =
    "  workloads:\n  - {job: train, count: 3, image: \"registry.example/app:v1\"}\n";

/// Malformed scenarios as a whole.
const DOCUMENTS: &[&str] = &[
    "",
    "# nothing but a comment\n",
    "just text\n",
    "apiVersion: [unclosed\n",
    "kind: Scenario\nmetadata: {name: s}\nspec: {duration: 1h, workloads: []}\n",
    "apiVersion: pullstop.dev/v1\nkind: Scenari\nmetadata: {name: Typo In A Name}\nspec: {duration: 1h, workloads: [{pod: p, image: i}]}\n",
    "apiVersion: pullstop.dev/v1alpha1\nkind: ClusterPullFailurePolicy\nmetadata: {name: s}\nspec: {duration: 1h, workloads: [{pod: p, image: i}]}\n",
    "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {name: s, labels: {}}\nspec: {duration: 1h, workloads: []}\n",
    "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {name: s}\n",
    "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {name: s}\nspec: {workloads: []}\n",
    "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {name: s}\nspec: {duration: 1h}\n",
    "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {name: s}\nspec: {duration: 1h, workloads: []}\n",
    "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {name: s}\nspec: {duration: 0s, workloads: [{pod: p, image: i}]}\n",
    "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {name: s}\nspec: {duration: 9000h, workloads: [{pod: p, image: i}]}\n",
    "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {name: s}\nspec: {duration: 1h, workloads: [{pod: p, image: i}]}\n---\nkind: Scenario\n",
    "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {name: s}\nspec:\n\tduration: 1h\n",
];

/// What is wrong around the workloads.
const AROUND: &[&str] = &[
    "  seeds: 5\n",
    "  seed: -1\n",
    "  seed: 1\n  seed: 2\n",
    "  patience: one hour\n",
    "  policy: {}\n",
    "  policy: {file: a.yaml, inline: {mode: Warn}}\n",
    "  policy: {file: missing.yaml}\n",
    "  policy: {file: broken.yaml}\n",
    "  policy: {inline: {mode: enforce, rules: [{causes: [Timout], attempts: 0, duration: 5 minutes, action: Fail}]}}\n",
    "  policy: {inline: {mod: Enforce}}\n",
    "  enforcer: {watchDelay: 50}\n",
    "  cluster: {kubernetes: \"1.26\"}\n",
    "  cluster: {kubernetes: v1.36}\n",
    "  cluster: {nodes: []}\n",
    "  cluster: {nodes: {name: gpu}}\n",
    "  cluster:\n    nodes:\n    - {name: gpu, count: 0}\n    - {name: gpu, count: 20000}\n",
    "  cluster: {nodes: [{name: gpu, joinsAt: 2m, bootsIn: 2m}]}\n",
    "  cluster: {nodes: [{name: gpu, joinsAt: 1h}]}\n",
    "  cluster: {nodes: [{name: gpu, runtime: docker, capacity: {cpu: 1 core, memory: 1GB, gpus: -1, pods: 0}}]}\n",
    "  cluster: {nodes: [{name: gpu, serializeImagePulls: true, maxParallelImagePulls: 4}]}\n",
    "  cluster: {nodes: [{name: gpu, serializeImagePulls: maybe, registryBurst: 0}]}\n",
    "  cluster: {nodes: [{name: gpu, images: [\"registry.example/ap:*\"]}]}\n",
    "  registries: [{host: registry.exampel}]\n",
    "  registries: [{host: registry.example}, {host: registry.example}]\n",
    "  registries: [{host: registry.example, bandwidth: 0, rateLimit: {pulls: 0, per: 0s}}]\n",
    "  registries: [{host: registry.example, faults: [{from: 1m}]}]\n",
    "  registries: [{host: registry.example, faults: [{error: BadGatway, slow: 20}]}]\n",
    "  registries: [{host: registry.example, faults: [{from: 10m, until: 5m, error: BadGateway}]}]\n",
    "  registries: [{host: registry.example, faults: [{from: 10m, for: 5m, until: 15m, error: BadGateway}]}]\n",
    "  registries: [{host: registry.example, faults: [{from: 2h, for: 5m, error: Throttled}]}]\n",
    "  registries: [{host: registry.example, faults: [{slow: 1, after: 2s, percent: 101}]}]\n",
    "  registries: [{host: registry.example, faults: [{slow: 5, nodes: \"gpu-*\", images: \"registry.example/web:*\"}]}]\n",
    "  images: [{image: \"registry.example/app:v2\", missing: true}]\n",
    "  images: [{image: \"registry.example/app:v1\", missing: 404}, {image: \"registry.example/app:v1\"}]\n",
    "  images: [{image: \"registry.example/*\"}, {image: \"registry.example/app:v1\", missing: true}]\n",
    "  images: [{image: \"registry.example/app:v1\", missing: true, disappearsAt: 5m}]\n",
    "  images: [{image: \"registry.example/app:v1\", appearsAt: 10m, disappearsAt: 5m, size: huge}]\n",
    "  images: [{image: \"registry.example/app:v1\", appearsAt: 3h, missing: false, nodeIdentity: 1}]\n",
    "  images: [{image: \"registry.example/app:v1\", secret: pull-key}]\n",
    "  secrets: [{name: pull-key}]\n  images: [{image: \"registry.example/app:v1\", secret: pul-key}]\n",
    "  secrets: [{name: a, appearsAt: 10m, disappearsAt: 10m}, {name: a}]\n",
    "  queues: [{name: team-a, quota: {}, order: Random}, {name: team-a, quota: {jobs: 0}}]\n",
    "  faults: [{at: 5m}]\n",
    "  faults: [{at: 5m, watchGap: {for: 1m}, enforcerRestart: {downFor: 1m}}]\n",
    "  faults: [{at: 2h, watchGap: {for: 0s}}]\n",
    "  faults: [{at: 5m, kubeletRestart: {nodes: \"nod-*\", downFor: 20s}}]\n",
    "  faults: [{at: 5m, kubeletRestart: {nodes: \"node-1\"}}]\n",
    "  faults: [{at: 5m, kubeletRestart: {nodes: \"node-1\", downFor: 20s}}]\n  expect: [{job: train-3, outcome: Failed}]\n",
    "  faults: [{at: 5m, kubeletRestarts: {nodes: \"*\", downFor: 20s}}]\n",
    "  faults: [{at: 5m, deletePods: {pods: train-3-0}}, {at: 5m, deletePods: {pods: other/train-0-0}}]\n",
    "  faults: [{at: 5m, deletePods: {}}, {at: 5m}]\n",
    "  faults: [{at: 5m, failPods: {pods: \"train-*\", how: Quickly}}]\n",
    "  faults: [{at: 5m, editImage: {pods: \"train-*\", container: mian, image: \"registry.example/app:*\"}}]\n",
    "  faults: [{at: 5m, editImage: {pods: \"train-*\", container: mian, image: \"registry.example/app:v2\"}}]\n",
    "  faults: [{at: 5m, imageLoaded: {nodes: \"*\", image: \"registry.example/app:v3\"}}]\n",
    "  faults: [{at: 5m, writeFault: {for: 5m, how: Lost, percent: 0}}]\n",
    "  expect: [{}]\n",
    "  expect: [{pods: \"train-*\"}, {job: train-0}]\n",
    "  expect: [{pods: \"trian-*\", failed: true}, {job: train, outcome: Failed}]\n",
    "  namespacePolicies: [{namespace: reserch, inline: {mode: Warn}}]\n",
    "  namespacePolicies: [{namespace: default, inline: {mode: Warn}}, {namespace: default, inline: {mode: Warning}}]\n",
    "  namespacePolicies: [{namespace: default}]\n",
    "  namespacePolicies: [{inline: {}}]\n",
    "  registries: [{host: r.example, trouble: []}]\n",
    "  expect: [{pods: \"train-*\", failed: true, neverFailed: true}]\n",
    "  expect: [{pods: \"train-*\", failed: false, phase: Runing}]\n",
    "  expect: [{pods: \"train-*\", failed: true, phase: Succeeded, count: 0}]\n",
    "  expect: [{pods: \"train-*\", failed: {because: ManifestMissing, between: [4m, 2m]}}]\n",
    "  expect: [{pods: \"train-*\", failed: {between: [2m], afterFirstFailure: [2m, 2h]}}]\n",
    "  expect: [{pods: \"train-*\", failed: {becuase: Timeout}}]\n",
    "  expect: [{pods: \"train-*\", failed: often}]\n",
    "  expect: [{pods: \"train-*\", warned: {because: KubeletThrottled}}]\n",
    "  expect: [{pods: \"train-*\", runsBy: 2h, outcome: Complete}]\n",
    "  expect: [{job: train-1, phase: Failed, pods: two}]\n",
    "  expect: [{job: \"train-*\", outcome: Complete, reason: PodFailurePolcy, pods: 1, failedPods: 2}]\n",
    "  expect: [{job: \"train-*\", outcome: Suspended, startsBy: 5m, between: [1m, 2m]}]\n",
    "  expect: [{metric: \"timeToFail < 150s\"}, {metric: \"falseFailure == 0\"}, {metric: \"verdicts = 0\"}]\n",
    "  expect: [{metric: \"verdicts == 0\", pods: \"train-*\", failed: true}]\n",
    "  expect: [{metric: \"verdicts == 0\", count: 2}, {metric: \"verdicts == none\"}]\n",
    "  expect: [{pods: \"train-*\", neverFailed: false}, {pods: \"train-*\", warned: false}]\n",
    "  expect: [{job: \"train-*\", outcome: Done, between: [10m, 2h]}]\n",
];

/// Workloads that are wrong.
const WORKLOADS: &[&str] = &[
    "  workloads: [{image: i}]\n",
    "  workloads: [{job: a, pod: b, image: i}]\n",
    "  workloads: [{job: a}]\n",
    "  workloads: [{job: a, image: i, containers: [{name: main, image: i}]}]\n",
    "  workloads: [{job: a, containers: []}]\n",
    "  workloads: [{job: a, containers: [{image: i}]}]\n",
    "  workloads: [{job: a, containers: [{name: x, image: \"\"}, {name: x, image: i, sidecar: true}]}]\n",
    "  workloads: [{job: Train_1, image: i}]\n",
    "  workloads: [{job: a, image: i}, {pod: a, image: i}]\n",
    "  workloads: [{job: a, image: i, count: 3}, {deployment: a-1, image: i}]\n",
    "  workloads: [{job: a, image: i}, {pod: a-7, image: i}]\n",
    "  workloads: [{job: a, image: i, count: 0}]\n",
    "  workloads: [{job: a, image: i, count: 2000, completions: 1000}]\n",
    "  workloads: [{job: a, image: i, count: 99999999999}]\n",
    "  workloads: [{job: a, image: i, every: 10s}]\n",
    "  workloads: [{job: a, image: i, count: 10, every: 10s, randomly: 10s}]\n",
    "  workloads: [{job: a, image: i, count: 100, every: 1m}]\n",
    "  workloads: [{job: a, image: i, at: 60m}]\n",
    "  workloads: [{job: a, image: i, at: 10m, suspendedUntil: 5m, gatedUntil: 2h}]\n",
    "  workloads: [{pod: a, image: i, queue: team, priority: 1, backoffLimit: 2, replicas: 3}]\n",
    "  workloads: [{deployment: a, image: i, completions: 2, restartPolicy: Never, exitCode: 1}]\n",
    "  workloads: [{job: a, image: i, queue: team-b}]\n  queues: [{name: team-a}]\n",
    "  workloads: [{job: a, image: i, priority: 1}, {job: b, image: i, queue: team-a, suspendedUntil: 5m}]\n  queues: [{name: team-a}]\n",
    "  workloads: [{job: a, image: i, queue: team-a, parallelism: 3, requests: {cpu: 2, gpus: 2}}]\n  queues: [{name: team-a, quota: {cpu: 4, gpus: 4}}]\n",
    "  workloads: [{job: a, image: i, nodes: gpus}]\n  cluster: {nodes: [{name: gpu}]}\n",
    "  workloads: [{job: a, image: i, nodes: small, requests: {gpus: 8}}]\n  cluster: {nodes: [{name: gpu}, {name: small, capacity: {gpus: 0}}]}\n",
    "  workloads: [{job: a, image: i, requests: {memory: 1Ti}}, {job: b, image: i, requests: {cpu: 65}}]\n",
    "  workloads: [{job: a, image: i, restartPolicy: Always}]\n",
    "  workloads: [{job: a, image: i, restartPolicy: Onfailure, imagePullPolicy: Sometimes}]\n",
    "  workloads: [{job: a, image: i, imagePullSecrets: [pull-key]}]\n",
    "  workloads: [{job: a, image: i, annotations: {pullstop.dev/mod: warn}}]\n",
    "  workloads: [{job: a, image: i, annotations: {pullstop.dev/mode: Warn, pullstop.dev/patience: 1d}}]\n",
    "  workloads: [{job: a, image: i, backoffLimitPerIndex: 1, maxFailedIndexes: 1}]\n",
    "  workloads: [{job: a, image: i, indexed: true, maxFailedIndexes: 1}]\n",
    "  workloads: [{job: a, image: i, podFailurePolicy: [{action: FailIndex, onPodCondition: pullstop.dev/ImagePullFailed}]}]\n",
    "  workloads: [{job: a, image: i, restartPolicy: OnFailure, podReplacementPolicy: TerminatingOrFailed, podFailurePolicy: [{action: FailJob, onExitCodes: [1]}]}]\n",
    "  workloads: [{job: a, image: i, podFailurePolicy: [{action: FailJob}, {action: Fail, onPodCondition: ImagePullFailed}]}]\n",
    "  workloads: [{job: a, image: i, podFailurePolicy: [{action: Ignore, onExitCodes: []}, {action: Ignore, onExitCodes: [0, 256]}]}]\n",
    "  workloads: [{job: a, image: i, activeDeadline: 0s, exitCode: 256, runs: forever}]\n",
    "  workloads: [{job: a, image: i, initContainers: [{name: s, image: i, sidecar: true, runs: 5s}, {name: main, image: i, cannotStart: CreateContainerConfigErr}]}]\n",
    "  workloads: [{job: a, image: i, indexed: true, backoffLimitPerIndex: 1, initContainers: [{name: s, image: i, sidecar: true}]}]\n  cluster: {kubernetes: \"1.28\"}\n",
    "  workloads: [{job: a, image: i, podReplacementPolicy: Failed, podFailurePolicy: []}]\n  cluster: {kubernetes: \"1.27\"}\n",
    "  workloads: [{job: a, image: i, requests: {cpu: 64, gpus: 8}}]\n  cluster: {nodes: [{name: cpu, capacity: {gpus: 0}}, {name: gpu, capacity: {cpu: 8}}]}\n",
    "  workloads: [{deployment: a, containers: [{name: x, image: i, exitCode: 1}]}]\n",
    "  workloads: [{job: a, containers: [{name: x, image: i}]}]\n  faults: [{at: 5m, editImage: {pods: \"a-*\", image: j}}]\n",
    "  workloads: [{job: a, image: i, runs: 1m30}, {pod: b, image: i, runs: \"\"}]\n",
    "  workloads: [{job: a, image: i, colour: red}]\n",
    "  workloads: {job: a, image: i}\n",
    "  workloads: [train]\n",
    "  workloads: [{job: [a], image: i}]\n",
    "  workloads: [{job: , image: i}]\n",
];

#[test]
fn malformed_scenarios() {
    let documents = DOCUMENTS.iter().map(|text| (*text).to_owned());
    let around = AROUND
        .iter()
        .map(|text| format!("{HEAD}{BASE}{TRAIN}{text}"));
    let workloads = WORKLOADS.iter().map(|text| format!("{HEAD}{BASE}{text}"));
    let mut report = String::new();
    for text in documents.chain(around).chain(workloads) {
        let Err(errors) = parse(&text) else {
            panic!("nothing is wrong with\n{text}");
        };
        assert!(errors.iter().all(|error| error.place.is_some()), "{text}");
        let shown = text.strip_prefix(&format!("{HEAD}{BASE}")).unwrap_or(&text);
        writeln!(
            report,
            "{}\n>>> {}",
            shown.strip_prefix(TRAIN).unwrap_or(shown),
            lines(&errors).trim_end()
        )
        .unwrap();
        report.push('\n');
    }
    golden("tests/golden/malformed-scenarios.txt", &report);
}

/// What the schema knows is what the reader knows: so the scenario with every field really has every field.
#[test]
fn no_field_is_forgotten() {
    let text = file("tests/scenarios/every-field.yaml");
    let fields = own_fields();
    for (field, of) in &fields {
        // A policy stands in one place only.
        let is_there = text.contains(&format!("{field}:")) || field == "file";
        assert!(is_there, "{field} of {of}");
    }
    assert!(fields.len() > 100, "only {} fields", fields.len());
}

#[test]
fn the_smallest_scenario_is_short() {
    let text = file("tests/scenarios/smallest.yaml");
    let scenario = parse(&text).unwrap_or_else(|errors| panic!("{}", lines(&errors)));
    assert!(text.lines().count() <= 15);
    assert_eq!(scenario.nodes.len(), 1);
}

#[test]
fn examples_in_the_documentation_are_valid() {
    let text = file("docs/scenarios.md");
    let blocks = text.split("```yaml\n").skip(1);
    let blocks: Vec<&str> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    for block in &blocks {
        parse(block).unwrap_or_else(|errors| panic!("{}", lines(&errors)));
    }
    assert_eq!(blocks.len(), 1);
}

/// The documentation names every field.
#[test]
fn every_field_is_documented() {
    let text = file("docs/scenarios.md");
    for (field, of) in own_fields() {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !"./".contains(c));
        let is_there = words
            .into_iter()
            .any(|word| word == field || word.ends_with(&format!(".{field}")));
        assert!(is_there, "{field} of {of}");
    }
}

/// A release without quotes is a number to YAML; the zero at its end counts.
#[test]
fn releases_need_no_quotes() {
    let scenario = parse(&format!(
        "{HEAD}{BASE}{TRAIN}  cluster: {{kubernetes: 1.30}}\n"
    ));
    assert_eq!(scenario.map(|s| s.kubernetes_minor), Ok(30));
}

#[test]
fn the_policy_is_looked_for_beside_the_scenario() {
    let text = format!("{HEAD}{BASE}{TRAIN}  policy: {{file: ../policies/x.yaml}}\n");
    for (file, expected) in [
        ("scenarios/a.yaml", "scenarios/../policies/x.yaml"),
        ("a.yaml", "./../policies/x.yaml"),
        ("-", "./../policies/x.yaml"),
    ] {
        let mut asked = Vec::new();
        let read = scenario::parse(file, &text, &mut |path: &Path| {
            asked.push(path.display().to_string());
            Ok(Policy::default())
        });
        assert!(read.is_ok());
        assert_eq!(asked, [expected]);
    }
}

proptest! {
    /// Whatever somebody does to a file: it is read, or what is wrong has a place in it.
    #[test]
    fn no_edit_makes_the_reader_panic(edits in vec(edit(), 1..6)) {
        let mut text = file("tests/scenarios/every-field.yaml");
        for edit in &edits {
            edit.apply(&mut text);
        }
        for error in parse(&text).err().into_iter().flatten() {
            let lines = text.split('\n').count() as u64;
            prop_assert!(error.place.is_some_and(|place| place.line <= lines), "{error}");
        }
    }
}

/// Something done to a text.
#[derive(Clone, Debug)]
enum Edit {
    /// Characters are cut out.
    Cut(prop::sample::Index, usize),
    /// Something is written between two characters.
    Insert(prop::sample::Index, String),
    /// A value is replaced.
    Value(prop::sample::Index, &'static str),
    /// A line is written twice.
    Repeat(prop::sample::Index),
}

impl Edit {
    fn apply(&self, text: &mut String) {
        let mut chars: Vec<char> = text.chars().collect();
        match self {
            Self::Cut(at, length) => {
                let at = at.index(chars.len());
                chars.drain(at..(at + length).min(chars.len()));
            }
            Self::Insert(at, more) => {
                let at = at.index(chars.len());
                chars.splice(at..at, more.chars());
            }
            Self::Value(at, value) => {
                let colons: Vec<usize> = text.match_indices(": ").map(|(at, _)| at).collect();
                let start = colons[at.index(colons.len())] + 2;
                let length = text[start..].find([',', '}', '\n']).unwrap_or(0);
                text.replace_range(start..start + length, value);
                return;
            }
            Self::Repeat(at) => {
                let mut lines: Vec<&str> = text.lines().collect();
                let line = at.index(lines.len());
                lines.insert(line, lines[line]);
                *text = lines.join("\n");
                return;
            }
        }
        *text = chars.into_iter().collect();
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    const VALUES: &[&str] = &[
        "",
        "0",
        "-1",
        "1",
        "999999999999999999999",
        "1000000",
        "87600h",
        "0s",
        "1ms",
        "true",
        "null",
        "~",
        "*",
        "'*'",
        "\"**-*\"",
        "[]",
        "{}",
        "[[",
        "&a 1",
        "\"\"",
        "18446744073709551615",
        "4294967295m",
        "1024Ti",
        ".5",
        "é",
        "\"#\"",
        "\"/\"",
        "2147483647",
    ];
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), 1..40_usize).prop_map(|(at, length)| Edit::Cut(at, length)),
        (at(), "[ -~\n\té]{1,4}").prop_map(|(at, more)| Edit::Insert(at, more)),
        (at(), select(VALUES)).prop_map(|(at, value)| Edit::Value(at, value)),
        at().prop_map(Edit::Repeat),
    ]
}

fn parse(text: &str) -> Result<Scenario, Vec<InputError>> {
    scenario::parse("scenario.yaml", text, &mut |path: &Path| {
        let place = pullstop_cluster::input_error::Place { line: 4, column: 9 };
        match path.file_name().and_then(|name| name.to_str()) {
            Some("missing.yaml") => Err(vec![InputError::about(path, "no such file")]),
            Some("broken.yaml") => Err(vec![InputError::at(path, place, "unknown mode")]),
            _ => Ok(Policy::default()),
        }
    })
}

/// All fields and what has them, those of policies left out.
fn own_fields() -> Vec<(String, String)> {
    let policy = serde_json::to_value(document::json_schema()).unwrap();
    let schema = scenario::json_schema();
    let of_policies = policy["$defs"].as_object().unwrap();
    let definitions = schema["$defs"].as_object().unwrap().iter();
    let own = definitions.filter(|(name, _)| !of_policies.contains_key(*name));
    let fields = own.flat_map(|(name, definition)| {
        let fields = definition["properties"].as_object().into_iter().flatten();
        fields.map(|(field, _)| (field.clone(), name.clone()))
    });
    fields.collect()
}

fn lines(errors: &[InputError]) -> String {
    let mut lines = String::new();
    for error in errors {
        writeln!(lines, "{error}").unwrap();
    }
    lines
}

fn file(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}
