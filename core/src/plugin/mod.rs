//! The extension points that a decision passes, in this order:
//! `Scope` → `Classify` → `Evidence` → `Judge` → `Permit` → `Act`.
//!
//! Each is a small trait; a [`Profile`] holds the plugins. [`Profile::standard`] is what the policy asks for, and
//! `with_evidence` and `with_permit` add what looks at more than one pod: a registry's health, a breaker, a budget.
//! What a plugin says goes into the [`Trail`] of the decision, which is what people read.

mod act;
mod active;
mod judge;
mod permit;
mod scope;
mod trail;

use std::fmt;
use std::time::Duration;

pub use self::act::ByMode;
pub use self::active::ActivePolicies;
pub use self::judge::Thresholds;
pub use self::permit::{QuietTime, WholeView};
pub use self::scope::{ByPolicy, OutOfScope};
pub use self::trail::{Point, Trail, TrailEntry};

use crate::cause::Cause;
pub use crate::classify::Classify;
use crate::classify::TooManyPatterns;
use crate::container::FailingContainer;
use crate::pod::{PodRef, PodSnapshot};
use crate::policy::{Action, Limits, Mode, Policies, Policy, Rule};
use crate::time::Timestamp;

/// Whether a pod is ours.
pub trait Scope: fmt::Debug + Send {
    /// The plugin's name in trails.
    fn name(&self) -> &'static str;
    /// Whether `pod` is judged by `policy`.
    ///
    /// # Errors
    /// Says why it is not.
    fn covers(&self, policy: &Policy, pod: &PodSnapshot<'_>) -> Result<(), OutOfScope>;
}

/// What other pods, nodes and registries say about a case.
pub trait Evidence: fmt::Debug + Send {
    /// The plugin's name in trails.
    fn name(&self) -> &'static str;
    /// Something happened that may be evidence in other cases.
    fn learn(&mut self, now: Timestamp, fact: &Fact<'_>);
    /// What is known that concerns this case.
    fn weigh(&self, case: &Case<'_>, trail: &mut Trail) -> Weight;
}

/// Whether the failures are enough for a verdict.
pub trait Judge: fmt::Debug + Send {
    /// The plugin's name in trails.
    fn name(&self) -> &'static str;
    /// What the failures amount to.
    fn judge(&self, case: &Case<'_>, trail: &mut Trail) -> Judgement;
}

/// Whether a verdict may be carried out now.
pub trait Permit: fmt::Debug + Send {
    /// The plugin's name in trails.
    fn name(&self) -> &'static str;
    /// Whether now is a good moment.
    fn permit(&self, case: &Case<'_>, trail: &mut Trail) -> Permission;
}

/// What is done about a permitted verdict.
pub trait Act: fmt::Debug + Send {
    /// The plugin's name in trails.
    fn name(&self) -> &'static str;
    /// How to enforce a verdict that asks for `action`; nothing is done if there is no way.
    fn act(&self, case: &Case<'_>, action: Action, trail: &mut Trail) -> Option<Enforcement>;
}

/// A failing container on which a decision is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The present moment.
    pub now: Timestamp,
    /// The policy of the pod's namespace.
    pub policy: &'a Policy,
    /// The container's pod.
    pub pod: &'a PodRef,
    /// How far a verdict goes for this pod.
    pub mode: Mode,
    /// The patience that the pod asks for.
    pub patience: Option<Duration>,
    /// The container.
    pub container: &'a FailingContainer,
    /// All failing containers of the pod, this one among them.
    pub siblings: &'a [FailingContainer],
    /// Since when a container that is not failing may be pulling; [`Timestamp::NEVER`] if none is.
    pub others_may_pull_from: Timestamp,
    /// By how much what is remembered may seem older than it is.
    pub memory_error: Duration,
    /// Whether all pods are known; not while a list replaces a broken watch.
    pub view_is_whole: bool,
}

impl Case<'_> {
    /// When the duration of `rule` is over at the earliest, for failures of which the first was seen then.
    pub fn due_at(&self, rule: &Rule, first_at: Timestamp) -> Timestamp {
        let duration = self.policy.duration_for(rule, self.patience);
        let error = if self.container.is_recalled() {
            self.memory_error
        } else {
            Duration::ZERO
        };
        first_at.after(duration.saturating_add(error))
    }
}

/// What happened to a failing container, told to [`Evidence`].
#[derive(Clone, Copy, Debug)]
pub enum Fact<'a> {
    /// A pull failed.
    Failed {
        /// The container's pod.
        pod: &'a PodRef,
        /// The node it is bound to.
        node: Option<&'a str>,
        /// The image.
        image: &'a str,
        /// Why.
        cause: Cause,
    },
    /// A container that had failed runs, or has its image.
    Recovered {
        /// The container's pod.
        pod: &'a PodRef,
        /// The node it is bound to.
        node: Option<&'a str>,
        /// The image.
        image: &'a str,
    },
}

/// What [`Evidence`] makes of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Nothing speaks against a verdict.
    Neutral,
    /// Something speaks against it: hold, and look again at that time at the latest.
    Against {
        /// When waiting alone may change the evidence.
        until: Option<Timestamp>,
    },
}

/// What a [`Judge`] makes of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Not enough; look again at that time at the latest.
    Wait {
        /// When waiting alone may change the judgement.
        until: Option<Timestamp>,
    },
    /// Enough for this action.
    Due(Action),
}

/// What a [`Permit`] makes of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Go ahead.
    Granted,
    /// Not now; look again at that time at the latest.
    Held {
        /// When waiting alone may change the answer.
        until: Option<Timestamp>,
    },
}

