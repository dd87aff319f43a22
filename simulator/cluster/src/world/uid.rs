//! Uids of pods: UUIDs as Kubernetes makes them, with the pod's place in them.

use super::ids::PodId;
use super::random::{Purpose, RandomStreams};

/// The uid of a pod: a UUID of version 4 whose last eight digits are its place.
pub fn of(pod: PodId, streams: RandomStreams) -> String {
    let mut chance = streams.stream(Purpose::Uid, pod.0.into());
    let (a, b) = (chance.bits(), chance.bits());
    let version = (a & 0x0FFF) | 0x4000;
    let variant = (b >> 48 & 0x3FFF) | 0x8000;
    format!(
        "{:08x}-{:04x}-{version:04x}-{variant:04x}-{:04x}{:08x}",
        a >> 32,
        a >> 16 & 0xFFFF,
        b & 0xFFFF,
        pod.0,
    )
}

/// The pod whose uid this is.
pub fn pod_of(uid: &str) -> Option<PodId> {
    let digits = uid.get(uid.len().checked_sub(8)?..)?;
    u32::from_str_radix(digits, 16).ok().map(PodId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_found_by_its_uid() {
        let uid = of(PodId(77), RandomStreams::new(1));
        assert_eq!(uid.len(), 36);
        assert_eq!(pod_of(&uid), Some(PodId(77)));
        assert_eq!(pod_of("none"), None);
    }
}
