//! Precedence of policies: which one judges a namespace, and the limits of a namespace's own.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fallback, Mode, Policy, ScopeRules};
use crate::pod::Phase;

/// The active policies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// For all namespaces without one of their own.
    pub cluster: Policy,
    /// Of single namespaces.
    pub namespaces: BTreeMap<String, Policy>,
}

impl Policies {
    /// The policy of a namespace: its own, or the cluster's.
    pub fn of(&self, namespace: &str) -> &Policy {
        self.namespaces.get(namespace).unwrap_or(&self.cluster)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Policy> {
        std::iter::once(&self.cluster).chain(self.namespaces.values())
    }

    /// All of them, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Policy> {
        std::iter::once(&mut self.cluster).chain(self.namespaces.values_mut())
    }

    /// The phases of pods that any of them is about: the pods that are to be watched.
    pub fn phases(&self) -> BTreeSet<Phase> {
        let phases = self.iter().flat_map(|policy| &policy.scope.phases);
        phases.copied().collect()
    }

    /// These policies as they are rehearsed: what they would do if they were enforced, as far as they are dry runs.
    #[must_use]
    pub fn rehearsed(self) -> Self {
        let namespaces = self.namespaces.into_iter();
        Self {
            cluster: self.cluster.rehearsed(),
            namespaces: namespaces
                .map(|(name, policy)| (name, policy.rehearsed()))
                .collect(),
        }
    }

    /// These policies within `limits`, where no namespace's goes further than the cluster's: who runs the cluster has the
    /// last word on modes, phases, namespaces and the way in which pods are written. Its rules are a namespace's own: they
    /// can only hurt its own pods.
    #[must_use]
    pub fn limited(&self, limits: &Limits) -> Self {
        let mut limited = self.clone();
        limited.cluster.mode = limited.cluster.mode.min(limits.mode);
        let modes = &mut limited.cluster.overrides.modes;
        modes.retain(|mode| *mode <= limits.mode);
        if let Some(namespaces) = &limits.namespaces {
            narrow(&mut limited.cluster.scope, namespaces);
        }
        let cluster = &limited.cluster;
        for (namespace, policy) in &mut limited.namespaces {
            let covered = cluster.scope.covers_namespace(namespace);
            policy.mode = policy
                .mode
                .min(if covered { cluster.mode } else { Mode::Off });
            let granted =
                |mode: &Mode| *mode <= cluster.mode || cluster.overrides.modes.contains(mode);
            policy.overrides.modes.retain(granted);
            policy
                .scope
                .phases
                .retain(|phase| cluster.scope.phases.contains(phase));
            policy.put_back.writes_max =
                policy.put_back.writes_max.min(cluster.put_back.writes_max);
            if cluster.put_back.fallback == Fallback::None {
                policy.put_back.fallback = Fallback::None;
            }
        }
        limited
    }
}

impl From<Policy> for Policies {
    fn from(cluster: Policy) -> Self {
        Self {
            cluster,
            namespaces: BTreeMap::new(),
        }
    }
}

/// The scope as far as it lies within these namespaces.
fn narrow(scope: &mut ScopeRules, within: &BTreeSet<String>) {
    let within = within.iter().filter(|name| scope.covers_namespace(name));
    let kept: Vec<String> = within.cloned().collect();
    // Including none would mean all.
    let none = if kept.is_empty() {
        Some("*".to_owned())
    } else {
        None
    };
    scope.exclude_namespaces = none.into_iter().collect();
    scope.include_namespaces = kept;
}

/// What no policy goes beyond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How far verdicts go at most.
    pub mode: Mode,
    /// Only pods of these namespaces are judged; of all if nothing is said.
    pub namespaces: Option<BTreeSet<String>>,
}

impl Limits {
    /// Policies go as far as they say.
    pub const NONE: Self = Self {
        mode: Mode::Enforce,
        namespaces: None,
    };
    /// Nothing is written.
    pub const DRY_RUN: Self = Self {
        mode: Mode::DryRun,
        namespaces: None,
    };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::PutBack;

    fn policies(cluster: Mode, namespace: Mode) -> Policies {
        let of = |mode| Policy::default().in_mode(mode);
        Policies {
            cluster: of(cluster),
            namespaces: BTreeMap::from([("team".to_owned(), of(namespace))]),
        }
    }

    fn up_to(mode: Mode) -> Limits {
        Limits {
            mode,
            namespaces: None,
        }
    }

    #[test]
    fn a_namespace_goes_no_further_than_the_cluster() {
        for (cluster, own, limit, expected) in [
            (Mode::Enforce, Mode::Enforce, Mode::Enforce, Mode::Enforce),
            (Mode::Enforce, Mode::Warn, Mode::Enforce, Mode::Warn),
            (Mode::Warn, Mode::Enforce, Mode::Enforce, Mode::Warn),
            (Mode::Enforce, Mode::Enforce, Mode::DryRun, Mode::DryRun),
            (Mode::Off, Mode::Enforce, Mode::Enforce, Mode::Off),
        ] {
            let limited = policies(cluster, own).limited(&up_to(limit));
            assert_eq!(
                limited.namespaces["team"].mode, expected,
                "{cluster:?} {own:?} {limit:?}"
            );
        }
    }

