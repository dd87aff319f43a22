//! Decides which policy objects are active, and why another is not.

use std::collections::BTreeMap;

use pullstop_core::classify::OWN_BYTES_MAX;
use pullstop_core::policy::{Policies, Policy};

use super::built_in;
use super::object::Object;
use super::opinion::Opinion;

/// Bytes of the patterns of all namespaces' policies together: 32 of them can be as long as a policy's may be. Searching
/// for them takes about 20 times as much memory, of the 512 MiB of deploy/. The cluster's own policy always has room.
pub const ALL_PATTERNS_BYTES_MAX: usize = 32 * OWN_BYTES_MAX;

/// The last good policy of each place.
#[derive(Debug, Default)]
pub struct Accepted {
    cluster: Option<Policy>,
    namespaces: BTreeMap<String, Policy>,
    /// The objects as they were last read, and what came of that, by their paths.
    known: BTreeMap<String, Known>,
    /// How many objects have been read into policies.
    parsed: u64,
}

/// An object that was read.
#[derive(Clone, Debug)]
struct Known {
    version: (String, String),
    opinion: Opinion,
    /// There was no room for it: that may change without it.
    is_crowded: bool,
}

impl Accepted {
    /// Applies all objects, and returns the opinion on each. Unchanged objects are not parsed again.
    pub fn apply(&mut self, found: &[Object]) -> Vec<Opinion> {
        let is_there = |namespace: Option<&str>| {
            found
                .iter()
                .any(|object| object.is_in_force() && object.namespace() == namespace)
        };
        if !is_there(None) {
            self.cluster = None;
        }
        self.namespaces
            .retain(|namespace, _| is_there(Some(namespace)));
        let before = std::mem::take(&mut self.known);
        let mut opinions = Vec::with_capacity(found.len());
        for object in found {
            let (path, version) = (object.path(), object.version());
            let known = before.get(&path).filter(|known| {
                !known.is_crowded && !version.1.is_empty() && known.version == version
            });
            let known = known.cloned().unwrap_or_else(|| self.judge(object));
            opinions.push(known.opinion.clone());
            self.known.insert(path, known);
        }
        opinions
    }

    fn judge(&mut self, object: &Object) -> Known {
        let of = |opinion| Known {
            version: object.version(),
            opinion,
            is_crowded: false,
        };
        if !object.is_in_force() {
            return of(Opinion::not_selected());
        }
        self.parsed += 1;
        let policy = match object.policy() {
            Ok(policy) => policy,
            Err(errors) => return of(Opinion::invalid(&errors)),
        };
        let Some(namespace) = object.namespace() else {
            self.cluster = Some(policy);
            return of(Opinion::accepted());
        };
        if let Err(error) = self.make_room(namespace, &policy) {
            let crowded = of(Opinion::invalid(&[error]));
            return Known {
                is_crowded: true,
                ..crowded
            };
        }
        self.namespaces.insert(namespace.to_owned(), policy);
        of(Opinion::accepted())
    }

    /// Whether the patterns of this namespace's policy fit beside those of the other active ones. Who came first
    /// stays.
    fn make_room(&self, namespace: &str, policy: &Policy) -> Result<(), String> {
        let others = self
            .namespaces
            .iter()
            .filter(|(name, _)| *name != namespace);
        let taken: usize = others.map(|(_, policy)| policy.patterns.bytes()).sum();
        let (wanted, left) = (
            policy.patterns.bytes(),
            ALL_PATTERNS_BYTES_MAX.saturating_sub(taken),
        );
        if wanted <= left {
            return Ok(());
        }
        Err(format!(
            "its patterns have {wanted} bytes, and those of other namespaces leave {left} of {ALL_PATTERNS_BYTES_MAX}: \
             shorten or remove some, or move common ones to the cluster's policy"
        ))
    }

    /// Whether the cluster has a policy of its own.
    pub fn has_cluster_policy(&self) -> bool {
        self.cluster.is_some()
    }

    /// The active policies.
    pub fn policies(&self) -> Policies {
        let cluster = self.cluster.clone().unwrap_or_else(|| built_in().cluster);
        Policies {
            cluster,
            namespaces: self.namespaces.clone(),
        }
    }

    /// How many objects have been read into policies so far.
    pub fn parsed(&self) -> u64 {
        self.parsed
    }
}

#[cfg(test)]
mod tests {
    use pullstop_core::names::ACCEPTED;
    use pullstop_core::policy::Mode;
    use serde_json::{Value, json};

    use super::super::opinion::MESSAGE_BYTES_MAX;
    use super::*;

    fn objects(json: &Value) -> Vec<Object> {
        serde_json::from_value(json.clone()).unwrap()
    }

    #[test]
    fn the_policies_called_default_are_in_force() {
        let mut accepted = Accepted::default();
        assert_eq!(
            accepted.policies().cluster.mode,
            Mode::DryRun,
            "without a policy nothing is written"
        );
        let found = objects(&json!([
            {"metadata": {"name": "default"}, "spec": {"mode": "Enforce"}},
            {"metadata": {"name": "other"}, "spec": {"mode": "Disabled"}},
            {"metadata": {"name": "default", "namespace": "team"}, "spec": {"mode": "Warn"}},
        ]));
        let opinions = accepted.apply(&found);
        let reasons: Vec<&str> = opinions.iter().map(|opinion| opinion.reason).collect();
        assert_eq!(reasons, ["Accepted", "NotSelected", "Accepted"]);
        let policies = accepted.policies();
        assert_eq!(policies.cluster.mode, Mode::Enforce);
        assert_eq!(policies.namespaces["team"].mode, Mode::Warn);
        assert_eq!(
            policies.namespaces["team"].scope.include_namespaces,
            ["team"]
        );
        accepted.apply(&[]);
        assert_eq!(accepted.policies(), built_in());
    }

