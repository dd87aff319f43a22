//! Infers images, registries and secrets from recorded pulls.

use std::collections::BTreeMap;
use std::time::Duration;

use pullstop_cluster::pull_errors::{PullError, Runtime};
use pullstop_cluster::scenario::quantity::MEBIBYTES_MAX;
use pullstop_cluster::scenario::supply::{
    Exists, Image, Registry, RegistryFault, RegistryFaultKind, Secret,
};
use pullstop_core::cause::Cause;
use pullstop_core::classify::Classifier;
use pullstop_core::image::ImageReference;
use pullstop_core::time::Human;

use super::notes::Notes;
use super::recording::Recording;
use crate::recorded::words::{self, Words};

/// What pulls met.
#[derive(Debug, Default)]
pub(super) struct Supply {
    pub(super) registries: Vec<Registry>,
    pub(super) images: Vec<Image>,
    pub(super) secrets: Vec<Secret>,
    pub(super) runtime: Runtime,
    /// Whether messages of a back-off tell why, as kubelets do since 1.32.
    pub(super) back_off_tells_why: bool,
}

/// What was seen of an image, in the order of time.
type Seen = Vec<(Duration, Option<PullError>)>;

/// A time in which pulls of an image met the same error.
#[derive(Clone, Copy, Debug)]
struct Spell {
    error: PullError,
    from: Duration,
    last: Duration,
    until: Option<Duration>,
}

/// What an image of unknown size weighs, and how fast it comes: as in scenarios that say nothing.
const BANDWIDTH_MIB_PER_S: u64 = 50;
const SIZE_USUAL_MIB: u64 = 100;

/// The time between two syncs of a pod in error, after which the outcome of a pull is seen.
const SYNC: Duration = Duration::from_secs(13);
/// A pull that hung when the recording ended hangs for longer than the scenario lasts.
const HANGS_ON: Duration = Duration::from_secs(3600);

/// Reads it from what the containers showed.
pub(super) fn of(recording: &Recording, classifier: &Classifier, notes: &mut Notes) -> Supply {
    let mut supply = Supply {
        back_off_tells_why: true,
        ..Supply::default()
    };
    let mut told: Vec<(Words, PullError)> = Vec::new();
    let mut images: BTreeMap<&str, Seen> = BTreeMap::new();
    for container in recording.pods.iter().flat_map(|pod| &pod.containers) {
        for (at, words) in &container.failures {
            if words.reason == "ImagePullBackOff" && !words.message.contains(": ") {
                supply.back_off_tells_why = false;
            }
            let seen = images.entry(&words.image).or_default();
            match words::error_of(classifier, words) {
                Some(error) => {
                    seen.push((*at, Some(error)));
                    told.push((words.clone(), error));
                }
                None => throttled(notes),
            }
        }
        for (at, image) in &container.had {
            images.entry(image).or_default().push((*at, None));
        }
    }
    if !told.is_empty() {
        supply.runtime = words::runtime_of(&told);
        notes.add(
            "The runtime is the one whose error messages are the most like the recorded ones.",
        );
    }
    for (reference, mut seen) in images {
        seen.sort_by_key(|(at, _)| *at);
        supply.image(recording, reference, &spells(&seen), notes);
    }
    for (image, hung_for) in recording.all_hung() {
        let seen_to_end = hung_for.map(|hung_for| hung_for.saturating_sub(SYNC));
        supply.hangs(
            image,
            seen_to_end.unwrap_or(recording.length + HANGS_ON),
            notes,
        );
    }
    supply.other_secrets(recording, notes);
    supply
}

fn throttled(notes: &mut Notes) {
    notes.add(
        "Pulls that the kubelet's own limiter refused (`pull QPS exceeded`) are left out: the other pods that used \
         it up are not in the recording.",
    );
}

/// The spells of errors, each from the middle between what was seen before and its first failure, to the middle
/// between its last and what was seen next.
fn spells(seen: &Seen) -> Vec<Spell> {
    let mut spells: Vec<Spell> = Vec::new();
    let mut before: Option<Duration> = None;
    for (at, error) in seen {
        let since = before.map_or(Duration::ZERO, |before| middle(before, *at));
        match (
            spells.last_mut().filter(|spell| spell.until.is_none()),
            error,
        ) {
            (Some(open), Some(error)) if open.error == *error => open.last = *at,
            (open, error) => {
                if let Some(open) = open {
                    // What another pod showed at the same moment ends it as well.
                    let ends = middle(open.last, *at);
                    open.until = Some(ends.max(open.from + Duration::from_millis(1)));
                }
                spells.extend(error.map(|error| Spell {
                    error,
                    from: since,
                    last: *at,
                    until: None,
                }));
            }
        }
        before = Some(*at);
    }
    spells
}

fn middle(a: Duration, b: Duration) -> Duration {
    let ms = u64::try_from((a + b).as_millis() / 2).unwrap_or(u64::MAX);
    Duration::from_millis(ms)
}

impl Supply {
    fn image(
        &mut self,
        recording: &Recording,
        reference: &str,
        spells: &[Spell],
        notes: &mut Notes,
    ) {
        let took = recording.took.get(reference);
        let mut image = Image {
            reference: reference.to_owned(),
            size_mib: took.map_or(SIZE_USUAL_MIB, |took| size_mib(*took)),
            exists: Exists::default(),
            defect: None,
            secret: None,
            node_identity: false,
        };
        if let Some(took) = took {
            notes.add(format!(
                "{reference} is so large that its pull takes as long as the recorded one, {}.",
                Human(*took)
            ));
        }
        let is_worth_a_word = match spells {
            [] => took.is_some(),
            [spell]
                if is_of_image(spell.error)
                    && self.missing(recording, &mut image, *spell, notes) =>
            {
                true
            }
            spells => {
                self.faults(reference, spells, notes);
                took.is_some()
            }
        };
        if is_worth_a_word {
            self.images.push(image);
        }
    }

