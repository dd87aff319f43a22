//! Policies as YAML: `PullFailurePolicy` and `ClusterPullFailurePolicy` of `pullstop.dev/v1alpha1`.
//!
//! What stands in the document is read into raw types ([`PolicyDocument`]), of which the JSON Schema is made, and
//! from there into a valid [`Policy`]. Every error has its place.

mod check;
mod schema;
mod write;

use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use self::check::countable_causes;
use self::schema::{Anything, CauseName, OverrideName};
pub use self::write::{to_explained_yaml, to_inline_yaml, to_yaml};
use super::{Action, Fallback, Mode, Policy, Rule};
use crate::cause::{Cause, Permanence};
use crate::classify::{OWN_BYTES_MAX, Pattern, Patterns, TooManyPatterns};
use crate::pod::{Phase, RestartPolicy};
pub use crate::yaml::DocumentError;
use crate::yaml::{self, Check, is_label};

/// `apiVersion` of policies.
pub const API_VERSION: &str = "pullstop.dev/v1alpha1";
/// The kind that rules the cluster.
pub const CLUSTER_KIND: &str = "ClusterPullFailurePolicy";
/// The kind that rules its namespace.
pub const NAMESPACED_KIND: &str = "PullFailurePolicy";

/// Reads a policy. What the document does not say is as in the built-in policy.
///
/// # Errors
/// All that is wrong with it, in the order of the text.
pub fn parse(text: &str) -> Result<Policy, Vec<DocumentError>> {
    let document: PolicyDocument = yaml::read("policy", text, &[]).map_err(|error| vec![error])?;
    document.validate()
}

/// The JSON Schema of policies, for editors and for the cluster.
pub fn json_schema() -> schemars::Schema {
    schemars::schema_for!(PolicyDocument)
}

/// A policy for a cluster or a namespace.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyDocument {
    /// Always `pullstop.dev/v1alpha1`.
    #[schemars(with = "String", extend("const" = API_VERSION))]
    api_version: Spanned<String>,
    /// `ClusterPullFailurePolicy`, or `PullFailurePolicy` for one namespace.
    #[schemars(with = "String", extend("enum" = [CLUSTER_KIND, NAMESPACED_KIND]))]
    kind: Spanned<String>,
    /// Kubernetes' object metadata.
    #[schemars(with = "Metadata")]
    metadata: Spanned<Metadata>,
    /// The policy.
    #[serde(default)]
    #[schemars(with = "PolicySpec")]
    spec: Option<PolicySpec>,
    /// What the cluster says of the policy; not read.
    #[serde(default)]
    #[schemars(with = "Anything")]
    #[expect(dead_code, reason = "accepted, since `kubectl get` prints it")]
    status: Option<serde::de::IgnoredAny>,
}

/// The part of Kubernetes' object metadata that matters here.
#[derive(Debug, Deserialize, JsonSchema)]
struct Metadata {
    /// The object's name.
    #[expect(dead_code, reason = "required of every object, used by none here")]
    name: String,
    /// The namespace that a `PullFailurePolicy` rules.
    namespace: Option<String>,
}

/// What a policy says. Whatever is left out is as in the built-in policy.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PolicySpec {
    /// How far verdicts go: `Enforce` fails pods, `Warn` sets conditions and sends events only, `DryRun` writes
    /// nothing and says what it would do, `Disabled` does nothing. `DryRun` by default.
    #[schemars(with = "Option<String>", extend("enum" = MODES, "default" = "DryRun"))]
    mode: Option<Spanned<String>>,
    /// Whose pods are judged.
    scope: Option<ScopeSpec>,
    /// When failures of which cause are too many, in this order. Replaces the built-in rules.
    #[schemars(with = "Option<Vec<RuleSpec>>")]
    rules: Option<Vec<Spanned<RuleSpec>>>,
    /// Own message patterns, looked for before the built-in ones.
    patterns: Option<Vec<PatternSpec>>,
    /// How much a pod may change by annotation.
    overrides: Option<OverridesSpec>,
    /// How long one pull may take; for this long a pull that may be in flight holds a verdict. Such as `30m`.
    #[schemars(with = "Option<String>")]
    pull_timeout: Option<Spanned<String>>,
    /// What to do about a kubelet that puts a failed pod back to `Pending`.
    put_back: Option<PutBackSpec>,
}

