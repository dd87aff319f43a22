//! The engine: the pod-failure state machine.
//!
//! Drive it in three steps: [`Engine::handle`] an input, [`Engine::poll`] until there is no effect left, and come back
//! with [`Input::Time`] at [`Engine::next_deadline`].
//!
//! Effects wait in the order in which they are to be carried out, until they are polled; none is lost or withdrawn. An input
//! may come while some wait, such as the answer to the one that was polled last: what it causes waits behind them. A driver
//! drains before it sleeps, or an effect is late.

mod decide;
mod effect;
mod input;
mod observe;
mod pulls;
mod record;
mod store;
mod write;

use std::collections::{BTreeSet, VecDeque};

pub use self::decide::Explanation;
pub use self::effect::{Decision, Effect, Transition, TransitionKind};
pub use self::input::{GoneFrom, Input, Outcome};
pub use crate::container::{
    FailingContainer, History, Latest, PastEvent, PullState, Source, StartedOver,
};
pub use crate::history::{Memory, Tallies, Tally};

use self::store::{Slot, Store};
use crate::plugin::{ActivePolicies, Fact, OutOfScope, Profile};
use crate::pod::{PodRef, PodSnapshot, ResourceVersion};
use crate::policy::Limits;
use crate::time::Timestamp;

/// Of how many failing containers of one pod failures are counted, the first ones that are seen to fail: more than pods
/// have that are not made to do harm, whose thousands must not hold up the verdicts on all others.
///
/// One of those beyond is as one that is being created: a pull for it may be in flight. So it holds a verdict on the
/// pod for as long as a pull may take, and is never what a pod is failed for. Once others have recovered it is counted.
pub const FAILING_CONTAINERS_MAX: usize = 64;

/// The state machine for any number of pods.
#[derive(Debug)]
pub struct Engine {
    profile: Profile,
    store: Store,
    wakes: BTreeSet<(Timestamp, Slot)>,
    effects: VecDeque<Effect>,
    now: Timestamp,
    /// Counts the lists, to tell who was missing in the last.
    listing: u32,
    view_is_whole: bool,
}

/// Why the engine wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeadlineReason {
    /// A rule's duration is over.
    Duration,
    /// What holds a verdict may be over.
    Hold,
    /// What is shown since an edit is about the new image by then.
    Edit,
    /// A write has not been confirmed.
    Confirmation,
    /// What is kept of pods that are gone can be dropped.
    Housekeeping,
}

