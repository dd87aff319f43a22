//! RFC 6902.

use serde_json::Value;

use crate::types::kind_of;
use crate::value::bytes;

/// How many operations a patch may have (`maxJSONPatchOperations` in apiserver's `endpoints/handlers/patch.go`).
pub(super) const OPERATIONS_MAX: usize = 10_000;

/// How much the `copy` operations of a patch may copy together, as JSON (`JSONPatchMaxCopyBytes` in apiserver's
/// `server/config.go`): without a bound, each may double what is there.
const COPIED_BYTES_MAX: usize = 3 << 20;

/// One operation. Members that it does not know are ignored, as the RFC says; what it lacks fails only when it is
/// carried out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operation {
    op: String,
    path: Option<String>,
    from: Option<String>,
    /// Null if there is none.
    value: Value,
}

/// Reads the operations.
///
/// # Errors
/// In the words of Go's decoder.
pub(super) fn parse(patch: &Value) -> Result<Vec<Operation>, String> {
    match patch {
        Value::Null => Ok(Vec::new()),
        Value::Array(operations) => operations.iter().map(parse_one).collect(),
        other => Err(unread(other, "value of type []handlers.jsonPatchOp")),
    }
}

fn parse_one(operation: &Value) -> Result<Operation, String> {
    if !operation.is_object() {
        return Err(unread(operation, "value of type handlers.jsonPatchOp"));
    }
    let word = |member: &str| match &operation[member] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        other => {
            let what = format!("struct field jsonPatchOp.{member} of type string");
            Err(unread(other, &what))
        }
    };
    Ok(Operation {
        op: word("op")?.unwrap_or_default(),
        path: word("path")?,
        from: word("from")?,
        value: operation["value"].clone(),
    })
}

fn unread(found: &Value, what: &str) -> String {
    format!("json: cannot unmarshal {} into Go {what}", kind_of(found))
}

/// The operation cannot be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Impossible;

/// Carries out all operations, in order.
pub(super) fn run(target: &mut Value, operations: &[Operation]) -> Result<(), Impossible> {
    let mut copied = 0;
    operations
        .iter()
        .try_for_each(|operation| step(target, operation, &mut copied))
}

/// Carries out one operation; `copied` is how many bytes were copied so far.
fn step(target: &mut Value, operation: &Operation, copied: &mut usize) -> Result<(), Impossible> {
    let path = operation.path.as_deref().ok_or(Impossible)?;
    let from = || operation.from.as_deref().ok_or(Impossible);
    let value = &operation.value;
    match operation.op.as_str() {
        "add" => add(target, path, value.clone()),
        "remove" => remove(target, path).map(|_| ()),
        "replace" => replace(target, path, value.clone()),
        "move" => {
            let value = remove(target, from()?)?;
            add(target, path, value)
        }
        "copy" => {
            let value = read(target, from()?)?;
            *copied += bytes(value);
            if *copied > COPIED_BYTES_MAX {
                return Err(Impossible);
            }
            let value = value.clone();
            add(target, path, value)
        }
        "test" => {
            let found = target.pointer(path).unwrap_or(&Value::Null);
            if found == value {
                Ok(())
            } else {
                Err(Impossible)
            }
        }
        _ => Err(Impossible),
    }
}

/// A member that is not there reads as null, as the API server's library has it, an element does not.
fn read<'a>(target: &'a Value, path: &str) -> Result<&'a Value, Impossible> {
    let Some((parent, last)) = split(path) else {
        return Ok(target);
    };
    match target.pointer(parent).ok_or(Impossible)? {
        Value::Object(members) => Ok(members.get(&last).unwrap_or(&Value::Null)),
        Value::Array(items) => Ok(&items[place(&last, items.len())?]),
        _ => Err(Impossible),
    }
}

fn add(target: &mut Value, path: &str, value: Value) -> Result<(), Impossible> {
    put(target, path, value, |items, last, value| {
        let at = match last {
            "-" => items.len(),
            index => place(index, items.len() + 1)?,
        };
        items.insert(at, value);
        Ok(())
    })
}

