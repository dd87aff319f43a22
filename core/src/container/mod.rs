//! The state of one failing container, and how an observation changes it.
//!
//! Failures are counted as lower bounds. A failed pull shows as `ErrImagePull`, which the kubelet publishes one
//! worker sync after the failure; entering it, or a new error text within it, is one failure. Counts belong to
//! (pod uid, container, image) and start from zero when the image is edited or the container runs.

pub(crate) mod back_off;
mod past;
pub(crate) mod status;

pub use self::past::{History, PastEvent};

use self::status::waiting;
use crate::cause::{Cause, CauseSet, Permanence};
use crate::classify::{Classification, Classify, envelope};
use crate::hash::hash;
use crate::history::{Memory, Tallies};
use crate::pod::{ContainerKind, ContainerSnapshot, ContainerState, WaitingKind, WaitingReason};
use crate::time::Timestamp;

/// How the engine came to see a snapshot, which tells how old what it shows may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// As a change, by a watch: what it shows appeared just now.
    Watch,
    /// As the present state, by a list or a read: what it shows may be old.
    List,
}

/// A container whose image fails, as plugins see it.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent fact about the container"
)]
pub struct FailingContainer {
    /// Name and image in one allocation.
    names: Box<str>,
    name_len: u32,
    restart_count: u32,
    kind: ContainerKind,
    pull_state: PullState,
    ran: bool,
    /// Whether failures are among the counted ones that an earlier run of the engine remembered.
    recalled: bool,
    pub(crate) warned: bool,
    /// The image was edited, and its own first failure has not been shown yet.
    edited: bool,
    back_off_step: u8,
    latest: Option<Latest>,
    /// Hash of the error text.
    last_error: u64,
    last_attempt_at: Timestamp,
    may_pull_from: Timestamp,
    /// No attempt that is still to be seen to fail began before this.
    next_attempt_from: Timestamp,
    tallies: Tallies,
}

/// Where a failing container stands between two observations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullState {
    /// The status shows that a pull failed.
    Failed,
    /// The kubelet waits before the next pull.
    BackingOff,
    /// The kubelet does not pull at all; its status stays as it is.
    Constant,
    /// Back at `ContainerCreating`: the kubelet has restarted and pulls again. Neither failing nor recovered.
    Suspended,
    /// Waiting for something that says nothing about the image.
    Elsewhere,
}

/// What the latest counted failure was classified as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latest {
    /// Its cause.
    pub cause: Cause,
    /// Whether its message can heal.
    pub permanence: Permanence,
    /// What decided, for [`Classify::describe`].
    pub decided_by: Option<u16>,
}

/// The circumstances of an observation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation<'a> {
    pub(crate) source: Source,
    pub(crate) now: Timestamp,
    /// When what is shown can have happened at the earliest, one worker sync aside, as far as the pod tells: just now,
    /// or when it was last seen before, or the beginning of time if that is not known.
    pub(crate) appeared_at: Timestamp,
    pub(crate) classify: &'a dyn Classify,
}

/// What an observation meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Observed<'m> {
    Nothing,
    Counted(Classification<'m>),
    Throttled,
    Suspended,
    Recovered,
}

/// Why a count went back to zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartedOver {
    /// The pod's spec names another image now.
    ImageEdited,
    /// The container has run since the last observation.
    Ran,
}

impl FailingContainer {
    /// The container's name.
    pub fn name(&self) -> &str {
        &self.names[..self.name_len as usize]
    }

    /// The image that fails.
    pub fn image(&self) -> &str {
        &self.names[self.name_len as usize..]
    }

    /// What kind of container it is.
    pub fn kind(&self) -> ContainerKind {
        self.kind
    }

    /// Where it stands.
    pub fn pull_state(&self) -> PullState {
        self.pull_state
    }

    /// The latest counted failure, if any was counted.
    pub fn latest(&self) -> Option<Latest> {
        self.latest
    }

    /// Which pattern decided the latest failure is not known any more: the patterns are others now.
    pub(crate) const fn forget_pattern(&mut self) {
        if let Some(latest) = &mut self.latest {
            latest.decided_by = None;
        }
    }

