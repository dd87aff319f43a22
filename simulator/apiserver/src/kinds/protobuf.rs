//! Bodies in protobuf, which kubectl's typed clients send (`kubectl create job`, `auth can-i`): as much of the format
//! as turns them into JSON (`k8s.io/apimachinery/pkg/runtime/serializer/protobuf`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pullstop_core::time::Timestamp;
use serde_json::{Map, Value, json};

use super::{Field, INLINE, Many, fields, type_of};
use crate::clock;

/// The content type.
pub(crate) const CONTENT_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// What every body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// How deep messages may be in each other; those of Kubernetes' own kinds are less than 20.
const DEPTH_MAX: usize = 64;

/// The object in a body.
///
/// # Errors
/// If it is no protobuf, or its kind is none that is known here.
pub(crate) fn decode(body: &[u8]) -> Result<Value, String> {
    let envelope = body.strip_prefix(MAGIC).ok_or(
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
    )?;
    let (mut types, mut raw) = (&[][..], &[][..]);
    for part in Parts(envelope) {
        match part? {
            (1, Part::Bytes(bytes)) => types = bytes,
            (2, Part::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let (mut api_version, mut kind) = (String::new(), String::new());
    for part in Parts(types) {
        match part? {
            (1, Part::Bytes(bytes)) => api_version = text(bytes)?,
            (2, Part::Bytes(bytes)) => kind = text(bytes)?,
            _ => {}
        }
    }
    let name = type_of(&api_version, &kind);
    let fields = fields(&name).ok_or_else(|| {
        format!("the simulated API does not read {kind} of {api_version} in protobuf: send JSON")
    })?;
    let mut object = message(fields, raw, 0)?;
    object.insert("apiVersion".to_owned(), api_version.into());
    object.insert("kind".to_owned(), kind.into());
    Ok(object.into())
}

/// A message's members.
fn message(fields: &[Field], bytes: &[u8], depth: usize) -> Result<Map<String, Value>, String> {
    if depth > DEPTH_MAX {
        return Err(format!(
            "messages are in each other more than {DEPTH_MAX} deep"
        ));
    }
    let mut members = Map::new();
    for part in Parts(bytes) {
        let (number, part) = part?;
        // What is not known is left out, as by every decoder.
        if let Some(field) = fields.iter().find(|field| field.number == number) {
            put(&mut members, field, part, depth)?;
        }
    }
    Ok(members)
}

fn put(
    members: &mut Map<String, Value>,
    field: &Field,
    part: Part<'_>,
    depth: usize,
) -> Result<(), String> {
    match field.many {
        Many::List => {
            let value = value(field.holds, part, depth)?;
            let list = members.entry(field.name).or_insert_with(|| json!([]));
            if let Value::Array(list) = list {
                list.push(value);
            }
        }
        Many::Map => {
            let (key, value) = entry(field.holds, part, depth)?;
            let map = members.entry(field.name).or_insert_with(|| json!({}));
            map[key] = value;
        }
        Many::One => {
            let value = value(field.holds, part, depth)?;
            if let (INLINE, Value::Object(beside)) = (field.name, &value) {
                members.extend(beside.clone());
            } else if field.is_optional || !is_zero(&value) {
                members.insert(field.name.to_owned(), value);
            }
        }
    }
    Ok(())
}

/// What Go leaves out of JSON when it is empty; in protobuf it is there all the same.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(yes) => !yes,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// A message of a key and a value.
fn entry(holds: &str, part: Part<'_>, depth: usize) -> Result<(String, Value), String> {
    let (mut key, mut found) = (String::new(), value(holds, Part::Bytes(&[]), depth)?);
    for inner in Parts(part.bytes()?) {
        match inner? {
            (1, part) => key = text(part.bytes()?)?,
            (2, part) => found = value(holds, part, depth)?,
            _ => {}
        }
    }
    Ok((key, found))
}

fn value(holds: &str, part: Part<'_>, depth: usize) -> Result<Value, String> {
    Ok(match holds {
        "string" => text(part.bytes()?)?.into(),
        "bytes" => STANDARD.encode(part.bytes()?).into(),
        "bool" => (part.number() != 0).into(),
        "int" => part.number().into(),
        "float" => match part {
            Part::Number(bits) => f64::from_bits(bits).into(),
            Part::Bytes(_) => 0.into(),
        },
        "time" | "microtime" => time(holds, &numbers(part.bytes()?)?),
        "duration" => format!("{}ns", numbers(part.bytes()?)?[0]).into(),
        "quantity" => first_text(part.bytes()?)?.into(),
        "intorstring" => int_or_string(part.bytes()?)?,
        "json" => raw_json(part.bytes()?)?,
        // A list inside of a map is a message of its own.
        "[]string" => {
            let texts = Parts(part.bytes()?).map(|part| Ok(text(part?.1.bytes()?)?.into()));
            Value::Array(texts.collect::<Result<_, String>>()?)
        }
        name => {
            let fields = fields(name).unwrap_or_default();
            message(fields, part.bytes()?, depth + 1)?.into()
        }
    })
}

/// Seconds and nanoseconds; none at all are no time.
fn time(holds: &str, numbers: &[i64; 4]) -> Value {
    let (seconds, nanos) = (numbers[0], numbers[1]);
    let Some(millis) = u64::try_from(seconds).ok().filter(|s| *s > 0) else {
        return Value::Null;
    };
    let moment = clock::text(Timestamp::from_millis(millis.saturating_mul(1000)));
    if holds == "time" {
        return moment.into();
    }
    let micros = nanos.clamp(0, 999_999_999) / 1000;
    format!("{}.{micros:06}Z", moment.trim_end_matches('Z')).into()
}

fn int_or_string(bytes: &[u8]) -> Result<Value, String> {
    let is_text = numbers(bytes)?[0] == 1;
    for part in Parts(bytes) {
        if let (3, Part::Bytes(found)) = part?
            && is_text
        {
            return Ok(text(found)?.into());
        }
    }
    Ok(numbers(bytes)?[1].into())
}

fn raw_json(bytes: &[u8]) -> Result<Value, String> {
    let raw = first_text(bytes)?;
    if raw.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&raw).map_err(|error| error.to_string())
}

/// The text in the first field.
fn first_text(bytes: &[u8]) -> Result<String, String> {
    for part in Parts(bytes) {
        if let (1, part) = part? {
            return text(part.bytes()?);
        }
    }
    Ok(String::new())
}

/// The numbers in the first four fields.
fn numbers(bytes: &[u8]) -> Result<[i64; 4], String> {
    let mut found = [0; 4];
    for part in Parts(bytes) {
        let (number, part) = part?;
        let place = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
        if let (Some(slot), Part::Number(_)) = (found.get_mut(place), &part) {
            *slot = part.number();
        }
    }
    Ok(found)
}

fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "a text in protobuf is not UTF-8".to_owned())
}

