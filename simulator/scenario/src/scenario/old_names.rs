//! Names of the scenario format that have changed: the old ones are read for one more release.
//!
//! The reader takes both (`raw`). This module finds the old ones in a text, and writes today's in their place.

use std::fmt;

use pullstop_core::yaml::{self, place_of};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::Place;

/// Keys, as they were called and as they are called now.
pub(super) const KEYS: [(&str, &str); 3] = [
    ("troubles", "faults"),
    ("sandboxTrouble", "sandboxFault"),
    ("writeTrouble", "writeFault"),
];
/// Errors of pulls, likewise.
const ERRORS: [(&str, &str); 1] = [("RuntimeTrouble", "RuntimeFailure")];
/// The keys of which an error of a pull is the value.
const KEYS_OF_ERRORS: [&str; 3] = ["error", "missing", "defect"];
/// What stands below these keys are policies, which have names of their own.
const POLICIES: [&str; 2] = ["policy", "namespacePolicies"];

/// An old name in a scenario's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OldName {
    /// Where it stands.
    pub place: Place,
    /// The name.
    pub old: &'static str,
    /// What it is called now.
    pub new: &'static str,
}

/// What an error of pulls is called now.
pub(super) fn error(name: &str) -> &str {
    today(&ERRORS, name).map_or(name, |(_, new)| new)
}

/// All old names in the text of a valid scenario, in the order of their places.
pub(super) fn find(text: &str) -> Vec<OldName> {
    let mut all = KEYS.iter().chain(&ERRORS);
    if !all.any(|(old, _)| text.contains(old)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    if let Ok(root) = yaml::read::<Spanned<Node>>("scenario", text, &[]) {
        search(&root.value, &mut found);
    }
    // What an alias repeats was found at its anchor already.
    found.sort_unstable();
    found.dedup();
    found
}

/// The text with today's names in place of `names`; all else stays as it is. A name that is written with escapes or
/// behind a tag stays too.
pub fn replace(text: &str, names: &[OldName]) -> String {
    let mut new = text.to_owned();
    // From the end, so that the places before stay right.
    for name in names.iter().rev() {
        if let Some(begin) = name.place.and_then(|place| offset(text, place)) {
            let quote = usize::from(text[begin..].starts_with(['"', '\'']));
            let range = begin + quote..begin + quote + name.old.len();
            if text.get(range.clone()) == Some(name.old) {
                new.replace_range(range, name.new);
            }
        }
    }
    new
}

/// The byte at which a place begins.
fn offset(text: &str, (line, column): (u64, u64)) -> Option<usize> {
    let (line, column) = (usize::try_from(line).ok()?, usize::try_from(column).ok()?);
    let before = text.split_inclusive('\n').take(line.checked_sub(1)?);
    let begin: usize = before.map(str::len).sum();
    let mut characters = text[begin..].char_indices();
    let (within, _) = characters.nth(column.checked_sub(1)?)?;
    Some(begin + within)
}

fn today(
    names: &[(&'static str, &'static str)],
    name: &str,
) -> Option<(&'static str, &'static str)> {
    names.iter().copied().find(|(old, _)| *old == name)
}

/// A part of a document: only what can have a name in it.
enum Node {
    Members(Vec<(Spanned<String>, Spanned<Self>)>),
    Items(Vec<Spanned<Self>>),
    Text(String),
    Other,
}

fn search(node: &Node, found: &mut Vec<OldName>) {
    match node {
        Node::Members(members) => {
            for (key, value) in members {
                if POLICIES.contains(&key.value.as_str()) {
                    continue;
                }
                found.extend(old(&KEYS, key, &key.value));
                if let Node::Text(text) = &value.value
                    && KEYS_OF_ERRORS.contains(&key.value.as_str())
                {
                    found.extend(old(&ERRORS, value, text));
                }
                search(&value.value, found);
            }
        }
        Node::Items(items) => items.iter().for_each(|item| search(&item.value, found)),
        Node::Text(_) | Node::Other => {}
    }
}

fn old<T>(names: &[(&'static str, &'static str)], at: &Spanned<T>, name: &str) -> Option<OldName> {
    let (old, new) = today(names, name)?;
    let place = place_of(at.defined);
    Some(OldName { place, old, new })
}

impl fmt::Display for OldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is now called `{}`", self.old, self.new)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key()? {
            members.push((key, map.next_value()?));
        }
        Ok(Node::Members(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Node::Items(all))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "\
# troubles: of old
spec:
  policy: {inline: {scope: {namespaces: {matchLabels: {troubles: \"no\"}}}}}
  registries:
  - host: é.example
    \"troubles\":   # many troubles
    - {error: 'RuntimeTrouble', from: 1m}
  - {host: ü, troubles: &both [{error: RuntimeTrouble}]}
  - {host: x, faults: *both}
  workloads:
  - {pod: tool, image: \"RuntimeTrouble\", cannotStart: RuntimeTrouble}
  faults:
  - {at: 1m, sandboxTrouble: {nodes: troubles, for: 1m}}
  - {at: 1m, writeTrouble: {for: 1m, how: Failed}}
";

    #[test]
    fn old_names_are_found_where_they_mean_something_and_only_there() {
        let found: Vec<_> = find(OLD)
            .iter()
            .map(|n| (n.place.unwrap(), n.old))
            .collect();
        assert_eq!(
            found,
            [
                ((6, 5), "troubles"),
                ((7, 15), "RuntimeTrouble"),
                ((8, 15), "troubles"),
                ((8, 40), "RuntimeTrouble"),
                ((13, 14), "sandboxTrouble"),
                ((14, 14), "writeTrouble"),
            ]
        );
    }

    #[test]
    fn todays_names_take_their_place_and_nothing_else_changes() {
        for text in [OLD.to_owned(), OLD.replace('\n', "\r\n")] {
            let new = replace(&text, &find(&text));
            assert_eq!(find(&new), []);
            let mut expected = text.clone();
            for (old, new) in [
                ("\"troubles\": ", "\"faults\": "),
                ("ü, troubles: ", "ü, faults: "),
                ("'RuntimeTrouble'", "'RuntimeFailure'"),
                ("error: RuntimeTrouble", "error: RuntimeFailure"),
                ("sandboxTrouble", "sandboxFault"),
                ("writeTrouble", "writeFault"),
            ] {
                expected = expected.replace(old, new);
            }
            assert_eq!(new, expected);
        }
    }

    #[test]
    fn what_cannot_be_replaced_stays() {
        let text = "spec: {registries: [{\"tr\\x6fubles\": [], host: a}]} # troubles\n";
        let found = find(text);
        assert_eq!(found.len(), 1);
        assert_eq!(replace(text, &found), text);
    }
}
