//! The state machine's specification: what is seen, and what the engine makes of it.
//!
//! Each file of `testdata/transcripts` is a transcript. A line such as `2s main ErrImagePull not-found` is an input at
//! that time; below `----` stands what the engine answered. `cargo xtask bless` rewrites the answers.

use std::fmt::Write;
use std::path::Path;

use crate::harness::{self, DENIED, EPOCH, Machine, NOT_FOUND, Pod, REFUSED, St, THROTTLED};
use pullstop_core::engine::{Effect, Input, Outcome, Source, TransitionKind};
use pullstop_core::pod::{ContainerKind, Phase, ResourceVersion};
use pullstop_core::policy::{Action, Mode};
use pullstop_core::time::{Human, Timestamp};

#[test]
fn transcripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/transcripts");
    let mut files: Vec<_> = read_dir(&folder);
    files.sort();
    assert!(files.len() >= 8, "{}", folder.display());
    for file in files {
        let text = read(&file);
        let actual = play(&text);
        if std::env::var_os("BLESS").is_some() {
            write(&file, &actual);
        } else {
            let diff = similar::TextDiff::from_lines(&text, &actual);
            let name = file.display();
            assert!(actual == text, "{name} differs:\n{}", diff.unified_diff());
        }
    }
}

/// The transcript with the engine's own answers.
fn play(text: &str) -> String {
    let mut stage = Stage::new();
    let mut out = String::new();
    for block in text
        .split("\n\n")
        .map(str::trim)
        .filter(|block| !block.is_empty())
    {
        let input = block.split("\n----").next().unwrap();
        writeln!(out, "{input}").unwrap();
        let commands: Vec<&str> = input
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        if !commands.is_empty() {
            for command in commands {
                stage.command(command);
            }
            writeln!(out, "----\n{}", stage.answers()).unwrap();
        }
        out.push('\n');
    }
    out.trim_end().to_owned() + "\n"
}

/// One pod before an engine.
struct Stage {
    machine: Machine,
    pod: Pod,
    now: Timestamp,
    told: usize,
    source: Source,
}

impl Stage {
    fn new() -> Self {
        let mut machine = Machine::new(harness::built_in());
        machine.answers = false;
        let pod = Pod::new("pod", &["main"]);
        Self {
            machine,
            pod,
            now: EPOCH,
            told: 0,
            source: Source::Watch,
        }
    }

    fn command(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some(time) = time_of(words[0]) {
            self.now = time;
            self.at(&words[1..]);
        } else {
            self.set_up(&words);
        }
    }

    /// Before anything is seen.
    fn set_up(&mut self, words: &[&str]) {
        match words {
            ["pod", containers @ ..] => {
                self.pod = Pod::new("pod", &[]);
                for name in containers {
                    let (name, kind) = name.split_once('=').unwrap_or((name, "main"));
                    let mut container = harness::Container::new(name);
                    container.kind = match kind {
                        "init" => ContainerKind::Init,
                        "sidecar" => ContainerKind::Sidecar,
                        _ => ContainerKind::Main,
                    };
                    container.image = format!("r.example/{name}:1");
                    self.pod.containers.push(container);
                }
            }
            ["owner", kind] => self.pod.owner = Some((*kind).to_owned()),
            ["mode", mode] => {
                let mode = if *mode == "DryRun" {
                    Mode::DryRun
                } else {
                    Mode::Warn
                };
                self.machine = Machine::new(harness::built_in().in_mode(mode));
                self.told = 0;
                self.machine.answers = false;
            }
            ["rules", "only", "warn"] => {
                let policy = self.machine.engine().policies().given().cluster.clone();
                let mut rules = policy.rules().to_vec();
                for rule in &mut rules {
                    rule.action = Action::Warn;
                }
                self.machine = Machine::new(policy.with_rules(rules).unwrap());
                self.machine.answers = false;
            }
            ["writes", "are", "accepted"] => self.machine.answers = true,
            ["writes", "wait"] => self.machine.answers = false,
            other => panic!("{other:?}"),
        }
    }

    /// At some time.
    fn at(&mut self, words: &[&str]) {
        match words {
            ["time"] => return self.machine.run_through(self.now),
            ["restart"] => {
                let mut restarted = self.machine.restarted(harness::built_in());
                restarted.answers = self.machine.answers;
                restarted.log = std::mem::take(&mut self.machine.log);
                self.machine = restarted;
                return;
            }
            ["relist", "begins"] => {
                self.source = Source::List;
                return self.machine.input(self.now, Input::RelistBegin);
            }
            ["relist", "ends"] => {
                self.source = Source::Watch;
                return self.machine.input(self.now, Input::RelistEnd);
            }
            ["outcome", outcome] => {
                let outcome = match *outcome {
                    "accepted" => Outcome::Accepted(ResourceVersion(self.pod.version)),
                    "conflict" => Outcome::Conflict,
                    _ => Outcome::Failed,
                };
                return self.machine.input(
                    self.now,
                    Input::Outcome {
                        uid: "pod",
                        outcome,
                    },
                );
            }
            ["the", "pod", "is", "gone"] => return self.machine.gone(self.now, "pod"),
            ["the", "pod", "is", "listed"] => {
                return self.machine.see(self.now, &self.pod, Source::List);
            }
            ["the", "same", "again"] => return self.machine.see(self.now, &self.pod, self.source),
            ["the", "pod", "is", "Failed"] => self.pod.phase = Phase::Failed,
            ["the", "kubelet", "agrees"] => self.pod.agreed = true,
            ["the", "kubelet", "puts", "it", "back"] => self.pod.phase = Phase::Pending,
            ["edit", container, image] => {
                (*image).clone_into(&mut self.container(container).image);
            }
            [container, state @ ..] => self.container(container).state = state_of(state),
            [] => {}
        }
        self.pod.version += 1;
        self.machine.see(self.now, &self.pod, self.source);
    }

