//! One engine for the cluster's policy, and one for each namespace that has a policy of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pullstop_core::engine::{Effect, Engine, Explanation, Input};
use pullstop_core::plugin::Profile;
use pullstop_core::policy::{Fallback, Mode, Policy, ScopeRules};
use pullstop_core::time::Timestamp;

use crate::api::server_time;

/// The policies in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    /// For all namespaces without one of their own.
    pub cluster: Policy,
    /// Of single namespaces.
    pub namespaces: BTreeMap<String, Policy>,
}

impl Policies {
    /// One policy for all.
    pub fn one(cluster: Policy) -> Self {
        Self {
            cluster,
            namespaces: BTreeMap::new(),
        }
    }

    /// The policy of a namespace, or of the cluster.
    pub fn of(&self, home: Option<&str>) -> &Policy {
        home.and_then(|namespace| self.namespaces.get(namespace))
            .unwrap_or(&self.cluster)
    }

    /// These policies within `limits`, where no namespace's goes further than the cluster's: who runs the cluster has the
    /// last word on modes, phases, namespaces and the way in which pods are written. Its rules are a namespace's own: they
    /// can only hurt its own pods.
    #[must_use]
    pub fn limited(&self, limits: &Limits) -> Self {
        let mut limited = self.clone();
        limited.cluster.mode = limited.cluster.mode.min(limits.mode);
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
    /// Nothing is written.
    const DRY_RUN: Self = Self {
        mode: Mode::DryRun,
        namespaces: None,
    };
}

/// Which engine: the cluster's, or a namespace's.
pub type Home = Option<Arc<str>>;

/// The engines.
#[derive(Debug)]
pub struct Engines {
    cluster: Engine,
    namespaces: BTreeMap<Arc<str>, Engine>,
    policies: Policies,
    limits: Limits,
}

impl Engines {
    /// Engines that have seen nothing yet, and do nothing before [`Engines::adopt`] allows more than a dry run.
    ///
    /// # Errors
    /// If a policy's patterns are too many.
    pub fn new(policies: Policies) -> Result<Self, String> {
        let limited = policies.limited(&Limits::DRY_RUN);
        let cluster = Engine::new(profile(&limited.cluster)?);
        let mut engines = Self {
            cluster,
            namespaces: BTreeMap::new(),
            policies,
            limits: Limits::DRY_RUN,
        };
        engines.make_room(&limited, |_| false, Timestamp::from_millis(0))?;
        Ok(engines)
    }

    /// The cluster's policy as it was given, and how far verdicts go at present.
    pub fn policy(&self) -> (&Policy, Mode) {
        (
            &self.policies.cluster,
            self.policies.cluster.mode.min(self.limits.mode),
        )
    }

    /// The policies as they were given.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Other policies, or other limits to them. All pods have to be listed afterwards.
    ///
    /// # Errors
    /// If a policy's patterns are too many; nothing has changed then.
    pub fn adopt(
        &mut self,
        policies: Policies,
        limits: Limits,
        now: Timestamp,
    ) -> Result<(), String> {
        let limited = policies.limited(&limits);
        let cluster = profile(&limited.cluster)?;
        // Other limits are for all to hear, even where they change nothing: who leads tells what is known.
        let before = (limits == self.limits).then(|| self.policies.limited(&limits));
        let kept = |name: &str| {
            let was = before.as_ref().and_then(|all| all.namespaces.get(name));
            policies != self.policies && was.is_some() && was == limited.namespaces.get(name)
        };
        let kept: BTreeSet<String> = limited
            .namespaces
            .keys()
            .filter(|name| kept(name))
            .cloned()
            .collect();
        self.make_room(&limited, |name| kept.contains(name), now)?;
        self.cluster.handle(now, Input::Profile(Box::new(cluster)));
        (self.policies, self.limits) = (policies, limits);
        Ok(())
    }

