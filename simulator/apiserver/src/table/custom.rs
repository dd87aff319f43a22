//! The columns that a CRD gives its objects (`additionalPrinterColumns`).

use pullstop_core::time::Timestamp;
use serde_json::{Value, json};

use super::since;
use crate::value::text;

/// The columns behind the name: those of the CRD, or the age if it has none.
pub(super) fn columns(of_crd: &Value) -> Vec<Value> {
    let column = |column: &Value| {
        json!({
            "name": column["name"], "type": column["type"], "format": text(column, "/format"),
            "description": described(column), "priority": column["priority"].as_u64().unwrap_or(0),
        })
    };
    own(of_crd).iter().map(column).collect()
}

/// What stands in them.
pub(super) fn cells(of_crd: &Value, object: &Value, now: Timestamp) -> Vec<Value> {
    let cell = |column: &Value| {
        let found = at(object, text(column, "/jsonPath"))?;
        Some(match (text(column, "/type"), found) {
            ("date", found) => since(found.as_str().unwrap_or_default(), now).into(),
            ("string", Value::String(_)) | (_, Value::Number(_) | Value::Bool(_)) => found.clone(),
            ("string", other) => other.to_string().into(),
            (_, Value::String(said)) => said.as_str().into(),
            _ => Value::Null,
        })
    };
    let columns = own(of_crd);
    columns
        .iter()
        .map(|column| cell(column).unwrap_or_default())
        .collect()
}

fn own(of_crd: &Value) -> Vec<Value> {
    match of_crd.as_array() {
        Some(columns) if !columns.is_empty() => columns.clone(),
        _ => vec![json!({
            "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp",
        })],
    }
}

fn described(column: &Value) -> String {
    match text(column, "/description") {
        "" => format!(
            "Custom resource definition column (in JSONPath format): {}",
            text(column, "/jsonPath")
        ),
        said => said.to_owned(),
    }
}

/// What a path, in the language of `JSONPath`, leads to: members, places in lists, and the first element of which something is said,
/// `[?(@.type=="Ready")]`.
fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let mut found = object;
    let mut rest = path.trim();
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (step, behind) = inside.split_once(']')?;
            found = in_brackets(found, step)?;
            rest = behind;
        } else {
            let behind = rest.strip_prefix('.').unwrap_or(rest);
            let (name, behind) = member(behind);
            if !name.is_empty() {
                found = found.get(&name)?;
            } else if !behind.is_empty() && !behind.starts_with('[') {
                return None;
            }
            rest = behind;
        }
    }
    Some(found)
}

/// A member's name, in which `\.` is a dot, and what follows it.
fn member(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut letters = text.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '.' | '[' => return (name, &text[place..]),
            '\\' => name.extend(letters.next().map(|(_, letter)| letter)),
            letter => name.push(letter),
        }
    }
    (name, "")
}

fn in_brackets<'a>(value: &'a Value, step: &str) -> Option<&'a Value> {
    let unquoted = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
    if let Some(condition) = step.strip_prefix("?(@.").and_then(|s| s.strip_suffix(')')) {
        let (member, wanted) = condition.split_once("==")?;
        let (member, wanted) = (member.trim(), unquoted(wanted));
        let mut items = value.as_array()?.iter();
        return items.find(|item| item[member].as_str() == Some(&wanted));
    }
    match step.trim() {
        "*" => value.as_array()?.first(),
        step if step.starts_with(['"', '\'']) => value.get(unquoted(step)),
        place => value.get(place.parse::<usize>().ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_values() {
        let object = json!({
            "spec": {"mode": "Enforce", "a.b": 1, "list": [{"x": 1}, {"x": 2}]},
            "status": {"conditions": [
                {"type": "Other", "status": "False"}, {"type": "Ready", "status": "True"},
            ]},
        });
        for (path, found) in [
            (".spec.mode", json!("Enforce")),
            (r".spec.a\.b", json!(1)),
            (".spec['a.b']", json!(1)),
            (".spec.list[1].x", json!(2)),
            (
                r#".status.conditions[?(@.type=="Ready")].status"#,
                json!("True"),
            ),
        ] {
            assert_eq!(at(&object, path), Some(&found), "{path}");
        }
        for path in [
            ".spec.none",
            ".spec.list[9]",
            ".spec[",
            ".status.conditions[?(@.type==\"X\")].status",
        ] {
            assert_eq!(at(&object, path), None, "{path}");
        }
    }

    #[test]
    fn a_crd_without_columns_shows_the_age() {
        let now = Timestamp::from_millis(60_000);
        let object = json!({"metadata": {"creationTimestamp": "1970-01-01T00:00:00Z"}});
        assert_eq!(columns(&Value::Null)[0]["name"], "Age");
        assert_eq!(cells(&Value::Null, &object, now), [json!("60s")]);
    }
}