/// For a member that is not there, it is the same as adding one.
fn replace(target: &mut Value, path: &str, value: Value) -> Result<(), Impossible> {
    put(target, path, value, |items, last, value| {
        let at = place(last, items.len())?;
        items[at] = value;
        Ok(())
    })
}

/// Puts a value in the place of the whole, of a member, or, by `into_list`, into a list.
fn put(
    target: &mut Value,
    path: &str,
    value: Value,
    into_list: impl FnOnce(&mut Vec<Value>, &str, Value) -> Result<(), Impossible>,
) -> Result<(), Impossible> {
    let Some((parent, last)) = split(path) else {
        *target = value;
        return Ok(());
    };
    match target.pointer_mut(parent).ok_or(Impossible)? {
        Value::Object(members) => {
            members.insert(last, value);
            Ok(())
        }
        Value::Array(items) => into_list(items, &last, value),
        _ => Err(Impossible),
    }
}

fn remove(target: &mut Value, path: &str) -> Result<Value, Impossible> {
    let (parent, last) = split(path).ok_or(Impossible)?;
    match target.pointer_mut(parent).ok_or(Impossible)? {
        Value::Object(members) => members.remove(&last).ok_or(Impossible),
        Value::Array(items) => {
            let at = place(&last, items.len())?;
            Ok(items.remove(at))
        }
        _ => Err(Impossible),
    }
}

/// The place in a list of this length; below zero it counts from the end.
fn place(index: &str, length: usize) -> Result<usize, Impossible> {
    let from_end = index.strip_prefix('-');
    let number: usize = from_end.unwrap_or(index).parse().map_err(|_| Impossible)?;
    let at = match from_end {
        Some(_) => length.checked_sub(number),
        None => Some(number),
    };
    at.filter(|at| *at < length).ok_or(Impossible)
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

    fn run_on(mut target: Value, operations: &Value) -> Result<Value, Impossible> {
        let operations = parse(operations).unwrap();
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
                json!({}),
                json!({"op": "replace", "path": "/a", "value": 2}),
                json!({"a": 2}),
            ),
            (
                json!([1, 2]),
                json!({"op": "remove", "path": "/-1"}),
                json!([1]),
            ),
            (
                json!(1),
                json!({"op": "add", "path": "", "value": 2}),
                json!(2),
            ),
        ] {
            assert_eq!(run_on(target, &json!([operation])).unwrap(), expected);
        }
    }

    /// Each copy doubles the list: 20 of them would make a million elements of one.
    #[test]
    fn copies_cannot_grow_without_bound() {
        let double = |times: usize| {
            let copy = json!({"op": "copy", "from": "/l", "path": "/l/-"});
            run_on(json!({"l": ["x".repeat(1000)]}), &vec![copy; times].into())
        };
        assert!(double(10).is_ok());
        assert_eq!(double(20), Err(Impossible));
    }

    #[test]
    fn what_cannot_be_done_fails_the_whole_patch() {
        for operation in [
            json!({"op": "test", "path": "/a", "value": 2}),
            json!({"op": "remove", "path": "/b"}),
            json!({"op": "remove", "path": ""}),
            json!({"op": "replace", "path": "/l/1", "value": 1}),
            json!({"op": "mend", "path": "/a"}),
            json!({"op": "remove"}),
            json!({"path": "/a"}),
            json!({"op": "add", "path": "/b/c", "value": 1}),
            json!({"op": "add", "path": "/l/2", "value": 1}),
            json!({"op": "add", "path": "/l/x", "value": 1}),
            json!({"op": "copy", "from": "/l/-2", "path": "/c"}),
            json!({"op": "move", "from": "/b", "path": "/c"}),
            json!({"op": "add", "path": "/a/b", "value": 1}),
        ] {
            let refused = run_on(json!({"a": 1, "l": [1]}), &json!([operation.clone()]));
            assert_eq!(refused, Err(Impossible), "{operation}");
        }
    }
}
