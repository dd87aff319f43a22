//! Reading recorded watch streams.
//!
//! A recording is a sequence of JSON objects, one per watch event, on one line or on many. Nothing of it is dropped
//! in silence: a damaged event ends the reading, or is counted when told to keep going.

use std::path::Path;

use pullstop_core::time::Timestamp;
use pullstop_core::wire::WirePod;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::moment;
use crate::classify::without_place;
use crate::input::{self, InputError, Place};

/// One recording.
#[derive(Debug)]
pub struct Trace {
    /// The file, as it was named.
    pub name: String,
    /// Its events, in order.
    pub events: Vec<Event>,
    /// Damaged events that were skipped.
    pub skipped: Vec<InputError>,
    /// Events without time of arrival.
    pub untimed: usize,
}

/// One watch event.
#[derive(Debug)]
pub struct Event {
    /// The recording's number among those that are replayed together.
    pub trace: usize,
    /// When it arrived.
    pub at: Timestamp,
    /// What happened to the object.
    pub kind: EventKind,
    /// The pod it is about, if it is about one.
    pub pod: Option<WirePod>,
}

/// What a watch says of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "Kubernetes' own names")]
pub enum EventKind {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

/// Reads the recording in `file`.
///
/// # Errors
/// If the file cannot be read, or at the first damaged event unless told to keep going.
pub fn read(file: &Path, keep_going: bool) -> Result<Trace, InputError> {
    let text = input::read(file)?;
    let mut reader = Reader {
        file,
        text: &text,
        offset: 0,
        latest: None,
        untimed: 0,
    };
    let mut events = Vec::new();
    let mut skipped = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(event)) => events.push(event),
            Ok(None) => break,
            Err(error) if keep_going => {
                skipped.push(error);
                reader.skip_damaged();
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Trace {
        name: file.display().to_string(),
        events,
        skipped,
        untimed: reader.untimed,
    })
}

struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    /// Where the next event begins.
    offset: usize,
    /// The latest time known so far.
    latest: Option<Timestamp>,
    untimed: usize,
}

/// A watch event as it stands in the file.
#[derive(Deserialize)]
struct RawEvent<'a> {
    received: Option<String>,
    r#type: Option<String>,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    /// Objects that are no watch events have one.
    kind: Option<String>,
}

/// What tells which kind of object it is.
#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

