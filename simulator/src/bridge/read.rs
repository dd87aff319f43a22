//! Reads pods and Jobs that clients create, as far as the simulation can run them.

use std::time::Duration;

use pullstop_apiserver::QUEUE_LABEL;
use pullstop_apiserver::value::{items, text};
use pullstop_cluster::scenario::Resources;
use pullstop_cluster::scenario::workload::{
    Container, Job, PodFailureAction, PodFailureMatch, PodFailureRule, PodReplacement, PodTemplate,
    PullPolicy,
};
use pullstop_core::pod::{ContainerKind, Overrides, RestartPolicy};
use serde_json::Value;

/// Far beyond the end of every scenario: ten years.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A container that ends by itself and does not say when runs for so long.
const RUNS_USUALLY: Duration = Duration::from_secs(10);

/// A pod, or a pod template's, of this specification.
pub(super) fn template(spec: &Value) -> PodTemplate {
    let restart_policy = match text(spec, "/restartPolicy") {
        "Never" => RestartPolicy::Never,
        "OnFailure" => RestartPolicy::OnFailure,
        _ => RestartPolicy::Always,
    };
    let is_gated = !items(spec, "/schedulingGates").is_empty();
    let init = items(spec, "/initContainers").iter().map(|one| {
        let kind = match text(one, "/restartPolicy") {
            "Always" => ContainerKind::Sidecar,
            _ => ContainerKind::Init,
        };
        container(one, kind, restart_policy)
    });
    let main = items(spec, "/containers")
        .iter()
        .map(|one| container(one, ContainerKind::Main, restart_policy));
    let secrets = items(spec, "/imagePullSecrets").iter();
    PodTemplate {
        restart_policy,
        containers: init.chain(main).collect(),
        requests: requests(spec),
        secrets: secrets.map(|one| text(one, "/name").to_owned()).collect(),
        // Whom the scenario's own enforcer would spare matters in virtual time only.
        overrides: Overrides::default(),
        gated_until: is_gated.then_some(NEVER),
        node_group: None,
        active_deadline: seconds(&spec["activeDeadlineSeconds"]),
    }
}

/// A Job.
pub(super) fn job(job: &Value) -> Job {
    let spec = &job["spec"];
    let count = |member: &str| spec[member].as_u64().map(count);
    let parallelism = count("parallelism").unwrap_or(1);
    let rules = items(spec, "/podFailurePolicy/rules").iter();
    let queue = job["metadata"]["labels"][QUEUE_LABEL].as_str();
    let is_suspended = spec["suspend"] == true && queue.is_none();
    Job {
        // Without it, the first success completes the Job: as one of a single completion.
        completions: count("completions").unwrap_or(1),
        parallelism,
        indexed: spec["completionMode"] == "Indexed",
        backoff_limit: count("backoffLimit").unwrap_or(6),
        backoff_limit_per_index: count("backoffLimitPerIndex"),
        failed_indexes_max: count("maxFailedIndexes"),
        pod_failure_policy: rules.map(rule).collect(),
        replacement: match text(spec, "/podReplacementPolicy") {
            "Failed" => PodReplacement::Failed,
            _ => PodReplacement::TerminatingOrFailed,
        },
        ttl_after_finished: seconds(&spec["ttlSecondsAfterFinished"]),
        active_deadline: seconds(&spec["activeDeadlineSeconds"]),
        queue: queue.map(str::to_owned),
        priority: 0,
        suspended_until: is_suspended.then_some(NEVER),
    }
}

/// Counts that are larger than what a cluster makes are refused before, except where they only limit something.
pub(super) fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn seconds(value: &Value) -> Option<Duration> {
    let seconds = value.as_u64()?;
    Some(Duration::from_secs(seconds).min(NEVER))
}

fn rule(rule: &Value) -> PodFailureRule {
    let action = match text(rule, "/action") {
        "FailJob" => PodFailureAction::FailJob,
        "FailIndex" => PodFailureAction::FailIndex,
        "Ignore" => PodFailureAction::Ignore,
        _ => PodFailureAction::Count,
    };
    let on = if let Some(condition) = items(rule, "/onPodConditions").first() {
        PodFailureMatch::Condition(text(condition, "/type").to_owned())
    } else {
        let codes = items(rule, "/onExitCodes/values").iter();
        let codes = codes.filter_map(|code| i32::try_from(code.as_i64()?).ok());
        PodFailureMatch::ExitCodes(codes.collect())
    };
    PodFailureRule { action, on }
}

