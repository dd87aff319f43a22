//! Knobs: the fields of a policy that a sweep varies, and their values.

use std::fmt;

use pullstop_core::policy::{Policy, document};
use pullstop_core::suggest;
use serde_json::Value;

/// More values than this are a mistyped range.
const VALUES_MAX: u64 = 1000;

/// A field of a policy, and the values to try.
#[derive(Clone, Debug, PartialEq)]
pub struct Knob {
    /// Where the field is in the policy's `spec`, such as `rules.definite.attempts`. A rule goes by its name.
    pub path: String,
    /// The values, in the order in which they were given.
    pub values: Vec<Value>,
}

/// What is wrong with a knob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnobError(String);

impl Knob {
    /// Reads `PATH=VALUES`, with values such as `2,3,5`, `30s,1m,2m` or `2..6`.
    ///
    /// # Errors
    /// If there is no path or no value.
    pub fn parse(text: &str) -> Result<Self, KnobError> {
        let Some((path, values)) = text.split_once('=') else {
            return Err(KnobError(format!(
                "`{text}` has no values: write PATH=VALUES, such as rules.definite.attempts=2..6"
            )));
        };
        let values = match range(values)? {
            Some(values) => values,
            None => values
                .split(',')
                .map(|value| scalar(value.trim()))
                .collect(),
        };
        if values.contains(&Value::String(String::new())) {
            return Err(KnobError(format!(
                "`{text}` has an empty value: remove a comma"
            )));
        }
        let path = path.trim().to_owned();
        Ok(Self { path, values })
    }

    /// A value as people write it.
    pub fn label(&self, value: usize) -> String {
        match self.values.get(value) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        }
    }
}

/// A policy whose fields can be set by their paths.
#[derive(Clone, Debug)]
pub struct Template {
    document: Value,
}

impl Template {
    /// The policy to start from.
    ///
    /// # Errors
    /// If its document cannot be read again.
    pub fn new(policy: &Policy) -> Result<Self, KnobError> {
        let text = document::to_yaml(policy, "swept");
        let document = serde_saphyr::from_str(&text);
        let document = document.map_err(|error| KnobError(error.to_string()))?;
        Ok(Self { document })
    }

    /// The policy with each of these fields set.
    ///
    /// # Errors
    /// If it has no such field, or the field cannot have that value.
    pub fn with<'a>(
        &self,
        settings: impl Iterator<Item = (&'a str, &'a Value)>,
    ) -> Result<Policy, KnobError> {
        let mut document = self.document.clone();
        let mut last = String::new();
        for (path, value) in settings {
            *field(&mut document["spec"], path)? = value.clone();
            last = format!("{path}={value}");
        }
        document::parse(&document.to_string()).map_err(|errors| {
            let first = errors.first().map(|error| error.message.clone());
            KnobError(format!("{last}: {}", first.unwrap_or_default()))
        })
    }
}

/// The field at `path`; elements of lists go by their names.
fn field<'a>(within: &'a mut Value, path: &str) -> Result<&'a mut Value, KnobError> {
    if path.is_empty() {
        return Ok(within);
    }
    let names = names_in(within);
    let mut found = names.iter().filter_map(|name| {
        let rest = path.strip_prefix(name.as_str())?;
        let rest = if rest.is_empty() {
            rest
        } else {
            rest.strip_prefix('.')?
        };
        Some((name, rest))
    });
    let Some((name, rest)) = found.next() else {
        let first = path.split('.').next().unwrap_or(path);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        return Err(KnobError(if names.is_empty() {
            format!("`{path}` is nothing that a policy has there")
        } else {
            format!("no field `{first}`: {}", suggest::hint(first, &names))
        }));
    };
    let inner = match within {
        Value::Object(fields) => fields.get_mut(name),
        Value::Array(elements) => elements
            .iter_mut()
            .find(|element| element["name"].as_str() == Some(name)),
        _ => None,
    };
    match inner {
        Some(inner) => field(inner, rest),
        None => Err(KnobError(format!("no field `{name}`"))),
    }
}

/// The names of fields, or of elements that have one.
fn names_in(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields.keys().cloned().collect(),
        Value::Array(elements) => {
            let names = elements
                .iter()
                .filter_map(|element| element["name"].as_str());
            names.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// `2..6`: all whole numbers, both ends included.
fn range(text: &str) -> Result<Option<Vec<Value>>, KnobError> {
    let ends = text.split_once("..");
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let Some((Some(first), Some(last))) = ends.map(|(a, b)| (number(a), number(b))) else {
        return Ok(None);
    };
    if last < first {
        return Err(KnobError(format!(
            "the range {text} ends before it begins: did you mean {last}..{first}?"
        )));
    }
    if last - first >= VALUES_MAX {
        return Err(KnobError(format!(
            "the range {text} has more than {VALUES_MAX} values: give those to try, with commas"
        )));
    }
    Ok(Some((first..=last).map(Value::from).collect()))
}

fn scalar(text: &str) -> Value {
    text.parse::<u64>()
        .map_or_else(|_| Value::from(text), Value::from)
}

impl fmt::Display for KnobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KnobError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn set(path: &str, value: &Value) -> Result<Policy, String> {
        let template = Template::new(&Policy::default()).unwrap();
        let policy = template.with([(path, value)].into_iter());
        policy.map_err(|error| error.to_string())
    }

    #[test]
    fn a_template_without_settings_is_its_policy() {
        let template = Template::new(&Policy::default()).unwrap();
        assert_eq!(
            template.with(std::iter::empty()).unwrap(),
            Policy::default()
        );
    }

    #[test]
    fn fields_are_set_by_their_paths() {
        let policy = set("rules.definite.duration", &Value::from("5m")).unwrap();
        let rule = policy.rules().iter().find(|rule| rule.name == "definite");
        assert_eq!(rule.unwrap().duration, Duration::from_secs(300));
        let policy = set("overrides.maxPatience", &Value::from("2h")).unwrap();
        assert_eq!(policy.overrides.patience_max, Duration::from_secs(7200));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |path: &str, value: Value| set(path, &value).unwrap_err();
        let unknown = error("rules.definit.attempts", Value::from(1));
        assert_eq!(unknown, "no field `definit`: did you mean `definite`?");
        let bad = error("rules.definite.attempts", Value::from(0));
        assert!(bad.contains("attempts: 0"), "{bad}");
        let bad = error("rules.definite.duration", Value::from("soon"));
        assert!(bad.contains("soon"), "{bad}");
        let none = error("rules.definite.attempts.x", Value::from(0));
        assert!(none.contains("`x`"), "{none}");
    }

    #[test]
    fn values_are_lists_or_ranges() {
        let knob = Knob::parse("rules.unknown.attempts=2..4").unwrap();
        assert_eq!(knob.values, [2, 3, 4].map(Value::from));
        let knob = Knob::parse("a = 30s, 1m").unwrap();
        assert_eq!(knob.path, "a");
        assert_eq!((knob.label(0), knob.label(1)), ("30s".into(), "1m".into()));
        for bad in ["a", "a=", "a=1,,2", "a=6..2", "a=1..5000"] {
            assert!(Knob::parse(bad).is_err(), "{bad}");
        }
    }
}
