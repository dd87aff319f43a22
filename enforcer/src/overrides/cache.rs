//! A cache of the overrides that failing pods inherit from their Jobs and namespaces.
//!
//! The watch reports changes of pods, not of their Jobs. So what a source asks for is read when the
//! first pod of it fails, every minute while it asks for something, and before a verdict is carried out (in
//! `pods::jobs`). What is kept is bounded by the pods that fail.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pullstop_core::engine::Engine;
use pullstop_core::plugin::OutOfScope;
use pullstop_core::pod::{Overrides, PodRef, PodSnapshot};
use pullstop_core::policy::Bounds;
use pullstop_core::time::Timestamp;
use pullstop_core::wire::WirePod;

use super::source::{Asked, Kind, Source};
use crate::stuck::is_stuck;

/// How soon it counts that a source no longer asks for something.
const ASK_EVERY: Duration = Duration::from_secs(60);
/// The first pause after a source could not be read; the next ones are twice as long each.
const ERROR_PAUSE_MIN: Duration = Duration::from_secs(10);
/// The longest pause between two attempts to read a source.
const ERROR_PAUSE_MAX: Duration = Duration::from_secs(300);

/// Failing pods, and the overrides of their sources.
#[derive(Debug, Default)]
pub struct OverrideCache {
    kinds: Vec<Kind>,
    sources: BTreeMap<Source, Known>,
    /// When each source is to be asked; those that ask for nothing are not asked again.
    schedule: BTreeSet<(Timestamp, Source)>,
    /// The failing pods, by uid.
    dependents: BTreeMap<String, Dependent>,
    /// Which list of all pods is the last.
    listing: u32,
}

/// The state of one source.
#[derive(Debug)]
struct Known {
    /// Nothing before it was read for the first time.
    overrides: Option<Overrides>,
    /// When it is to be asked.
    ask_at: Timestamp,
    /// How many attempts in a row have failed.
    errors_in_a_row: u32,
    /// Failing pods that it speaks for.
    dependents: usize,
}

#[derive(Debug)]
struct Dependent {
    pod: PodRef,
    sources: Vec<Source>,
    /// The list in which the pod was last seen.
    listing: u32,
}

impl OverrideCache {
    /// A cache for sources of these kinds.
    pub fn new(kinds: Vec<Kind>) -> Self {
        Self {
            kinds,
            ..Self::default()
        }
    }

    /// The overrides of the pod within the bounds, as far as they are known.
    pub fn overrides(&self, pod: &WirePod, bounds: &Bounds) -> Overrides {
        let sources = Source::of(pod, &self.kinds);
        let inherited = sources
            .iter()
            .filter_map(|source| self.sources.get(source)?.overrides);
        bounds.first_allowed(std::iter::once(pod.metadata.overrides()).chain(inherited))
    }

    /// The pod was seen, and fails if it has a `reference`.
    pub fn follow(&mut self, pod: &WirePod, reference: Option<PodRef>) {
        if self.kinds.is_empty() {
            return;
        }
        let uid = &pod.metadata.uid;
        let Some(reference) = reference else {
            self.forget(uid);
            return;
        };
        let sources = Source::of(pod, &self.kinds);
        for source in &sources {
            self.count_dependent(source);
        }
        // What both the old and the new one belong to is known all the while.
        self.forget(uid);
        let dependent = Dependent {
            pod: reference,
            sources,
            listing: self.listing,
        };
        self.dependents.insert(uid.clone(), dependent);
    }

    /// Whether the pod was last seen failing.
    pub fn follows(&self, uid: &str) -> bool {
        self.dependents.contains_key(uid)
    }

    /// The pod no longer fails, or is gone.
    pub fn forget(&mut self, uid: &str) {
        let Some(dependent) = self.dependents.remove(uid) else {
            return;
        };
        for source in dependent.sources {
            let Some(known) = self.sources.get_mut(&source) else {
                continue;
            };
            known.dependents -= 1;
            if known.dependents == 0 {
                self.schedule.remove(&(known.ask_at, source.clone()));
                self.sources.remove(&source);
            }
        }
    }

    /// All pods that there are follow.
    pub fn list_begins(&mut self) {
        self.listing = self.listing.wrapping_add(1);
    }

    /// These were all.
    pub fn list_ends(&mut self) {
        let unseen = |dependent: &Dependent| dependent.listing != self.listing;
        let gone: Vec<String> = self
            .dependents
            .iter()
            .filter(|(_, dependent)| unseen(dependent))
            .map(|(uid, _)| uid.clone())
            .collect();
        for uid in gone {
            self.forget(&uid);
        }
    }

    /// The pod's sources that have not been read yet. They are about to be.
    pub fn unread(&mut self, now: Timestamp, pod: &PodRef) -> Vec<Source> {
        let Some(dependent) = self.dependents.get(&pod.uid()) else {
            return Vec::new();
        };
        let is_unread = |source: &&Source| {
            let known = self.sources.get(source);
            known.is_some_and(|known| known.overrides.is_none())
        };
        let unread: Vec<Source> = dependent
            .sources
            .iter()
            .filter(is_unread)
            .cloned()
            .collect();
        for source in &unread {
            self.put_off(source, now.after(ASK_EVERY));
        }
        unread
    }

    /// The sources that are to be asked now. They are about to be.
    pub fn due(&mut self, now: Timestamp) -> Vec<Source> {
        let due: Vec<Source> = self
            .schedule
            .iter()
            .take_while(|(at, _)| *at <= now)
            .map(|(_, source)| source.clone())
            .collect();
        for source in &due {
            self.put_off(source, now.after(ASK_EVERY));
        }
        due
    }