    #[test]
    fn a_namespace_lets_its_pods_ask_for_no_more_than_the_cluster() {
        for (cluster, cluster_allows, expected) in [
            (Mode::Warn, vec![Mode::Warn], Mode::Warn),
            (Mode::Warn, vec![Mode::Enforce], Mode::Enforce),
            (Mode::Enforce, vec![Mode::Warn], Mode::Enforce),
        ] {
            let mut policies = policies(cluster, Mode::Warn);
            policies.cluster.overrides.modes = cluster_allows;
            let team = policies.namespaces.get_mut("team").unwrap();
            team.overrides.modes = vec![Mode::Enforce];
            let limited = policies.limited(&up_to(Mode::Enforce));
            let mode = limited.namespaces["team"].mode_for(Some(Mode::Enforce));
            assert_eq!(mode, expected, "{cluster:?}");
        }
    }

    #[test]
    fn what_the_cluster_excludes_no_namespace_brings_in() {
        let mut policies = policies(Mode::Enforce, Mode::Enforce);
        policies.cluster.scope.exclude_namespaces = vec!["te*".to_owned()];
        let limited = policies.limited(&up_to(Mode::Enforce));
        assert_eq!(limited.namespaces["team"].mode, Mode::Off);
    }

    #[test]
    fn only_pods_of_the_selected_namespaces_are_judged() {
        let mut policies = policies(Mode::Enforce, Mode::Enforce);
        policies.cluster.scope.exclude_namespaces = vec!["b*".to_owned()];
        for (selected, a, b, team) in [
            (&["a", "b"][..], true, false, Mode::Off),
            (&["team"], false, false, Mode::Enforce),
            (&[], false, false, Mode::Off),
        ] {
            let names = selected.iter().map(|name| (*name).to_owned());
            let limited = policies.limited(&Limits {
                mode: Mode::Enforce,
                namespaces: Some(names.collect()),
            });
            let covers = |name| limited.cluster.scope.covers_namespace(name);
            assert_eq!((covers("a"), covers("b")), (a, b), "{selected:?}");
            assert_eq!(limited.namespaces["team"].mode, team, "{selected:?}");
        }
    }

    fn modes() -> impl Strategy<Value = Mode> {
        prop::sample::select(vec![Mode::Off, Mode::DryRun, Mode::Warn, Mode::Enforce])
    }

    /// Names that the patterns meet, and some that they do not.
    const NAMESPACES: [&str; 4] = ["team", "team-b", "other", "kube-system"];

    fn names() -> impl Strategy<Value = Vec<String>> {
        let patterns = ["team", "te*", "team-b", "other", "*", "kube-*"];
        let pattern = prop::sample::select(patterns.to_vec()).prop_map(str::to_owned);
        prop::collection::vec(pattern, 0..3)
    }

    prop_compose! {
        fn any_policy()(
            mode in modes(),
            asked in prop::collection::vec(modes(), 0..4),
            phases in prop::sample::subsequence(vec![Phase::Pending, Phase::Running, Phase::Unknown], 0..=3),
            include in names(),
            exclude in names(),
            writes_max in 1..9u32,
            by_deadline: bool,
        ) -> Policy {
            let mut policy = Policy::default().in_mode(mode);
            policy.overrides.modes = asked;
            policy.scope.phases = phases;
            policy.scope.include_namespaces = include;
            policy.scope.exclude_namespaces = exclude;
            policy.put_back = PutBack {
                writes_max: writes_max.try_into().unwrap(),
                fallback: if by_deadline { Fallback::ActiveDeadline } else { Fallback::None },
            };
            policy
        }
    }

    proptest! {
        /// Whatever anybody writes into the policies of namespaces.
        #[test]
        fn no_namespace_goes_beyond_the_cluster(
            cluster in any_policy(),
            own in prop::collection::btree_map(prop::sample::select(NAMESPACES.to_vec()), any_policy(), 0..4),
            limit in modes(),
            selected in prop::option::of(prop::collection::btree_set(prop::sample::select(NAMESPACES.to_vec()), 0..3)),
        ) {
            let selected: Option<BTreeSet<String>> =
                selected.map(|names| names.into_iter().map(str::to_owned).collect());
            let given = Policies {
                cluster: cluster.clone(),
                namespaces: own.into_iter().map(|(name, policy)| (name.to_owned(), policy)).collect(),
            };
            let limited = given.limited(&Limits { mode: limit, namespaces: selected.clone() });
            for namespace in NAMESPACES {
                let policy = limited.of(namespace);
                let is_judged = cluster.scope.covers_namespace(namespace)
                    && selected.as_ref().is_none_or(|names| names.contains(namespace));
                let judges = policy.mode != Mode::Off && policy.scope.covers_namespace(namespace);
                prop_assert!(is_judged || !judges, "{namespace} is judged");
                let most = cluster.mode.min(limit);
                prop_assert!(policy.mode <= most);
                for wish in [None, Some(Mode::Off), Some(Mode::DryRun), Some(Mode::Warn), Some(Mode::Enforce)] {
                    let allowed = wish.filter(|wish| cluster.overrides.modes.contains(wish));
                    prop_assert!(policy.mode_for(wish) <= most.max(allowed.unwrap_or(Mode::Off)));
                    prop_assert!(policy.mode_for(wish) <= limit);
                    if most <= Mode::DryRun {
                        prop_assert!(policy.mode_for(wish) <= most, "{wish:?} writes");
                    }
                }
                prop_assert!(policy.scope.phases.iter().all(|phase| cluster.scope.phases.contains(phase)));
                prop_assert!(policy.put_back.writes_max <= cluster.put_back.writes_max);
                prop_assert!(cluster.put_back.fallback != Fallback::None || policy.put_back.fallback == Fallback::None);
            }
        }
    }
}
