//! Reads what was recorded in pods that ended, or were failed and then reverted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pullstop_core::names::{FAILED_ANNOTATION, FAILED_CONDITION, FAILING_REASON};
use pullstop_core::pod::Phase;
use pullstop_core::time::Timestamp;
use pullstop_core::wire::WirePod;
use pullstop_core::wire::timestamp;
use serde::Deserialize;

/// What is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
    /// Its phase.
    pub phase: Phase,
    /// What an enforcer wrote, if one has failed it.
    pub failed: Option<Failed>,
    /// Whether the kubelet has agreed that it has ended.
    pub kubelet_agreed: bool,
    /// Whether failed pulls were being counted.
    pub was_counting: bool,
}

/// What an enforcer wrote when it failed a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The cause, as it is written.
    pub cause: String,
    /// Container, image, failures, rule and the last error, in a sentence.
    pub message: String,
    /// The rule's name, if the sentence tells it.
    pub rule: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
}

impl Record {
    /// What is recorded of a pod; nothing if it lacks what is needed.
    pub fn of(pod: &WirePod) -> Option<Self> {
        let (phase, kubelet_agreed) = pod
            .snapshot(None, |pod| (pod.phase, pod.kubelet_agreed))
            .ok()?;
        let mut conditions = pod.status.conditions.iter();
        let ours = conditions.find(|condition| condition.r#type == FAILED_CONDITION);
        let reason = ours.and_then(|condition| condition.reason.as_deref());
        let message = ours.and_then(|condition| condition.message.clone());
        let message = message.unwrap_or_default();
        let annotation = pod.metadata.annotations.get(FAILED_ANNOTATION);
        let failed = reason
            .filter(|reason| *reason != FAILING_REASON)
            .map(|cause| Failed {
                cause: cause.to_owned(),
                rule: rule_in(&message),
                message,
                at: annotation.and_then(|text| timestamp::parse(text)),
            });
        Some(Self {
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            phase,
            failed,
            kubelet_agreed,
            was_counting: reason == Some(FAILING_REASON),
        })
    }

    /// Whether the pod has ended.
    pub fn has_ended(&self) -> bool {
        self.phase.is_terminal()
    }
}

/// The rule that [`crate::pods::patch::message`] names. What others have said comes behind it.
fn rule_in(message: &str) -> Option<String> {
    let ours = message.split("; the last error: ").next()?;
    let (_, rule) = ours.rsplit_once("(rule ")?;
    Some(rule.strip_suffix(')')?.to_owned())
}

/// What the pod's status says about its end, which an enforcer does not need to know.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct End {
    metadata: Name,
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Name {
    name: String,
    namespace: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    reason: Option<String>,
    message: Option<String>,
    init_container_statuses: Option<Vec<Container>>,
    container_statuses: Option<Vec<Container>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    name: String,
    state: State,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    terminated: Option<Terminated>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Terminated {
    reason: Option<String>,
    exit_code: i64,
}

impl End {
    /// The end of one pod.
    pub fn of_pod(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// The end of the pod of that name in a list.
    pub fn in_list(json: &[u8], namespace: &str, name: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct List {
            items: Vec<End>,
        }
        let list: List = serde_json::from_slice(json).ok()?;
        let is_it = |end: &Self| end.metadata.name == name && end.metadata.namespace == namespace;
        list.items.into_iter().find(is_it)
    }

    /// `reason: message` of the pod, as far as there are any.
    pub fn why(&self) -> String {
        let Status {
            reason, message, ..
        } = &self.status;
        let parts = [reason.as_deref(), message.as_deref()];
        let parts: Vec<&str> = parts
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .collect();
        parts.join(": ")
    }

    /// How each container has ended, as far as it has.
    pub fn containers(&self) -> BTreeMap<&str, String> {
        let Status {
            init_container_statuses,
            container_statuses,
            ..
        } = &self.status;
        let all = init_container_statuses
            .iter()
            .chain(container_statuses)
            .flatten();
        let ended = all.filter_map(|container| {
            let terminated = container.state.terminated.as_ref()?;
            let mut text = format!("exit code {}", terminated.exit_code);
            if let Some(reason) = &terminated.reason {
                let _ = write!(text, " ({reason})");
            }
            Some((container.name.as_str(), text))
        });
        ended.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_ours_and_not_in_the_text_of_others() {
        let ours = "container c cannot get its image a (rule x): Cause, 3 failed pulls within 2m since … (rule definite)";
        assert_eq!(rule_in(ours).as_deref(), Some("definite"));
        let others = format!("{ours}; the last error: no (rule forged)");
        assert_eq!(rule_in(&others).as_deref(), Some("definite"));
        assert_eq!(rule_in("cut off (rule def"), None);
        assert_eq!(rule_in(""), None);
    }
}