/// How a verdict is enforced, the weakest first. In a dry run it is still known what would be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Enforcement {
    /// Dry run: a condition would be set and an event sent.
    WouldWarn,
    /// Dry run: the pod would be failed.
    WouldFail,
    /// Set a condition and send an event.
    Warn,
    /// Fail the pod.
    Fail,
}

impl Enforcement {
    /// The action that is taken, or would be.
    pub const fn action(self) -> Action {
        match self {
            Self::WouldWarn | Self::Warn => Action::Warn,
            Self::WouldFail | Self::Fail => Action::Fail,
        }
    }

    /// Whether nothing is written.
    pub const fn is_dry_run(self) -> bool {
        matches!(self, Self::WouldWarn | Self::WouldFail)
    }

    /// The name that commands print.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WouldWarn => "would warn",
            Self::WouldFail => "would fail",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Enforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The plugins of each extension point, and the policies they work by.
#[derive(Debug)]
pub struct Profile {
    pub(crate) policies: ActivePolicies,
    pub(crate) scope: Box<dyn Scope>,
    pub(crate) evidence: Vec<Box<dyn Evidence>>,
    pub(crate) judge: Box<dyn Judge>,
    pub(crate) permit: Vec<Box<dyn Permit>>,
    pub(crate) act: Box<dyn Act>,
    pub(crate) memory_error: Duration,
}

impl Profile {
    /// The plugins that policies by themselves ask for.
    ///
    /// # Errors
    /// If the patterns of a policy are too many to search for at once.
    pub fn standard(policies: impl Into<Policies>) -> Result<Self, TooManyPatterns> {
        Ok(Self {
            policies: ActivePolicies::new(policies)?,
            scope: Box::new(ByPolicy),
            evidence: Vec::new(),
            judge: Box::new(Thresholds),
            permit: vec![Box::new(WholeView), Box::new(QuietTime)],
            act: Box::new(ByMode),
            memory_error: Duration::ZERO,
        })
    }

    /// This profile with one more source of evidence.
    #[must_use]
    pub fn with_evidence(mut self, evidence: Box<dyn Evidence>) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// This profile with another judge.
    #[must_use]
    pub fn with_judge(self, judge: Box<dyn Judge>) -> Self {
        Self { judge, ..self }
    }

    /// This profile with one more plugin whose permission is needed.
    #[must_use]
    pub fn with_permit(mut self, permit: Box<dyn Permit>) -> Self {
        self.permit.push(permit);
        self
    }

    /// This profile for memories whose moments may be so far from what this engine's clock showed then, since another
    /// clock told them. A rule fires later by as much on failures that are remembered.
    #[must_use]
    pub fn with_memory_error(self, memory_error: Duration) -> Self {
        Self {
            memory_error,
            ..self
        }
    }

    /// This profile with policies that go no further than `limits`.
    #[must_use]
    pub fn within(mut self, limits: Limits) -> Self {
        self.policies.limit(limits);
        self
    }

    /// The active policies.
    pub const fn policies(&self) -> &ActivePolicies {
        &self.policies
    }

    /// Whether `pod` is judged.
    ///
    /// # Errors
    /// Says why it is not.
    pub fn covers(&self, pod: &PodSnapshot<'_>) -> Result<(), OutOfScope> {
        self.scope.covers(self.policies.of(pod.namespace), pod)
    }
}