/// Whose pods are judged.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct ScopeSpec {
    /// Phases in which a pod is judged; `[Pending]` by default.
    #[schemars(with = "Option<Vec<String>>")]
    phases: Option<Vec<Spanned<String>>>,
    /// Kinds of controlling owners; `[Job]` by default.
    owners: Option<Vec<String>>,
    /// Restart policies with which a pod without controller is judged; `[Never]` by default.
    #[schemars(with = "Option<Vec<String>>")]
    bare_pods: Option<Vec<Spanned<String>>>,
    /// Namespaces to judge in and to leave alone.
    #[schemars(with = "Option<NamespacesSpec>")]
    namespaces: Option<Spanned<NamespacesSpec>>,
}

/// Names of namespaces, or beginnings of names followed by `*`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct NamespacesSpec {
    /// Only these; all if left out.
    include: Vec<String>,
    /// Never these.
    exclude: Vec<String>,
}

/// When failures of some causes are too many: both limits must be reached.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuleSpec {
    /// A name, for people.
    name: Option<String>,
    /// The causes whose failures are counted together.
    #[schemars(with = "Vec<CauseName>")]
    causes: Vec<Spanned<String>>,
    /// Failed pulls, at least; 1 or more.
    #[schemars(with = "u32", range(min = 1))]
    attempts: Spanned<u32>,
    /// Time since the first of them, at least, such as `90s`, `15m` or `1h30m`.
    #[schemars(with = "String")]
    duration: Spanned<String>,
    /// `Fail`, `Warn` or `Ignore`.
    #[schemars(with = "String", extend("enum" = ACTIONS))]
    action: Spanned<String>,
}

/// A text, or two in this order, that means a cause.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PatternSpec {
    /// Text to find in the message; letter case does not matter. Image names and URLs are masked before.
    #[schemars(with = "String")]
    text: Spanned<String>,
    /// A second text, to find somewhere behind the first.
    #[schemars(with = "Option<String>")]
    then: Option<Spanned<String>>,
    /// What it means.
    #[schemars(with = "CauseName")]
    cause: Spanned<String>,
    /// `permanent`, `transient` or `ambiguous`, which is the default.
    #[schemars(with = "Option<String>", extend("enum" = PERMANENCES))]
    permanence: Option<Spanned<String>>,
}

/// How much a pod may change by annotation.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct OverridesSpec {
    /// Modes that a pod may ask for with `pullstop.dev/mode: enforce|warn|off`; `[Warn, Disabled]` by default.
    #[schemars(with = "Option<Vec<OverrideName>>")]
    modes: Option<Vec<Spanned<String>>>,
    /// The longest `pullstop.dev/patience`; `24h` by default.
    #[schemars(with = "Option<String>")]
    max_patience: Option<Spanned<String>>,
}

/// What to do about a kubelet that puts a failed pod back to `Pending`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct PutBackSpec {
    /// How often the write is made in all; `3` by default.
    #[schemars(with = "Option<u8>", range(min = 1))]
    max_writes: Option<Spanned<u8>>,
    /// What comes after that: `None`, or `ActiveDeadlineSeconds` to let the kubelet fail the pod.
    #[schemars(with = "Option<String>", extend("enum" = FALLBACKS))]
    fallback: Option<Spanned<String>>,
}

/// A bare `Off` would be a boolean to many readers of YAML.
const MODES: [&str; 4] = ["Enforce", "Warn", "DryRun", "Disabled"];
/// The modes that a pod can ask for, and what its annotation says for that.
const WISHES: [(&str, Mode); 3] = [
    ("Enforce", Mode::Enforce),
    ("Warn", Mode::Warn),
    ("Disabled", Mode::Off),
];
/// Patterns of one policy, at most.
pub const PATTERNS_MAX: usize = 500;
/// A pull timeout below this would let verdicts fall while quite usual pulls are in flight.
const PULL_TIMEOUT_MIN: Duration = Duration::from_secs(60);
const ACTIONS: [&str; 3] = ["Fail", "Warn", "Ignore"];
const PERMANENCES: [&str; 3] = ["permanent", "transient", "ambiguous"];
const FALLBACKS: [&str; 2] = ["None", "ActiveDeadlineSeconds"];

