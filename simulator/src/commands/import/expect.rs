//! Turns what the recording shows into expectations.

use std::fmt::Write;
use std::time::Duration;

use pullstop_core::yaml::quoted;

use super::observed::ObservedPod;
use super::recording::Recording;

/// A pull that would have succeeded at once may be tried as late as this: the longest back-off, and the kubelet's look
/// at the pod after it.
const RETRY: Duration = Duration::from_secs(360);
/// What else takes time: a sandbox, a look of a controller.
const SLACK: Duration = Duration::from_secs(60);

/// How long the scenario is: as long as the recording, and long enough for what ran in it to run again.
pub(super) fn duration(recording: &Recording) -> Duration {
    let ends = recording.pods.iter().filter_map(|pod| {
        let took = pod.ended_at.zip(pod.ran_at);
        let took = took.map_or(Duration::ZERO, |(ended, ran)| ended.saturating_sub(ran));
        Some(runs_by(pod)? + took + SLACK)
    });
    let recorded = recording.length + SLACK;
    whole_seconds(ends.max().unwrap_or_default().max(recorded))
}

/// The lines of `expect`.
pub(super) fn lines(recording: &Recording, names: &[Option<String>]) -> String {
    let mut text = String::new();
    for (pod, name) in recording.pods.iter().zip(names) {
        let (Some(name), None) = (name, pod.deleted_at) else {
            continue;
        };
        // What would have become of it is not known.
        let hangs = recording.hung(pod).is_some();
        if pod.is_new() && !hangs || pod.is_overdue_by(duration(recording)) {
            continue;
        }
        let phase = pod.phase.as_str();
        let pods = quoted(&format!("{}/{name}", pod.namespace));
        let _ = write!(text, "  - {{pods: {pods}, phase: {phase}");
        if let Some(by) = runs_by(pod) {
            let _ = write!(text, ", runsBy: {}s", by.as_secs());
        }
        text.push_str("}\n");
    }
    if !text.is_empty() {
        text.insert_str(0, "  expect:\n");
    }
    text
}

/// By when it runs, if the recording shows it running.
fn runs_by(pod: &ObservedPod) -> Option<Duration> {
    let has_failed = pod
        .containers
        .iter()
        .any(|container| !container.failures.is_empty());
    let late = if has_failed { RETRY } else { SLACK };
    Some(whole_seconds(pod.ran_at? + late))
}

/// A little later, at a time that is easy to read.
const fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() + 1)
}