    #[test]
    fn the_last_good_policy_stays_in_force() {
        let mut accepted = Accepted::default();
        accepted.apply(&objects(
            &json!([{"metadata": {"name": "default"}, "spec": {"mode": "Warn"}}]),
        ));
        let broken = objects(
            &json!([{"metadata": {"name": "default"}, "spec": {"mode": "enforce", "pullTimeout": "30"}}]),
        );
        let opinions = accepted.apply(&broken);
        assert_eq!(opinions[0].reason, "Invalid");
        assert_eq!(
            opinions[0].message,
            "unknown mode `enforce`: did you mean `Enforce`?; `30` is not a duration: write `30s`; the last valid policy stays active"
        );
        assert_eq!(accepted.policies().cluster.mode, Mode::Warn);
    }

    /// A policy of a namespace with so many patterns of 4-byte characters, each of the longest text that there may be.
    fn heavy(namespace: &str, version: &str, patterns: u32) -> Value {
        let text = |n: u32| {
            let chars = (0..200).map(|at| char::from_u32(0x10000 + n * 200 + at).unwrap_or('x'));
            chars.collect::<String>()
        };
        let patterns: Vec<Value> = (0..patterns)
            .map(|n| json!({"text": text(n), "cause": "Timeout"}))
            .collect();
        json!({
            "metadata": {"name": "default", "namespace": namespace, "uid": namespace, "resourceVersion": version},
            "spec": {"patterns": patterns},
        })
    }

    #[test]
    fn what_has_not_changed_is_not_read_again() {
        let mut accepted = Accepted::default();
        let mut json = json!([heavy("a", "1", 3), heavy("b", "1", 3)]);
        accepted.apply(&objects(&json));
        let before = accepted.policies();
        for _ in 0..10 {
            accepted.apply(&objects(&json));
        }
        assert_eq!(accepted.parsed(), 2);
        json[1]["metadata"]["resourceVersion"] = json!("2");
        accepted.apply(&objects(&json));
        assert_eq!(accepted.parsed(), 3);
        let after = accepted.policies();
        let patterns = |policies: &Policies, name: &str| policies.namespaces[name].patterns.clone();
        assert!(patterns(&before, "a").is_shared_with(&patterns(&after, "a")));
    }

    #[test]
    fn one_policys_patterns_have_a_budget() {
        let mut accepted = Accepted::default();
        let opinions = accepted.apply(&objects(&json!([heavy("a", "1", 500)])));
        assert_eq!(
            opinions[0].message,
            "the patterns have 400000 bytes together, and a policy's may have 65536: shorten or remove some; \
             the last valid policy stays active"
        );
        assert!(accepted.policies().namespaces.is_empty());
    }

    #[test]
    fn all_policies_patterns_have_a_budget_and_who_came_first_stays() {
        let mut accepted = Accepted::default();
        // 64,000 bytes each: 32 of them fit.
        let mut all: Vec<Value> = (0..40)
            .map(|n| heavy(&format!("n{n:02}"), "1", 80))
            .collect();
        let of = |opinions: &[Opinion]| {
            let accepted = opinions.iter().filter(|opinion| opinion.reason == ACCEPTED);
            accepted.count()
        };
        let opinions = accepted.apply(&objects(&json!(all)));
        assert_eq!(of(&opinions), 32);
        assert!(
            opinions[39]
                .message
                .starts_with("its patterns have 64000 bytes, and those of other namespaces leave 49152 of 2097152: "),
            "{}",
            opinions[39].message
        );
        let parsed = accepted.parsed();
        all.remove(0);
        let opinions = accepted.apply(&objects(&json!(all)));
        assert_eq!(of(&opinions), 32, "the next one has room now");
        assert_eq!(
            accepted.parsed() - parsed,
            8,
            "only those that waited were read"
        );
    }

    #[test]
    fn a_message_fits_into_a_condition() {
        let errors: Vec<String> = (0..400)
            .map(|n| format!("unknown mode `ä{n}{}`", "ä".repeat(150)))
            .collect();
        let message = Opinion::invalid(&errors).message;
        assert!(message.len() <= MESSAGE_BYTES_MAX, "{}", message.len());
        assert!(
            message.len() > MESSAGE_BYTES_MAX - 1000,
            "{}",
            message.len()
        );
        let (_, end) = message.rsplit_once("; and ").unwrap();
        let (more, end) = end.split_once(' ').unwrap();
        assert_eq!(end, "more; the last valid policy stays active");
        let told = message.matches("unknown mode").count();
        assert_eq!(told + more.parse::<usize>().unwrap(), 400);
        let long = Opinion::invalid(&["ü".repeat(1_000_000)]).message;
        assert!(
            long.ends_with("…; the last valid policy stays active"),
            "{long}"
        );
        assert!(long.len() < 1100);
    }
}
