//! The driver's state, for metrics, probes and `/debug/state`.

use std::time::Duration;

use pullstop_core::engine::Explanation;
use pullstop_core::pod::PodRef;
use pullstop_core::policy::Mode;
use tokio::sync::oneshot;

use super::Driver;
use crate::lease::Stop;
use crate::metrics::Metric;

/// A question about the present state.
#[derive(Debug)]
pub struct Question {
    /// Whether the answer includes pods.
    pub with_pods: bool,
    /// Where the answer goes.
    pub answer: oneshot::Sender<State>,
}

/// The present state.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Whether all pods have been listed.
    pub view_is_whole: bool,
    /// Whether this replica may write.
    pub leader: bool,
    /// Whether the kill switch is thrown, and by whom.
    pub stop: Option<Stop>,
    /// The current mode.
    pub mode: Option<Mode>,
    /// Time since the watch last said anything.
    pub watch_lag: Duration,
    /// Reads and writes under way.
    pub queue: usize,
    /// Pods with failing containers.
    pub tracked: usize,
    /// Explanations of some of them.
    pub pods: Vec<(PodRef, Vec<Explanation>)>,
}

impl Driver {
    /// Updates the gauges.
    pub(super) fn show(&self) {
        let now = self.clock.now();
        self.metrics
            .set(Metric::TrackedPods, &[], self.engine.tracked());
        self.metrics.set(Metric::QueueDepth, &[], self.lanes.len());
        self.metrics
            .set(Metric::Synced, &[], usize::from(self.view_is_whole));
        self.metrics
            .set_duration(Metric::WatchLag, now.since(self.heard_at));
        let in_force = self.mode();
        for mode in [Mode::Enforce, Mode::Warn, Mode::DryRun, Mode::Off] {
            let labels = [("mode", mode.as_str())];
            self.metrics
                .set(Metric::Mode, &labels, usize::from(mode == in_force));
        }
    }

    /// The present state.
    pub(super) fn state(&self, with_pods: bool) -> State {
        /// The page is for people.
        const PODS_MAX: usize = 1000;
        let pods_max = if with_pods { PODS_MAX } else { 0 };
        let now = self.clock.now();
        let explain = |pod: &PodRef| (pod.clone(), self.engine.explain(&pod.uid()));
        State {
            view_is_whole: self.view_is_whole,
            leader: self.leads(),
            stop: None,
            mode: Some(self.mode()),
            watch_lag: now.since(self.heard_at),
            queue: self.lanes.len(),
            tracked: self.engine.tracked(),
            pods: self
                .reporter
                .pods()
                .map(explain)
                .filter(|(_, said)| !said.is_empty())
                .take(pods_max)
                .collect(),
        }
    }
}
