//! The Events that the kubelet of [`super::kubelet`] writes, and those that it does not.

use proptest::prelude::*;
use pullstop_core::engine::{History, PastEvent};
use pullstop_core::time::Timestamp;

use super::at;
use super::kubelet::{Ending, Fate, Life, fates};

/// An Event object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) count: u32,
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
}

/// What becomes of the kubelet's Events.
#[derive(Clone, Debug)]
pub(crate) struct Loss {
    /// Which of the writes come through, over and over.
    pub(crate) written: Vec<bool>,
    /// Whether an object that was not written for an hour is still there.
    pub(crate) keeps: bool,
}

pub(crate) fn losses() -> impl Strategy<Value = Loss> {
    (
        prop::collection::vec(prop::bool::weighted(0.7), 1..40),
        any::<bool>(),
    )
        .prop_map(|(written, keeps)| Loss { written, keeps })
}

/// Fates, and what becomes of the Events. A kubelet that throttles backs off without any failure; who has lost the Events
/// that say so cannot know it.
pub(crate) fn fates_with_losses(heals: bool) -> impl Strategy<Value = (Fate, Loss)> {
    (fates(heals), losses()).prop_map(|(fate, loss)| {
        if fate
            .pulls
            .iter()
            .any(|(ending, _)| *ending == Ending::Throttled)
        {
            let written = vec![true];
            (
                fate,
                Loss {
                    written,
                    keeps: true,
                },
            )
        } else {
            (fate, loss)
        }
    })
}

impl Loss {
    /// What there is to read of this life at a moment.
    pub(crate) fn events(&self, life: &Life, until_ms: u64) -> Vec<Event> {
        // All that happens, in the order in which it does.
        let mut happens: Vec<(u64, &'static str, String)> = Vec::new();
        for (from, to, ending) in &life.pulls {
            happens.push((
                *from,
                "Pulling",
                "Pulling image \"r.example/a:b\"".to_owned(),
            ));
            let error = ending.message();
            if !error.is_empty() {
                let message = format!("Failed to pull image \"r.example/a:b\": {error}");
                happens.push((*to, "Failed", message));
                happens.push((*to, "Failed", "Error: ErrImagePull".to_owned()));
            }
        }
        for ms in &life.back_offs {
            let message = "Back-off pulling image \"r.example/a:b\"".to_owned();
            happens.push((*ms, "BackOff", message));
        }
        happens.sort_by_key(|(ms, ..)| *ms);
        // What the kubelet has counted, and what was written of that.
        let mut objects: Vec<(Event, Option<Event>)> = Vec::new();
        let mut lives = life.restarts.iter().copied().peekable();
        let (mut born, mut written) = (0, self.written.iter().cycle());
        for (ms, reason, message) in happens.into_iter().filter(|(ms, ..)| *ms <= until_ms) {
            while lives.next_if(|restart| *restart <= ms).is_some() {
                born = objects.len();
            }
            let known = objects[born..]
                .iter()
                .position(|(event, _)| (event.reason, &event.message) == (reason, &message));
            let place = known.map_or(objects.len(), |place| born + place);
            if known.is_none() {
                let event = Event {
                    reason,
                    message,
                    count: 0,
                    first_ms: ms,
                    last_ms: ms,
                };
                objects.push((event, None));
            }
            let (event, shown) = &mut objects[place];
            event.count += 1;
            event.last_ms = ms;
            if *written.next().unwrap() {
                *shown = Some(event.clone());
            }
        }
        let is_there = |event: &Event| self.keeps || until_ms - event.last_ms < 3_600_000;
        objects
            .into_iter()
            .filter_map(|(_, shown)| shown)
            .filter(is_there)
            .collect()
    }
}

/// Lends the events as the history of the container `main`, of a pod that was met failing at `met_at`.
pub(crate) fn lend<R>(
    events: &[Event],
    met_at: Timestamp,
    use_it: impl FnOnce(&History<'_>) -> R,
) -> R {
    // Events tell whole seconds.
    let whole = |ms: u64| Timestamp::from_millis(at(ms).as_millis() / 1000 * 1000);
    let lent = |event: &'_ Event| PastEvent {
        container: "main",
        reason: event.reason,
        message: "",
        count: event.count,
        first_at: whole(event.first_ms),
        last_at: whole(event.last_ms),
    };
    let events: Vec<PastEvent<'_>> = events
        .iter()
        .map(|event| PastEvent {
            message: &event.message,
            ..lent(event)
        })
        .collect();
    use_it(&History {
        created_at: Some(at(0)),
        met_at,
        events: &events,
    })
}