impl Engine {
    /// An engine without any pods.
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            store: Store::default(),
            wakes: BTreeSet::new(),
            effects: VecDeque::new(),
            now: Timestamp::from_millis(0),
            listing: 0,
            view_is_whole: true,
        }
    }

    /// Takes in one input that came at `now`. A clock that goes back counts as standing still.
    ///
    /// Afterwards [`Engine::poll`] is to be called until it returns nothing, before the driver sleeps.
    pub fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        self.now = self.now.max(now);
        match input {
            Input::Pod { pod, source } => self.see(pod, source),
            Input::Gone { uid, from } => self.lose(uid, from),
            Input::History { uid, history } => self.recollect(uid, history),
            Input::RelistBegin => {
                self.view_is_whole = false;
                self.listing = self.listing.wrapping_add(1);
            }
            Input::RelistEnd => self.end_relist(),
            Input::Restored => self.store.outdate_versions(),
            Input::Policies(policies) => self.adopt(*policies),
            Input::Limits(limits) => self.limit(limits),
            Input::Outcome { uid, outcome } => self.outcome(uid, outcome),
            Input::Time => {
                debug_assert!(self.effects.is_empty(), "a driver drains before it sleeps");
            }
        }
        self.wake_due();
        self.store.expire(self.now);
        #[cfg(debug_assertions)]
        self.store.check(&self.wakes, self.now);
    }

    /// The next effect, in the order in which they are to be carried out.
    ///
    /// To be called until it returns nothing. Answers may be handled in between.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When to come back with [`Input::Time`], and why. May change with every input.
    pub fn next_deadline(&self) -> Option<(Timestamp, DeadlineReason)> {
        let wake = self
            .wakes
            .first()
            .and_then(|(_, slot)| self.store.record(*slot).wake);
        let expiry = self
            .store
            .expires_at()
            .map(|at| (at, DeadlineReason::Housekeeping));
        [wake, expiry].into_iter().flatten().min()
    }

    /// Pods of which state is kept: those that fail, or failed and wait for a write to be confirmed.
    pub fn tracked(&self) -> usize {
        self.store.len()
    }

    /// Whether state is kept of the pod with this uid.
    pub fn tracks(&self, uid: &str) -> bool {
        self.store.find(uid).is_some()
    }

    /// The active policies.
    pub const fn policies(&self) -> &ActivePolicies {
        self.profile.policies()
    }

    /// Whether `pod` is judged under the present policies.
    ///
    /// # Errors
    /// Says why it is not.
    pub fn covers(&self, pod: &PodSnapshot<'_>) -> Result<(), OutOfScope> {
        self.profile.covers(pod)
    }

    fn adopt(&mut self, policies: ActivePolicies) {
        let old = std::mem::replace(&mut self.profile.policies, policies);
        self.profile.policies.limit(old.limits().clone());
        for slot in self.store.slots() {
            let record = self.store.record_mut(slot);
            let namespace = record.pod.namespace();
            if old.of(namespace).patterns != self.profile.policies.of(namespace).patterns {
                // Their numbers are others now.
                let containers = record.containers.iter_mut();
                containers.for_each(FailingContainer::forget_pattern);
            }
        }
        self.judge_anew(|new, namespace| old.of(namespace) != new.of(namespace));
    }

    fn limit(&mut self, limits: Limits) {
        self.profile.policies.limit(limits);
        self.judge_anew(|_, _| true);
    }

    /// Other policies. Scope needs a look at the pods, so none of an affected namespace is judged before they were listed.
    fn judge_anew(&mut self, affects: impl Fn(&ActivePolicies, &str) -> bool) {
        for slot in self.store.slots() {
            let record = self.store.record_mut(slot);
            if affects(&self.profile.policies, record.pod.namespace()) {
                record.in_scope = false;
                record.hold_told = false;
                record
                    .containers
                    .iter_mut()
                    .for_each(|container| container.warned = false);
            }
        }
        self.effects.push_back(Effect::List);
    }

    fn end_relist(&mut self) {
        self.view_is_whole = true;
        for slot in self.store.slots() {
            let record = self.store.record(slot);
            if record.listing == self.listing {
                self.decide(slot);
            } else {
                self.lose_slot(slot, GoneFrom::View);
            }
        }
    }

    /// Decides on every pod whose time has come.
    fn wake_due(&mut self) {
        while let Some((at, slot)) = self.wakes.first().copied() {
            if at > self.now {
                return;
            }
            self.wakes.pop_first();
            self.store.record_mut(slot).wake = None;
            self.decide(slot);
        }
    }

    fn set_wake(&mut self, slot: Slot, wake: Option<(Timestamp, DeadlineReason)>) {
        let record = self.store.record_mut(slot);
        if record.wake == wake {
            return;
        }
        if let Some((at, _)) = record.wake {
            self.wakes.remove(&(at, slot));
        }
        record.wake = wake;
        if let Some((at, _)) = wake {
            self.wakes.insert((at, slot));
        }
    }

    /// Nothing more is to be done for the pod: it is forgotten, as soon as no write to it is in flight. Observations of
    /// it are old up to the last version, or before that one if it may come back as it is.
    fn let_go(&mut self, slot: Slot, may_come_back: bool) {
        let record = self.store.record_mut(slot);
        let ResourceVersion(last) = record.resource_version;
        if record.awaits_outcome() {
            record.containers.clear();
            self.set_wake(slot, None);
        } else {
            let old = last.saturating_sub(u64::from(may_come_back));
            self.forget(slot, ResourceVersion(old));
        }
    }

    fn forget(&mut self, slot: Slot, old: ResourceVersion) {
        self.set_wake(slot, None);
        self.store.remove(slot, old, self.now);
    }

    fn emit(&mut self, pod: &PodRef, container: &str, kind: TransitionKind) {
        self.effects.push_back(Effect::Transition(Transition {
            pod: pod.clone(),
            container: container.to_owned(),
            kind,
        }));
    }

    fn learn(&mut self, fact: &Fact<'_>) {
        for evidence in &mut self.profile.evidence {
            evidence.learn(self.now, fact);
        }
    }
}
