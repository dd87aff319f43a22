//! The queue in which a node's pulls wait.

use std::collections::VecDeque;

use pullstop_core::time::Timestamp;

use crate::scenario::KubeletConfig;
use crate::world::ids::PodId;

/// The pulls of one node. A pod has one at a time, since its containers are pulled one after another.
#[derive(Clone, Debug)]
pub(super) struct Puller {
    running_max: Option<u32>,
    running: u32,
    waiting: VecDeque<PodId>,
    bucket: Bucket,
}

/// The kubelet's own limiter, `registryPullQPS` and `registryBurst`: it never waits, it refuses.
#[derive(Clone, Debug)]
struct Bucket {
    per_second: u32,
    burst: u32,
    /// Thousandths of a pull: so many are added each millisecond as pulls each second.
    level: u64,
    at: Timestamp,
}

impl Puller {
    pub(super) fn new(config: KubeletConfig) -> Self {
        Self {
            running_max: config.parallel_pulls_max,
            running: 0,
            waiting: VecDeque::new(),
            bucket: Bucket {
                per_second: config.registry_qps,
                burst: config.registry_burst,
                level: u64::from(config.registry_burst) * 1000,
                at: Timestamp::from_millis(0),
            },
        }
    }

    /// A pod wants to pull.
    pub(super) fn ask(&mut self, pod: PodId) {
        self.waiting.push_back(pod);
    }

    /// The pod whose turn it is, and whether the limiter lets it.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<(PodId, bool)> {
        if self.running_max.is_some_and(|max| self.running >= max) {
            return None;
        }
        let pod = self.waiting.pop_front()?;
        self.running += 1;
        Some((pod, self.bucket.take(now)))
    }

    /// A pull has ended.
    pub(super) fn done(&mut self) {
        self.running = self.running.saturating_sub(1);
    }
}

impl Bucket {
    fn take(&mut self, now: Timestamp) -> bool {
        if self.per_second == 0 {
            return true;
        }
        let passed_ms = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let added = passed_ms.saturating_mul(u64::from(self.per_second));
        let full = u64::from(self.burst) * 1000;
        self.level = self.level.saturating_add(added).min(full);
        self.at = now;
        let allowed = self.level >= 1000;
        self.level -= if allowed { 1000 } else { 0 };
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn serialized_pulls_go_one_at_a_time_in_order() {
        let mut puller = Puller::new(KubeletConfig::default());
        for pod in 0..3 {
            puller.ask(PodId(pod));
        }
        assert_eq!(puller.next(at(0)), Some((PodId(0), true)));
        assert_eq!(puller.next(at(0)), None);
        puller.done();
        assert_eq!(puller.next(at(1)), Some((PodId(1), true)));
    }

    #[test]
    fn the_limiter_refuses_what_is_too_much() {
        let mut puller = Puller::new(KubeletConfig {
            parallel_pulls_max: None,
            registry_qps: 1,
            registry_burst: 3,
        });
        for pod in 0..6 {
            puller.ask(PodId(pod));
        }
        let allowed: Vec<bool> = (0..5).map(|_| puller.next(at(100)).unwrap().1).collect();
        assert_eq!(allowed, [true, true, true, false, false]);
        assert_eq!(puller.next(at(1100)), Some((PodId(5), true)));
    }
}
