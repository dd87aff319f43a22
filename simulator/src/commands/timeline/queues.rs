//! Rows of queues: quota in use, and waiting Jobs.

use std::collections::BTreeMap;

use pullstop_cluster::scenario::{Queue, Quota, Scenario};
use pullstop_cluster::world::control::OwnerState;
use pullstop_cluster::world::control::job::JobState;
use pullstop_cluster::world::{World, ZERO};
use pullstop_core::time::Timestamp;

use super::chart::{Group, Kind, Row, Texts};

/// The lane of what is in use.
const USED: usize = 0;
/// The lane of those who wait.
const WAITING: usize = 1;

/// All queues; none if the scenario has none.
pub(super) fn group(world: &World, scenario: &Scenario, texts: &mut Texts) -> Option<Group> {
    let rows: Vec<Row> = scenario
        .queues
        .iter()
        .map(|queue| row(queue, &loads(world, &queue.name), world.cluster.now, texts))
        .collect();
    (!rows.is_empty()).then(|| Group {
        head: Row::new("Queues"),
        rows,
        folds: Vec::new(),
    })
}

/// What a queue bears at some time. As a difference between two times it may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    cpu_millis: i64,
    gpus: i64,
    jobs: i64,
    waiting: i64,
}

impl Load {
    const fn plus(self, more: Self) -> Self {
        Self {
            cpu_millis: self.cpu_millis.saturating_add(more.cpu_millis),
            gpus: self.gpus.saturating_add(more.gpus),
            jobs: self.jobs.saturating_add(more.jobs),
            waiting: self.waiting.saturating_add(more.waiting),
        }
    }

    const fn minus(self, less: Self) -> Self {
        Self {
            cpu_millis: self.cpu_millis.saturating_sub(less.cpu_millis),
            gpus: self.gpus.saturating_sub(less.gpus),
            jobs: self.jobs.saturating_sub(less.jobs),
            waiting: self.waiting.saturating_sub(less.waiting),
        }
    }

    /// The part of the quota that is in use: the scarcest resource counts.
    fn thousandths(&self, quota: Quota) -> u64 {
        let part = |used: i64, limit: u64| {
            let used = u64::try_from(used).unwrap_or(0);
            let part = used.saturating_mul(1000).checked_div(limit);
            part.unwrap_or(1000).min(1000)
        };
        let parts = self.beside(quota).into_iter();
        parts
            .map(|(_, used, limit)| part(used, limit))
            .max()
            .unwrap_or(0)
    }

    /// Each resource that the quota limits: what it is called, how much of it is in use, and how much there is.
    fn beside(&self, quota: Quota) -> Vec<(&'static str, i64, u64)> {
        [
            ("m CPU", self.cpu_millis, quota.cpu_millis),
            ("GPUs", self.gpus, quota.gpus),
            ("Jobs", self.jobs, quota.jobs),
        ]
        .into_iter()
        .filter_map(|(unit, used, limit)| Some((unit, used, limit?)))
        .collect()
    }

    fn in_words(&self, quota: Quota) -> String {
        let parts: Vec<String> = self
            .beside(quota)
            .into_iter()
            .map(|(unit, used, limit)| format!("{used} of {limit} {unit}"))
            .collect();
        if parts.is_empty() {
            return format!("{} Jobs, without a limit", self.jobs);
        }
        parts.join(", ")
    }

    fn waiting_in_words(&self) -> String {
        match self.waiting {
            1 => "1 Job waits".to_owned(),
            many => format!("{many} Jobs wait"),
        }
    }
}

