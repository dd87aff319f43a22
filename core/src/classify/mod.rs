//! Classifies a pull error's reason and message as a [`Cause`].
//!
//! A message is peeled out of the kubelet's envelopes ([`envelope`]), names in it are masked, and
//! then every text of the policy's own patterns is looked for in a single pass, and if none is there, every text of
//! the [`table`] in a second one. Of the patterns that are found the first wins. There is no backtracking: the work is linear in the message, however hostile it is.

pub mod envelope;
mod mask;
mod patterns;
pub mod table;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::cause::{Cause, Permanence};
use crate::pod::WaitingReason;
use patterns::Searcher;
pub use patterns::{OWN_BYTES_MAX, Patterns, TooManyPatterns};
pub use table::Pattern;

/// What a message says about a failed pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classification<'m> {
    /// Why the pull failed.
    pub cause: Cause,
    /// Whether waiting can help, as far as the text tells.
    pub permanence: Permanence,
    /// The part of the message that decided it, or the reason where that did. Empty if nothing was recognised.
    pub matched: &'m str,
    /// The number of the pattern that decided it, for [`Classifier::pattern`]; none if the reason did.
    pub decided_by: Option<u16>,
}

impl Classification<'_> {
    const UNKNOWN: Self = Self {
        cause: Cause::Unknown,
        permanence: Permanence::Ambiguous,
        matched: "",
        decided_by: None,
    };
}

/// From reason and message to cause.
pub trait Classify: fmt::Debug + Send {
    /// The plugin's name in trails.
    fn name(&self) -> &'static str;
    /// What the message, shown under a waiting reason, says.
    fn classify<'m>(&self, reason: &'m str, message: &'m str) -> Classification<'m>;
    /// What stands behind [`Classification::decided_by`], for people.
    fn describe(&self, decided_by: u16) -> Cow<'_, str>;
}

/// A policy's own patterns, and behind them the built-in table.
#[derive(Clone, Debug)]
pub struct Classifier {
    own: Patterns,
    built_in: Arc<Searcher>,
}

impl Classifier {
    /// The built-in table, with a user's own patterns before it.
    ///
    /// # Errors
    /// If the patterns are too many or too long to search for at once.
    pub fn new(own: &[Pattern]) -> Result<Self, TooManyPatterns> {
        Self::with(Patterns::new(own.to_vec())?)
    }

    /// The same with compiled patterns.
    ///
    /// # Errors
    /// Never, since the built-in table is not too long.
    pub fn with(own: Patterns) -> Result<Self, TooManyPatterns> {
        let built_in = Searcher::built_in()?;
        Ok(Self { own, built_in })
    }

    /// The pattern of this number.
    pub fn pattern(&self, number: u16) -> Option<&Pattern> {
        let number = usize::from(number);
        self.own
            .get(number)
            .or_else(|| self.built_in.patterns.get(number - self.own.len()))
    }

    /// What `message`, shown under the waiting reason `reason`, says. Either may be empty.
    ///
    /// The work is linear in the length of the message.
    pub fn classify<'m>(&self, reason: &'m str, message: &'m str) -> Classification<'m> {
        let known_reason = WaitingReason::parse(reason);
        let text = envelope::error_text(message);
        let from_text = envelope::elements(text)
            .into_iter()
            .map(|element| self.classify_element(element, element.len() == text.len()))
            .reduce(stronger)
            .unwrap_or(Classification::UNKNOWN);
        weigh_reason(known_reason, reason, message, from_text)
    }

    fn classify_element<'m>(&self, element: &'m str, is_whole: bool) -> Classification<'m> {
        let clean = mask::clean(element);
        // A user's own pattern means what it says.
        let own = self.own.searcher().search(&clean, is_whole);
        if let Some(first) = own.numbers.first().copied() {
            let pattern = &self.own[first];
            return said_by(pattern, first, own.place_of(first), element);
        }
        let found = self.built_in.search(&clean, is_whole);
        let Some(first) = found.numbers.first().copied() else {
            return Classification::UNKNOWN;
        };
        let permanence = |number: usize| self.built_in.patterns[number].permanence;
        // A definite error beside one that heals: the network's error led to it.
        let heals = |number: &&usize| permanence(**number) == Permanence::Transient;
        let winner = if permanence(first) == Permanence::Permanent {
            *found.numbers.iter().find(heals).unwrap_or(&first)
        } else {
            first
        };
        let pattern = &self.built_in.patterns[winner];
        let number = self.own.len() + winner;
        said_by(pattern, number, found.place_of(winner), element)
    }
}

