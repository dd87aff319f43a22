//! Feeds pods, and annotations of their Jobs and namespaces, into the engine.

use pullstop_core::engine::{GoneFrom, Input, Source};
use pullstop_core::pod::PodRef;
use pullstop_core::policy::is_named;
use pullstop_core::wire::WirePod;

use super::{Driver, Why};
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
                self.engine.handle(self.heard_at, Input::RelistBegin);
            }
            FeedEvent::Restored => self.engine.handle(self.heard_at, Input::Restored),
            FeedEvent::Listed(pods) => pods.iter().for_each(|pod| self.see(pod, Source::List)),
            FeedEvent::RelistEnd => {
                self.view_is_whole = true;
                self.cache.list_ends();
                self.engine.handle(self.heard_at, Input::RelistEnd);
            }
            FeedEvent::Added(pod) => self.see(&pod, Source::List),
            FeedEvent::Modified(pod) => self.see(&pod, Source::Watch),
            FeedEvent::Deleted(pod) => self.left(&pod),
            FeedEvent::Bookmark => {}
        }
    }

    fn see(&mut self, pod: &WirePod, source: Source) {
        let now = self.clock.now();
        let (namespace, ours) = (&pod.metadata.namespace, &self.limits.namespaces);
        if !ours.is_empty() && !ours.iter().any(|pattern| is_named(namespace, pattern)) {
            return;
        }
        let engine = &mut self.engine;
        let bounds = &engine.policies().of(namespace).overrides;
        let overrides = self.cache.overrides(pod, bounds);
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
            self.recall(pod);
        }
        match shown {
            Ok(failing) => self.cache.follow(pod, failing),
            Err(error) => {
                self.metrics
                    .count(Metric::DecodeErrors, &[("source", "pod")]);
                tracing::warn!(%error, "skipped a pod");
            }
        }
    }

    /// A pod has left the watch. Whether it runs, has ended or is deleted matters if its failures were counted.
    fn left(&mut self, pod: &WirePod) {
        if !self.engine.tracks(&pod.metadata.uid) {
            self.cache.forget(&pod.metadata.uid);
            return;
        }
        if let Ok(pod) = pod.snapshot(None, PodRef::new) {
            self.begin(Why::Left, Job::Read(pod));
        }
    }

    /// A read or write has ended.
    pub(super) fn report(&mut self, why: Why, report: &Report) {
        let now = self.clock.now();
        let uid = &report.pod.uid();
        let is_found = matches!(report.found, Found::Pod(_));
        self.learn(&report.asked, is_found.then_some(&report.pod));
        if let Some(outcome) = report.outcome {
            self.engine.handle(now, Input::Outcome { uid, outcome });
            self.reporter.outcome(&report.pod, outcome);
        }
        match &report.found {
            Found::Pod(pod) => self.see(pod, Source::List),
            Found::Nobody => {
                let from = GoneFrom::Cluster;
                self.engine.handle(now, Input::Gone { uid, from });
                self.cache.forget(uid);
            }
            Found::Unknown if why == Why::Left => {
                let from = GoneFrom::View;
                self.engine.handle(now, Input::Gone { uid, from });
                self.cache.forget(uid);
            }
            Found::Unknown if report.outcome.is_none() && !self.engine.tracks(uid) => {
                self.overlooked |= self.cache.follows(uid);
            }
            Found::Unknown => {}
        }
    }

    /// Annotations of Jobs or namespaces were read. Pods whose overrides changed are read again, except the one that was
    /// `found` on the way.
    pub(super) fn learn(&mut self, asked: &[Asked], found: Option<&PodRef>) {
        let now = self.clock.now();
        for asked in asked {
            for pod in self.cache.learn(now, asked) {
                if found != Some(&pod) {
                    self.begin(Why::Asked, Job::Read(pod));
                }
            }
        }
    }
}