    /// Makes, changes and removes the namespaces' engines. Those whose policy is `kept` go on as they are.
    fn make_room(
        &mut self,
        policies: &Policies,
        kept: impl Fn(&str) -> bool,
        now: Timestamp,
    ) -> Result<(), String> {
        let changed = policies.namespaces.iter().filter(|(name, _)| !kept(name));
        let profiles: Result<BTreeMap<Arc<str>, Profile>, String> = changed
            .map(|(name, policy)| Ok((name.as_str().into(), profile(policy)?)))
            .collect();
        self.namespaces
            .retain(|name, _| policies.namespaces.contains_key(&**name));
        for (name, profile) in profiles? {
            if let Some(engine) = self.namespaces.get_mut(&name) {
                engine.handle(now, Input::Profile(Box::new(profile)));
            } else {
                let mut engine = Engine::new(profile);
                // Nothing is carried out before all pods were seen.
                engine.handle(now, Input::RelistBegin);
                self.namespaces.insert(name, engine);
            }
        }
        Ok(())
    }

    /// Which engine judges the pods of a namespace.
    pub fn home(&self, namespace: &str) -> Home {
        self.namespaces
            .get_key_value(namespace)
            .map(|(name, _)| Arc::clone(name))
    }

    /// The engine, unless its policy is gone.
    pub fn engine(&mut self, home: &Home) -> Option<&mut Engine> {
        match home {
            None => Some(&mut self.cluster),
            Some(namespace) => self.namespaces.get_mut(namespace),
        }
    }

    /// Tells all engines the same.
    pub fn tell_all(&mut self, now: Timestamp, input: impl Fn() -> Input<'static>) {
        self.cluster.handle(now, input());
        for engine in self.namespaces.values_mut() {
            engine.handle(now, input());
        }
    }

    /// The next effect of any engine.
    pub fn poll(&mut self) -> Option<(Home, Effect)> {
        if let Some(effect) = self.cluster.poll() {
            return Some((None, effect));
        }
        self.namespaces
            .iter_mut()
            .find_map(|(name, engine)| Some((Some(Arc::clone(name)), engine.poll()?)))
    }

    /// When any engine wants to be told the time.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.all()
            .filter_map(Engine::next_deadline)
            .map(|(at, _)| at)
            .min()
    }

    /// Pods of which state is kept.
    pub fn tracked(&self) -> usize {
        self.all().map(Engine::tracked).sum()
    }

    /// Whether any engine keeps state of the pod.
    pub fn tracks(&self, uid: &str) -> bool {
        self.all().any(|engine| engine.tracks(uid))
    }

    /// What is thought of the pod's failing containers.
    pub fn explain(&self, uid: &str) -> Vec<Explanation> {
        self.all()
            .map(|engine| engine.explain(uid))
            .find(|said| !said.is_empty())
            .unwrap_or_default()
    }

    fn all(&self) -> impl Iterator<Item = &Engine> {
        std::iter::once(&self.cluster).chain(self.namespaces.values())
    }
}

fn profile(policy: &Policy) -> Result<Profile, String> {
    let profile = Profile::standard(policy.clone()).map_err(|error| error.to_string())?;
    Ok(profile.with_memory_error(server_time::ERROR_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policies(cluster: Mode, namespace: Mode) -> Policies {
        let of = |mode| {
            let mut policy = Policy::default();
            policy.mode = mode;
            policy
        };
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

    #[test]
    fn engines_come_and_go_with_policies() {
        let now = Timestamp::from_millis(1);
        let mut engines = Engines::new(policies(Mode::Enforce, Mode::Enforce)).unwrap();
        assert_eq!(
            engines.policy().1,
            Mode::DryRun,
            "nothing is written before it is allowed"
        );
        assert_eq!(engines.home("team").as_deref(), Some("team"));
        assert_eq!(engines.home("other"), None);
        let home = engines.home("team");
        engines
            .adopt(
                Policies::one(Policy::default().in_mode(Mode::Enforce)),
                up_to(Mode::Enforce),
                now,
            )
            .unwrap();
        assert!(engines.engine(&home).is_none());
        assert_eq!(
            (engines.home("team"), engines.policy().1),
            (None, Mode::Enforce)
        );
    }
}