/// What a pattern says that was found at this place of a message.
fn said_by<'m>(
    pattern: &Pattern,
    number: usize,
    place: Option<std::ops::Range<usize>>,
    element: &'m str,
) -> Classification<'m> {
    Classification {
        cause: pattern.cause,
        permanence: pattern.permanence,
        matched: place
            .and_then(|place| element.get(place))
            .unwrap_or_default(),
        decided_by: u16::try_from(number).ok(),
    }
}

/// Of two errors that the kubelet joined, one per credential it tried, the one that tells more.
///
/// The attempt without credentials is the last and is refused on any private registry, so a denial weighs least,
/// and a decisive denial more than an ambiguous one. Among the rest, an error that can heal comes first: with it in
/// the message nobody can know that the image is bad.
fn stronger<'m>(a: Classification<'m>, b: Classification<'m>) -> Classification<'m> {
    let weight = |c: &Classification<'_>| match (c.cause, c.permanence) {
        (Cause::Unknown, _) => 0,
        (Cause::AmbiguousNotFoundOrDenied, _) => 1,
        (Cause::AccessDenied, _) => 2,
        (_, Permanence::Permanent) => 3,
        (_, Permanence::Ambiguous) => 4,
        (_, Permanence::Transient) => 5,
    };
    let mut winner = if weight(&b) > weight(&a) { b } else { a };
    if a.cause != b.cause && winner.permanence == Permanence::Permanent {
        winner.permanence = Permanence::Ambiguous;
    }
    winner
}

/// What the waiting reason adds to what the text says.
fn weigh_reason<'m>(
    known: Option<WaitingReason>,
    reason: &'m str,
    message: &str,
    from_text: Classification<'m>,
) -> Classification<'m> {
    let by_reason = |cause, permanence| Classification {
        cause,
        permanence,
        matched: if from_text.matched.is_empty() {
            reason
        } else {
            from_text.matched
        },
        decided_by: from_text.decided_by,
    };
    let silent = from_text.cause == Cause::Unknown;
    match known {
        Some(WaitingReason::InvalidImageName) => {
            by_reason(Cause::InvalidReference, Permanence::Permanent)
        }
        Some(WaitingReason::ErrImageNeverPull) => {
            by_reason(Cause::NeverPullMissing, Permanence::Permanent)
        }
        Some(WaitingReason::SignatureValidationFailed) if silent => {
            by_reason(Cause::SignatureRejected, Permanence::Permanent)
        }
        Some(WaitingReason::RegistryUnavailable) if silent => {
            by_reason(Cause::RegistryUnavailable, Permanence::Transient)
        }
        Some(WaitingReason::ImageInspectError) => inspected(from_text, reason),
        None if envelope::is_inspection(message) && !silent => inspected(from_text, reason),
        _ => from_text,
    }
}

/// Looking at the node's images asks no registry: unless the name is at fault, the runtime is.
fn inspected<'m>(from_text: Classification<'m>, reason: &'m str) -> Classification<'m> {
    match from_text.cause {
        Cause::InvalidReference | Cause::NodeRuntime | Cause::NodeDiskFull => from_text,
        Cause::Unknown => Classification {
            cause: Cause::NodeRuntime,
            permanence: Permanence::Ambiguous,
            matched: reason,
            decided_by: None,
        },
        _ => Classification {
            cause: Cause::NodeRuntime,
            permanence: Permanence::Transient,
            ..from_text
        },
    }
}

