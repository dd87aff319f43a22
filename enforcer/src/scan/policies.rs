//! Selects the policies that a scan judges by.

use std::path::Path;

use pullstop_core::policy::{Mode, Policies};

use crate::api::{Api, ApiError};
use crate::input;
use crate::policies::{built_in, objects, opinion};
use crate::policy;

/// The policies, and where they come from.
#[derive(Clone, Debug)]
pub(super) struct InForce {
    policies: Policies,
    /// What the cluster-wide policy is called.
    cluster: String,
    /// Why it is that one, if it is not the cluster's own.
    why: Option<String>,
    /// The errors of invalid policies.
    pub(super) complaints: Vec<String>,
}

impl InForce {
    /// The built-in rules.
    pub(super) fn built_in(why: &str) -> Self {
        Self {
            policies: built_in(),
            cluster: "the built-in policy".to_owned(),
            why: Some(why.to_owned()),
            complaints: Vec::new(),
        }
    }

    /// The policy in a file.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place.
    pub(super) fn of_file(file: &Path) -> Result<Self, Vec<String>> {
        Ok(Self {
            policies: Policies::from(policy::read(file)?),
            cluster: format!("the file {}", input::name(file)),
            why: None,
            complaints: Vec::new(),
        })
    }

    /// The policy objects of a cluster, as an enforcer with `--policy-objects` uses them.
    ///
    /// # Errors
    /// If the cluster does not answer.
    pub(super) async fn of_cluster(api: &Api) -> Result<Self, String> {
        let (accepted, complaints) = match objects::in_force(api).await {
            Ok(found) => found,
            Err(ApiError::NotFound) => {
                return Ok(Self::built_in("the cluster has no policy objects"));
            }
            Err(ApiError::Forbidden(said)) => {
                let why = format!("policy objects are forbidden: {said}");
                return Ok(Self::built_in(&why));
            }
            Err(error) => return Err(format!("cannot read policy objects: {error}")),
        };
        let has_own = accepted.has_cluster_policy();
        let cluster = if has_own {
            format!("ClusterPullFailurePolicy `{}`", opinion::NAME)
        } else {
            "the built-in policy".to_owned()
        };
        let none = format!(
            "the cluster has no ClusterPullFailurePolicy `{}`",
            opinion::NAME
        );
        Ok(Self {
            policies: accepted.policies(),
            cluster,
            why: (!has_own).then_some(none),
            complaints,
        })
    }

    /// One line: which policies, and why.
    pub(super) fn line(&self) -> String {
        let mut line = format!("policy: {}", self.cluster);
        if let Some(why) = &self.why {
            line.push_str(", because ");
            line.push_str(why);
        }
        line.push_str(match self.policies.cluster.mode {
            Mode::DryRun => "; mode DryRun, shown as if it enforced",
            Mode::Enforce | Mode::Warn | Mode::Off => "; mode ",
        });
        if self.policies.cluster.mode != Mode::DryRun {
            line.push_str(self.policies.cluster.mode.as_str());
        }
        let own: Vec<&str> = self
            .policies
            .namespaces
            .keys()
            .map(String::as_str)
            .collect();
        if !own.is_empty() {
            line.push_str("; namespaces with their own policy: ");
            line.push_str(&own.join(", "));
        }
        line
    }

    /// What the policy is called that judges the pods of a namespace.
    pub(super) fn name_for(&self, namespace: &str) -> String {
        if self.policies.namespaces.contains_key(namespace) {
            format!("PullFailurePolicy `{}` of {namespace}", opinion::NAME)
        } else {
            self.cluster.clone()
        }
    }

    /// The policies as they are gone by. Of a dry run it is shown what would be done.
    pub(super) fn rehearsed(&self) -> Policies {
        self.policies.clone().rehearsed()
    }
}
