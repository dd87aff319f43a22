//! Writes scenarios as YAML, for `simulator fuzz` and `simulator import`.
//!
//! Only what differs from the defaults is written. The cluster's policy and the expectations are not: the caller
//! knows better what to expect. Of the policies of namespaces, mode and rules are.

use std::fmt::Write as _;

use pullstop_core::names::{MODE_ANNOTATION, PATIENCE_ANNOTATION};
use pullstop_core::pod::{ContainerKind, Overrides, RestartPolicy};
use pullstop_core::policy::{Mode, Policy, document};
use pullstop_core::yaml::{duration, quoted};

use super::fault::{Fault, FaultKind};
use super::supply::{Image, Registry, RegistryFault, RegistryFaultKind, Secret};
use super::workload::{Container, Kind, Pace, PodFailureMatch, PullPolicy, Workload};
use super::{
    API_VERSION, Enforcer, Joins, KIND, KubeletConfig, NodeGroup, Queue, QueueOrder, Resources,
    Scenario,
};

/// The scenario as a file.
pub fn to_yaml(scenario: &Scenario) -> String {
    let mut text = format!("apiVersion: {API_VERSION}\nkind: {KIND}\n");
    let _ = writeln!(
        text,
        "metadata: {{name: {}}}\nspec:",
        quoted(&scenario.name)
    );
    let _ = writeln!(text, "  duration: {}", duration(scenario.duration));
    let _ = writeln!(text, "  seed: {}", scenario.seed);
    let _ = writeln!(text, "  patience: {}", duration(scenario.patience));
    if scenario.enforcer != Enforcer::default() {
        let links = scenario.enforcer;
        let mut fields = Fields::default();
        fields
            .add("watchDelay", duration(links.watch_delay))
            .add("writeLatency", duration(links.write_latency));
        let _ = writeln!(text, "  enforcer: {}", fields.flow());
    }
    let policies: Vec<_> = scenario.policies.namespaces.iter().collect();
    list(&mut text, "namespacePolicies", &policies, namespace_policy);
    let _ = writeln!(
        text,
        "  cluster:\n    kubernetes: \"1.{}\"\n    nodes:",
        scenario.kubernetes_minor
    );
    for group in &scenario.nodes {
        let _ = writeln!(text, "    - {}", nodes(group));
    }
    list(&mut text, "registries", &scenario.registries, registry);
    list(&mut text, "images", &scenario.images, image);
    list(&mut text, "secrets", &scenario.secrets, secret);
    list(&mut text, "queues", &scenario.queues, queue);
    list(&mut text, "workloads", &scenario.workloads, workload);
    list(&mut text, "faults", &scenario.faults, fault);
    text
}

fn list<T>(text: &mut String, name: &str, all: &[T], one: impl Fn(&T) -> String) {
    if !all.is_empty() {
        let _ = writeln!(text, "  {name}:");
    }
    for item in all {
        let _ = writeln!(text, "  - {}", one(item));
    }
}

fn nodes(group: &NodeGroup) -> String {
    let mut fields = Fields::default();
    fields
        .add("name", quoted(&group.name))
        .add("count", group.count);
    let has = group.capacity;
    let mut capacity = Fields::default();
    capacity
        .add("cpu", format!("{}m", has.cpu_millis))
        .add("memory", format!("{}Mi", has.memory_mib))
        .add("gpus", has.gpus)
        .add("pods", has.pods);
    fields.add("capacity", capacity.flow());
    match group.joins {
        Joins::At(at) => fields.add_unless("joinsAt", duration(at), at.is_zero()),
        Joins::Scaled { boots_in } => fields.add("bootsIn", duration(boots_in)),
    };
    fields.add("runtime", name_of(&group.runtime));
    let KubeletConfig {
        parallel_pulls_max,
        registry_qps,
        registry_burst,
    } = group.kubelet;
    match parallel_pulls_max {
        Some(1) => fields.add("serializeImagePulls", true),
        Some(max) => fields
            .add("serializeImagePulls", false)
            .add("maxParallelImagePulls", max),
        None => fields.add("serializeImagePulls", false),
    };
    fields
        .add("registryPullQPS", registry_qps)
        .add("registryBurst", registry_burst);
    let images: Vec<String> = group.images.iter().map(|image| quoted(image)).collect();
    fields.add_unless(
        "images",
        format!("[{}]", images.join(", ")),
        images.is_empty(),
    );
    fields.add_unless(
        "identityAfter",
        duration(group.identity_after),
        group.identity_after.is_zero(),
    );
    fields.flow()
}

