//! Checkpoints: what must survive a restart, stored in the pod's condition.

use std::collections::BTreeMap;

use pullstop_core::cause::Cause;
use pullstop_core::engine::{Memory, Tallies, Tally};
use pullstop_core::names::{FAILED_CONDITION, FAILING_REASON};
use pullstop_core::pod::{ContainerSnapshot, Overrides, PodSnapshot};
use pullstop_core::time::Timestamp;
use pullstop_core::wire::timestamp;
use pullstop_core::wire::{WireError, WirePod};
use serde::{Deserialize, Serialize};

/// The API server refuses longer messages of conditions (`metav1.Condition`); those of pods it does not check.
const MESSAGE_BYTES_MAX: usize = 32_768;

/// The condition's message: a sentence for people, and the memories as JSON.
pub fn encode(memories: &[Memory]) -> String {
    let mut stored: Vec<Stored> = memories.iter().map(Stored::of).collect();
    loop {
        let json = serde_json::to_string(&stored).unwrap_or_default();
        let names: Vec<&str> = stored
            .iter()
            .map(|memory| memory.container.as_str())
            .collect();
        let message = format!(
            "cannot pull the image of {}; counted so far: {json}",
            names.join(", ")
        );
        if message.len() <= MESSAGE_BYTES_MAX || stored.pop().is_none() {
            return message;
        }
    }
}

/// The memories in a condition's message; none if it is not one of ours.
pub fn decode(message: &str) -> Vec<Memory> {
    let Some(begin) = message.find(": [") else {
        return Vec::new();
    };
    let stored: Vec<Stored> = serde_json::from_str(&message[begin + 2..]).unwrap_or_default();
    stored.iter().filter_map(Stored::memory).collect()
}

/// The same memory by another clock, by which a moment is `moved`.
pub fn moved(memory: &Memory, moved: impl Fn(Timestamp) -> Timestamp) -> Memory {
    let tally = |tally: &Tally| Tally {
        first_at: moved(tally.first_at),
        last_at: moved(tally.last_at),
        ..*tally
    };
    Memory {
        tallies: memory.tallies.iter().map(tally).collect(),
        last_attempt_at: moved(memory.last_attempt_at),
        ..memory.clone()
    }
}