    /// When the next source is to be asked.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.schedule.first().map(|(at, _)| *at)
    }

    /// A source was read. Returns the pods to read again if its overrides have changed.
    pub fn learn(&mut self, now: Timestamp, (source, answer): &Asked) -> Vec<PodRef> {
        let Some(known) = self.sources.get_mut(source) else {
            return Vec::new();
        };
        let Ok(overrides) = answer else {
            let pause = ERROR_PAUSE_MIN * 2u32.pow(known.errors_in_a_row.min(5));
            known.errors_in_a_row += 1;
            self.put_off(source, now.after(pause.min(ERROR_PAUSE_MAX)));
            return Vec::new();
        };
        let before = known.overrides.replace(*overrides).unwrap_or_default();
        known.errors_in_a_row = 0;
        let asks_for_nothing = *overrides == Overrides::default();
        let again = if asks_for_nothing {
            Timestamp::NEVER
        } else {
            now.after(ASK_EVERY)
        };
        self.put_off(source, again);
        if before == *overrides {
            return Vec::new();
        }
        let dependents = self.dependents.values();
        dependents
            .filter(|dependent| dependent.sources.contains(source))
            .map(|dependent| dependent.pod.clone())
            .collect()
    }

    /// One more pod fails that the source speaks for. One that nothing is known of is to be asked at once.
    fn count_dependent(&mut self, source: &Source) {
        if let Some(known) = self.sources.get_mut(source) {
            known.dependents += 1;
            return;
        }
        let ask_at = Timestamp::from_millis(0);
        self.schedule.insert((ask_at, source.clone()));
        let known = Known {
            overrides: None,
            ask_at,
            errors_in_a_row: 0,
            dependents: 1,
        };
        self.sources.insert(source.clone(), known);
    }

    fn put_off(&mut self, source: &Source, until: Timestamp) {
        let Some(known) = self.sources.get_mut(source) else {
            return;
        };
        self.schedule.remove(&(known.ask_at, source.clone()));
        known.ask_at = until;
        if until != Timestamp::NEVER {
            self.schedule.insert((until, source.clone()));
        }
    }
}

/// Whether a failing pod is left alone only because its Job or its namespace asks for that. The engine keeps nothing of
/// it, and nobody tells when they no longer ask.
pub fn is_put_aside(engine: &Engine, pod: &PodSnapshot<'_>, own: Overrides) -> bool {
    let on_its_own = PodSnapshot {
        overrides: own,
        ..pod.clone()
    };
    pod.containers.iter().any(is_stuck)
        && engine.covers(pod) == Err(OutOfScope::Off)
        && engine.covers(&on_its_own).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(uid: &str) -> (WirePod, PodRef) {
        let json = format!(
            r#"{{"metadata": {{"name": "{uid}", "namespace": "n", "uid": "{uid}", "resourceVersion": "1",
                "ownerReferences": [{{"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "ju", "controller": true}}]}}}}"#
        );
        let pod: WirePod = serde_json::from_str(&json).unwrap();
        let reference = pod.snapshot(None, PodRef::new).unwrap();
        (pod, reference)
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1000 * seconds)
    }

    /// A book in which the Job is asked for two failing pods.
    fn cache() -> (OverrideCache, Source) {
        let mut cache = OverrideCache::new(vec![Kind::Jobs]);
        for uid in ["a", "b"] {
            let (pod, reference) = pod(uid);
            cache.follow(&pod, Some(reference));
        }
        let source = cache.due(at(0)).remove(0);
        (cache, source)
    }

    #[test]
    fn what_asks_for_something_is_asked_again_and_its_pods_are_looked_at_when_that_changes() {
        let (mut cache, source) = cache();
        let learn = |cache: &mut OverrideCache, overrides| {
            let pods = cache.learn(at(10), &(source.clone(), overrides));
            (pods.len(), cache.next_at())
        };
        let warn = Overrides {
            mode: Some(pullstop_core::policy::Mode::Warn),
            patience: None,
        };
        assert_eq!(learn(&mut cache, Ok(Overrides::default())), (0, None));
        assert_eq!(learn(&mut cache, Ok(warn)), (2, Some(at(70))));
        assert_eq!(learn(&mut cache, Ok(warn)), (0, Some(at(70))));
        let error = || Err(crate::api::ApiError::Unauthorized);
        for seconds in [10, 20, 40, 80, 160, 300, 300] {
            assert_eq!(learn(&mut cache, error()), (0, Some(at(10 + seconds))));
        }
        assert_eq!(learn(&mut cache, Ok(Overrides::default())), (2, None));
    }

    #[test]
    fn nothing_is_kept_of_what_does_not_fail() {
        let (mut cache, source) = cache();
        let known = |cache: &OverrideCache| {
            (
                cache.sources.len(),
                cache.schedule.len(),
                cache.dependents.len(),
            )
        };
        assert_eq!(known(&cache), (1, 1, 2));
        // The one is seen to run, the other is not in the next list.
        cache.follow(&pod("a").0, None);
        assert_eq!(known(&cache), (1, 1, 1));
        cache.list_begins();
        cache.list_ends();
        assert_eq!(known(&cache), (0, 0, 0));
        let late = cache.learn(at(10), &(source, Ok(Overrides::default())));
        assert_eq!((late.len(), known(&cache)), (0, (0, 0, 0)));
    }
}