    /// Failures of any of `causes`.
    pub fn failures(&self, causes: CauseSet) -> u32 {
        self.tallies.count(causes)
    }

    /// Failures of any cause.
    pub fn failures_in_all(&self) -> u32 {
        self.tallies.count(CauseSet::ALL)
    }

    /// When the first failure of any of `causes` was seen.
    pub fn first_failure_at(&self, causes: CauseSet) -> Option<Timestamp> {
        self.tallies.first_at(causes)
    }

    /// From when on the kubelet may be pulling; [`Timestamp::NEVER`] if it never does.
    pub fn may_pull_from(&self) -> Timestamp {
        self.may_pull_from
    }

    /// When an attempt was last seen to fail.
    pub fn last_attempt_at(&self) -> Timestamp {
        self.last_attempt_at
    }

    /// Whether failures are among the counted ones that an earlier run of the engine remembered, by its clock.
    pub fn is_recalled(&self) -> bool {
        self.recalled
    }

    pub(crate) fn memory(&self) -> Option<Memory> {
        self.tallies.last_at()?;
        Some(Memory {
            container: self.name().to_owned(),
            image: self.image().to_owned(),
            restart_count: self.restart_count,
            ran: self.ran,
            tallies: self.tallies.clone(),
            latest: self.latest?.cause,
            last_attempt_at: self.last_attempt_at,
            back_off_step: self.back_off_step,
        })
    }