/// Mode and rules, in which policies of random worlds differ.
fn namespace_policy((namespace, policy): &(&String, &Policy)) -> String {
    let mut fields = Fields::default();
    fields
        .add("namespace", quoted(namespace))
        .add("inline", document::to_inline_yaml(policy));
    fields.flow()
}

fn registry(registry: &Registry) -> String {
    let mut fields = Fields::default();
    fields
        .add("host", quoted(&registry.host))
        .add("latency", duration(registry.latency));
    fields.add("bandwidth", format!("{}Mi", registry.bandwidth_mib_per_s));
    if let Some(limit) = registry.rate_limit {
        fields.add(
            "rateLimit",
            format!("{{pulls: {}, per: {}}}", limit.pulls, duration(limit.per)),
        );
    }
    let faults: Vec<String> = registry.faults.iter().map(registry_fault).collect();
    fields.add_unless(
        "faults",
        format!("[{}]", faults.join(", ")),
        faults.is_empty(),
    );
    fields.flow()
}

fn registry_fault(fault: &RegistryFault) -> String {
    let mut fields = Fields::default();
    fields
        .add("from", duration(fault.from))
        .add_some("until", fault.until.map(duration));
    match fault.what {
        RegistryFaultKind::Error { error, after } => fields
            .add("error", name_of(&error))
            .add("after", duration(after)),
        RegistryFaultKind::Slow { factor } => fields.add("slow", factor),
    };
    fields.add_unless("percent", fault.percent, fault.percent == 100);
    fields.add_some("images", fault.images.as_deref().map(quoted));
    fields.add_some("nodes", fault.nodes.as_deref().map(quoted));
    fields.flow()
}

fn image(image: &Image) -> String {
    let mut fields = Fields::default();
    fields
        .add("image", quoted(&image.reference))
        .add("size", format!("{}Mi", image.size_mib));
    let exists = image.exists;
    if exists.from.is_none_or(|from| !from.is_zero()) {
        fields.add("missing", name_of(&exists.missing));
    }
    fields.add_some(
        "appearsAt",
        exists.from.filter(|from| !from.is_zero()).map(duration),
    );
    fields.add_some("disappearsAt", exists.until.map(duration));
    fields.add_some("secret", image.secret.as_deref().map(quoted));
    fields.add_some("defect", image.defect.map(|error| name_of(&error)));
    fields.add_unless("nodeIdentity", true, !image.node_identity);
    fields.flow()
}

fn secret(secret: &Secret) -> String {
    let mut fields = Fields::default();
    fields.add("name", quoted(&secret.name)).add_unless(
        "appearsAt",
        duration(secret.from),
        secret.from.is_zero(),
    );
    fields.add_some("disappearsAt", secret.until.map(duration));
    fields.flow()
}

fn queue(queue: &Queue) -> String {
    let mut quota = Fields::default();
    quota.add_some("cpu", queue.quota.cpu_millis.map(|cpu| format!("{cpu}m")));
    quota
        .add_some("gpus", queue.quota.gpus)
        .add_some("jobs", queue.quota.jobs);
    let mut fields = Fields::default();
    fields
        .add("name", quoted(&queue.name))
        .add("quota", quota.flow());
    let order = match queue.order {
        QueueOrder::Fifo => "Fifo",
        QueueOrder::Priority => "Priority",
    };
    fields.add("order", order);
    fields.flow()
}