    /// An image that was missing once; whether that can be said of it.
    fn missing(
        &mut self,
        recording: &Recording,
        image: &mut Image,
        spell: Spell,
        notes: &mut Notes,
    ) -> bool {
        let (reference, error) = (image.reference.clone(), spell.error);
        let secret = secret_for(recording, &reference);
        match (spell.from, spell.until) {
            (Duration::ZERO, None) if is_defect(error) => image.defect = Some(error),
            (Duration::ZERO, Some(until))
                if error.cause() == Cause::AccessDenied && secret.is_some() =>
            {
                self.secrets.extend(secret.clone().map(|name| Secret {
                    name,
                    from: until,
                    until: None,
                }));
                image.secret = secret;
                notes.add(format!(
                    "The secret of {reference} comes in the middle between the last failure and the pull."
                ));
            }
            (Duration::ZERO, until) => {
                (image.exists.from, image.exists.missing) = (until, error);
                notes.add(match until {
                    Some(_) => format!(
                        "{reference} appears in the middle between its last failure and its pull."
                    ),
                    None => format!(
                        "{reference} is missing forever: the recording shows no pull of it."
                    ),
                });
            }
            (from, None) => {
                (image.exists.until, image.exists.missing) = (Some(from), error);
                notes.add(format!(
                    "{reference} disappears in the middle between when it was last there and its first failure."
                ));
            }
            (_, Some(_)) => return false,
        }
        true
    }

    fn faults(&mut self, reference: &str, spells: &[Spell], notes: &mut Notes) {
        let Some(registry) = self.registry_of(reference) else {
            return;
        };
        let host = registry.host.clone();
        let after = registry.latency;
        registry
            .faults
            .extend(spells.iter().map(|spell| RegistryFault {
                from: spell.from,
                until: spell.until,
                what: RegistryFaultKind::Error {
                    error: spell.error,
                    after,
                },
                percent: 100,
                images: Some(reference.to_owned()),
                nodes: None,
            }));
        notes.add(format!(
            "The faults of {host} last from the start, or from the middle between two different outcomes of pulls \
             of {reference}, to the next such middle; whether other images had them is not recorded."
        ));
    }

    /// An image of which no pull was seen to end.
    fn hangs(&mut self, reference: &str, after: Duration, notes: &mut Notes) {
        let Some(registry) = self.registry_of(reference) else {
            return;
        };
        registry.faults.push(RegistryFault {
            from: Duration::ZERO,
            until: None,
            what: RegistryFaultKind::Error {
                error: PullError::Hung,
                after,
            },
            percent: 100,
            images: Some(reference.to_owned()),
            nodes: None,
        });
        notes.add(format!(
            "Pulls of {reference} hang: the recording shows the end of none."
        ));
    }

    fn registry_of(&mut self, reference: &str) -> Option<&mut Registry> {
        let parsed = ImageReference::parse(reference).ok()?;
        let host = parsed.registry();
        let place = self.registries.iter().position(|r| r.host == host);
        let place = place.unwrap_or_else(|| {
            self.registries.push(Registry::usual(host));
            self.registries.len() - 1
        });
        self.registries.get_mut(place)
    }

    /// Secrets that pods name and nothing else is known of.
    fn other_secrets(&mut self, recording: &Recording, notes: &mut Notes) {
        for name in recording.pods.iter().flat_map(|pod| &pod.secrets) {
            if !self.secrets.iter().any(|secret| secret.name == *name) {
                notes.add(format!(
                    "The secret {name} is taken to be there from the start."
                ));
                self.secrets.push(Secret {
                    name: name.clone(),
                    from: Duration::ZERO,
                    until: None,
                });
            }
        }
    }
}

/// Whether the error belongs to the image, and not to the way to its registry.
const fn is_of_image(error: PullError) -> bool {
    matches!(
        error.cause(),
        Cause::ManifestNotFound
            | Cause::RepositoryNotFound
            | Cause::AmbiguousNotFoundOrDenied
            | Cause::AccessDenied
            | Cause::RegistryPolicyBlocked
    ) || is_defect(error)
}

/// Whether the image is there, and of no use.
const fn is_defect(error: PullError) -> bool {
    matches!(
        error,
        PullError::PlatformMismatch | PullError::UnsupportedManifest | PullError::SignatureRejected
    )
}

/// The pull secret of a pod that has this image.
fn secret_for(recording: &Recording, reference: &str) -> Option<String> {
    let has =
        |pod: &&super::observed::ObservedPod| pod.containers.iter().any(|c| c.image == reference);
    let pod = recording
        .pods
        .iter()
        .filter(has)
        .find(|pod| !pod.secrets.is_empty())?;
    pod.secrets.first().cloned()
}

fn size_mib(took: Duration) -> u64 {
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    (ms.saturating_mul(BANDWIDTH_MIB_PER_S) / 1000).clamp(1, MEBIBYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_end_half_way() {
        let s = Duration::from_secs;
        let (down, missing) = (PullError::Refused, PullError::ManifestNotFound);
        let seen = vec![
            (s(10), Some(down)),
            (s(30), Some(down)),
            (s(40), Some(missing)),
            (s(60), None),
            (s(80), Some(down)),
        ];
        let found: Vec<_> = spells(&seen)
            .into_iter()
            .map(|spell| (spell.error, spell.from, spell.until))
            .collect();
        let expected = [
            (down, s(0), Some(s(35))),
            (missing, s(35), Some(s(50))),
            (down, s(70), None),
        ];
        assert_eq!(found, expected);
    }
}
