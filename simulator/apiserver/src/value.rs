//! Small helpers for objects as JSON.

use serde_json::{Map, Value};

/// The text at a JSON pointer; empty if there is none.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The items of the list at a JSON pointer; none if there is no list.
pub fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The same, to change them.
pub fn items_mut<'a>(
    object: &'a mut Value,
    pointer: &str,
) -> impl Iterator<Item = &'a mut Value> + use<'a> {
    let list = object.pointer_mut(pointer).and_then(Value::as_array_mut);
    list.into_iter().flatten()
}

/// Sets a member, or removes it.
pub fn set(object: &mut Value, member: &str, value: Option<Value>) {
    let map = members(object);
    match value {
        Some(value) => {
            map.insert(member.to_owned(), value);
        }
        None => {
            map.remove(member);
        }
    }
}

/// Sets a member that is not there.
pub(super) fn default(object: &mut Value, member: &str, value: impl Into<Value>) {
    let slot = members(object).entry(member).or_insert(Value::Null);
    if slot.is_null() {
        *slot = value.into();
    }
}

/// The members of an object; what is no object becomes an empty one.
pub fn members(object: &mut Value) -> &mut Map<String, Value> {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    match object {
        Value::Object(map) => map,
        _ => unreachable!("it was made an object"),
    }
}

/// How long a value is as JSON, in bytes.
pub(super) fn bytes(value: &Value) -> usize {
    let mut counter = Counter(0);
    // Values have no keys that are no texts, and the counter refuses nothing.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

/// Counts what is written to it.
struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0 += text.len();
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A value as Go prints it with `%v`.
pub(super) fn go(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(go).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(map) => {
            let members: Vec<String> = map.iter().map(|(k, v)| format!("{k}:{}", go(v))).collect();
            format!("map[{}]", members.join(" "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn go_prints_maps_in_order() {
        let value = json!({"b": [1, "x", null], "a": {"c": true}});
        assert_eq!(go(&value), "map[a:map[c:true] b:[1 x <nil>]]");
    }
}
