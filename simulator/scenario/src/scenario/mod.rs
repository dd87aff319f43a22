//! The scenario format: a cluster, its faults, and what the policy is expected to do.
//!
//! A file is read into raw types with places (`raw`) and from there into a valid [`Scenario`] (`check`), which is
//! all that the simulated world ever sees.

mod check;
pub mod expect;
pub mod fault;
pub mod glob;
pub mod kind;
pub mod metric;
pub mod old_names;
mod places;
pub mod quantity;
pub(crate) mod raw;
pub mod supply;
pub mod workload;
pub mod write;

use std::path::Path;
use std::time::Duration;

use pullstop_core::policy::{Policies, Policy};
use pullstop_core::yaml::DocumentError;

pub use self::expect::Expectation;
pub use self::fault::Fault;
pub use self::places::Places;
pub use self::supply::{Image, Registry, Secret};
pub use self::workload::Workload;

use self::fault::FaultKind;
use crate::input_error::InputError;
use crate::pull_errors::Runtime;

/// `apiVersion` of scenarios.
pub const API_VERSION: &str = "pullstop.dev/v1alpha1";
/// `kind` of scenarios.
pub const KIND: &str = "Scenario";
/// The longest that is simulated, a year: further away is no question of image pulls.
pub const DURATION_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// The seed of a scenario that names none: always the same, and always printed.
pub const DEFAULT_SEED: u64 = 1;
/// How long after a verdict a pod that would have run makes it a false one, if the scenario does not say.
///
/// An hour is what operators waited for a registry before giving up in the incidents behind `scenarios/`.
pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(3600);

/// Line and column, from 1; `None` if the parser does not know.
pub type Place = Option<(u64, u64)>;

/// Reads a scenario. `file` is what errors call it, and what the path of its policy is relative to; the policy in
/// another file is read by `read_policy`, such as that of the commands.
///
/// # Errors
/// All that is wrong with its values, in the order of the text; or the first thing that is wrong with its structure.
pub fn parse(
    file: &str,
    text: &str,
    read_policy: &mut dyn FnMut(&Path) -> Result<Policy, Vec<InputError>>,
) -> Result<Scenario, Vec<InputError>> {
    let file = Path::new(file);
    read(file, text, read_policy).map_err(|errors| match kind::other(text) {
        // What is wrong with it as a scenario is of no interest.
        Some(other) => vec![InputError::of_document(
            file,
            DocumentError {
                place: other.place,
                message: other.message(),
            },
        )],
        None => errors,
    })
}

fn read(
    file: &Path,
    text: &str,
    read_policy: &mut dyn FnMut(&Path) -> Result<Policy, Vec<InputError>>,
) -> Result<Scenario, Vec<InputError>> {
    let document: raw::Document =
        pullstop_core::yaml::read("scenario", text, &old_names::KEYS.map(|(old, _)| old))
            .map_err(|error| vec![InputError::of_document(file, error)])?;
    let mut scenario = check::scenario(file, &document, read_policy)?;
    scenario.places.old_names = old_names::find(text);
    Ok(scenario)
}

/// The JSON Schema of scenarios, for editors.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(raw::Document).to_value()
}

/// Something to simulate, and what to expect of it. All times are from the start.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// `metadata.name`.
    pub name: String,
    /// From which all chance is drawn.
    pub seed: u64,
    /// How long is simulated.
    pub duration: Duration,
    /// A verdict is false if the pod would have had its images within this time after it.
    pub patience: Duration,
    /// What the engine judges by.
    pub policies: Policies,
    /// How the enforcer sees and writes.
    pub enforcer: Enforcer,
    /// Kubernetes' minor release: `36` is 1.36.
    pub kubernetes_minor: u32,
    /// The nodes, in groups of equals.
    pub nodes: Vec<NodeGroup>,
    /// Registries that differ from the default; all others are always available.
    pub registries: Vec<Registry>,
    /// Images that differ from the default; all others exist.
    pub images: Vec<Image>,
    /// Pull secrets.
    pub secrets: Vec<Secret>,
    /// Queues in which Jobs wait.
    pub queues: Vec<Queue>,
    /// What runs in the cluster.
    pub workloads: Vec<Workload>,
    /// What goes wrong, or is done by hand.
    pub faults: Vec<Fault>,
    /// What must come out.
    pub expectations: Vec<Expectation>,
    /// Where all this stands.
    pub places: Places,
}

/// How the enforcer is connected to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enforcer {
    /// From a change in the API server until the enforcer sees it.
    pub watch_delay: Duration,
    /// From a decision until the API server has its write, and again until the answer is there.
    pub write_latency: Duration,
}

/// Nodes of one kind.
#[derive(Clone, Debug)]
pub struct NodeGroup {
    /// Nodes are called `<name>-0`, `<name>-1` and so on.
    pub name: String,
    /// How many there are, or how many there may be if they are scaled.
    pub count: u32,
    /// What a node offers.
    pub capacity: Resources,
    /// When the nodes join.
    pub joins: Joins,
    /// What pulls its images.
    pub runtime: Runtime,
    /// How its kubelet pulls.
    pub kubelet: KubeletConfig,
    /// Images that are there from the start: names, or patterns with `*`.
    pub images: Vec<String>,
    /// For so long after a node has joined, its own credentials are refused by private registries.
    pub identity_after: Duration,
}

