//! Cuts the large fields that are never needed out of the JSON of pods before it is parsed.
//!
//! Two thirds of a pod are the fields that its managers claim and its environment variables. To read past them, a parser
//! of JSON has to look at every string and bracket in them; to find where they end takes a tenth of that.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memchr2;
use memchr::memmem::Finder;

/// Takes what is not needed of pods out of the text: the lists of managed fields and of environment variables are empty
/// where they were easy to cut out. Needs no room of its own.
///
/// If the text is JSON, so is what is left.
pub(super) fn cut(text: &mut Vec<u8>) {
    let (mut kept, mut at) = (0, 0);
    while at < text.len() {
        let end = text.len();
        let fields = MANAGED_FIELDS.find(text, at..end).unwrap_or(end..end);
        while let Some(env) = ENV.find(text, at..fields.start) {
            kept = keep(text, at..env.start, kept);
            at = env.end;
        }
        kept = keep(text, at..fields.start, kept);
        at = fields.end;
    }
    text.truncate(kept);
}

/// Moves a part to the front, behind what is `kept` there. Returns how much that is with it.
fn keep(text: &mut [u8], part: Range<usize>, kept: usize) -> usize {
    let end = kept + part.len();
    text.copy_within(part, kept);
    end
}

/// `metadata.managedFields`, the last of the metadata.
static MANAGED_FIELDS: LazyLock<Region> =
    LazyLock::new(|| Region::new(r#""managedFields":["#, r#"]},"spec":{"#));
/// `env` of a container.
static ENV: LazyLock<Region> = LazyLock::new(|| Region::new(r#""env":["#, r#"],"resources":{"#));

/// A list that is not needed, where Go writes it: in the order in which the type has its fields.
struct Region {
    /// Its key, and the bracket that opens it.
    begin: Finder<'static>,
    /// The bracket that closes it, and what stands behind that.
    end: &'static str,
}

impl Region {
    fn new(begin: &'static str, end: &'static str) -> Self {
        let begin = Finder::new(begin);
        Self { begin, end }
    }

    /// What is in the next such list within a part of the text.
    fn find(&self, text: &[u8], part: Range<usize>) -> Option<Range<usize>> {
        let begin = self.begin.find(&text[part.clone()])?;
        let begin = part.start + begin + self.begin.needle().len();
        Some(begin..begin + self.length(&text[begin..part.end]))
    }

    /// How many bytes from the beginning on are not needed: all up to the first bracket, if that is the one that closes the
    /// list. It is none within a string if the end follows, because quotes are escaped there; and without one that opens
    /// before, it closes no other list.
    fn length(&self, text: &[u8]) -> usize {
        memchr2(b'[', b']', text)
            .filter(|end| text[*end..].starts_with(self.end.as_bytes()))
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    fn cut(text: &str) -> String {
        let mut text = text.as_bytes().to_vec();
        super::cut(&mut text);
        String::from_utf8(text).unwrap()
    }

    /// A pod in the order of the API server.
    fn pod(containers: &[&str]) -> String {
        let containers: Vec<String> = containers
            .iter()
            .map(|more| format!(r#"{{"name":"c","image":"i",{more}}}"#))
            .collect();
        format!(
            r#"{{"metadata":{{"managedFields":[{{"fieldsV1":{{"k:{{\"uid\":\"u\"}}":{{}}}}}}]}},"spec":{{"containers":[{}]}}}}"#,
            containers.join(",")
        )
    }

    #[test]
    fn what_is_not_needed_is_gone() {
        let full = r#""env":[{"name":"A","value":"\"env\":{"}],"resources":{}"#;
        let bare = r#"{"name":"c","image":"i","env":[],"resources":{}}"#;
        let left = |containers: &str| {
            format!(
                r#"{{"metadata":{{"managedFields":[]}},"spec":{{"containers":[{containers}]}}}}"#
            )
        };
        let list = format!("[{},{}]", pod(&[full, full]), pod(&[full]));
        let both = format!("{bare},{bare}");
        assert_eq!(cut(&list), format!("[{},{}]", left(&both), left(bare)));
    }

    #[test]
    fn nothing_else_is_lost() {
        for text in [
            // The next container has resources, this one has none.
            r#"[{"env":[{"name":"A"}]},{"env":[],"resources":{}}]"#,
            // Another order.
            r#"{"metadata":{"managedFields":[{}],"x":[{}]},"spec":{"containers":[{"env":[{}],"ports":[],"resources":{}}]}}"#,
            // Brackets that close nothing.
            r#"{"env":[{"name":"A","value":"],\"resources\":{"}],"resources":{}}"#,
            // A list within the list.
            r#"[{"metadata":{"managedFields":[{"a":{"b":[1]},"spec":{}}]}}]"#,
            r#"[{"env":[{"a":[1],"resources":{}}]}]"#,
            // A text that ends too soon.
            r#"{"metadata":{"managedFields":[{"#,
        ] {
            assert_eq!(cut(text), text);
        }
    }

    /// JSON of all kinds, with what regions begin and end with in its keys and strings.
    fn value() -> impl Strategy<Value = Value> {
        let key = prop::sample::select(vec!["env", "items", "managedFields", "resources", "spec"]);
        let text = prop::sample::select(vec![
            r#""managedFields":["#,
            r#"]},"spec":{"#,
            r#"],"resources":{"#,
            r#"\"env\":[\"#,
            "ü]",
        ]);
        let leaf = prop_oneof![
            text.prop_map(Value::from),
            Just(json!({})),
            Just(json!([])),
            Just(json!([{}]))
        ];
        leaf.prop_recursive(6, 60, 6, move |inner| {
            let key = key.clone().prop_map(str::to_owned);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..9)
                    .prop_map(|entries| Value::Object(Map::from_iter(entries))),
            ]
        })
    }

    /// Without anything that may be cut out.
    fn emptied(value: Value) -> Value {
        match value {
            Value::Array(items) => items.into_iter().map(emptied).collect(),
            Value::Object(entries) => entries
                .into_iter()
                .map(|(key, value)| match (key.as_str(), value) {
                    ("managedFields" | "env", Value::Array(_)) => (key, json!([])),
                    (_, value) => (key, emptied(value)),
                })
                .collect(),
            value => value,
        }
    }

    proptest! {
        #[test]
        fn what_is_left_of_json_is_json_and_the_same(value in value()) {
            let left = serde_json::from_str(&cut(&value.to_string()));
            prop_assert_eq!(left.ok().map(emptied), Some(emptied(value)));
        }
    }
}
