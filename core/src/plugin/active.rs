//! The active policies: as far as they go within their limits, each with the classifier that its patterns ask for.

use std::collections::BTreeMap;

use crate::classify::{Classifier, Classify, TooManyPatterns};
use crate::policy::{Limits, Policies, Policy};

/// The active policies and their limits.
#[derive(Debug)]
pub struct ActivePolicies {
    given: Policies,
    limits: Limits,
    /// The given ones within the limits.
    limited: Policies,
    cluster: Box<dyn Classify>,
    /// Of each namespace with a policy of its own.
    namespaces: BTreeMap<String, Box<dyn Classify>>,
}

impl ActivePolicies {
    /// These policies without limits.
    ///
    /// # Errors
    /// If the patterns of one are too many to search for at once.
    pub fn new(policies: impl Into<Policies>) -> Result<Self, TooManyPatterns> {
        let given = policies.into();
        let limits = Limits::NONE;
        let namespaces = given.namespaces.iter();
        Ok(Self {
            cluster: classifier(&given.cluster)?,
            namespaces: namespaces
                .map(|(name, policy)| Ok((name.clone(), classifier(policy)?)))
                .collect::<Result<_, _>>()?,
            limited: given.limited(&limits),
            limits,
            given,
        })
    }

    /// The policies as they were given.
    pub const fn given(&self) -> &Policies {
        &self.given
    }

    /// What none of them goes beyond.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The policy by which the pods of a namespace are judged.
    pub fn of(&self, namespace: &str) -> &Policy {
        self.limited.of(namespace)
    }

    /// What tells the causes of a namespace's failures.
    pub(crate) fn classify(&self, namespace: &str) -> &dyn Classify {
        let own = self.namespaces.get(namespace);
        &**own.unwrap_or(&self.cluster)
    }

    pub(crate) fn limit(&mut self, limits: Limits) {
        self.limited = self.given.limited(&limits);
        self.limits = limits;
    }
}

fn classifier(policy: &Policy) -> Result<Box<dyn Classify>, TooManyPatterns> {
    Ok(Box::new(Classifier::with(policy.patterns.clone())?))
}