/// What stands in a field.
#[derive(Clone, Copy, Debug)]
enum Part<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Part<'a> {
    fn bytes(self) -> Result<&'a [u8], String> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) => Err("proto: wrong wireType".to_owned()),
        }
    }

    /// Numbers below zero are sent as large ones.
    const fn number(self) -> i64 {
        match self {
            Self::Number(number) => number.cast_signed(),
            Self::Bytes(_) => 0,
        }
    }
}

/// The fields of a message, one after the other: their numbers, and what stands in them.
struct Parts<'a>(&'a [u8]);

impl<'a> Iterator for Parts<'a> {
    type Item = Result<(u64, Part<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let part = self.take_part();
        if part.is_none() {
            self.0 = &[];
        }
        Some(part.ok_or_else(|| "unexpected EOF".to_owned()))
    }
}

impl<'a> Parts<'a> {
    fn take_part(&mut self) -> Option<(u64, Part<'a>)> {
        let tag = self.take_varint()?;
        let part = match tag & 7 {
            0 => Part::Number(self.take_varint()?),
            1 => Part::Number(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.take_varint()?).ok()?;
                Part::Bytes(self.take(length)?)
            }
            5 => Part::Number(u32::from_le_bytes(self.take(4)?.try_into().ok()?).into()),
            _ => return None,
        };
        Some((tag >> 3, part))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn take_varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `kubectl create job j --image=x` of kubectl 1.32 sends.
    const JOB: &str = "6b3873000a0f0a0862617463682f763112034a6f6212720a110a016a12001a0022002a00320038004200125332510a10 \
                       0a0012001a0022002a00320038004200123d121a0a016a1201782a0042006a007200800100880100900100a201001a05 \
                       4e65766572320042004a0052005800600068008201008a01009a0100c201001a082000280030003a001a002200";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
        let pairs = digits.chunks(2);
        pairs
            .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
            .collect()
    }

    #[test]
    fn a_job_of_kubectl_is_read() {
        let pod = json!({"containers": [{"name": "j", "image": "x"}], "restartPolicy": "Never"});
        let wanted = json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"},
            "spec": {"template": {"spec": pod}},
        });
        assert_eq!(decode(&bytes(JOB)), Ok(wanted));
    }

    #[test]
    fn a_zero_counts_where_it_is_asked_for() {
        let fields = fields("batch/v1.JobSpec").unwrap();
        // backoffLimit: 0
        let spec = message(fields, &[7 << 3, 0], 0).unwrap();
        assert_eq!(Value::from(spec), json!({"backoffLimit": 0}));
    }

    #[test]
    fn what_is_broken_is_refused() {
        let whole = bytes(JOB);
        for length in 0..whole.len() - 1 {
            // Some prefixes are whole messages; none makes it panic.
            let _ = decode(&whole[..length]);
        }
        for broken in [
            &b"{}"[..],
            b"k8s",
            b"k8s\0\x0a\xff\xff",
            b"k8s\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert!(decode(broken).is_err(), "{broken:?}");
        }
        let unknown = b"k8s\0\x0a\x08\x0a\x02v9\x12\x02Xx";
        assert!(decode(unknown).unwrap_err().contains("send JSON"));
    }
}
