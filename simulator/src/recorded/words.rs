//! Finds the simulated error, and the runtime, whose text matches a recorded error.

use std::collections::BTreeSet;

use pullstop_cluster::pull_errors::{self, Image, PullError, Runtime};
use pullstop_core::cause::Cause;
use pullstop_core::classify::Classifier;

/// Runtimes in the order in which they are taken for likely.
const RUNTIMES: [Runtime; 4] = [
    Runtime::Containerd2,
    Runtime::Containerd17,
    Runtime::Containerd16,
    Runtime::Crio,
];

/// A recorded failure of a pull, as it stood in a container's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) image: String,
}

/// The error whose own words are the most like these, among those of the same cause; none for the kubelet's limiter
/// and for what is no failed pull.
pub(crate) fn error_of(classifier: &Classifier, words: &Words) -> Option<PullError> {
    let cause = classifier.classify(&words.reason, &words.message).cause;
    let of_cause = |error: &PullError| error.cause() == cause || cause == Cause::Unknown;
    let candidates = PullError::ALL.into_iter().filter(of_cause);
    let pullable = candidates.filter(|error| *error != PullError::Throttled);
    let likeness = |error: PullError| {
        let all = RUNTIMES.into_iter();
        all.map(|runtime| likeness(runtime, error, words)).max()
    };
    // The first of equals, as the errors are ordered from the usual to the rare.
    pullable.rev().max_by_key(|error| likeness(*error))
}

/// The runtime whose words are the most like these.
pub(crate) fn runtime_of(all: &[(Words, PullError)]) -> Runtime {
    let total = |runtime: Runtime| -> u64 {
        let each = all
            .iter()
            .map(|(words, error)| likeness(runtime, *error, words));
        each.sum()
    };
    let likeliest = RUNTIMES.into_iter().rev();
    likeliest
        .max_by_key(|runtime| total(*runtime))
        .unwrap_or_default()
}

/// How many words two messages share, in thousandths of all that they have.
fn likeness(runtime: Runtime, error: PullError, words: &Words) -> u64 {
    let ours = pull_errors::pull_error(runtime, error, &Image::new(&words.image), 0);
    let set =
        |text: &str| -> BTreeSet<String> { text.split_whitespace().map(str::to_owned).collect() };
    let (ours, theirs) = (set(&ours), set(&words.message));
    let shared = ours.intersection(&theirs).count() as u64;
    let all = ours.union(&theirs).count().max(1) as u64;
    shared * 1000 / all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_found_by_its_own_words() {
        let classifier = Classifier::new(&[]).unwrap();
        for runtime in RUNTIMES {
            for error in PullError::ALL {
                let image = "registry.example/team/app:v1".to_owned();
                let message = pull_errors::pull_error(runtime, error, &Image::new(&image), 7);
                let reason = error.waiting_reason(runtime).to_owned();
                let words = Words {
                    reason,
                    message,
                    image,
                };
                // containerd tells a missing repository from a missing tag as little as its text does.
                let expected = match error {
                    PullError::Throttled => None,
                    PullError::RepositoryNotFound if runtime != Runtime::Crio => {
                        Some(PullError::ManifestNotFound)
                    }
                    error => Some(error),
                };
                assert_eq!(
                    error_of(&classifier, &words),
                    expected,
                    "{runtime:?}: {words:?}"
                );
            }
        }
    }
}
