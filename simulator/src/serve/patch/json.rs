//! RFC 6902.

use serde::Deserialize;
use serde_json::Value;

/// How many operations a patch may have, as in the API server.
const OPERATIONS_MAX: usize = 10_000;

/// One operation. Members that it does not know are ignored, as the RFC says.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub(in crate::serve) enum Operation {
    /// Adds a member, or inserts an element.
    Add { path: String, value: Value },
    /// Removes what is there.
    Remove { path: String },
    /// Replaces what is there.
    Replace { path: String, value: Value },
    /// Moves what is there.
    Move { from: String, path: String },
    /// Copies what is there.
    Copy { from: String, path: String },
    /// Fails unless this is there.
    Test { path: String, value: Value },
}

/// The operation cannot be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Impossible;

/// Carries out all operations, in order.
pub(super) fn run(target: &mut Value, operations: &[Operation]) -> Result<(), Impossible> {
    if operations.len() > OPERATIONS_MAX {
        return Err(Impossible);
    }
    operations
        .iter()
        .try_for_each(|operation| step(target, operation))
}

fn step(target: &mut Value, operation: &Operation) -> Result<(), Impossible> {
    match operation {
        Operation::Add { path, value } => add(target, path, value.clone()),
        Operation::Remove { path } => remove(target, path).map(|_| ()),
        Operation::Replace { path, value } => {
            *target.pointer_mut(path).ok_or(Impossible)? = value.clone();
            Ok(())
        }
        Operation::Move { from, path } => {
            let value = remove(target, from)?;
            add(target, path, value)
        }
        Operation::Copy { from, path } => {
            let value = target.pointer(from).ok_or(Impossible)?.clone();
            add(target, path, value)
        }
        Operation::Test { path, value } => {
            let found = target.pointer(path).unwrap_or(&Value::Null);
            if found == value {
                Ok(())
            } else {
                Err(Impossible)
            }
        }
    }
}

fn add(target: &mut Value, path: &str, value: Value) -> Result<(), Impossible> {
    let Some((parent, last)) = split(path) else {
        *target = value;
        return Ok(());
    };
    match target.pointer_mut(parent).ok_or(Impossible)? {
        Value::Object(members) => {
            members.insert(last, value);
        }
        Value::Array(items) => {
            let at = match last.as_str() {
                "-" => items.len(),
                index => index.parse().map_err(|_| Impossible)?,
            };
            if at > items.len() {
                return Err(Impossible);
            }
            items.insert(at, value);
        }
        _ => return Err(Impossible),
    }
    Ok(())
}

fn remove(target: &mut Value, path: &str) -> Result<Value, Impossible> {
    let (parent, last) = split(path).ok_or(Impossible)?;
    match target.pointer_mut(parent).ok_or(Impossible)? {
        Value::Object(members) => members.remove(&last).ok_or(Impossible),
        Value::Array(items) => match last.parse::<usize>() {
            Ok(at) if at < items.len() => Ok(items.remove(at)),
            _ => Err(Impossible),
        },
        _ => Err(Impossible),
    }
}

/// The pointer to what holds the place, and the place in it. None for the whole document.
fn split(path: &str) -> Option<(&str, String)> {
    let (parent, last) = path.rsplit_once('/')?;
    Some((parent, last.replace("~1", "/").replace("~0", "~")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run_on(mut target: Value, operations: Value) -> Result<Value, Impossible> {
        let operations: Vec<Operation> = serde_json::from_value(operations).unwrap();
        run(&mut target, &operations).map(|()| target)
    }

    #[test]
    fn every_operation_does_its_work() {
        for (target, operation, expected) in [
            (
                json!({}),
                json!({"op": "add", "path": "/a", "value": 1}),
                json!({"a": 1}),
            ),
            (
                json!([1, 3]),
                json!({"op": "add", "path": "/1", "value": 2}),
                json!([1, 2, 3]),
            ),
            (
                json!([1]),
                json!({"op": "add", "path": "/-", "value": 2}),
                json!([1, 2]),
            ),
            (
                json!({"a/b": 1}),
                json!({"op": "remove", "path": "/a~1b"}),
                json!({}),
            ),
            (
                json!([1, 2]),
                json!({"op": "remove", "path": "/0"}),
                json!([2]),
            ),
            (
                json!({"a": 1}),
                json!({"op": "replace", "path": "/a", "value": 2}),
                json!({"a": 2}),
            ),
            (
                json!({"a": 1}),
                json!({"op": "move", "from": "/a", "path": "/b"}),
                json!({"b": 1}),
            ),
            (
                json!({"a": 1}),
                json!({"op": "copy", "from": "/a", "path": "/b"}),
                json!({"a": 1, "b": 1}),
            ),
            (
                json!({"a": 1}),
                json!({"op": "test", "path": "/a", "value": 1}),
                json!({"a": 1}),
            ),
            (
                json!(1),
                json!({"op": "add", "path": "", "value": 2}),
                json!(2),
            ),
        ] {
            assert_eq!(run_on(target, json!([operation])).unwrap(), expected);
        }
    }

    #[test]
    fn what_cannot_be_done_fails_the_whole_patch() {
        for operation in [
            json!({"op": "test", "path": "/a", "value": 2}),
            json!({"op": "remove", "path": "/b"}),
            json!({"op": "remove", "path": ""}),
            json!({"op": "replace", "path": "/b", "value": 1}),
            json!({"op": "add", "path": "/b/c", "value": 1}),
            json!({"op": "add", "path": "/l/2", "value": 1}),
            json!({"op": "add", "path": "/l/x", "value": 1}),
            json!({"op": "copy", "from": "/b", "path": "/c"}),
            json!({"op": "add", "path": "/a/b", "value": 1}),
        ] {
            let refused = run_on(json!({"a": 1, "l": [1]}), json!([operation.clone()]));
            assert_eq!(refused, Err(Impossible), "{operation}");
        }
    }
}
