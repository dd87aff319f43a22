//! Applies observations of pods: counts failures, detects recoveries and restarts.

use super::effect::TransitionKind;
use super::pulls::{self, PulledTogether};
use super::record::{PodRecord, Write};
use super::store::Slot;
use super::{Engine, FAILING_CONTAINERS_MAX, GoneFrom};
use crate::cause::CauseSet;
use crate::container::back_off;
use crate::container::status;
use crate::container::{FailingContainer, History, Observation, Observed, Source};
use crate::image;
use crate::plugin::{Fact, OutOfScope};
use crate::pod::{ContainerKind, ContainerSnapshot, PodRef, PodSnapshot};
use crate::time::Timestamp;

impl Engine {
    /// A pod was seen.
    pub(super) fn see(&mut self, pod: &PodSnapshot<'_>, source: Source) {
        match self.store.find(pod.uid) {
            Some(slot) => self.follow(slot, pod, source),
            None if self.store.is_outdated(pod.uid, pod.resource_version) => {}
            None if pod.containers.iter().any(counts) && !pod.phase.is_terminal() => {
                self.meet(pod, source);
            }
            None => self.store.saw_gone(pod.uid, pod.resource_version),
        }
    }

    /// A pod is gone.
    pub(super) fn lose(&mut self, uid: &str, from: GoneFrom) {
        if let Some(slot) = self.store.find(uid) {
            self.lose_slot(slot, from);
        }
    }

    /// What happened to a pod before it was seen is known now.
    pub(super) fn recollect(&mut self, uid: &str, history: &History<'_>) {
        let Some(slot) = self.store.find(uid) else {
            return;
        };
        let record = self.store.record_mut(slot);
        let classify = self.profile.policies.classify(record.pod.namespace());
        let mut news = Vec::new();
        for container in &mut record.containers {
            if container.recollect(history, self.now, classify) {
                let failures = container.failures_in_all();
                let since = container.first_failure_at(CauseSet::ALL);
                news.extend(since.map(|since| (container.name().to_owned(), failures, since)));
            }
        }
        record.to_remember |= !news.is_empty();
        let pod = record.pod.clone();
        for (name, failures, since) in news {
            self.emit(&pod, &name, TransitionKind::Recollected { failures, since });
        }
        self.decide(slot);
    }

    pub(super) fn lose_slot(&mut self, slot: Slot, from: GoneFrom) {
        let record = self.store.record(slot);
        if from == GoneFrom::Cluster {
            let last = record.resource_version;
            self.forget(slot, last);
        } else if record.may_be_failed() {
            self.read_soon(slot);
        } else {
            self.let_go(slot, false);
        }
    }

    /// A pod that nothing is known of has failing containers.
    fn meet(&mut self, pod: &PodSnapshot<'_>, source: Source) {
        if self.profile.covers(pod).is_err() {
            return;
        }
        let slot = self.store.insert(PodRecord {
            pod: PodRef::new(pod),
            resource_version: pod.resource_version,
            version_is_void: false,
            observed_at: self.now,
            overrides: pod.overrides,
            containers: Vec::with_capacity(1),
            others_may_pull_from: Timestamp::NEVER,
            wake: None,
            write: Write::Idle,
            listing: self.listing,
            put_back: 0,
            failed_writes: 0,
            carries_memory: false,
            to_remember: false,
            ended: false,
            in_scope: true,
            hold_told: false,
        });
        self.meet_containers(slot, pod, source);
        self.finish(slot, pod);
    }

    /// A pod that is kept was seen again.
    fn follow(&mut self, slot: Slot, pod: &PodSnapshot<'_>, source: Source) {
        let record = self.store.record_mut(slot);
        record.listing = self.listing;
        let is_news = std::mem::take(&mut record.version_is_void);
        if pod.resource_version < record.resource_version && !is_news {
            return;
        }
        if pod.resource_version == record.resource_version && !is_news {
            if source == Source::List {
                self.confirm(slot, pod);
            }
            return;
        }
        record.resource_version = pod.resource_version;
        if pod.phase.is_terminal() {
            self.ended(slot, pod);
            return;
        }
        self.alive(slot);
        self.observe_containers(slot, pod, source);
        if let Err(why) = self.profile.covers(pod) {
            self.leave(slot, pod, why);
            return;
        }
        self.meet_containers(slot, pod, source);
        self.finish(slot, pod);
    }

    /// The pod is as it was, says a list or a read: if nothing was known of the last write, it has not been stored.
    fn confirm(&mut self, slot: Slot, pod: &PodSnapshot<'_>) {
        if pod.phase.is_terminal() {
            self.ended(slot, pod);
            return;
        }
        if let Err(why) = self.profile.covers(pod) {
            self.leave(slot, pod, why);
            return;
        }
        let record = self.store.record_mut(slot);
        record.in_scope = true;
        record.overrides = pod.overrides;
        if matches!(record.write, Write::Unsure { .. }) {
            record.write = Write::Idle;
        }
        self.settle(slot);
    }

    /// The pod is out of scope. One that only runs now has recovered; any other is not ours to write to.
    fn leave(&mut self, slot: Slot, pod: &PodSnapshot<'_>, why: OutOfScope) {
        let record = self.store.record_mut(slot);
        record.overrides = pod.overrides;
        if why == OutOfScope::Phase && record.containers.is_empty() {
            self.settle(slot);
        } else {
            self.let_go(slot, true);
        }
    }