impl PolicyDocument {
    /// The policy that the document describes.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn validate(&self) -> Result<Policy, Vec<DocumentError>> {
        let mut check = Check::default();
        check.one_of("apiVersion", &self.api_version, &[API_VERSION]);
        check.one_of("kind", &self.kind, &[CLUSTER_KIND, NAMESPACED_KIND]);
        let spec = self.spec.as_ref().unwrap_or(const { &PolicySpec::EMPTY });
        let mut policy = spec.apply(&mut check);
        self.apply_namespace(&mut policy, &mut check);
        check.finish(policy)
    }

    /// A `PullFailurePolicy` rules its own namespace and no other.
    fn apply_namespace(&self, policy: &mut Policy, check: &mut Check) {
        let for_one = self.kind.value == NAMESPACED_KIND;
        match (&self.metadata.value.namespace, for_one) {
            (Some(namespace), true) if is_label(namespace) => {
                policy.scope.include_namespaces = vec![namespace.clone()];
            }
            (Some(namespace), true) => {
                check.error(&self.metadata, format!("`{namespace}` is not the name of a namespace"));
            }
            (None, true) => check.error(
                &self.metadata,
                "a PullFailurePolicy rules one namespace: say which in `metadata.namespace`, or use a \
                 ClusterPullFailurePolicy"
                    .to_owned(),
            ),
            (_, false) => {}
        }
        let namespaces = self
            .spec
            .as_ref()
            .and_then(|spec| spec.scope.as_ref())
            .and_then(|scope| scope.namespaces.as_ref());
        if let (Some(namespaces), true) = (namespaces, for_one) {
            check.error(
                namespaces,
                "a PullFailurePolicy rules `metadata.namespace` only: remove `namespaces`, or use a \
                 ClusterPullFailurePolicy"
                    .to_owned(),
            );
        }
    }
}

impl PolicySpec {
    /// A policy that says nothing.
    const EMPTY: Self = Self {
        mode: None,
        scope: None,
        rules: None,
        patterns: None,
        overrides: None,
        pull_timeout: None,
        put_back: None,
    };

    /// The policy that stands in another document, which may rule all namespaces.
    ///
    /// # Errors
    /// All that is wrong with it, with the places in that document.
    pub fn validate(&self) -> Result<Policy, Vec<DocumentError>> {
        let mut check = Check::default();
        let policy = self.apply(&mut check);
        check.finish(policy)
    }

    fn apply(&self, check: &mut Check) -> Policy {
        let mut policy = Policy::default();
        if let Some(mode) = &self.mode {
            policy.mode = check.mode(mode).unwrap_or(policy.mode);
        }
        if let Some(timeout) = &self.pull_timeout {
            policy.pull_timeout = check.pull_timeout(timeout).unwrap_or(policy.pull_timeout);
        }
        if let Some(scope) = &self.scope {
            scope.apply(&mut policy, check);
        }
        if let Some(overrides) = &self.overrides {
            overrides.apply(&mut policy, check);
        }
        if let Some(put_back) = &self.put_back {
            put_back.apply(&mut policy, check);
        }
        self.apply_patterns(&mut policy, check);
        match &self.rules {
            Some(rules) => check.rules(policy, rules),
            None => policy,
        }
    }

    fn apply_patterns(&self, policy: &mut Policy, check: &mut Check) {
        let patterns = self.patterns.as_deref().unwrap_or_default();
        let valid = patterns.iter().take(PATTERNS_MAX);
        let valid: Vec<Pattern> = valid.filter_map(|p| p.validate(check)).collect();
        if patterns.len() > PATTERNS_MAX {
            let message = format!("a policy has at most {PATTERNS_MAX} patterns: remove some");
            check.add(None, message);
            return;
        }
        let bytes: usize = valid.iter().map(Pattern::bytes).sum();
        match Patterns::new(valid) {
            Ok(patterns) => policy.patterns = patterns,
            Err(TooManyPatterns) => check.add(
                None,
                format!(
                    "the patterns have {bytes} bytes together, and a policy's may have {OWN_BYTES_MAX}: shorten or \
                     remove some"
                ),
            ),
        }
    }
}

impl ScopeSpec {
    fn apply(&self, policy: &mut Policy, check: &mut Check) {
        const PHASES: [(&str, Phase); 3] = [
            ("Pending", Phase::Pending),
            ("Running", Phase::Running),
            ("Unknown", Phase::Unknown),
        ];
        const RESTART_POLICIES: [(&str, RestartPolicy); 3] = [
            ("Always", RestartPolicy::Always),
            ("OnFailure", RestartPolicy::OnFailure),
            ("Never", RestartPolicy::Never),
        ];
        if let Some(phases) = &self.phases {
            policy.scope.phases = phases
                .iter()
                .filter_map(|p| check.choice("phase", p, &PHASES))
                .collect();
        }
        if let Some(owners) = &self.owners {
            policy.scope.owners.clone_from(owners);
        }
        if let Some(bare) = &self.bare_pods {
            policy.scope.bare_pods = bare
                .iter()
                .filter_map(|p| check.choice("restart policy", p, &RESTART_POLICIES))
                .collect();
        }
        if let Some(namespaces) = &self.namespaces {
            policy
                .scope
                .include_namespaces
                .clone_from(&namespaces.value.include);
            policy
                .scope
                .exclude_namespaces
                .clone_from(&namespaces.value.exclude);
        }
    }
}

