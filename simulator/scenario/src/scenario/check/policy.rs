//! The policies of a scenario: the cluster's, and those of single namespaces.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pullstop_core::policy::document::PolicySpec;
use pullstop_core::policy::{Policies, Policy};

use super::{Check, ReadPolicy};
use crate::input_error::InputError;
use crate::scenario::Place;
use crate::scenario::raw::read::Word;
use crate::scenario::raw::value::{At, Placed, Text, place};
use crate::scenario::raw::{NamespacePolicySpec, Spec};
use crate::scenario::workload::Workload;

/// A policy that is written down.
struct Source<'a> {
    place: Place,
    file: Option<&'a Text<Word>>,
    inline: Option<&'a At<PolicySpec>>,
}

impl Check {
    /// The policies, and what is wrong with files of their own.
    pub(super) fn policies(
        &mut self,
        file: &Path,
        spec: &Spec,
        read_policy: &mut ReadPolicy<'_>,
    ) -> (Policies, Vec<InputError>) {
        let mut elsewhere = Vec::new();
        let mut read = |check: &mut Self, source: &Source<'_>| {
            let (policy, errors) = check.policy(file, source, read_policy);
            elsewhere.extend(errors);
            policy
        };
        let cluster = spec.policy.as_ref().map(|written| {
            let source = Source {
                place: written.place(),
                file: written.file.as_ref(),
                inline: written.inline.as_ref(),
            };
            read(self, &source)
        });
        let mut namespaces = BTreeMap::new();
        for written in &spec.namespace_policies {
            let source = Source {
                place: written.place(),
                file: written.file.as_ref(),
                inline: written.inline.as_ref(),
            };
            let policy = read(self, &source);
            let namespace = written.namespace.text.clone();
            if self.read(&written.namespace).is_some() {
                namespaces.entry(namespace).or_insert(policy);
            }
        }
        let names = spec.namespace_policies.iter();
        self.unique(
            "policy of namespace",
            names.map(|written| &written.namespace),
        );
        let policies = Policies {
            cluster: cluster.unwrap_or_default(),
            namespaces,
        };
        (policies, elsewhere)
    }

    /// A policy, and what is wrong with its own file.
    fn policy(
        &mut self,
        scenario: &Path,
        source: &Source<'_>,
        read_policy: &mut ReadPolicy<'_>,
    ) -> (Policy, Vec<InputError>) {
        let given = [
            ("file", place(source.file)),
            ("inline", place(source.inline)),
        ];
        self.one_of(&source.place, "the policy", &given);
        if let Some(inline) = source.inline {
            return (self.inline_policy(inline), Vec::new());
        }
        let Some(name) = source.file.filter(|name| self.read(name).is_some()) else {
            return (Policy::default(), Vec::new());
        };
        // `./` keeps a file called `-` from being taken for standard input.
        let folder = scenario.parent().filter(|folder| *folder != Path::new(""));
        let path = folder.unwrap_or_else(|| Path::new(".")).join(&name.text);
        match read_policy(&path) {
            Ok(policy) => (policy, Vec::new()),
            Err(errors) => {
                let (elsewhere, nowhere): (Vec<_>, Vec<_>) =
                    errors.into_iter().partition(|error| error.place.is_some());
                for error in nowhere {
                    self.error(name, format!("policy {}: {}", error.file, error.message));
                }
                (Policy::default(), elsewhere)
            }
        }
    }

    fn inline_policy(&mut self, inline: &At<PolicySpec>) -> Policy {
        inline.validate().unwrap_or_else(|errors| {
            for error in errors {
                self.yaml
                    .add(error.place.or_else(|| inline.place()), error.message);
            }
            Policy::default()
        })
    }

    /// Whether every namespace with a policy has workloads.
    pub(super) fn namespaces_of_policies(
        &mut self,
        policies: &[At<NamespacePolicySpec>],
        workloads: &[Workload],
    ) {
        let used = workloads.iter().map(|workload| workload.namespace.as_str());
        let used: BTreeSet<&str> = used.collect();
        for written in policies {
            let used = used.iter().copied();
            self.known(
                "namespace of workloads",
                "workloads",
                &written.namespace,
                used,
            );
        }
    }
}