fn workload(workload: &Workload) -> String {
    let mut fields = Fields::default();
    let name = quoted(&workload.name);
    match &workload.kind {
        Kind::Pod => fields.add("pod", name),
        Kind::Deployment { replicas } => fields.add("deployment", name).add("replicas", replicas),
        Kind::Job(job) => {
            // The default beside `backoffLimitPerIndex`, and more than can be written.
            let is_unlimited = job.backoff_limit == i32::MAX.unsigned_abs();
            fields
                .add("job", name)
                .add("completions", job.completions)
                .add("parallelism", job.parallelism);
            fields
                .add_unless("backoffLimit", job.backoff_limit, is_unlimited)
                .add_unless("indexed", true, !job.indexed);
            fields.add_some("backoffLimitPerIndex", job.backoff_limit_per_index);
            fields.add_some("maxFailedIndexes", job.failed_indexes_max);
            let rules: Vec<String> = job.pod_failure_policy.iter().map(rule).collect();
            fields.add_unless(
                "podFailurePolicy",
                format!("[{}]", rules.join(", ")),
                rules.is_empty(),
            );
            fields.add("podReplacementPolicy", format!("{:?}", job.replacement));
            fields.add_some("ttlAfterFinished", job.ttl_after_finished.map(duration));
            fields.add_some("jobActiveDeadline", job.active_deadline.map(duration));
            fields.add_some("queue", job.queue.as_deref().map(quoted));
            fields.add_unless("priority", job.priority, job.queue.is_none());
            fields.add_some("suspendedUntil", job.suspended_until.map(duration))
        }
    };
    fields.add("namespace", quoted(&workload.namespace));
    arrival(workload, &mut fields);
    template(workload, &mut fields);
    fields.flow()
}

fn arrival(workload: &Workload, fields: &mut Fields) {
    let arrival = workload.arrival;
    fields.add_unless("at", duration(arrival.at), arrival.at.is_zero());
    if arrival.count > 1 {
        fields.add("count", arrival.count);
        match arrival.pace {
            Pace::Every(pause) => fields.add("every", duration(pause)),
            Pace::Random(mean) => fields.add("randomly", duration(mean)),
        };
    }
}

fn template(workload: &Workload, fields: &mut Fields) {
    let template = &workload.template;
    let Resources {
        cpu_millis,
        memory_mib,
        gpus,
        ..
    } = template.requests;
    let mut requests = Fields::default();
    requests
        .add("cpu", format!("{cpu_millis}m"))
        .add("memory", format!("{memory_mib}Mi"))
        .add("gpus", gpus);
    fields.add("requests", requests.flow());
    let restart = match template.restart_policy {
        RestartPolicy::Always => "Always",
        RestartPolicy::OnFailure => "OnFailure",
        RestartPolicy::Never => "Never",
    };
    fields.add("restartPolicy", restart);
    let secrets: Vec<String> = template.secrets.iter().map(|name| quoted(name)).collect();
    fields.add_unless(
        "imagePullSecrets",
        format!("[{}]", secrets.join(", ")),
        secrets.is_empty(),
    );
    fields.add_some("gatedUntil", template.gated_until.map(duration));
    fields.add_some("nodes", template.node_group.as_deref().map(quoted));
    fields.add_some("activeDeadline", template.active_deadline.map(duration));
    fields.add_some("annotations", annotations(template.overrides));
    let (init, main): (Vec<&Container>, Vec<&Container>) = template
        .containers
        .iter()
        .partition(|c| c.kind != ContainerKind::Main);
    let all = |of: Vec<&Container>| of.into_iter().map(container).collect::<Vec<_>>().join(", ");
    fields.add_unless(
        "initContainers",
        format!("[{}]", all(init.clone())),
        init.is_empty(),
    );
    fields.add("containers", format!("[{}]", all(main)));
}

fn annotations(overrides: Overrides) -> Option<String> {
    let mode = overrides.mode.map(|mode| match mode {
        Mode::Enforce => "enforce",
        // No annotation asks for a dry run, which does as little.
        Mode::Off | Mode::DryRun => "off",
        Mode::Warn => "warn",
    });
    let mut fields = Fields::default();
    fields
        .add_some(MODE_ANNOTATION, mode.map(quoted))
        .add_some(PATIENCE_ANNOTATION, overrides.patience.map(duration));
    (overrides != Overrides::default()).then(|| fields.flow())
}

