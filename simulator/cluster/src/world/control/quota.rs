//! Queues with quotas: a Job is suspended until its queue's quota has room for it.

use crate::scenario::{Queue, QueueOrder, Quota};
use crate::world::ids::OwnerId;

/// All queues.
#[derive(Debug)]
pub(super) struct Queues {
    all: Vec<QueueState>,
}

#[derive(Debug)]
struct QueueState {
    queue: Queue,
    used: Need,
    /// In the order of admission.
    waiting: Vec<(i32, OwnerId)>,
}

/// What a Job takes of a quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Thousandths of a CPU.
    pub cpu_millis: u64,
    /// GPUs.
    pub gpus: u64,
    /// Jobs: itself.
    pub jobs: u64,
}

impl Queues {
    pub(super) fn new(queues: &[Queue]) -> Self {
        let state = |queue: &Queue| QueueState {
            queue: queue.clone(),
            used: Need::default(),
            waiting: Vec::new(),
        };
        Self {
            all: queues.iter().map(state).collect(),
        }
    }

    /// A Job waits in the queue of this name.
    pub(super) fn wait(&mut self, name: &str, job: OwnerId, priority: i32) {
        let Some(state) = self.all.iter_mut().find(|s| s.queue.name == name) else {
            return;
        };
        let place = match state.queue.order {
            QueueOrder::Fifo => state.waiting.len(),
            QueueOrder::Priority => state.waiting.partition_point(|(p, _)| *p >= priority),
        };
        state.waiting.insert(place, (priority, job));
    }

    /// A Job does not wait any more.
    pub(super) fn forget(&mut self, name: &str, job: OwnerId) {
        if let Some(state) = self.all.iter_mut().find(|s| s.queue.name == name) {
            state.waiting.retain(|(_, waiting)| *waiting != job);
        }
    }

    /// A Job gives back what it took.
    pub(super) fn release(&mut self, name: &str, need: &Need) {
        if let Some(state) = self.all.iter_mut().find(|s| s.queue.name == name) {
            state.used.cpu_millis = state.used.cpu_millis.saturating_sub(need.cpu_millis);
            state.used.gpus = state.used.gpus.saturating_sub(need.gpus);
            state.used.jobs = state.used.jobs.saturating_sub(need.jobs);
        }
    }

    /// Admits what fits, the first in line first; a Job that does not fit holds up those behind it.
    ///
    /// `need` is what a waiting Job takes now. Returns the Jobs that may start, in the order of admission.
    pub(super) fn admit(&mut self, need: impl Fn(OwnerId) -> Option<Need>) -> Vec<OwnerId> {
        let mut all = Vec::new();
        for state in &mut self.all {
            let mut admitted = 0;
            for (_, job) in &state.waiting {
                let Some(need) = need(*job).filter(|need| state.used.fits(need, state.queue.quota))
                else {
                    break;
                };
                state.used.add(&need);
                all.push(*job);
                admitted += 1;
            }
            state.waiting.drain(..admitted);
        }
        all
    }
}

impl Need {
    fn fits(&self, more: &Self, quota: Quota) -> bool {
        let within = |used: u64, more: u64, limit: Option<u64>| {
            limit.is_none_or(|limit| used.saturating_add(more) <= limit)
        };
        within(self.cpu_millis, more.cpu_millis, quota.cpu_millis)
            && within(self.gpus, more.gpus, quota.gpus)
            && within(self.jobs, more.jobs, quota.jobs)
    }

    const fn add(&mut self, more: &Self) {
        self.cpu_millis = self.cpu_millis.saturating_add(more.cpu_millis);
        self.gpus = self.gpus.saturating_add(more.gpus);
        self.jobs = self.jobs.saturating_add(more.jobs);
    }
}
