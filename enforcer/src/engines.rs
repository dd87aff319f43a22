//! One engine for the cluster's policy, and one for each namespace that has a policy of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pullstop_core::engine::{Effect, Engine, Explanation, Input};
use pullstop_core::plugin::Profile;
use pullstop_core::policy::{Limits, Mode, Policies, Policy};
use pullstop_core::time::Timestamp;

use crate::api::server_time;

/// Nothing is written.
const DRY_RUN: Limits = Limits {
    mode: Mode::DryRun,
    namespaces: None,
};

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
        let limited = policies.limited(&DRY_RUN);
        let cluster = Engine::new(profile(&limited.cluster)?);
        let mut engines = Self {
            cluster,
            namespaces: BTreeMap::new(),
            policies,
            limits: DRY_RUN,
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

    #[test]
    fn engines_come_and_go_with_policies() {
        let now = Timestamp::from_millis(1);
        let enforcing = Policy::default().in_mode(Mode::Enforce);
        let with_team = Policies {
            cluster: enforcing.clone(),
            namespaces: BTreeMap::from([("team".to_owned(), enforcing.clone())]),
        };
        let mut engines = Engines::new(with_team).unwrap();
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
                Policies::one(enforcing),
                Limits {
                    mode: Mode::Enforce,
                    namespaces: None,
                },
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