/// What the queue bears from each moment on in which that changes.
fn loads(world: &World, queue: &str) -> BTreeMap<Timestamp, Load> {
    let mut changes: BTreeMap<Timestamp, Load> = BTreeMap::from([(ZERO, Load::default())]);
    let mut add = |at: Timestamp, change: Load| {
        let sum = changes.entry(at).or_default();
        *sum = sum.plus(change);
    };
    let jobs = world
        .control
        .owners()
        .iter()
        .filter_map(|owner| match owner {
            OwnerState::Job(job) => Some(job),
            OwnerState::ReplicaSet(_) => None,
        });
    let none = Load::default();
    for job in jobs.filter(|job| is_queued(job, queue)) {
        let waits = Load { waiting: 1, ..none };
        let finished_at = job.finished.map(|finished| finished.at);
        add(job.created_at, waits);
        if let Some(started_at) = job.started_at {
            let takes = takes(job);
            add(started_at, takes.minus(waits));
            if let Some(at) = finished_at {
                add(at, none.minus(takes));
            }
        } else if let Some(at) = finished_at {
            add(at, none.minus(waits));
        }
    }
    let mut load = none;
    for change in changes.values_mut() {
        load = load.plus(*change);
        *change = load;
    }
    changes
}

/// A Job that is suspended until some time is resumed by hand, and never in the queue.
fn is_queued(job: &JobState, queue: &str) -> bool {
    let is_suspended = || {
        let until = job.spec.suspended_until.map(|until| ZERO.after(until));
        until.is_some_and(|until| job.created_at < until)
    };
    job.spec.queue.as_deref() == Some(queue) && !is_suspended()
}

fn takes(job: &JobState) -> Load {
    let need = job.need();
    let signed = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
    Load {
        cpu_millis: signed(need.cpu_millis),
        gpus: signed(need.gpus),
        jobs: signed(need.jobs),
        waiting: 0,
    }
}

fn row(queue: &Queue, loads: &BTreeMap<Timestamp, Load>, end: Timestamp, texts: &mut Texts) -> Row {
    let mut row = Row::new(format!("queue {}", queue.name));
    row.lanes = 2;
    let most = loads.values().map(|load| load.waiting).max().unwrap_or(0);
    let part_of_most = |load: &Load| u64::try_from(load.waiting * 1000 / most.max(1)).unwrap_or(0);
    let used = loads.iter().map(|(at, load)| {
        let part = load.thousandths(queue.quota);
        (*at, load.in_words(queue.quota), part)
    });
    levels(&mut row, (Kind::InUse, USED), used.collect(), end, texts);
    let waiting = loads
        .iter()
        .map(|(at, load)| (*at, load.waiting_in_words(), part_of_most(load)));
    levels(
        &mut row,
        (Kind::Waiting, WAITING),
        waiting.collect(),
        end,
        texts,
    );
    for (at, load) in loads {
        let words = format!(
            "{}; {}",
            load.in_words(queue.quota),
            load.waiting_in_words()
        );
        row.line(*at, texts.place(words));
    }
    row
}

/// One lane: from when on there is how much, until the next or the end.
fn levels(
    row: &mut Row,
    (kind, lane): (Kind, usize),
    mut steps: Vec<(Timestamp, String, u64)>,
    end: Timestamp,
    texts: &mut Texts,
) {
    steps.dedup_by(|next, last| next.1 == last.1);
    for (place, (from, words, part)) in steps.iter().enumerate() {
        let until = steps.get(place + 1).map_or(end, |(next, ..)| *next);
        row.level(kind, lane, (*from, until), *part, texts.place(&**words));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota {
        cpu_millis: None,
        gpus: Some(8),
        jobs: Some(10),
    };

    #[test]
    fn the_scarcest_resource_counts() {
        let load = Load {
            cpu_millis: 500,
            gpus: 6,
            jobs: 2,
            waiting: 1,
        };
        assert_eq!(load.thousandths(QUOTA), 750);
        assert_eq!(load.in_words(QUOTA), "6 of 8 GPUs, 2 of 10 Jobs");
        assert_eq!(load.waiting_in_words(), "1 Job waits");
    }

    #[test]
    fn without_a_limit_nothing_is_scarce() {
        let load = Load {
            jobs: 3,
            ..Load::default()
        };
        assert_eq!(load.thousandths(Quota::default()), 0);
        assert_eq!(load.in_words(Quota::default()), "3 Jobs, without a limit");
    }
}