    /// Takes over what the snapshot says of containers that are known to fail.
    fn observe_containers(&mut self, slot: Slot, pod: &PodSnapshot<'_>, source: Source) {
        let record = self.store.record(slot);
        let observed_at = record.observed_at;
        let together = PulledTogether::of(pod.containers, &record.containers);
        for (at, snapshot) in pod.containers.iter().enumerate() {
            let record = self.store.record_mut(slot);
            let Some(container) = record.container(snapshot.name) else {
                continue;
            };
            let appeared_at = match source {
                Source::List => observed_at,
                Source::Watch if together.stands_behind(at, snapshot) => {
                    back_off::behind_others(self.now)
                }
                Source::Watch => self.now,
            };
            let image = status::awaited_image(pod, snapshot, Some(container.image()));
            let image = &image::bounded(image);
            let failures_before = container.failures_in_all();
            let observation = Observation {
                source,
                now: self.now,
                appeared_at,
                classify: self.profile.policies.classify(pod.namespace),
            };
            let (started_over, observed) = container.observe(snapshot, image, observation);
            let failures = container.failures_in_all();
            if observed == Observed::Recovered {
                record.containers.retain(|c| c.name() != snapshot.name);
            }
            let name = snapshot.name;
            if started_over.is_none() && observed == Observed::Nothing {
                continue;
            }
            record.to_remember = true;
            let pod_ref = record.pod.clone();
            if let Some(why) = started_over {
                let what = TransitionKind::StartedOver {
                    why,
                    failures: failures_before,
                };
                self.emit(&pod_ref, name, what);
            }
            self.tell(
                &pod_ref,
                pod.node,
                name,
                image,
                observed,
                failures.max(failures_before),
            );
        }
        let record = self.store.record_mut(slot);
        record
            .containers
            .retain(|c| pod.containers.iter().any(|s| s.name == c.name()));
    }

    /// Takes in the containers that were not known to fail.
    fn meet_containers(&mut self, slot: Slot, pod: &PodSnapshot<'_>, source: Source) {
        for (at, snapshot) in pod.containers.iter().enumerate() {
            if !counts(snapshot) {
                continue;
            }
            let record = self.store.record_mut(slot);
            if record.containers.len() >= FAILING_CONTAINERS_MAX {
                break;
            }
            if record.container(snapshot.name).is_some() {
                continue;
            }
            let image = status::awaited_image(pod, snapshot, None);
            let shared = pod.containers[..at]
                .iter()
                .any(|c| c.image == image && counts(c));
            let image = &image::bounded(image);
            let error = self.profile.memory_error;
            let memory = snapshot
                .memory
                .filter(|memory| memory.fits(pod.created_at, self.now, error));
            let snapshot = &ContainerSnapshot {
                memory,
                ..*snapshot
            };
            let observation = Observation {
                source,
                now: self.now,
                appeared_at: Timestamp::from_millis(0),
                classify: self.profile.policies.classify(pod.namespace),
            };
            let met = FailingContainer::first_seen(snapshot, image, shared, observation);
            let Some((container, observed)) = met else {
                continue;
            };
            let failures = container.failures_in_all();
            record.to_remember |= observed != Observed::Nothing;
            record.containers.push(container);
            let pod_ref = record.pod.clone();
            self.tell(&pod_ref, pod.node, snapshot.name, image, observed, failures);
        }
    }

    /// What the whole pod looks like now that its containers are taken in.
    fn finish(&mut self, slot: Slot, pod: &PodSnapshot<'_>) {
        let now = self.now;
        let record = self.store.record_mut(slot);
        record.observed_at = now;
        record.in_scope = true;
        record.overrides = pod.overrides;
        let others_may_pull = pulls::others_may_pull(pod.containers, &record.containers);
        record.carries_memory |= pod.containers.iter().any(|c| c.memory.is_some());
        record.others_may_pull_from = match (others_may_pull, record.others_may_pull_from) {
            (false, _) => Timestamp::NEVER,
            (true, Timestamp::NEVER) => now,
            (true, since) => since,
        };
        self.settle(slot);
    }

    fn tell(
        &mut self,
        pod: &PodRef,
        node: Option<&str>,
        container: &str,
        image: &str,
        observed: Observed<'_>,
        failures: u32,
    ) {
        let what = match observed {
            Observed::Nothing => return,
            Observed::Throttled => TransitionKind::Throttled,
            Observed::Suspended => TransitionKind::Suspended,
            Observed::Recovered => {
                self.learn(&Fact::Recovered { pod, node, image });
                TransitionKind::Recovered { failures }
            }
            Observed::Counted(classification) => {
                let cause = classification.cause;
                self.learn(&Fact::Failed {
                    pod,
                    node,
                    image,
                    cause,
                });
                TransitionKind::Counted {
                    cause,
                    permanence: classification.permanence,
                    matched: classification.matched.to_owned(),
                    failures,
                }
            }
        };
        self.emit(pod, container, what);
    }
}

/// Names of containers have at most 63 characters. What is longer than any name of Kubernetes is no container that its API
/// server has let in, and is not kept.
const NAME_BYTES_MAX: usize = 253;

/// Whether a container's state is a failing image that a pod may be failed for.
fn counts(container: &ContainerSnapshot<'_>) -> bool {
    container.kind != ContainerKind::Ephemeral
        && container.name.len() <= NAME_BYTES_MAX
        && status::is_failing(container)
}