impl OverridesSpec {
    fn apply(&self, policy: &mut Policy, check: &mut Check) {
        if let Some(modes) = &self.modes {
            policy.overrides.modes = modes
                .iter()
                .filter_map(|mode| check.choice("mode", mode, &WISHES))
                .collect();
        }
        if let Some(patience) = &self.max_patience {
            policy.overrides.patience_max = check
                .duration(patience)
                .unwrap_or(policy.overrides.patience_max);
        }
    }
}

impl PutBackSpec {
    fn apply(&self, policy: &mut Policy, check: &mut Check) {
        if let Some(writes) = &self.max_writes {
            match NonZeroU32::new(u32::from(writes.value)) {
                Some(max) => policy.put_back.writes_max = max,
                None => check.error(
                    writes,
                    "`maxWrites: 0` would never fail a pod: write 1 or more, or use `mode: DryRun`"
                        .to_owned(),
                ),
            }
        }
        if let Some(fallback) = &self.fallback {
            let choices = [
                (FALLBACKS[0], Fallback::None),
                (FALLBACKS[1], Fallback::ActiveDeadline),
            ];
            policy.put_back.fallback = check
                .choice("fallback", fallback, &choices)
                .unwrap_or(policy.put_back.fallback);
        }
    }
}

impl RuleSpec {
    fn validate(&self, number: usize, check: &mut Check) -> Option<Rule> {
        let actions = [Action::Fail, Action::Warn, Action::Ignore];
        let choices: Vec<(&str, Action)> = ACTIONS.into_iter().zip(actions).collect();
        let causes: Vec<Option<Cause>> = self.causes.iter().map(|c| check.cause(c)).collect();
        let attempts = NonZeroU32::new(self.attempts.value);
        if attempts.is_none() {
            check.error(
                &self.attempts,
                "`attempts: 0` would fail pods that never failed to pull: write 1 or more"
                    .to_owned(),
            );
        }
        let duration = check.duration(&self.duration);
        let action = check.choice("action", &self.action, &choices);
        Some(Rule {
            name: self
                .name
                .clone()
                .unwrap_or_else(|| format!("rule {number}")),
            causes: causes
                .into_iter()
                .collect::<Option<Vec<Cause>>>()?
                .into_iter()
                .collect(),
            attempts: attempts?,
            duration: duration?,
            action: action?,
        })
    }
}

impl PatternSpec {
    fn validate(&self, check: &mut Check) -> Option<Pattern> {
        /// Shorter texts stand in too many messages.
        const TEXT_LENGTH_MIN: usize = 4;
        /// Longer texts are no words of a program.
        const TEXT_LENGTH_MAX: usize = 200;
        for text in [Some(&self.text), self.then.as_ref()].into_iter().flatten() {
            if text.value.chars().count() > TEXT_LENGTH_MAX {
                let message =
                    format!("a pattern has at most {TEXT_LENGTH_MAX} characters: shorten it");
                check.error(text, message);
                return None;
            }
            if text.value.trim().chars().count() < TEXT_LENGTH_MIN {
                let message = format!(
                    "the pattern `{}` is too short to mean anything: write at least {TEXT_LENGTH_MIN} characters",
                    text.value
                );
                check.error(text, message);
                return None;
            }
        }
        let kinds = [
            Permanence::Permanent,
            Permanence::Transient,
            Permanence::Ambiguous,
        ];
        let choices: Vec<(&str, Permanence)> = PERMANENCES.into_iter().zip(kinds).collect();
        let permanence = match &self.permanence {
            None => Some(Permanence::Ambiguous),
            Some(permanence) => check.choice("permanence", permanence, &choices),
        };
        let cause = check.cause(&self.cause);
        let then = self.then.as_ref().map(|then| then.value.as_str());
        Some(Pattern::new(&self.text.value, then, cause?, permanence?))
    }
}
