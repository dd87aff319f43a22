//! From a pull error's reason and message to its [`Cause`].
//!
//! A message is peeled out of the kubelet's envelopes ([`envelope`]), names in it are masked, and
//! then every text of the [`table`] is looked for in a single pass. Of the patterns that are found the first of
//! the table wins. There is no backtracking: the work is linear in the message, however hostile it is.

pub mod envelope;
mod mask;
pub mod table;

use std::sync::{Arc, LazyLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::cause::{Cause, Permanence};
use crate::pod::WaitingReason;
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

/// A table of patterns, ready to search with.
#[derive(Debug)]
pub struct Classifier {
    patterns: Vec<Pattern>,
    /// How many of them are the user's own.
    own: usize,
    /// Per pattern, the numbers of its texts in the automaton.
    texts: Vec<TextIds>,
    /// Per text of the automaton, the patterns that it is the first of.
    begun_by: Vec<Vec<usize>>,
    automaton: AhoCorasick,
}

/// A pattern's texts in the automaton: one, or two in order.
#[derive(Clone, Copy, Debug)]
struct TextIds {
    first: u16,
    then: Option<u16>,
}

impl Classifier {
    /// As [`Classifier::new`]; the built-in table alone is built once and shared.
    ///
    /// # Errors
    /// As [`Classifier::new`].
    pub fn shared(own: &[Pattern]) -> Result<Arc<Self>, TooManyPatterns> {
        static BUILT_IN: LazyLock<Result<Arc<Classifier>, TooManyPatterns>> =
            LazyLock::new(|| Classifier::new(&[]).map(Arc::new));
        if own.is_empty() {
            BUILT_IN.clone()
        } else {
            Self::new(own).map(Arc::new)
        }
    }

    /// The built-in table, with a user's own patterns before it.
    ///
    /// # Errors
    /// If the patterns are too many or too long to search for at once; thousands are fine.
    pub fn new(own: &[Pattern]) -> Result<Self, TooManyPatterns> {
        let patterns: Vec<Pattern> = own
            .iter()
            .cloned()
            .chain(table::PATTERNS.iter().cloned())
            .collect();
        let mut distinct: Vec<&str> = Vec::new();
        let mut id_of = |text| {
            let id = distinct.iter().position(|t| *t == text).unwrap_or_else(|| {
                distinct.push(text);
                distinct.len() - 1
            });
            u16::try_from(id).map_err(|_| TooManyPatterns)
        };
        let mut texts = Vec::with_capacity(patterns.len());
        for pattern in &patterns {
            let first = id_of(&pattern.text)?;
            let then = pattern.then.as_deref().map(&mut id_of).transpose()?;
            texts.push(TextIds { first, then });
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&distinct)
            .map_err(|_| TooManyPatterns)?;
        let mut begun_by = vec![Vec::new(); distinct.len()];
        for (number, ids) in texts.iter().enumerate() {
            begun_by[usize::from(ids.first)].push(number);
        }
        Ok(Self {
            patterns,
            own: own.len(),
            texts,
            begun_by,
            automaton,
        })
    }

    /// The pattern of this number.
    pub fn pattern(&self, number: u16) -> Option<&Pattern> {
        self.patterns.get(usize::from(number))
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
        let hits = self.search(&clean);
        let mut found: Vec<usize> = hits
            .iter()
            .flat_map(|hit| &self.begun_by[hit.text])
            .copied()
            .filter(|number| self.is_found(*number, &hits))
            .filter(|number| {
                !self.patterns[*number].whole || is_whole && self.fills(*number, &hits, &clean)
            })
            .collect();
        found.sort_unstable();
        let Some(first) = found.first().copied() else {
            return Classification::UNKNOWN;
        };
        // A definite error beside one that heals: it was the network's trouble that led to it. A user's own pattern
        // means what it says.
        let definite =
            first >= self.own && self.patterns[first].permanence == Permanence::Permanent;
        let heals = |number: &&usize| self.patterns[**number].permanence == Permanence::Transient;
        let winner = if definite {
            *found.iter().find(heals).unwrap_or(&first)
        } else {
            first
        };
        let pattern = &self.patterns[winner];
        let ids = self.texts[winner];
        let text = usize::from(ids.then.unwrap_or(ids.first));
        let matched = hits.iter().find(|hit| hit.text == text);
        Classification {
            cause: pattern.cause,
            permanence: pattern.permanence,
            matched: matched
                .and_then(|hit| element.get(hit.start..hit.end))
                .unwrap_or_default(),
            decided_by: u16::try_from(winner).ok(),
        }
    }

    /// Where each text that occurs was found; few do.
    fn search(&self, clean: &[u8]) -> Vec<Hit> {
        let mut hits: Vec<Hit> = Vec::with_capacity(8);
        for found in self.automaton.find_overlapping_iter(clean) {
            let text = found.pattern().as_usize();
            match hits.iter_mut().find(|hit| hit.text == text) {
                Some(hit) => hit.last_start = found.start(),
                None => hits.push(Hit {
                    text,
                    start: found.start(),
                    end: found.end(),
                    last_start: found.start(),
                }),
            }
        }
        hits
    }

    /// Whether a pattern of which the first text was found has no second, or has it somewhere behind.
    fn is_found(&self, number: usize, hits: &[Hit]) -> bool {
        let TextIds { first, then } = self.texts[number];
        let hit = |text: u16| hits.iter().find(|hit| hit.text == usize::from(text));
        then.is_none_or(|then| {
            hit(first)
                .zip(hit(then))
                .is_some_and(|(first, then)| then.last_start >= first.end)
        })
    }

    /// Whether the first text of a pattern is all that there is.
    fn fills(&self, number: usize, hits: &[Hit], all: &[u8]) -> bool {
        let first = usize::from(self.texts[number].first);
        hits.iter()
            .any(|hit| hit.text == first && hit.end - hit.start == all.len())
    }
}

/// Where a text was found.
#[derive(Clone, Copy, Debug)]
struct Hit {
    /// Its number in the automaton.
    text: usize,
    /// Start of the first occurrence.
    start: usize,
    /// End of the first occurrence.
    end: usize,
    /// Start of the last occurrence.
    last_start: usize,
}

/// The patterns do not fit into one automaton.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyPatterns;

impl std::fmt::Display for TooManyPatterns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the patterns are too many or too long to search for at once")
    }
}

impl std::error::Error for TooManyPatterns {}

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