    fn container(&mut self, name: &str) -> &mut harness::Container {
        self.pod
            .containers
            .iter_mut()
            .find(|c| c.name == name)
            .unwrap()
    }

    /// What the engine has said since the last time.
    fn answers(&mut self) -> String {
        let mut answers = String::new();
        for (at, effect) in &self.machine.log[self.told..] {
            writeln!(
                answers,
                "{:>7}  {}",
                Human(at.since(EPOCH)).to_string(),
                words(effect)
            )
            .unwrap();
        }
        self.told = self.machine.log.len();
        match self.machine.engine().next_deadline() {
            Some((at, reason)) => write!(
                answers,
                "         wakes at {} ({reason:?})",
                Human(at.since(EPOCH))
            ),
            None => write!(answers, "         sleeps"),
        }
        .unwrap();
        answers
    }
}

/// `12s` or `12.3s` after the beginning.
fn time_of(word: &str) -> Option<Timestamp> {
    let (seconds, tenths) = word
        .strip_suffix('s')?
        .split_once('.')
        .unwrap_or((&word[..word.len() - 1], "0"));
    let (seconds, tenths): (u64, u64) = (seconds.parse().ok()?, tenths.parse().ok()?);
    Some(harness::at(1000 * seconds + 100 * tenths))
}

fn state_of(words: &[&str]) -> St {
    let message = |name: &str| match name {
        "not-found" => NOT_FOUND.to_owned(),
        "denied" => DENIED.to_owned(),
        "refused" => REFUSED.to_owned(),
        "throttled" => THROTTLED.to_owned(),
        text => text.to_owned(),
    };
    match words {
        ["Running"] => St::Running,
        ["Terminated"] => St::Terminated,
        ["ImagePullBackOff", text] => St::backing_off(&message(text)),
        ["ImagePullBackOff"] => St::waiting(
            "ImagePullBackOff",
            "Back-off pulling image \"r.example/a:b\"",
        ),
        [reason, text] => St::waiting(reason, &message(text)),
        [reason] => St::waiting(reason, ""),
        other => panic!("{other:?}"),
    }
}

fn words(effect: &Effect) -> String {
    match effect {
        Effect::Fail(d) => format!(
            "FAIL the pod: {} by `{}`, {} failures of {} in {}",
            d.cause,
            d.rule,
            d.failures,
            d.container,
            Human(d.decided_at.since(d.first_failure_at))
        ),
        Effect::Warn(d) => format!(
            "WARN: {} by `{}`, {} failures of {}",
            d.cause, d.rule, d.failures, d.container
        ),
        Effect::Deadline(d) => format!("set a DEADLINE: {}", d.cause),
        Effect::Remember { memories, .. } => {
            let each = memories.iter().map(|m| {
                format!(
                    "{} {} x{}",
                    m.container,
                    m.latest,
                    m.tallies.iter().map(|t| t.failures).sum::<u32>()
                )
            });
            format!("remember: {}", each.collect::<Vec<_>>().join(", "))
        }
        Effect::Read(_) => "read the pod".to_owned(),
        Effect::List => "list all pods".to_owned(),
        Effect::Transition(transition) => {
            format!("{}: {}", transition.container, in_words(&transition.kind))
        }
    }
}

fn in_words(kind: &TransitionKind) -> String {
    match kind {
        TransitionKind::Counted {
            cause, failures, ..
        } => format!("failure {failures}, {cause}"),
        TransitionKind::StartedOver { why, failures } => {
            format!("starts from zero after {failures} ({why:?})")
        }
        TransitionKind::Recovered { failures } => format!("recovered after {failures}"),
        TransitionKind::Held { why, .. } => format!("held: {why}"),
        TransitionKind::DryRun(d) => format!("{}: {} by `{}`", d.enforcement, d.cause, d.rule),
        other => format!("{other:?}"),
    }
}

#[expect(clippy::disallowed_methods, reason = "a test reads its data")]
fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test blesses its data")]
fn write(file: &Path, text: &str) {
    std::fs::write(file, text).unwrap();
}

fn read_dir(folder: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}