fn container(container: &Container) -> String {
    let mut fields = Fields::default();
    fields
        .add("name", quoted(&container.name))
        .add("image", quoted(&container.image));
    fields.add_unless("sidecar", true, container.kind != ContainerKind::Sidecar);
    let policy = match container.pull_policy {
        PullPolicy::Always => "Always",
        PullPolicy::IfNotPresent => "IfNotPresent",
        PullPolicy::Never => "Never",
    };
    fields.add("imagePullPolicy", policy);
    fields.add_some("runs", container.runs.map(duration));
    fields.add_unless("exitCode", container.exit_code, container.exit_code == 0);
    fields.add_some("cannotStart", container.cannot_start.as_deref().map(quoted));
    fields.flow()
}

fn rule(rule: &super::workload::PodFailureRule) -> String {
    let mut fields = Fields::default();
    fields.add("action", format!("{:?}", rule.action));
    match &rule.on {
        PodFailureMatch::Condition(name) => fields.add("onPodCondition", quoted(name)),
        PodFailureMatch::ExitCodes(codes) => fields.add("onExitCodes", format!("{codes:?}")),
    };
    fields.flow()
}

fn fault(fault: &Fault) -> String {
    let mut fields = Fields::default();
    let mut add = |key: &'static str, value: &dyn std::fmt::Display| {
        fields.add(key, value);
    };
    let kind = match &fault.what {
        FaultKind::KubeletRestart { nodes, down_for } => {
            add("nodes", &quoted(nodes));
            add("downFor", &duration(*down_for));
            "kubeletRestart"
        }
        FaultKind::SandboxFault { nodes, lasts } => {
            add("nodes", &quoted(nodes));
            add("for", &duration(*lasts));
            "sandboxFault"
        }
        FaultKind::ImageGarbage { nodes, images } => {
            add("nodes", &quoted(nodes));
            add("images", &quoted(images));
            "imageGarbage"
        }
        FaultKind::ImageLoaded { nodes, image } => {
            add("nodes", &quoted(nodes));
            add("image", &quoted(image));
            "imageLoaded"
        }
        FaultKind::EditImage {
            pods,
            container,
            image,
        } => {
            add("pods", &quoted(pods));
            add("container", &quoted(container));
            add("image", &quoted(image));
            "editImage"
        }
        FaultKind::DeletePods { pods } => {
            add("pods", &quoted(pods));
            "deletePods"
        }
        FaultKind::FailPods { pods, how } => {
            add("pods", &quoted(pods));
            add("how", &format!("{how:?}"));
            "failPods"
        }
        FaultKind::WatchGap { lasts } => {
            add("for", &duration(*lasts));
            "watchGap"
        }
        FaultKind::EnforcerRestart { down_for } => {
            add("downFor", &duration(*down_for));
            "enforcerRestart"
        }
        FaultKind::ApiSlow { lasts, by } => {
            add("for", &duration(*lasts));
            add("by", &duration(*by));
            "apiSlow"
        }
        FaultKind::WriteFault {
            lasts,
            how,
            percent,
        } => {
            add("for", &duration(*lasts));
            add("how", &format!("{how:?}"));
            add("percent", percent);
            "writeFault"
        }
        FaultKind::DuplicateEvents { lasts } => {
            add("for", &duration(*lasts));
            "duplicateEvents"
        }
    };
    format!("{{at: {}, {kind}: {}}}", duration(fault.at), fields.flow())
}

/// The members of a mapping.
#[derive(Debug, Default)]
struct Fields {
    text: String,
}

impl Fields {
    fn add(&mut self, key: &str, value: impl std::fmt::Display) -> &mut Self {
        let comma = if self.text.is_empty() { "" } else { ", " };
        let _ = write!(self.text, "{comma}{key}: {value}");
        self
    }

    fn add_some(&mut self, key: &str, value: Option<impl std::fmt::Display>) -> &mut Self {
        if let Some(value) = value {
            self.add(key, value);
        }
        self
    }

    fn add_unless(
        &mut self,
        key: &str,
        value: impl std::fmt::Display,
        is_default: bool,
    ) -> &mut Self {
        self.add_some(key, (!is_default).then_some(value))
    }

    fn flow(&self) -> String {
        format!("{{{}}}", self.text)
    }
}

/// The name that serde gives to an enum's value.
fn name_of(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}
