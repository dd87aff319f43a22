//! What is seen of pods, and of what they belong to, goes into the engines.

use pullstop_core::engine::{GoneFrom, Input, Source};
use pullstop_core::pod::PodRef;
use pullstop_core::policy::is_named;
use pullstop_core::wire::WirePod;

use super::{Driver, Why};
use crate::engines::Home;
use crate::metrics::Metric;
use crate::overrides::Asked;
use crate::overrides::cache::is_put_aside;
use crate::pods::feed::FeedEvent;
use crate::pods::jobs::{Found, Job, Report};
use crate::pods::memory::with_snapshot_by;

impl Driver {
    pub(super) fn events(&mut self, events: FeedEvent) {
        self.heard_at = self.clock.now();
        match events {
            FeedEvent::RelistBegin => {
                self.view_is_whole = false;
                self.cache.list_begins();
                self.engines.tell_all(self.heard_at, || Input::RelistBegin);
            }
            FeedEvent::Restored => self.engines.tell_all(self.heard_at, || Input::Restored),
            FeedEvent::Listed(pods) => pods
                .iter()
                .for_each(|pod| self.see(None, pod, Source::List)),
            FeedEvent::RelistEnd => {
                self.view_is_whole = true;
                self.cache.list_ends();
                self.engines.tell_all(self.heard_at, || Input::RelistEnd);
            }
            FeedEvent::Added(pod) => self.see(None, &pod, Source::List),
            FeedEvent::Modified(pod) => self.see(None, &pod, Source::Watch),
            FeedEvent::Deleted(pod) => self.left(&pod),
            FeedEvent::Bookmark => {}
        }
    }

    /// Shows the pod to one engine: the one that asked, or the one of its namespace.
    fn see(&mut self, home: Option<&Home>, pod: &WirePod, source: Source) {
        let now = self.clock.now();
        let (namespace, ours) = (&pod.metadata.namespace, &self.limits.namespaces);
        if !ours.is_empty() && !ours.iter().any(|pattern| is_named(namespace, pattern)) {
            return;
        }
        let home = home
            .cloned()
            .unwrap_or_else(|| self.engines.home(&pod.metadata.namespace));
        let Some(engine) = self.engines.engine(&home) else {
            return;
        };
        let overrides = self.cache.overrides(pod, &engine.policy().overrides);
        let was_followed = engine.tracks(&pod.metadata.uid);
        let own = |servers| self.writer.api.time().own(servers);
        let shown = with_snapshot_by(pod, overrides, own, |snapshot| {
            let input = Input::Pod {
                pod: snapshot,
                source,
            };
            engine.handle(now, input);
            let fails = engine.tracks(snapshot.uid)
                || is_put_aside(engine, snapshot, pod.metadata.overrides());
            fails.then(|| PodRef::new(snapshot))
        });
        let is_followed = engine.tracks(&pod.metadata.uid);
        if is_followed && !was_followed && source == Source::List {
            self.recall(&home, pod);
        }
        match shown {
            Ok(failing) => self.cache.follow(pod, failing),
            Err(error) => {
                self.metrics.count(Metric::Damaged, &[("in", "pod")]);
                tracing::warn!(%error, "skipped a pod");
            }
        }
    }

    /// A pod has left the watch. Whether it runs, has ended or is deleted matters if its failures were counted.
    fn left(&mut self, pod: &WirePod) {
        let home = self.engines.home(&pod.metadata.namespace);
        if self
            .engines
            .engine(&home)
            .is_none_or(|engine| !engine.tracks(&pod.metadata.uid))
        {
            self.cache.forget(&pod.metadata.uid);
            return;
        }
        if let Ok(pod) = pod.snapshot(None, PodRef::new) {
            self.begin(home, Why::Left, Job::Read(pod));
        }
    }

    /// A read or write has ended.
    pub(super) fn report(&mut self, home: &Home, why: Why, report: &Report) {
        let now = self.clock.now();
        let uid = &report.pod.uid();
        let is_found = matches!(report.found, Found::Pod(_));
        self.learn(&report.asked, is_found.then_some(&report.pod));
        let Some(engine) = self.engines.engine(home) else {
            return;
        };
        if let Some(outcome) = report.outcome {
            engine.handle(now, Input::Outcome { uid, outcome });
            self.reporter.outcome(&report.pod, outcome);
        }
        match &report.found {
            Found::Pod(pod) => self.see(Some(home), pod, Source::List),
            Found::Nobody => {
                let from = GoneFrom::Cluster;
                engine.handle(now, Input::Gone { uid, from });
                self.cache.forget(uid);
            }
            Found::Unknown if why == Why::Left => {
                let from = GoneFrom::View;
                engine.handle(now, Input::Gone { uid, from });
                self.cache.forget(uid);
            }
            Found::Unknown if report.outcome.is_none() && !engine.tracks(uid) => {
                self.overlooked |= self.cache.follows(uid);
            }
            Found::Unknown => {}
        }
    }

    /// What pods belong to was asked. Those for which it asks for something else than before are looked at anew, except
    /// the one that was `found` on the way.
    pub(super) fn learn(&mut self, asked: &[Asked], found: Option<&PodRef>) {
        let now = self.clock.now();
        for asked in asked {
            for pod in self.cache.learn(now, asked) {
                if found != Some(&pod) {
                    let home = self.engines.home(pod.namespace());
                    self.begin(home, Why::Asked, Job::Read(pod));
                }
            }
        }
    }
}
