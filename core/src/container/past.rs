//! Earlier failures of a container, from Events.
//!
//! Events are dropped and expire, so what they tell is too little by construction: their counts and first times are
//! lower bounds, which is all that a threshold needs. They count once, for pods that were failing when they were first
//! seen; from then on the statuses do.

use std::time::Duration;

use super::{FailingContainer, Latest, PullState, back_off, latest_of};
use crate::classify::Classify;
use crate::history::{Tallies, Tally};
use crate::time::Timestamp;

/// So many Events of a pod are looked at; a kubelet writes about ten objects for each of its containers.
const EVENTS_MAX: usize = 500;

/// How often the kubelet can say that it backs off after one failed pull: the longest back-off, at half the shortest time
/// between two worker syncs, since others than the clock make it sync too.
const BACK_OFFS_A_PULL_MAX: u32 = 60;
/// The longest time between two quick pulls that fail: the longest back-off, and a worker sync.
const PULL_EVERY_MAX: Duration =
    Duration::from_secs(back_off::BACK_OFF_MAX.as_secs() + back_off::WORKER_SYNC_MAX.as_secs());

/// One Event that a kubelet wrote about a container (`pkg/kubelet/events/event.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastEvent<'a> {
    /// The container that its `involvedObject.fieldPath` names.
    pub container: &'a str,
    /// `reason`, such as `Failed`.
    pub reason: &'a str,
    /// `message`.
    pub message: &'a str,
    /// How often it has happened until `last_at`, at least.
    pub count: u32,
    /// When it happened first, or later.
    pub first_at: Timestamp,
    /// When it happened last, as far as it was written.
    pub last_at: Timestamp,
}

/// All that is known of a pod's past.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// When the pod was created, if that is known: nothing counts that was before.
    pub created_at: Option<Timestamp>,
    /// When the engine first saw the pod failing. Pulls that fail about then or later, it sees itself.
    pub met_at: Timestamp,
    /// What the kubelet wrote about the pod, in any order.
    pub events: &'a [PastEvent<'a>],
}

/// What is certain about one container and its present image.
#[derive(Debug, Default)]
struct Certain {
    tallies: Tallies,
    latest: Option<(Timestamp, Latest)>,
    /// How often the back-off has doubled since the kubelet began to count.
    doublings: u32,
}

impl FailingContainer {
    /// Takes in what is known of the past, unless the container has run since, or somebody was looking all the time.
    /// Whether that was anything new.
    pub(crate) fn recollect(
        &mut self,
        history: &History<'_>,
        now: Timestamp,
        classify: &dyn Classify,
    ) -> bool {
        if self.ran || self.restart_count > 0 || self.edited {
            return false;
        }
        let certain = self.certain(history, now, classify);
        let before = self.tallies.clone();
        for tally in certain.tallies.iter() {
            self.tallies.at_least(*tally);
        }
        self.latest = self
            .latest
            .or_else(|| certain.latest.map(|(_, latest)| latest));
        // What a list showed failing has not failed just now.
        let shown_before = back_off::published_before(now);
        self.last_attempt_at = self.last_attempt_at.min(shown_before);
        if self.pull_state != PullState::Suspended {
            // Pulls take minutes at most before they fail, so the kubelet has not forgotten its back-off between them.
            let doublings = u8::try_from(certain.doublings).unwrap_or(u8::MAX);
            self.back_off_step = self.back_off_step.max(doublings);
        }
        let is_news = self.tallies != before;
        // Events are dated by other clocks, in whole seconds.
        self.recalled |= is_news;
        is_news
    }

    fn certain(&self, history: &History<'_>, now: Timestamp, classify: &dyn Classify) -> Certain {
        let begins_at = history.created_at.unwrap_or(Timestamp::from_millis(0));
        let all = history.events.iter().take(EVENTS_MAX);
        let mine: Vec<&PastEvent<'_>> = all
            .filter(|event| event.container == self.name())
            .filter(|event| begins_at <= event.first_at && event.last_at <= now)
            .collect();
        let began_anew_at = mine.iter().filter(|event| self.begins_anew(event));
        let began_anew_at = began_anew_at.map(|event| event.last_at).max();
        let ours: Vec<&PastEvent<'_>> = mine
            .into_iter()
            .filter(|event| began_anew_at.is_none_or(|at| at < event.first_at))
            .filter(|event| event.image().is_some_and(|image| self.awaits(image)))
            .collect();
        let restarted_at = restarted_at(&ours);
        let shown_before = back_off::published_before(history.met_at);

        let mut certain = Certain::default();
        let mut tells_of_pulls = false;
        for event in &ours {
            let Some(reason) = event.waiting_reason() else {
                continue;
            };
            tells_of_pulls = true;
            let classification = classify.classify(reason, event.message);
            let times = event.failures(shown_before);
            if reason == PULL_FAILED && restarted_at.is_none_or(|at| at <= event.last_at) {
                certain.doublings = certain.doublings.saturating_add(times);
            }
            if times == 0 || !classification.cause.is_failure() {
                continue;
            }
            let latest = (event.last_at, latest_of(&classification));
            if certain.latest.is_none_or(|(at, _)| at <= latest.0) {
                certain.latest = Some(latest);
            }
            let tally = event.tally(times);
            certain.tallies.join(Tally {
                cause: classification.cause,
                ..tally
            });
        }
        if !tells_of_pulls {
            self.infer(&ours, restarted_at, shown_before, &mut certain);
        }
        certain
    }

