//! Bounded concurrency for reads and writes: separate lanes for verdicts, round-robin among namespaces.

use std::collections::BTreeMap;

use pullstop_core::pod::PodRef;

use super::Why;
use crate::overrides::Source;
use crate::pods::jobs::Job;
use crate::pods::rounds::Rounds;

/// Verdicts that are carried out at the same time, each by a read and a write one after the other: enough for two
/// hundred a second if the API server answers within 20 ms, few enough not to be felt by it.
const VERDICTS_MAX: usize = 8;
/// Other reads and writes of pods at the same time. They have lanes of their own, so that no verdict waits for the
/// thousands of pods that are remembered after a start.
const CALLS_MAX: usize = 4;

/// Something to be done.
#[derive(Debug)]
pub(super) enum Task {
    /// About one pod.
    Job(Why, Job),
    /// Ask what pods belong to.
    Ask(Source),
}

/// In which lanes something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Those of verdicts.
    Verdicts,
    /// Those of all else.
    Calls,
}

/// What waits, and how much is under way. Of each pod one write waits at most, since the engine asks for no more, and one
/// read.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    verdicts: Queue,
    calls: Queue,
    /// The pods that are being read, or are to be, and whether they are to be read once more afterwards.
    reads: BTreeMap<String, bool>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Rounds<Task>,
    under_way: usize,
}

impl Lanes {
    /// How much waits or is under way.
    pub(super) const fn len(&self) -> usize {
        let (verdicts, calls) = (&self.verdicts, &self.calls);
        verdicts.waiting.len() + verdicts.under_way + calls.waiting.len() + calls.under_way
    }

    /// Whether anything waits.
    pub(super) const fn are_waited_for(&self) -> bool {
        self.verdicts.waiting.len() + self.calls.waiting.len() > 0
    }

    /// Puts something in line. A pod that is to be read anyway is not read twice, unless it has left the view since: what
    /// has been asked before may not show that yet.
    pub(super) fn push(&mut self, task: Task) {
        if let Task::Job(why, Job::Read(pod)) = &task {
            let uid = pod.uid();
            if let Some(once_more) = self.reads.get_mut(&uid) {
                *once_more |= *why == Why::Left;
                return;
            }
            self.reads.insert(uid, false);
        }
        let namespace = task.namespace().to_owned();
        self.queue(task.lane()).waiting.push(&namespace, task);
    }

    /// What is to be begun now, if a lane is free for a namespace that `may` have one.
    pub(super) fn begin(&mut self, may: impl Fn(&str) -> bool) -> Option<(Lane, Task)> {
        let lanes = [(Lane::Verdicts, VERDICTS_MAX), (Lane::Calls, CALLS_MAX)];
        lanes.into_iter().find_map(|(lane, max)| {
            let queue = self.queue(lane);
            let has_room = queue.under_way < max;
            let task = queue.waiting.take(|namespace| has_room && may(namespace))?;
            queue.under_way += 1;
            Some((lane, task))
        })
    }

    /// What was begun has ended.
    pub(super) fn end(&mut self, lane: Lane) {
        self.queue(lane).under_way -= 1;
    }

    /// A pod has been read. Whether that is to be done once more.
    pub(super) fn end_read(&mut self, pod: &PodRef) -> bool {
        let read = self.reads.remove(&pod.uid());
        read.unwrap_or_default()
    }

    const fn queue(&mut self, lane: Lane) -> &mut Queue {
        match lane {
            Lane::Verdicts => &mut self.verdicts,
            Lane::Calls => &mut self.calls,
        }
    }
}

impl Task {
    const fn lane(&self) -> Lane {
        match self {
            Self::Job(_, Job::Verdict(..)) => Lane::Verdicts,
            Self::Job(_, Job::Remember { .. } | Job::Read(_)) | Self::Ask(_) => Lane::Calls,
        }
    }

    fn namespace(&self) -> &str {
        match self {
            Self::Job(_, job) => job.pod().namespace(),
            Self::Ask(source) => source.namespace(),
        }
    }
}

#[cfg(test)]
mod tests {
    use pullstop_core::wire::WirePod;

    use super::*;

    fn read(namespace: &str, name: &str, why: Why) -> Task {
        let json = format!(
            r#"{{"metadata": {{"namespace": "{namespace}", "name": "{name}", "uid": "{name}", "resourceVersion": "1"}}}}"#
        );
        let pod: WirePod = serde_json::from_str(&json).unwrap();
        Task::Job(why, Job::Read(pod.snapshot(None, PodRef::new).unwrap()))
    }

    #[test]
    fn a_pod_is_read_once_however_often_that_is_asked_for() {
        let mut lanes = Lanes::default();
        for _ in 0..6 {
            for pod in 0..10_000 {
                lanes.push(read("a", &pod.to_string(), Why::Asked));
            }
            // All lanes are taken from the first time on, and nothing ends.
            while lanes.begin(|_| true).is_some() {}
        }
        assert_eq!((lanes.len(), lanes.calls.under_way), (10_000, CALLS_MAX));
    }

    #[test]
    fn a_pod_that_has_left_is_read_after_it_has_left() {
        let mut lanes = Lanes::default();
        lanes.push(read("a", "p", Why::Asked));
        let (lane, begun) = lanes.begin(|_| true).unwrap();
        let Task::Job(_, Job::Read(pod)) = begun else {
            panic!("{begun:?}")
        };
        lanes.push(read("a", "p", Why::Left));
        lanes.push(read("a", "p", Why::Left));
        assert_eq!(lanes.len(), 1);
        lanes.end(lane);
        assert!(lanes.end_read(&pod));
        assert!(!lanes.end_read(&pod));
    }

    #[test]
    fn a_namespace_that_pauses_holds_up_no_other() {
        let mut lanes = Lanes::default();
        for pod in 0..100 {
            lanes.push(read("a", &pod.to_string(), Why::Asked));
        }
        lanes.push(read("b", "p", Why::Asked));
        let (_, begun) = lanes.begin(|namespace| namespace != "a").unwrap();
        assert_eq!(begun.namespace(), "b");
        assert!(lanes.begin(|namespace| namespace != "a").is_none());
        assert!(lanes.are_waited_for());
    }
}