/// When nodes join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joins {
    /// All at this time.
    At(Duration),
    /// One at a time, when pods find no place; each takes this long to come up.
    Scaled {
        /// From the need until the node is ready.
        boots_in: Duration,
    },
}

/// The settings of a kubelet that concern pulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KubeletConfig {
    /// Pulls at a time on the node: one if serialized, `None` for no limit.
    pub parallel_pulls_max: Option<u32>,
    /// `registryPullQPS`, pulls a second; 0 is no limit.
    pub registry_qps: u32,
    /// `registryBurst`.
    pub registry_burst: u32,
}

/// What a node has or a pod takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Thousandths of a CPU.
    pub cpu_millis: u64,
    /// Memory, in MiB.
    pub memory_mib: u64,
    /// `nvidia.com/gpu`.
    pub gpus: u64,
    /// Pods.
    pub pods: u64,
}

/// A queue with a quota, as in Kueue: Jobs are suspended until they fit.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// What its admitted Jobs may take together; `None` in a field is no limit.
    pub quota: Quota,
    /// Who comes first.
    pub order: QueueOrder,
}

/// A limit for each resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Thousandths of a CPU.
    pub cpu_millis: Option<u64>,
    /// GPUs.
    pub gpus: Option<u64>,
    /// Jobs.
    pub jobs: Option<u64>,
}

/// In which order Jobs are admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueOrder {
    /// As they came; who does not fit holds up those behind (Kueue's `StrictFIFO`).
    Fifo,
    /// The highest priority first, among equals as they came.
    Priority,
}

impl Scenario {
    /// The image of every container, and those that edits give to containers; one may come several times.
    ///
    /// An image that is only loaded onto nodes is none of them: no container asks for it.
    pub fn image_names(&self) -> impl Iterator<Item = &str> {
        let workloads = self.workloads.iter();
        let containers = workloads.flat_map(|workload| &workload.template.containers);
        let edits = self.faults.iter().filter_map(|fault| match &fault.what {
            FaultKind::EditImage { image, .. } => Some(image),
            _ => None,
        });
        let names = containers.map(|container| &container.image).chain(edits);
        names.map(String::as_str)
    }
}

impl Resources {
    /// Whether `wanted` fits into what is left of `self`.
    pub const fn holds(&self, wanted: &Self) -> bool {
        wanted.cpu_millis <= self.cpu_millis
            && wanted.memory_mib <= self.memory_mib
            && wanted.gpus <= self.gpus
            && wanted.pods <= self.pods
    }

    /// What is left once `taken` is taken.
    #[must_use]
    pub const fn less(&self, taken: &Self) -> Self {
        Self {
            cpu_millis: self.cpu_millis.saturating_sub(taken.cpu_millis),
            memory_mib: self.memory_mib.saturating_sub(taken.memory_mib),
            gpus: self.gpus.saturating_sub(taken.gpus),
            pods: self.pods.saturating_sub(taken.pods),
        }
    }

    /// Both together.
    #[must_use]
    pub const fn plus(&self, more: &Self) -> Self {
        Self {
            cpu_millis: self.cpu_millis.saturating_add(more.cpu_millis),
            memory_mib: self.memory_mib.saturating_add(more.memory_mib),
            gpus: self.gpus.saturating_add(more.gpus),
            pods: self.pods.saturating_add(more.pods),
        }
    }
}

impl Default for Enforcer {
    /// 50 ms to see a change and 20 ms to write are what a busy API server takes.
    fn default() -> Self {
        Self {
            watch_delay: Duration::from_millis(50),
            write_latency: Duration::from_millis(20),
        }
    }
}

impl Default for KubeletConfig {
    /// The kubelet's own defaults (`pkg/kubelet/apis/config/v1beta1/defaults.go`).
    fn default() -> Self {
        Self {
            parallel_pulls_max: Some(1),
            registry_qps: 5,
            registry_burst: 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {name: a}\n";

    fn parsed(faults: &str) -> Result<Scenario, String> {
        let spec = "spec:\n  duration: 1h\n  workloads: [{pod: tool, image: app}]\n  faults:\n";
        parse("a.yaml", &format!("{HEAD}{spec}{faults}"), &mut |_| {
            Ok(Policy::default())
        })
        .map_err(|errors| errors[0].to_string())
    }

    #[test]
    fn images_are_those_that_containers_have_or_get_and_not_those_that_are_only_loaded() {
        let edited = "  - {at: 1m, editImage: {pods: tool, image: mended}}\n";
        let scenario = parsed(edited).unwrap();
        assert_eq!(
            scenario.image_names().collect::<Vec<_>>(),
            ["app", "mended"]
        );
        let loaded =
            |image| format!("  - {{at: 1m, imageLoaded: {{nodes: \"*\", image: {image}}}}}\n");
        let scenario = parsed(&loaded("app")).unwrap();
        assert_eq!(scenario.image_names().collect::<Vec<_>>(), ["app"]);
        let error = parsed(&loaded("other")).unwrap_err();
        assert!(
            error.contains("no image `other` is pulled by any pod"),
            "{error}"
        );
    }
}
