//! Joins failing containers to what made them fail: outages of a registry, and images that were missing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pullstop_core::cause::Cause;
use pullstop_core::time::Timestamp;

use super::seen::{Lasted, Spell};

/// Failures further apart than two of the kubelet's longest back-offs (300 s) are not of one outage, unless a container
/// was failing all the while.
const APART: Duration = Duration::from_secs(600);
/// A registry that worked long before its first failed pull is not taken to have failed all the while since: half of the
/// longest back-off, as at the other end.
const BEFORE_MAX: Duration = Duration::from_secs(150);

/// Something that made pulls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Episode {
    /// When its first pull failed.
    pub(super) first: Timestamp,
    /// How long it lasted. Its ends lie between two pulls: the middle is taken, which has the smallest expected error if
    /// nothing else is known (Law and Brookmeyer, Effects of Mid-Point Imputation on the Analysis of Doubly Censored
    /// Data, 1992).
    pub(super) lasted: Lasted,
}

/// Whether it is the registry that fails, or the way to it, and not the image.
pub(super) const fn is_of_registry(cause: Cause) -> bool {
    !matches!(
        cause,
        Cause::InvalidReference
            | Cause::NeverPullMissing
            | Cause::ManifestNotFound
            | Cause::RepositoryNotFound
            | Cause::AmbiguousNotFoundOrDenied
            | Cause::AccessDenied
            | Cause::RegistryPolicyBlocked
            | Cause::PlatformMismatch
            | Cause::UnsupportedManifest
            | Cause::SignatureRejected
    )
}

/// The episodes behind these spells, which have one cause and one registry.
pub(super) fn of(cause: Cause, spells: &[&Spell]) -> Vec<Episode> {
    let mut groups: BTreeMap<Arc<str>, Vec<&Spell>> = BTreeMap::new();
    for spell in spells {
        let of = if is_of_registry(cause) {
            Arc::from("")
        } else {
            Arc::clone(&spell.image)
        };
        groups.entry(of).or_default().push(spell);
    }
    let mut episodes = Vec::new();
    for mut group in groups.into_values() {
        group.sort_by_key(|spell| (spell.first, spell.ended));
        let mut rest = &group[..];
        while !rest.is_empty() {
            let (together, others) = rest.split_at(together(rest));
            episodes.extend(episode(cause, together));
            rest = others;
        }
    }
    episodes.sort_unstable_by_key(|episode| episode.first);
    episodes
}

/// How many of the first spells are of one episode.
fn together(spells: &[&Spell]) -> usize {
    let mut until = Timestamp::from_millis(0);
    let mut failed_at = until;
    for (place, spell) in spells.iter().enumerate() {
        let overlaps = spell.first <= until;
        let worked = spell.worked_at.is_some_and(|worked| worked > failed_at);
        let follows = !worked && spell.first.since(until) <= APART;
        if place > 0 && !overlaps && !follows {
            return place;
        }
        until = until.max(spell.ended);
        failed_at = failed_at.max(spell.last);
    }
    spells.len()
}

fn episode(cause: Cause, spells: &[&Spell]) -> Option<Episode> {
    let first = spells.first()?;
    let last = spells.iter().map(|spell| spell.last).max()?;
    let healed = spells.iter().filter(|spell| spell.is_healed);
    let healed = healed.map(|spell| spell.ended);
    let from = match first.worked_at.filter(|_| is_of_registry(cause)) {
        Some(worked) => {
            let before = (first.first.since(worked) / 2).min(BEFORE_MAX);
            Timestamp::from_millis(first.first.as_millis() - millis(before))
        }
        None => first.first,
    };
    let lasted = match (healed.clone().filter(|at| *at >= last).min(), healed.max()) {
        (Some(healed), _) => Lasted::exactly(last.after(healed.since(last) / 2).since(from)),
        // It came back for some, and others were seen no more.
        (None, Some(_)) => Lasted::exactly(last.since(from)),
        (None, None) => {
            let seen = spells.iter().map(|spell| spell.ended).max()?;
            Lasted::at_least(seen.since(from))
        }
    };
    Some(Episode {
        first: first.first,
        lasted,
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spell(image: &str, first: u64, last: u64, ended: u64, is_healed: bool) -> Spell {
        let at = |seconds: u64| Timestamp::from_millis(seconds * 1000);
        Spell {
            cause: Cause::RegistryUnavailable,
            error: None,
            host: "h".into(),
            image: image.into(),
            first: at(first),
            last: at(last),
            ended: at(ended),
            is_healed,
            failures: 2,
            worked_at: None,
        }
    }

    fn lengths(cause: Cause, spells: &[Spell]) -> Vec<(u64, bool)> {
        let spells: Vec<&Spell> = spells.iter().collect();
        let all = of(cause, &spells).into_iter().map(|e| e.lasted);
        all.map(|lasted| (lasted.time.as_secs(), lasted.is_over))
            .collect()
    }

    #[test]
    fn outages_end_between_the_last_failure_and_the_first_pull_after() {
        let spells = [
            spell("a", 1000, 1600, 1900, true),
            spell("b", 1100, 1700, 1800, true),
            spell("a", 5000, 5100, 5200, false),
        ];
        let expected = [(750, true), (200, false)];
        assert_eq!(lengths(Cause::RegistryUnavailable, &spells), expected);
    }

    #[test]
    fn images_are_missing_each_for_itself() {
        let spells = [
            spell("a", 1000, 1600, 1800, true),
            spell("b", 1100, 1700, 1710, false),
            spell("b", 1720, 1900, 2100, false),
        ];
        let expected = [(700, true), (1000, false)];
        assert_eq!(lengths(Cause::ManifestNotFound, &spells), expected);
    }
}
