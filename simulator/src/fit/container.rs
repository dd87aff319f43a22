//! What a recording shows of one container: when its pulls failed, and when it got its image.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pullstop_core::cause::Cause;
use pullstop_core::classify::Classifier;
use pullstop_core::pod::{
    ContainerKind, ContainerSnapshot, ContainerState, WaitingKind, WaitingReason,
};
use pullstop_core::time::Timestamp;

use super::episodes::is_of_registry;
use super::seen::{Seen, Spell, host_of};
use crate::recorded::words::{self, Words};

/// A container while its pod is there.
pub(super) struct Sight {
    name: String,
    image: String,
    host: Arc<str>,
    kind: ContainerKind,
    has_image: bool,
    /// The text under which it showed `ErrImagePull`, while it does.
    failed_with: Option<String>,
    spell: Option<Spell>,
    /// When its image was edited.
    edited_at: Option<Timestamp>,
}

/// For so long after an edit, a status may still show the error of the image before, as the engine has it.
const STALE: Duration = Duration::from_secs(20);

/// What a look at a container needs and adds to.
pub(super) struct Context<'a> {
    pub(super) classifier: &'a Classifier,
    /// When a container last got an image from a registry.
    pub(super) worked_at: &'a mut BTreeMap<Arc<str>, Timestamp>,
    pub(super) seen: &'a mut Seen,
}

impl Sight {
    /// A container that can hold its pod up; none of the others.
    pub(super) fn new(container: &ContainerSnapshot<'_>) -> Option<Self> {
        (container.kind != ContainerKind::Ephemeral).then(|| Self {
            name: container.name.to_owned(),
            image: container.image.to_owned(),
            host: host_of(container.image),
            kind: container.kind,
            has_image: container.ran,
            failed_with: None,
            spell: None,
            edited_at: None,
        })
    }

    pub(super) fn is(&self, container: &ContainerSnapshot<'_>) -> bool {
        self.name == container.name
    }

    pub(super) fn is_main(&self) -> bool {
        self.kind == ContainerKind::Main
    }

    pub(super) const fn has_image(&self) -> bool {
        self.has_image
    }

    /// A look at it. A container that has ended may never have started.
    pub(super) fn see(
        &mut self,
        container: &ContainerSnapshot<'_>,
        has_started: bool,
        at: Timestamp,
        context: &mut Context<'_>,
    ) {
        if self.image != container.image {
            // What was edited away can heal no more.
            self.give_up(at, None, context.seen);
            container.image.clone_into(&mut self.image);
            self.host = host_of(container.image);
            self.has_image = false;
            self.edited_at = Some(at);
        }
        let (reason, message) = match container.state {
            ContainerState::Waiting { reason, message } => (reason, message),
            ContainerState::Running => return self.gets_image(at, context),
            ContainerState::Terminated if has_started => return self.gets_image(at, context),
            ContainerState::Unreported | ContainerState::Terminated => return,
        };
        let Some(known) = WaitingReason::parse(reason) else {
            return;
        };
        match known.kind() {
            Some(WaitingKind::Failed) => {
                if self.failed_with.as_deref() != Some(message) {
                    self.fails(reason, message, at, context);
                    self.failed_with = Some(message.to_owned());
                }
                return;
            }
            Some(WaitingKind::BackingOff | WaitingKind::Constant) if self.spell.is_none() => {
                self.fails(reason, message, at, context);
            }
            None if known == WaitingReason::BeyondPull => self.gets_image(at, context),
            Some(_) | None => {}
        }
        self.failed_with = None;
    }

    /// Nobody will see any more whether it gets its image.
    pub(super) fn give_up(&mut self, at: Timestamp, arrival: Option<usize>, seen: &mut Seen) {
        self.failed_with = None;
        if let Some(mut spell) = self.spell.take() {
            spell.ended = at;
            seen.spells.push(spell);
            if let Some(arrival) = arrival.and_then(|arrival| seen.arrivals.get_mut(arrival)) {
                arrival.is_hopeless = true;
            }
        }
    }

    fn fails(&mut self, reason: &str, message: &str, at: Timestamp, context: &mut Context<'_>) {
        if self
            .edited_at
            .is_some_and(|edited| at.since(edited) < STALE)
        {
            return;
        }
        let cause = context.classifier.classify(reason, message).cause;
        if cause == Cause::KubeletThrottled {
            context.seen.throttled += 1;
            return;
        }
        self.has_image = false;
        self.hear_answer(cause, at, context.seen);
        let spell = self.spell.get_or_insert_with(|| Spell {
            cause,
            error: None,
            host: Arc::clone(&self.host),
            image: self.image.as_str().into(),
            first: at,
            last: at,
            ended: at,
            is_healed: false,
            failures: 0,
            worked_at: context.worked_at.get(&self.host).copied(),
        });
        spell.failures += 1;
        spell.last = at;
        // The first that tells anything names the spell: a bare back-off does not, for instance.
        if spell.error.is_none() || (spell.cause == Cause::Unknown && cause != Cause::Unknown) {
            let words = Words {
                reason: reason.to_owned(),
                message: message.to_owned(),
                image: self.image.clone(),
            };
            spell.cause = cause;
            spell.error = words::error_of(context.classifier, &words);
            context.seen.learn_runtime(words, spell.error);
        }
    }

    /// A registry that says what is wrong with an image works again: what was wrong with the registry is over.
    fn hear_answer(&mut self, cause: Cause, at: Timestamp, seen: &mut Seen) {
        let is_over = |spell: &mut Spell| {
            let was_known = spell.error.is_some() && spell.cause != Cause::Unknown;
            was_known && is_of_registry(spell.cause) && !is_of_registry(cause)
        };
        if let Some(mut spell) = self.spell.take_if(is_over) {
            (spell.ended, spell.is_healed) = (at, true);
            seen.spells.push(spell);
        }
    }

    fn gets_image(&mut self, at: Timestamp, context: &mut Context<'_>) {
        self.failed_with = None;
        if let Some(mut spell) = self.spell.take() {
            (spell.ended, spell.is_healed) = (at, true);
            context.seen.spells.push(spell);
        } else if self.has_image {
            return;
        }
        self.has_image = true;
        context.worked_at.insert(Arc::clone(&self.host), at);
    }
}
