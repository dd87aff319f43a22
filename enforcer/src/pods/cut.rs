//! Cuts out of the text of pods what takes up most of it and is never needed, before the text is read.
//!
//! Two thirds of a pod are the fields that its managers claim and its environment variables. To read past them, a parser
//! of JSON has to look at every string and bracket in them; to find where they end takes a tenth of that.

use std::sync::LazyLock;

use memchr::memchr;
use memchr::memmem::Finder;

/// The text without what is not needed of pods: the lists of managed fields and of environment variables are empty where
/// they were easy to cut out.
///
/// If the text is JSON, so is what is left, unless these lists hold what Kubernetes has not in them. Whoever cannot read
/// what is left should read the text.
pub(super) fn cut(text: &str) -> String {
    let mut kept = String::with_capacity(text.len() / 2);
    for pod in MANAGED_FIELDS.pieces(text) {
        kept.extend(ENV.pieces(pod));
    }
    kept
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

    /// What is left of a text.
    fn pieces<'a>(&self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let mut rest = Some(text);
        std::iter::from_fn(move || {
            let text = rest?;
            let Some(begin) = self.begin.find(text.as_bytes()) else {
                return rest.take();
            };
            let (piece, behind) = text.split_at(begin + self.begin.needle().len());
            rest = Some(&behind[self.length(behind)..]);
            Some(piece)
        })
    }

    /// How many bytes from the beginning on are not needed: all up to the first closing bracket, if that is the one of the
    /// list. It is none within a string if the end follows, because quotes are escaped there; and no list that is not
    /// closed yet can end without one.
    fn length(&self, text: &str) -> usize {
        memchr(b']', text.as_bytes())
            .filter(|end| text[*end..].starts_with(self.end))
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

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
        let full = r#""env":[{"name":"A","value":"\"env\":["}],"resources":{}"#;
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
        fn what_is_left_of_json_is_the_same_or_none(value in value()) {
            let text = value.to_string();
            if let Ok(left) = serde_json::from_str(&cut(&text)) {
                prop_assert_eq!(emptied(left), emptied(value));
            }
        }
    }
}