impl Classify for Classifier {
    fn name(&self) -> &'static str {
        "messages"
    }

    fn classify<'m>(&self, reason: &'m str, message: &'m str) -> Classification<'m> {
        Self::classify(self, reason, message)
    }

    fn describe(&self, decided_by: u16) -> Cow<'_, str> {
        let Some(pattern) = self.pattern(decided_by) else {
            return Cow::Borrowed("");
        };
        Cow::Owned(match &pattern.then {
            None => format!("\"{}\", as on {}", pattern.text, pattern.seen_on),
            Some(then) => format!("\"{} … {then}\", as on {}", pattern.text, pattern.seen_on),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause_of(reason: &str, message: &str) -> (Cause, Permanence, String) {
        let classifier = Classifier::new(&[]).unwrap();
        let c = classifier.classify(reason, message);
        (c.cause, c.permanence, c.matched.to_owned())
    }

    #[test]
    fn says_what_decided() {
        let (cause, permanence, matched) = cause_of(
            "ErrImagePull",
            "failed to resolve image: Unexpected status from HEAD request to https://r.example/v2/a/manifests/b: 429 Too Many Requests",
        );
        assert_eq!(
            (cause, permanence),
            (Cause::RateLimited, Permanence::Transient)
        );
        assert_eq!(matched, "Too Many Requests");
    }

    #[test]
    fn a_definite_error_that_the_network_led_to_is_the_networks() {
        let (cause, permanence, _) = cause_of(
            "",
            "Source image rejected: reading signatures: Get \"https://s.example/v2/\": dial tcp 192.0.2.7:443: i/o timeout",
        );
        assert_eq!((cause, permanence), (Cause::Timeout, Permanence::Transient));
    }

    #[test]
    fn names_decide_nothing() {
        for name in [
            "r.example/denied:x509",
            "429.example:500/no-space-left/toomanyrequests:unauthorized",
            "r.example/a@sha256:5005035024294044015005035024294044015005035024294044015005035024",
        ] {
            let message = format!(
                "rpc error: code = NotFound desc = failed to pull and unpack image \"{name}\": failed to resolve reference \"{name}\": {name}: not found"
            );
            assert_eq!(
                cause_of("ErrImagePull", &message).0,
                Cause::ManifestNotFound,
                "{name}"
            );
        }
    }

    #[test]
    fn only_the_kubelet_can_say_that_it_throttles() {
        for (message, cause) in [
            ("pull QPS exceeded", Cause::KubeletThrottled),
            (
                "Back-off pulling image \"r.example/a:b\": ErrImagePull: pull QPS exceeded",
                Cause::KubeletThrottled,
            ),
            (
                "rpc error: code = Unknown desc = reading manifest b in r.example/a: unknown: pull QPS exceeded",
                Cause::Unknown,
            ),
            (
                "failed to resolve image: manifest unknown: pull QPS exceeded",
                Cause::ManifestNotFound,
            ),
            (
                "Error response from daemon: [rpc error: manifest unknown, pull QPS exceeded]",
                Cause::ManifestNotFound,
            ),
            (
                "Error response from daemon: pull QPS exceeded",
                Cause::Unknown,
            ),
            // One credential was tried, and the next one's turn was refused.
            (
                "[rpc error: code = Unknown desc = 401 Unauthorized, pull QPS exceeded]",
                Cause::AccessDenied,
            ),
        ] {
            assert_eq!(cause_of("ErrImagePull", message).0, cause, "{message}");
        }
    }

    #[test]
    fn own_patterns_come_first() {
        let own = Pattern::new(
            "manifest unknown",
            None,
            Cause::RegistryUnavailable,
            Permanence::Transient,
        );
        let classifier = Classifier::new(&[own]).unwrap();
        let c = classifier.classify("ErrImagePull", "manifest unknown: manifest unknown");
        assert_eq!(c.cause, Cause::RegistryUnavailable);
    }

    #[test]
    fn reasons_decide_where_they_can() {
        for (reason, cause) in [
            ("InvalidImageName", Cause::InvalidReference),
            ("ErrImageNeverPull", Cause::NeverPullMissing),
            ("SignatureValidationFailed", Cause::SignatureRejected),
            ("RegistryUnavailable", Cause::RegistryUnavailable),
            ("ImageInspectError", Cause::NodeRuntime),
            ("ErrImagePull", Cause::Unknown),
            ("SomethingNew", Cause::Unknown),
        ] {
            assert_eq!(cause_of(reason, "").0, cause, "{reason}");
        }
    }
}