impl Reader<'_> {
    fn next(&mut self) -> Result<Option<Event>, InputError> {
        let rest = &self.text[self.offset..];
        self.offset += rest.len() - rest.trim_start().len();
        let rest = &self.text[self.offset..];
        if rest.is_empty() {
            return Ok(None);
        }
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<RawEvent<'_>>();
        match values.next() {
            None => Ok(None),
            Some(Err(error)) => Err(self.damage(&error)),
            Some(Ok(raw)) => {
                let event = self.event(&raw)?;
                self.offset += values.byte_offset();
                Ok(Some(event))
            }
        }
    }

    fn event(&mut self, raw: &RawEvent<'_>) -> Result<Event, InputError> {
        let (kind, object) = self.shape(raw)?;
        let at = self.time(raw, object)?;
        let is_pod = {
            let about: Kind = self.decode(object)?;
            about.kind.as_deref() == Some("Pod")
        };
        let pod: Option<WirePod> = if is_pod {
            Some(self.decode(object)?)
        } else {
            None
        };
        if let Some(Err(error)) = pod.as_ref().map(|pod| pod.snapshot(None, |_| ())) {
            return Err(InputError::at(self.file, self.place(0), error.to_string()));
        }
        Ok(Event {
            trace: 0,
            at,
            kind,
            pod,
        })
    }

    fn shape<'r>(&self, raw: &RawEvent<'r>) -> Result<(EventKind, &'r RawValue), InputError> {
        let error = |message: String| Err(InputError::at(self.file, self.place(0), message));
        let (Some(kind), Some(object)) = (&raw.r#type, raw.object) else {
            return error(match (&raw.kind, &raw.r#type) {
                (Some(kind), None) => format!(
                    "this is a {kind}, not a watch event: record with \
                     `kubectl get pods --watch --output-watch-events -o json`"
                ),
                (_, None) => {
                    "this is no watch event: `type` is missing; expected {\"type\": …, \"object\": …}"
                        .to_owned()
                }
                (_, Some(_)) => "this watch event has no `object`".to_owned(),
            });
        };
        match serde_json::from_value(Value::String(kind.clone())) {
            Ok(kind) => Ok((kind, object)),
            Err(_) => error(format!(
                "unknown watch event type `{kind}`: expected ADDED, MODIFIED, DELETED, BOOKMARK or ERROR"
            )),
        }
    }

    /// When the event arrived; without `received`, the latest time found in any object so far.
    fn time(&mut self, raw: &RawEvent<'_>, object: &RawValue) -> Result<Timestamp, InputError> {
        let time = if let Some(received) = &raw.received {
            Some(moment::parse(received).ok_or_else(|| {
                let message = format!(
                    "`received` is `{received}`: expected a time such as `2026-11-22T15:04:29.598Z`"
                );
                InputError::at(self.file, self.place(0), message)
            })?)
        } else {
            self.untimed += 1;
            let object: Value = self.decode(object)?;
            self.latest.max(latest_time(&object))
        };
        self.latest = self.latest.max(time);
        Ok(time.unwrap_or(Timestamp::from_millis(0)))
    }

    fn decode<'r, T: Deserialize<'r>>(&self, object: &'r RawValue) -> Result<T, InputError> {
        serde_json::from_str(object.get()).map_err(|error| {
            // The object is a slice of the text, so its place there is known.
            let start = object.get().as_ptr() as usize - self.text.as_ptr() as usize;
            let within = offset_of(object.get(), error.line(), error.column());
            InputError::at(
                self.file,
                Place::of_offset(self.text, start + within),
                format!(
                    "this is no object that Kubernetes writes: {}",
                    without_place(&error)
                ),
            )
        })
    }

    /// What is wrong with the text from the present offset on. An event on one line that is cut off would be found
    /// out on the next line only, where another begins: then the cut is the place.
    fn damage(&self, error: &serde_json::Error) -> InputError {
        let rest = &self.text[self.offset..];
        let at = offset_of(rest, error.line(), error.column());
        let begun = self.place(0).line;
        if let Some(cut) = rest[..at].find("\n{") {
            let message = format!(
                "this event is cut off: it begins on line {begun}, and another begins on the next line"
            );
            return InputError::at(self.file, self.place(cut), message);
        }
        if error.is_eof() {
            let message = format!(
                "the file ends in the middle of the event that begins on line {begun}: \
                 was the recording interrupted?"
            );
            return InputError::at(self.file, self.place(rest.trim_end().len()), message);
        }
        InputError::at(
            self.file,
            self.place(at),
            format!("this is not JSON: {}", without_place(error)),
        )
    }

    /// Goes on at the next line on which an object begins.
    fn skip_damaged(&mut self) {
        let rest = &self.text[self.offset..];
        self.offset += rest.find("\n{").map_or(rest.len(), |at| at + 1);
    }

    fn place(&self, behind: usize) -> Place {
        Place::of_offset(self.text, self.offset + behind)
    }
}

/// The byte offset of a line and column, both from 1, as `serde_json` counts them.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let line_start = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum::<usize>();
    let mut offset = (line_start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// The latest time that an object tells of its past.
fn latest_time(value: &Value) -> Option<Timestamp> {
    /// The members of pods, events and jobs that hold such times; `time` is that of `managedFields`.
    const TIMES: [&str; 11] = [
        "creationTimestamp",
        "startTime",
        "completionTime",
        "lastTransitionTime",
        "lastProbeTime",
        "startedAt",
        "finishedAt",
        "firstTimestamp",
        "lastTimestamp",
        "eventTime",
        "time",
    ];
    match value {
        Value::Object(members) => members
            .iter()
            .filter_map(|(name, member)| match member {
                Value::String(text) if TIMES.contains(&name.as_str()) => moment::parse(text),
                member => latest_time(member),
            })
            .max(),
        Value::Array(items) => items.iter().filter_map(latest_time).max(),
        _ => None,
    }
}