fn container(spec: &Value, kind: ContainerKind, restart_policy: RestartPolicy) -> Container {
    let words = |list: &str| items(spec, list).iter().filter_map(Value::as_str);
    let command: Vec<&str> = words("/command").chain(words("/args")).collect();
    let (runs, exit_code) = behaviour(&command.join(" "));
    let ends = kind == ContainerKind::Init
        || kind == ContainerKind::Main && restart_policy != RestartPolicy::Always;
    Container {
        name: text(spec, "/name").to_owned(),
        kind,
        image: text(spec, "/image").to_owned(),
        pull_policy: match text(spec, "/imagePullPolicy") {
            "Always" => PullPolicy::Always,
            "Never" => PullPolicy::Never,
            _ => PullPolicy::IfNotPresent,
        },
        runs: runs.or_else(|| ends.then_some(RUNS_USUALLY)),
        exit_code,
        cannot_start: None,
    }
}

/// Nothing runs here. What a command says of it is believed: `sleep 30` how long, `exit 3` and `false` with what code
/// it ends.
fn behaviour(command: &str) -> (Option<Duration>, i32) {
    let is_end = |c: char| c.is_whitespace() || ";&|\"'".contains(c);
    let words: Vec<&str> = command
        .split(is_end)
        .filter(|word| !word.is_empty())
        .collect();
    let after = |name: &str| {
        let place = words
            .iter()
            .position(|word| word.rsplit('/').next() == Some(name))?;
        words.get(place + 1).copied()
    };
    let slept = after("sleep").and_then(|said| match said {
        "inf" | "infinity" => Some(NEVER),
        said => {
            let seconds = said.trim_end_matches('s').parse::<f64>().ok()?;
            Duration::try_from_secs_f64(seconds)
                .ok()
                .map(|time| time.min(NEVER))
        }
    });
    let code = after("exit").and_then(|code| code.parse::<u8>().ok());
    let is_false = words
        .last()
        .is_some_and(|word| word.rsplit('/').next() == Some("false"));
    (slept, code.map_or_else(|| i32::from(is_false), i32::from))
}

/// What a pod takes: its main containers together, or the largest init container if that is more.
fn requests(spec: &Value) -> Resources {
    let amount = |container: &Value, name: &str| {
        let asked = container.pointer(&format!("/resources/requests/{}", name.replace('/', "~1")));
        let limit = container.pointer(&format!("/resources/limits/{}", name.replace('/', "~1")));
        asked.or(limit).map_or(0.0, quantity)
    };
    let whole = |name: &str, unit: f64| {
        let main: f64 = items(spec, "/containers")
            .iter()
            .map(|c| amount(c, name))
            .sum();
        let init = items(spec, "/initContainers")
            .iter()
            .map(|c| amount(c, name));
        let wanted = init.fold(main, f64::max) / unit;
        // Amounts beyond any node are that large; what is below zero is nothing.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast from f64 saturates"
        )]
        let wanted = wanted.ceil() as u64;
        wanted
    };
    Resources {
        cpu_millis: whole("cpu", 0.001),
        memory_mib: whole("memory", 1_048_576.0),
        gpus: whole("nvidia.com/gpu", 1.0),
        pods: 1,
    }
}

/// A quantity of Kubernetes: `500m`, `1.5Gi`, `2`, `1e3`. What is none is nothing.
fn quantity(value: &Value) -> f64 {
    const UNITS: [(&str, f64); 12] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("m", 0.001),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let Some(said) = value.as_str() else {
        return value.as_f64().unwrap_or_default();
    };
    let unit = UNITS.iter().find(|(unit, _)| said.ends_with(unit));
    let (number, factor) = unit.map_or((said, 1.0), |(unit, factor)| {
        (said.trim_end_matches(unit), *factor)
    });
    number.parse::<f64>().map_or(0.0, |number| number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn commands_say_how_long_and_how_it_ends() {
        for (command, runs, code) in [
            ("", None, 0),
            ("sleep 30", Some(30), 0),
            ("sh -c sleep 5; exit 3", Some(5), 3),
            ("/bin/sh -c \"exit 1\"", None, 1),
            ("/bin/false", None, 1),
            ("sleep x", None, 0),
        ] {
            let wanted = (runs.map(Duration::from_secs), code);
            assert_eq!(behaviour(command), wanted, "{command}");
        }
    }

    #[test]
    fn quantities_are_kubernetes_own() {
        for (said, amount) in [
            (json!("500m"), 0.5),
            (json!("1.5Gi"), 1_610_612_736.0),
            (json!(2), 2.0),
            (json!("1e3"), 1000.0),
            (json!("x"), 0.0),
        ] {
            assert!((quantity(&said) - amount).abs() < 1e-9, "{said}");
        }
    }

    #[test]
    fn a_pod_takes_what_its_containers_ask_for() {
        let asks = |cpu: &str| json!({"name": "a", "resources": {"requests": {"cpu": cpu}}});
        let spec = json!({"containers": [asks("500m"), asks("1")], "initContainers": [asks("3")]});
        assert_eq!(requests(&spec).cpu_millis, 3000);
        assert_eq!(template(&spec).containers.len(), 3);
    }
}
