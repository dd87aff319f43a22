//! What goes wrong on purpose between a client and the API server.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::request::Attributes;

/// How many rules there may be at a time.
const RULES_MAX: usize = 1000;

/// Which requests go wrong, and how. Copies are handles to the same rules.
#[derive(Clone, Default)]
pub struct Faults {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    rules: Mutex<Vec<Rule>>,
    cuts: watch::Sender<u64>,
}

/// One kind of fault. What is left out of the selection matches everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// `get`, `list`, `watch`, `create`, `update`, `patch` or `delete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verb: Option<String>,
    /// `pods`, `pods/status`, `leases`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The object's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The user who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// So many matching requests pass first.
    #[serde(default)]
    pub skip: u32,
    /// So many matching requests are hit; all if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// What happens to them.
    pub fault: Fault,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Fault {
    /// The request is carried out so much later.
    Delay {
        /// For so long, in the outside's time.
        millis: u64,
    },
    /// The request is refused with this code: 409, 410, 429, 500, 503 and so on.
    Status {
        /// The HTTP status code.
        code: u16,
        /// `Retry-After`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_seconds: Option<u32>,
    },
    /// The connection is closed instead of an answer; the request is not carried out.
    Drop,
    /// The connection is closed instead of an answer; the request is carried out.
    LoseAnswer,
    /// No answer ever comes; the request is not carried out, the connection stays open.
    Silent,
    /// A read sees the objects as they were so many versions ago.
    Stale {
        /// How many.
        versions: u64,
    },
    /// A watch is cut in the middle of the line that follows so many events.
    Truncate {
        /// How many.
        after_events: u32,
    },
    /// After so many events a watch says nothing more, not even at its timeout.
    Mute {
        /// How many.
        after_events: u32,
    },
    /// After so many events a watch ends with an `ERROR` that says 410.
    Gone {
        /// How many.
        after_events: u32,
    },
    /// A watch says everything twice.
    Duplicate,
}

impl Rule {
    /// This fault, for every request; see the fields for how to narrow it down.
    pub const fn every(fault: Fault) -> Self {
        Self {
            verb: None,
            resource: None,
            namespace: None,
            name: None,
            user: None,
            skip: 0,
            times: None,
            fault,
        }
    }

    /// This fault, for requests with this verb for this resource, as `patch` and `pods/status`.
    pub fn on(verb: &str, resource: &str, fault: Fault) -> Self {
        Self {
            verb: Some(verb.to_owned()),
            resource: Some(resource.to_owned()),
            ..Self::every(fault)
        }
    }

    /// The same for the next `times` requests only.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn matches(&self, request: &Attributes) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        is(&self.verb, request.verb)
            && is(&self.resource, &request.resource_path())
            && is(&self.namespace, &request.namespace)
            && is(&self.name, &request.name)
            && is(&self.user, &request.user)
    }

    /// Counts a matching request; whether it is hit.
    const fn hits(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        match &mut self.times {
            None => true,
            Some(0) => false,
            Some(times) => {
                *times -= 1;
                true
            }
        }
    }
}

impl Faults {
    /// Adds a rule; at most a thousand are kept, the oldest go first.
    pub fn add(&self, rule: Rule) {
        self.with(|rules| {
            if rules.len() >= RULES_MAX {
                rules.remove(0);
            }
            rules.push(rule);
        });
    }

    /// Nothing goes wrong any more.
    pub fn clear(&self) {
        self.with(Vec::clear);
    }

    /// The rules that may still hit.
    pub fn rules(&self) -> Vec<Rule> {
        self.with(|rules| rules.clone())
    }

    /// Closes all connections at once; clients may come back.
    pub fn cut_connections(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    pub(super) fn cuts(&self) -> watch::Receiver<u64> {
        self.shared.cuts.subscribe()
    }

    /// What happens to this request.
    pub(super) fn due(&self, request: &Attributes) -> Plan {
        self.with(|rules| {
            let mut plan = Plan::default();
            for rule in rules.iter_mut().filter(|rule| rule.matches(request)) {
                if rule.hits() {
                    plan.add(rule.fault);
                }
            }
            rules.retain(|rule| rule.times != Some(0));
            plan
        })
    }

    fn with<T>(&self, what: impl FnOnce(&mut Vec<Rule>) -> T) -> T {
        let rules = self.shared.rules.lock();
        what(&mut rules.unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rules()).finish()
    }
}

/// All that happens to one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) delay: Duration,
    /// Instead of carrying the request out.
    pub(super) instead: Option<Fault>,
    pub(super) lose_answer: bool,
    pub(super) stale_by: u64,
    pub(super) stream: StreamPlan,
}

/// What happens to the stream of a watch, each after so many events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StreamPlan {
    pub(super) truncate_after: Option<u32>,
    pub(super) mute_after: Option<u32>,
    pub(super) gone_after: Option<u32>,
    pub(super) duplicate: bool,
}

impl Plan {
    fn add(&mut self, fault: Fault) {
        match fault {
            Fault::Delay { millis } => self.delay += Duration::from_millis(millis),
            Fault::Status { .. } | Fault::Drop | Fault::Silent => self.instead = Some(fault),
            Fault::LoseAnswer => self.lose_answer = true,
            Fault::Stale { versions } => self.stale_by = versions,
            Fault::Truncate { after_events } => self.stream.truncate_after = Some(after_events),
            Fault::Mute { after_events } => self.stream.mute_after = Some(after_events),
            Fault::Gone { after_events } => self.stream.gone_after = Some(after_events),
            Fault::Duplicate => self.stream.duplicate = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(verb: &'static str) -> Attributes {
        Attributes {
            verb,
            resource: "pods".to_owned(),
            ..Attributes::default()
        }
    }

    #[test]
    fn a_rule_hits_so_many_requests_after_so_many() {
        let faults = Faults::default();
        let rule = Rule::on("patch", "pods", Fault::Drop).times(2);
        faults.add(Rule { skip: 1, ..rule });
        let hit = |verb| faults.due(&request(verb)).instead.is_some();
        assert!(!hit("get"));
        let hits: Vec<bool> = (0..4).map(|_| hit("patch")).collect();
        assert_eq!(hits, [false, true, true, false]);
        assert!(faults.rules().is_empty());
    }

    #[test]
    fn rules_are_written_as_json() {
        let text = r#"{"verb":"patch","times":1,"skip":0,"fault":{"status":{"code":429,"retryAfterSeconds":2}}}"#;
        let rule: Rule = serde_json::from_str(text).unwrap();
        let retry_after_seconds = Some(2);
        assert_eq!(
            rule.fault,
            Fault::Status {
                code: 429,
                retry_after_seconds
            }
        );
        let again: Rule = serde_json::from_str(&serde_json::to_string(&rule).unwrap()).unwrap();
        assert_eq!(again, rule);
        assert!(serde_json::from_str::<Rule>(r#"{"fault":"drop","tims":1}"#).is_err());
    }
}