    /// What follows from the back-off alone: the Events about pulls are the first to be dropped, and to expire. The kubelet
    /// backs off from its own throttling too, so nothing follows if that is what shows.
    fn infer(
        &self,
        ours: &[&PastEvent<'_>],
        restarted_at: Option<Timestamp>,
        shown_before: Timestamp,
        certain: &mut Certain,
    ) {
        let Some(latest) = self.latest.filter(|latest| latest.cause.is_failure()) else {
            return;
        };
        let since_restart =
            |event: &&&PastEvent<'_>| restarted_at.is_none_or(|at| at <= event.last_at);
        let back_off = ours
            .iter()
            .filter(|event| event.is_back_off())
            .filter(since_restart)
            .max_by_key(|event| event.last_at);
        let Some(event) = back_off else {
            return;
        };
        let pulls_at_least = event
            .pulls_before()
            .saturating_sub(event.unseen(shown_before));
        if pulls_at_least > 0 {
            certain.doublings = pulls_at_least;
            let tally = event.tally(pulls_at_least);
            certain.tallies.join(Tally {
                cause: latest.cause,
                ..tally
            });
        }
    }

    /// Whether what was before the event is no longer about this container's present failures: it has got an image, or it
    /// waited for another one.
    fn begins_anew(&self, event: &PastEvent<'_>) -> bool {
        event.reason == "Pulled" || event.image().is_some_and(|image| !self.awaits(image))
    }

    /// Whether the kubelet calls the image so: it adds `:latest` where there is no tag.
    fn awaits(&self, image: &str) -> bool {
        image == self.image() || image.strip_suffix(":latest") == Some(self.image())
    }
}

/// The waiting reason of a pull that has failed.
const PULL_FAILED: &str = "ErrImagePull";
/// What the kubelet puts before one of many different messages, whose count is that of all of them.
const COMBINED: &str = "(combined from similar events): ";

impl<'a> PastEvent<'a> {
    fn text(&self) -> &'a str {
        self.message.strip_prefix(COMBINED).unwrap_or(self.message)
    }

    /// The image that it is about. The kubelet quotes it, before anything that others have written.
    fn image(&self) -> Option<&'a str> {
        let begins = [
            "Failed to pull image ",
            "Back-off pulling image ",
            "Pulling image ",
            "Successfully pulled image ",
            "Container image ",
            "Failed to apply default image tag ",
        ];
        let text = self.text();
        let rest = begins.iter().find_map(|begin| text.strip_prefix(begin))?;
        Some(rest.strip_prefix('"')?.split_once('"')?.0)
    }

    /// The waiting reason of the failure that it tells of, if it tells of one.
    fn waiting_reason(&self) -> Option<&'static str> {
        let text = self.text();
        match self.reason {
            "Failed" if text.starts_with("Failed to pull image ") => Some(PULL_FAILED),
            "InspectFailed" if text.starts_with("Failed to apply default image tag ") => {
                Some("InvalidImageName")
            }
            "ErrImageNeverPull" => Some("ErrImageNeverPull"),
            _ => None,
        }
    }

    fn is_back_off(&self) -> bool {
        self.reason == "BackOff" && self.image().is_some()
    }

    /// How many failures it tells of, without those that the engine may still come to see.
    fn failures(&self, shown_before: Timestamp) -> u32 {
        if self.waiting_reason() != Some(PULL_FAILED) {
            // Nothing is pulled; the kubelet says so at every sync.
            1
        } else if self.is_combined() {
            1u32.saturating_sub(self.unseen(shown_before))
        } else {
            self.count.saturating_sub(self.unseen(shown_before))
        }
    }

    /// How many of the pulls until its last time may be published only after that: they are as far apart as the shortest
    /// back-off at least.
    fn unseen(&self, shown_before: Timestamp) -> u32 {
        if self.last_at < shown_before {
            return 0;
        }
        let later =
            self.last_at.since(shown_before).as_secs() / back_off::BACK_OFF_INITIAL.as_secs();
        u32::try_from(later).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// How many pulls have failed if it tells of a back-off, by its count and by its times, of which the kubelet's other
    /// work can spoil one and slow pulls the other: the less of both.
    fn pulls_before(&self) -> u32 {
        let by_count = self.count.div_ceil(BACK_OFFS_A_PULL_MAX);
        let between = self.last_at.since(self.first_at).as_secs();
        let by_time = u32::try_from(between / PULL_EVERY_MAX.as_secs()).unwrap_or(u32::MAX);
        by_count.min(by_time.saturating_add(1))
    }

    fn is_combined(&self) -> bool {
        self.message.starts_with(COMBINED)
    }

    fn tally(&self, failures: u32) -> Tally {
        Tally {
            cause: crate::cause::Cause::Unknown,
            failures,
            first_at: if self.is_combined() {
                self.last_at
            } else {
                self.first_at
            },
            last_at: self.last_at,
        }
    }
}

/// When the kubelet was last restarted, as far as that shows: it has forgotten its Events then and writes new ones, and its
/// back-off has begun anew.
fn restarted_at(events: &[&PastEvent<'_>]) -> Option<Timestamp> {
    let is_twin = |a: &PastEvent<'_>, b: &PastEvent<'_>| {
        (a.reason, a.message) == (b.reason, b.message) && a.first_at > b.first_at
    };
    let is_later_one = |event: &&&PastEvent<'_>| events.iter().any(|other| is_twin(event, other));
    let later_ones = events.iter().filter(is_later_one);
    later_ones.map(|event| event.first_at).max()
}
