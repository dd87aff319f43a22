//! The fields of Kubernetes' own kinds, as far as kubectl sends them in protobuf and explains them: the table in
//! `types.txt`, which `.ci/api-types.py` makes from the Go types of the API.

pub(super) mod protobuf;

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Its number in protobuf.
    pub(super) number: u64,
    /// Its name in JSON; [`INLINE`] if its members stand beside it.
    pub(super) name: &'static str,
    /// How often it is there.
    pub(super) many: Many,
    /// Whether zero is something else than nothing (a pointer in Go).
    pub(super) is_optional: bool,
    /// What it holds: `string`, `time`, `core/v1.PodSpec`.
    pub(super) holds: &'static str,
    /// What it is, in a sentence.
    pub(super) says: &'static str,
}

/// How often something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Many {
    One,
    List,
    Map,
}

/// The name of a field that has none of its own.
pub(super) const INLINE: &str = "~";

/// The fields of a type such as `core/v1.Pod`.
pub(super) fn fields(of: &str) -> Option<&'static [Field]> {
    TYPES.get(of).map(Vec::as_slice)
}

/// The type of a kind: `batch/v1.Job` of `batch/v1` and `Job`, `rbac/v1.Role` of `rbac.authorization.k8s.io/v1`.
pub(super) fn type_of(api_version: &str, kind: &str) -> String {
    let (group, version) = api_version.split_once('/').unwrap_or(("core", api_version));
    match (kind, group.split('.').next()) {
        // It is the same in every group.
        ("DeleteOptions", _) => "meta/v1.DeleteOptions".to_owned(),
        (_, group) => format!("{}/{version}.{kind}", group.unwrap_or_default()),
    }
}

static TYPES: LazyLock<BTreeMap<&'static str, Vec<Field>>> = LazyLock::new(|| {
    let mut types = BTreeMap::new();
    let mut current = None;
    for line in include_str!("types.txt").lines() {
        match line.split_once(' ') {
            Some(("=" | ":", name)) => {
                current = Some(name);
                types.insert(name, Vec::new());
            }
            Some((number, rest)) => {
                let of = current.and_then(|name| types.get_mut(name));
                if let (Some(of), Ok(number)) = (of, number.parse()) {
                    of.push(field(number, rest));
                }
            }
            None => {}
        }
    }
    types
});

fn field(number: u64, rest: &'static str) -> Field {
    let mut words = rest.splitn(3, ' ');
    let mut word = || words.next().unwrap_or_default();
    let (name, shape, says) = (word(), word(), word());
    let (many, holds) = if let Some(holds) = shape.strip_prefix("[]") {
        (Many::List, holds)
    } else if let Some(holds) = shape.strip_prefix("map:") {
        (Many::Map, holds)
    } else {
        (Many::One, shape)
    };
    Field {
        number,
        name,
        many,
        is_optional: holds.starts_with('*'),
        holds: holds.trim_start_matches('*'),
        says,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_held_is_there() {
        let leaves = [
            "string",
            "bool",
            "int",
            "float",
            "bytes",
            "time",
            "microtime",
            "duration",
            "quantity",
            "intorstring",
            "json",
            "[]string",
        ];
        assert!(TYPES.len() > 200);
        for (name, fields) in TYPES.iter() {
            for field in fields {
                let known = leaves.contains(&field.holds) || TYPES.contains_key(field.holds);
                assert!(known, "{name}.{} holds {}", field.name, field.holds);
            }
        }
    }

    #[test]
    fn kinds_are_found_by_their_version() {
        for (version, kind) in [
            ("v1", "Pod"),
            ("batch/v1", "Job"),
            ("policy/v1", "Eviction"),
            ("authorization.k8s.io/v1", "SelfSubjectAccessReview"),
            ("rbac.authorization.k8s.io/v1", "Role"),
            ("v1", "DeleteOptions"),
        ] {
            assert!(
                fields(&type_of(version, kind)).is_some(),
                "{version} {kind}"
            );
        }
    }
}