/// Lends the engine's view of the pod, with its checkpoint and its overrides.
///
/// # Errors
/// If the pod lacks what a snapshot cannot do without.
pub fn with_snapshot<R>(
    pod: &WirePod,
    overrides: Overrides,
    use_it: impl FnOnce(&PodSnapshot<'_>) -> R,
) -> Result<R, WireError> {
    with_snapshot_by(pod, overrides, std::convert::identity, use_it)
}

/// The same by a clock that shows a moment of the API server's as `own`.
///
/// # Errors
/// If the pod lacks what a snapshot cannot do without.
pub fn with_snapshot_by<R>(
    pod: &WirePod,
    overrides: Overrides,
    own: impl Fn(Timestamp) -> Timestamp,
    use_it: impl FnOnce(&PodSnapshot<'_>) -> R,
) -> Result<R, WireError> {
    let created_at = pod
        .metadata
        .creation_timestamp
        .as_deref()
        .and_then(timestamp::parse)
        .map(&own);
    let condition = pod
        .status
        .conditions
        .iter()
        .find(|condition| condition.r#type == FAILED_CONDITION);
    let message = condition
        .filter(|condition| condition.reason.as_deref() == Some(FAILING_REASON))
        .and_then(|condition| condition.message.as_deref());
    let Some(message) = message else {
        return pod.snapshot(created_at, |snapshot| {
            use_it(&PodSnapshot {
                overrides,
                ..snapshot.clone()
            })
        });
    };
    let memories: Vec<Memory> = decode(message).iter().map(|m| moved(m, &own)).collect();
    // Of the same name the first.
    let by_name = memories.iter().rev().map(|m| (m.container.as_str(), m));
    let by_name: BTreeMap<&str, &Memory> = by_name.collect();
    pod.snapshot(created_at, |snapshot| {
        let remember = |container: &ContainerSnapshot<'_>| by_name.get(container.name).copied();
        let containers: Vec<ContainerSnapshot<'_>> = snapshot
            .containers
            .iter()
            .map(|c| ContainerSnapshot {
                memory: remember(c),
                ..*c
            })
            .collect();
        use_it(&PodSnapshot {
            overrides,
            containers: &containers,
            ..snapshot.clone()
        })
    })
}

/// A memory as it is stored. Names may be added; none may change its meaning.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    container: String,
    image: String,
    restart_count: u32,
    ran: bool,
    latest: String,
    last_attempt_at: String,
    back_off_step: u8,
    failures: Vec<StoredTally>,
}

/// The failures of one cause.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredTally {
    cause: String,
    count: u32,
    first_at: String,
    last_at: String,
}

impl Stored {
    fn of(memory: &Memory) -> Self {
        let tally = |tally: &Tally| StoredTally {
            cause: tally.cause.as_str().to_owned(),
            count: tally.failures,
            first_at: timestamp::print(tally.first_at),
            last_at: timestamp::print(tally.last_at),
        };
        Self {
            container: memory.container.clone(),
            image: memory.image.clone(),
            restart_count: memory.restart_count,
            ran: memory.ran,
            latest: memory.latest.as_str().to_owned(),
            last_attempt_at: timestamp::print(memory.last_attempt_at),
            back_off_step: memory.back_off_step,
            failures: memory.tallies.iter().map(tally).collect(),
        }
    }

    /// None if another version wrote something that this one does not understand: counting starts from zero.
    fn memory(&self) -> Option<Memory> {
        let tally = |tally: &StoredTally| {
            Some(Tally {
                cause: cause(&tally.cause)?,
                failures: tally.count,
                first_at: timestamp::parse(&tally.first_at)?,
                last_at: timestamp::parse(&tally.last_at)?,
            })
        };
        Some(Memory {
            container: self.container.clone(),
            image: self.image.clone(),
            restart_count: self.restart_count,
            ran: self.ran,
            tallies: self
                .failures
                .iter()
                .map(tally)
                .collect::<Option<Tallies>>()?,
            latest: cause(&self.latest)?,
            last_attempt_at: timestamp::parse(&self.last_attempt_at)?,
            back_off_step: self.back_off_step,
        })
    }
}

fn cause(name: &str) -> Option<Cause> {
    name.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(container: &str) -> Memory {
        let at = |seconds: u64| Timestamp::from_millis(1_700_000_000_000 + seconds * 1000);
        let mut tallies = Tallies::default();
        tallies.add(Cause::Timeout, at(1));
        tallies.add(Cause::ManifestNotFound, at(20));
        tallies.add(Cause::ManifestNotFound, at(40));
        Memory {
            container: container.to_owned(),
            image: "registry/with: [odd]/name:1".to_owned(),
            restart_count: 2,
            ran: true,
            tallies,
            latest: Cause::ManifestNotFound,
            last_attempt_at: at(41),
            back_off_step: 3,
        }
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let memories = [memory("main"), memory("side")];
        let message = encode(&memories);
        assert!(
            message.starts_with("cannot pull the image of main, side; counted so far: ["),
            "{message}"
        );
        assert_eq!(decode(&message), memories);
    }

    #[test]
    fn what_is_not_understood_is_nothing() {
        for message in [
            "",
            "hello",
            ": [",
            ": [1]",
            ": [{}]",
            "x: [{\"container\": \"c\"}]",
        ] {
            assert_eq!(decode(message), [], "{message}");
        }
        let unknown = encode(&[memory("main")]).replace("ManifestNotFound", "SomethingNew");
        assert_eq!(decode(&unknown), []);
        let undated = encode(&[memory("main")]).replace("2023", "long ago");
        assert_eq!(decode(&undated), []);
    }

    #[test]
    fn a_message_has_an_end() {
        let many: Vec<Memory> = (0..200)
            .map(|number| memory(&format!("c{number}")))
            .collect();
        let message = encode(&many);
        assert!(message.len() <= MESSAGE_BYTES_MAX);
        assert!(decode(&message).len() > 50);
    }
}