    /// A record for a container that is seen failing for the first time by this engine. `shared` tells whether an earlier container
    /// of the pod fails on the same image, whose back-off then shows on this one too.
    pub(crate) fn first_seen<'m>(
        container: &ContainerSnapshot<'m>,
        image: &str,
        shared: bool,
        observation: Observation<'_>,
    ) -> Option<(Self, Observed<'m>)> {
        let (reason, message) = waiting(container)?;
        let mut record = Self {
            names: format!("{}{image}", container.name).into(),
            name_len: u32::try_from(container.name.len()).ok()?,
            restart_count: container.restart_count,
            kind: container.kind,
            pull_state: PullState::Elsewhere,
            ran: container.ran,
            recalled: false,
            warned: false,
            edited: false,
            back_off_step: 0,
            latest: None,
            last_error: 0,
            last_attempt_at: observation.now,
            may_pull_from: observation.now,
            next_attempt_from: Timestamp::from_millis(0),
            tallies: Tallies::default(),
        };
        let memory = container.memory.filter(|memory| record.recall(memory));
        let Some(kind) = WaitingReason::parse(reason)?.kind() else {
            memory?;
            let observed = record.suspend(observation.now);
            return Some((record, observed));
        };
        // What is remembered may be what is shown: it is not counted once more.
        let is_news = memory.is_none()
            && match kind {
                WaitingKind::Failed | WaitingKind::Constant => true,
                // A failure that nobody saw led to it, if its message tells of one.
                WaitingKind::BackingOff => {
                    observation.source == Source::List
                        && !shared
                        && !envelope::error_text(message).is_empty()
                }
            };
        let observed = if is_news {
            record.attempt_failed(kind, reason, message, observation)
        } else {
            record.notice(kind, reason, message);
            if kind == WaitingKind::Failed {
                // `ErrImagePull` stands for one worker sync only, so the attempt that it shows is not older than that,
                // be it the remembered one or one that nobody saw: the kubelet has not forgotten its back-off.
                let not_before = back_off::published_before(observation.now);
                record.last_attempt_at = record.last_attempt_at.max(not_before);
            }
            Observed::Nothing
        };
        Some((record, observed))
    }

    /// Takes in a new snapshot of the container.
    pub(crate) fn observe<'m>(
        &mut self,
        container: &ContainerSnapshot<'m>,
        image: &str,
        observation: Observation<'_>,
    ) -> (Option<StartedOver>, Observed<'m>) {
        let started_over = self.start_over_if_changed(container, image, observation.now);
        if observation.source == Source::List && self.may_pull_from <= observation.now {
            // Nobody was looking: a pull may have begun just now.
            self.may_pull_from = observation.now;
        }
        let observed = match container.state {
            ContainerState::Running | ContainerState::Terminated => Observed::Recovered,
            ContainerState::Unreported => Observed::Nothing,
            ContainerState::Waiting { reason, message } => self.wait(reason, message, observation),
        };
        (started_over, observed)
    }

    fn wait<'m>(
        &mut self,
        reason: &'m str,
        message: &'m str,
        observation: Observation<'_>,
    ) -> Observed<'m> {
        let known = WaitingReason::parse(reason);
        match (known, known.and_then(WaitingReason::kind)) {
            (_, Some(kind)) => self.fails(kind, reason, message, observation),
            (Some(WaitingReason::BeyondPull), _) => Observed::Recovered,
            (Some(_), None) => self.suspend(observation.now),
            (None, None) => {
                self.pull_state = PullState::Elsewhere;
                self.may_pull_from = self.may_pull_from.min(observation.now);
                Observed::Nothing
            }
        }
    }

    fn fails<'m>(
        &mut self,
        kind: WaitingKind,
        reason: &'m str,
        message: &'m str,
        observation: Observation<'_>,
    ) -> Observed<'m> {
        let before = self.pull_state;
        if kind == WaitingKind::BackingOff {
            if matches!(before, PullState::Suspended | PullState::Constant) {
                self.may_pull_from = observation.now;
            }
            if before == PullState::Failed && observation.source == Source::Watch {
                // The sync before the one that shows this held the pull back: no attempt began before now.
                self.next_attempt_from = self.next_attempt_from.max(observation.now);
            }
            self.pull_state = PullState::BackingOff;
            return Observed::Nothing;
        }
        if self.edited && observation.now.since(self.last_attempt_at) < back_off::WORKER_SYNC_MIN {
            // The old image's error, most likely; if it is still there later, it is the new one's.
            self.notice(kind, reason, message);
            self.latest = Some(latest_of(&observation.classify.classify(reason, message)));
            return Observed::Nothing;
        }
        let same = before == pull_state_of(kind) && hash(message.as_bytes()) == self.last_error;
        if same {
            Observed::Nothing
        } else {
            self.attempt_failed(kind, reason, message, observation)
        }
    }

    /// One more attempt has failed.
    fn attempt_failed<'m>(
        &mut self,
        kind: WaitingKind,
        reason: &'m str,
        message: &'m str,
        observation: Observation<'_>,
    ) -> Observed<'m> {
        self.edited = false;
        match kind {
            WaitingKind::Constant => self.may_pull_from = observation.now,
            WaitingKind::Failed | WaitingKind::BackingOff => self.back_off(observation),
        }
        self.notice(kind, reason, message);
        let classification = observation.classify.classify(reason, message);
        if !classification.cause.is_failure() {
            return Observed::Throttled;
        }
        self.tallies.add(classification.cause, observation.now);
        self.latest = Some(latest_of(&classification));
        Observed::Counted(classification)
    }

    /// Whether an edit has not been settled yet.
    pub(crate) fn is_edited(&self) -> bool {
        self.edited
    }

    /// When what is shown since an edit must be about the new image: a status is one worker sync old, no more.
    pub(crate) fn edit_settles_at(&self) -> Option<Timestamp> {
        let shows_failure = matches!(self.pull_state, PullState::Failed | PullState::Constant);
        // No attempt has been seen since the edit.
        (self.edited && shows_failure)
            .then(|| self.last_attempt_at.after(back_off::PUBLICATION_LAG_MAX))
    }

    /// Counts what is shown since an edit, if it is time; no change of the status may ever tell.
    pub(crate) fn settle_edit(&mut self, now: Timestamp) -> Option<Latest> {
        if self.edit_settles_at()? > now {
            return None;
        }
        self.edited = false;
        let latest = self.latest.filter(|latest| latest.cause.is_failure())?;
        self.tallies.add(latest.cause, now);
        Some(latest)
    }

    /// The kubelet's back-off has doubled, or begun.
    fn back_off(&mut self, observation: Observation<'_>) {
        let Observation {
            source,
            now,
            appeared_at,
            ..
        } = observation;
        let forgotten = now.since(self.last_attempt_at) > back_off::BACK_OFF_FORGOTTEN_AFTER;
        self.back_off_step = if forgotten {
            1
        } else {
            self.back_off_step.saturating_add(1)
        };
        self.last_attempt_at = now;
        let began_after = self.next_attempt_from.after(back_off::WORKER_SYNC_MAX);
        let appeared_at = appeared_at.max(began_after).min(now);
        let quiet_until = appeared_at.after(back_off::quiet_after(self.back_off_step));
        self.may_pull_from = quiet_until.max(now);
        // The sync that published this failure, or one after it, is the first that can pull again.
        let published_at = if source == Source::Watch {
            now
        } else {
            quiet_until
        };
        self.next_attempt_from = quiet_until.max(published_at);
    }

    fn notice(&mut self, kind: WaitingKind, reason: &str, message: &str) {
        self.pull_state = pull_state_of(kind);
        if WaitingReason::parse(reason).is_some_and(WaitingReason::never_pulls) {
            self.may_pull_from = Timestamp::NEVER;
        }
        if kind != WaitingKind::BackingOff {
            self.last_error = hash(message.as_bytes());
        }
    }

    fn suspend(&mut self, now: Timestamp) -> Observed<'static> {
        if self.pull_state == PullState::Suspended {
            return Observed::Nothing;
        }
        self.pull_state = PullState::Suspended;
        self.edited = false;
        self.back_off_step = 0;
        self.may_pull_from = now;
        self.next_attempt_from = Timestamp::from_millis(0);
        Observed::Suspended
    }

    /// Starts from zero if the image was edited or the container has run. The kubelet pulls an edited image at once,
    /// while its status still shows the old one's error: that text and standing stay, so as not to count it again.
    fn start_over_if_changed(
        &mut self,
        container: &ContainerSnapshot<'_>,
        image: &str,
        now: Timestamp,
    ) -> Option<StartedOver> {
        let edited = image != self.image();
        let ran = container.restart_count > self.restart_count || container.ran && !self.ran;
        if !edited && !ran {
            return None;
        }
        if edited {
            // The status that the edit causes may still tell of the old image, and is the only one for a while.
            self.names = format!("{}{image}", container.name).into();
        }
        if ran {
            self.pull_state = PullState::Elsewhere;
            self.restart_count = container.restart_count;
            self.ran = container.ran;
        }
        self.edited = edited;
        self.back_off_step = 0;
        self.may_pull_from = now;
        self.next_attempt_from = Timestamp::from_millis(0);
        self.last_attempt_at = now;
        self.tallies = Tallies::default();
        self.recalled = false;
        self.latest = None;
        self.warned = false;
        Some(if edited {
            StartedOver::ImageEdited
        } else {
            StartedOver::Ran
        })
    }

    /// Continues from `memory` if it speaks of this image and the container has not run since.
    fn recall(&mut self, memory: &Memory) -> bool {
        let valid = memory.image == self.image()
            && memory.restart_count == self.restart_count
            && memory.ran == self.ran;
        if valid {
            self.recalled = true;
            self.tallies = memory.tallies.clone();
            self.back_off_step = memory.back_off_step;
            self.last_attempt_at = memory.last_attempt_at;
            self.latest = Some(Latest {
                cause: memory.latest,
                permanence: Permanence::Ambiguous,
                decided_by: None,
            });
        }
        valid
    }
}

fn latest_of(classification: &Classification<'_>) -> Latest {
    Latest {
        cause: classification.cause,
        permanence: classification.permanence,
        decided_by: classification.decided_by,
    }
}

fn pull_state_of(kind: WaitingKind) -> PullState {
    match kind {
        WaitingKind::Failed => PullState::Failed,
        WaitingKind::BackingOff => PullState::BackingOff,
        WaitingKind::Constant => PullState::Constant,
    }
}
