//! Keeps only the annotations and conditions that mean something to Pullstop.
//!
//! Pods carry many others, which would take more time and memory than the rest of a pod.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Condition;
use crate::names::PREFIX;

/// The kubelet's condition that tells whether it agrees that a pod has ended.
pub(super) const READY: &str = "Ready";

/// Those of the annotations whose names are ours.
pub(super) fn annotations<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    struct Annotations;
    impl<'de> Visitor<'de> for Annotations {
        type Value = BTreeMap<String, String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("annotations")
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(BTreeMap::new())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut ours = BTreeMap::new();
            while let Some(Text(name)) = map.next_key()? {
                if name.starts_with(PREFIX) {
                    ours.insert(name.into_owned(), map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(ours)
        }
    }
    deserializer.deserialize_any(Annotations)
}

/// Those of the conditions that are ours, and `Ready`.
pub(super) fn conditions<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Condition>, D::Error> {
    struct Conditions;
    impl<'de> Visitor<'de> for Conditions {
        type Value = Vec<Condition>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("conditions")
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut ours = Vec::new();
            while let Some(condition) = seq.next_element::<AnyCondition<'de>>()? {
                if &*condition.r#type.0 == READY || condition.r#type.0.starts_with(PREFIX) {
                    ours.push(condition.keep());
                }
            }
            Ok(ours)
        }
    }
    deserializer.deserialize_any(Conditions)
}

/// A condition of anybody.
#[derive(Default, Deserialize)]
#[serde(default)]
struct AnyCondition<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
}

impl AnyCondition<'_> {
    fn keep(self) -> Condition {
        let owned = |text: Text<'_>| text.0.into_owned();
        Condition {
            r#type: owned(self.r#type),
            reason: self.reason.map(owned),
            message: self.message.map(owned),
        }
    }
}

/// A text that is not copied if the input holds it as it is. (`Cow` by itself is always copied inside of `Option`.)
#[derive(Default)]
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Texts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::WirePod;

    #[test]
    fn what_others_say_is_not_kept() {
        let json = r#"{
            "metadata": {"annotations": {"a": "b", "pullstop.dev/mode": "off", "c\n": {}}},
            "status": {"conditions": [{"type": "Initialized", "message": "\"m\""}, {"type": "Ready", "reason": "R\t"},
                {}, {"message": "late", "type": "pullstop.dev/\u0058"}, {"type": "PodScheduled", "reason": null}]}
        }"#;
        let pod: WirePod = serde_json::from_str(json).unwrap();
        assert_eq!(
            pod.metadata.annotations.into_iter().collect::<Vec<_>>(),
            [("pullstop.dev/mode".to_owned(), "off".to_owned())]
        );
        let kept: Vec<_> = pod
            .status
            .conditions
            .iter()
            .map(|c| (&*c.r#type, c.reason.as_deref(), c.message.as_deref()))
            .collect();
        assert_eq!(
            kept,
            [
                ("Ready", Some("R\t"), None),
                ("pullstop.dev/X", None, Some("late"))
            ]
        );
    }

    #[test]
    fn none_is_as_good_as_an_empty_one() {
        let json = r#"{"metadata": {"annotations": null}, "status": {"conditions": null}}"#;
        let pod: WirePod = serde_json::from_str(json).unwrap();
        assert!(pod.metadata.annotations.is_empty() && pod.status.conditions.is_empty());
        for wrong in [
            r#"{"metadata": {"annotations": 5}}"#,
            r#"{"status": {"conditions": {}}}"#,
            r#"{"status": {"conditions": [{"type": 5}]}}"#,
        ] {
            assert!(serde_json::from_str::<WirePod>(wrong).is_err(), "{wrong}");
        }
    }
}
