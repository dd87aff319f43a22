//! Recordings: reads watch streams of pods, one JSON object per event.
//!
//! A recording is a sequence of JSON objects, one per watch event, on one line or on many. Nothing of it is dropped
//! in silence: a damaged event ends the reading, or is counted when told to keep going.

mod stream;

use std::collections::BTreeMap;
use std::path::Path;

use pullstop_cluster::input_error::{InputError, Place};
use pullstop_core::time::Timestamp;
use pullstop_core::wire::WirePod;
use pullstop_core::wire::timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::input::{self, without_place};

pub(crate) use self::stream::follow;

/// One recording.
#[derive(Debug)]
pub struct Trace<T = WirePod> {
    /// The file, as it was named.
    pub name: String,
    /// Its events, in order.
    pub events: Vec<Event<T>>,
    /// Damaged events that were skipped.
    pub skipped: Vec<InputError>,
    /// What makes results from this recording less reliable.
    pub warnings: Vec<String>,
    names: Names,
}

/// Which pod each uid names, and where it was first seen.
type Names = BTreeMap<String, (String, Place)>;

/// One watch event.
#[derive(Debug)]
pub struct Event<T = WirePod> {
    /// The recording's number among those that are replayed together.
    pub trace: usize,
    /// When it arrived.
    pub at: Timestamp,
    /// What happened to the object.
    pub kind: EventKind,
    /// The object, if it is of a kind that the caller reads.
    pub object: Option<T>,
}

/// The type of a watch event.
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

/// Reads the pods of the recording in `file`.
///
/// # Errors
/// If the file cannot be read, or at the first damaged event unless told to keep going.
pub fn read(file: &Path, keep_going: bool) -> Result<Trace, InputError> {
    read_as(file, keep_going, &|reader, kind, object| match kind {
        "Pod" => reader.pod(object).map(Some),
        _ => Ok(None),
    })
}

/// Reads an object of this kind; `None` if the caller does not need it.
pub(crate) type Take<'t, T> =
    &'t dyn Fn(&mut Reader<'_>, &str, &RawValue) -> Result<Option<T>, InputError>;

/// Reads the objects of the recording in `file` of which `take` makes something.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_as<T>(
    file: &Path,
    keep_going: bool,
    take: Take<'_, T>,
) -> Result<Trace<T>, InputError> {
    let text = input::read(file)?;
    let mut reader = Reader::new(file, &text);
    let mut events = Vec::new();
    let mut skipped = Vec::new();
    loop {
        match reader.next(take) {
            Ok(Some(event)) => events.push(event),
            Ok(None) => break,
            Err(error) if keep_going => {
                let lines = reader.skip_damaged();
                let message = format!("{}{lines}", error.message);
                skipped.push(InputError { message, ..error });
            }
            Err(error) => return Err(error),
        }
    }
    let warnings = reader.warnings();
    Ok(Trace {
        name: file.display().to_string(),
        events,
        skipped,
        warnings,
        names: reader.names,
    })
}

/// Checks that the recordings can be of one cluster: that no uid names pods of different names.
///
/// # Errors
/// At the first pod whose uid has another name in a recording before.
pub(crate) fn check_one_cluster<T>(traces: &[Trace<T>]) -> Result<(), InputError> {
    let mut known: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for trace in traces {
        for (uid, (name, place)) in &trace.names {
            let (first, file) = *known.entry(uid).or_insert((name, &trace.name));
            if first != name {
                let message = two_names(uid, first, &format!("in {file}"), name);
                return Err(InputError::at(Path::new(&trace.name), *place, message));
            }
        }
    }
    Ok(())
}

fn two_names(uid: &str, first: &str, place: &str, second: &str) -> String {
    format!(
        "the uid `{uid}` is {first} {place}, and {second} here: no two pods have the same, was the recording edited? \
         Give one of them another uid, or leave it out"
    )
}

/// Goes through a recording, event by event.
pub(crate) struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    /// Where the next event begins.
    offset: usize,
    /// The line on which it begins, from 1.
    line: u64,
    /// The latest time known so far.
    latest: Option<Timestamp>,
    /// Events that do not say when they were received.
    untimed: usize,
    /// Events that were received before the ones above them.
    backwards: usize,
    /// The lines on which the watch reported an error.
    broken: Vec<u64>,
    names: Names,
    /// Whether nothing comes behind `text`.
    is_whole: bool,
}

/// A watch event as it stands in the file.
#[derive(Deserialize)]
#[serde(expecting = "a watch event")]
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
#[serde(expecting = "an object")]
struct Kind {
    kind: Option<String>,
}

impl<'a> Reader<'a> {
    fn new(file: &'a Path, text: &'a str) -> Self {
        /// Some programs put a mark before the first line.
        const BYTE_ORDER_MARK: char = '\u{feff}';
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let (offset, line, latest, untimed, backwards) = (0, 1, None, 0, 0);
        Self {
            file,
            text,
            offset,
            line,
            latest,
            untimed,
            backwards,
            broken: Vec::new(),
            names: Names::new(),
            is_whole: true,
        }
    }

    fn next<T>(&mut self, take: Take<'_, T>) -> Result<Option<Event<T>>, InputError> {
        let rest = &self.text[self.offset..];
        self.advance(rest.len() - rest.trim_start().len());
        let rest = &self.text[self.offset..];
        match rest.as_bytes().first() {
            None => return Ok(None),
            Some(b'{') => {}
            Some(_) => return Err(self.no_object(rest)),
        }
        // An event ends before the next line that begins like one, however damaged it is.
        let piece = &rest[..self.next_event(rest).unwrap_or(rest.len())];
        let mut values = serde_json::Deserializer::from_str(piece).into_iter::<RawEvent<'_>>();
        match values.next() {
            None => Ok(None),
            Some(Err(error)) => Err(self.damage(piece, &error)),
            Some(Ok(raw)) => {
                let event = self.event(&raw, take)?;
                self.advance(values.byte_offset());
                Ok(Some(event))
            }
        }
    }

    fn advance(&mut self, by: usize) {
        let passed = &self.text[self.offset..self.offset + by];
        self.line += passed.matches('\n').count() as u64;
        self.offset += by;
    }

    fn event<T>(&mut self, raw: &RawEvent<'_>, take: Take<'_, T>) -> Result<Event<T>, InputError> {
        let (kind, object) = self.shape(raw)?;
        let at = self.time(raw, object)?;
        let object = match kind {
            EventKind::Added | EventKind::Modified | EventKind::Deleted => {
                let about: Kind = self.decode(object)?;
                take(self, about.kind.as_deref().unwrap_or_default(), object)?
            }
            EventKind::Bookmark => None,
            EventKind::Error => {
                self.broken.push(self.line);
                None
            }
        };
        Ok(Event {
            trace: 0,
            at,
            kind,
            object,
        })
    }

    /// A pod, of which a snapshot can be taken, and whose uid is no other's.
    pub(crate) fn pod(&mut self, object: &RawValue) -> Result<WirePod, InputError> {
        let pod: WirePod = self.decode(object)?;
        let error = |message: String| InputError::at(self.file, self.place(0), message);
        pod.snapshot(None, |_| ())
            .map_err(|what| error(what.to_string()))?;
        let meta = &pod.metadata;
        let name = match meta.namespace.as_str() {
            "" => meta.name.clone(),
            namespace => format!("{namespace}/{}", meta.name),
        };
        match self.names.get(&meta.uid) {
            None => {
                let seen = (name, self.place(0));
                self.names.insert(meta.uid.clone(), seen);
            }
            Some((first, place)) if *first != name => {
                let place = format!("on line {}", place.line);
                return Err(error(two_names(&meta.uid, first, &place, &name)));
            }
            Some(_) => {}
        }
        Ok(pod)
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
                    "this is not a watch event, `type` is missing: expected {\"type\": …, \"object\": …}"
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
            Some(timestamp::parse(received).ok_or_else(|| {
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
        self.backwards += usize::from(time < self.latest);
        self.latest = self.latest.max(time);
        Ok(self.latest.unwrap_or(Timestamp::from_millis(0)))
    }

    /// The object as a `T`, or what is wrong with it and where.
    pub(crate) fn decode<'r, T: Deserialize<'r>>(
        &self,
        object: &'r RawValue,
    ) -> Result<T, InputError> {
        let mut json = serde_json::Deserializer::from_str(object.get());
        serde_path_to_error::deserialize(&mut json).map_err(|error| {
            // The object is a slice of the text, so its place there is known.
            let start = object.get().as_ptr() as usize - self.text.as_ptr() as usize;
            let (path, error) = (error.path().to_string(), error.into_inner());
            let within = offset_of(object.get(), error.line(), error.column());
            let what = without_place(&error);
            let whose = if path == "." {
                String::new()
            } else {
                format!("`{path}`: ")
            };
            let message = format!("this is not a valid Kubernetes object: {whose}{what}");
            InputError::at(self.file, self.place(start + within - self.offset), message)
        })
    }

    fn no_object(&self, rest: &str) -> InputError {
        let message = if rest.starts_with('[') {
            "this is a JSON array: write one event after the other, as `jq -c '.[]'` does"
        } else {
            "this is not JSON: expected a watch event, {\"type\": …, \"object\": …}"
        };
        InputError::at(self.file, self.place(0), message)
    }

    /// What is wrong with this piece of the text, which begins at the present offset.
    fn damage(&self, piece: &str, error: &serde_json::Error) -> InputError {
        let at = offset_of(piece, error.line(), error.column());
        let begun = self.line;
        if piece.trim_end().len() <= at + 1 || error.is_eof() {
            let cut = self.place(piece.trim_end().len());
            let is_last = self.is_whole && self.offset + piece.len() == self.text.len();
            let message = if is_last {
                format!(
                    "the file ends in the middle of the event that begins on line {begun}: \
                     was the recording interrupted?"
                )
            } else {
                format!("the event that begins on line {begun} is cut off here")
            };
            return InputError::at(self.file, cut, message);
        }
        let what = without_place(error);
        let message = match error.classify() {
            Category::Data => format!("this is not a watch event: {what}"),
            _ => format!("this is not JSON: {what}; the event begins on line {begun}"),
        };
        InputError::at(self.file, self.place(at), message)
    }

    /// Goes on at the next line on which an event may begin; says which lines that skips if it is more than one.
    fn skip_damaged(&mut self) -> String {
        let rest = &self.text[self.offset..];
        let first = self.line;
        let by = self.next_event(rest).unwrap_or(rest.len());
        self.advance(by);
        let end = self.text[..self.offset].ends_with('\n');
        let last = self.line - u64::from(end || self.offset < self.text.len());
        if last > first {
            format!(" (lines {first} to {last} skipped)")
        } else {
            String::new()
        }
    }

    /// Where behind the present event the next one seems to begin: on a line that is indented alike.
    fn next_event(&self, rest: &str) -> Option<usize> {
        let before = &self.text[..self.offset];
        let indent = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
        let indent = if indent.trim().is_empty() { indent } else { "" };
        let begin = format!("\n{indent}{{");
        rest.find(&begin).map(|at| at + 1 + indent.len())
    }

    fn place(&self, behind: usize) -> Place {
        let at = (self.offset + behind).min(self.text.len());
        let lines = self.text[self.offset..at].matches('\n').count() as u64;
        let line_start = self.text[..at].rfind('\n').map_or(0, |at| at + 1);
        let column = 1 + self.text[line_start..at].chars().count() as u64;
        Place {
            line: self.line + lines,
            column,
        }
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.untimed > 0 {
            warnings.push(format!(
                "{} events do not say when they were received; the times within them are coarse and miss much, so \
                 moments and durations are only lower bounds (.ci/record-pods records the time of arrival)",
                self.untimed
            ));
        }
        if self.backwards > 0 {
            warnings.push(format!(
                "{} events were received before those above them; they are taken to have come together",
                self.backwards
            ));
        }
        for line in &self.broken {
            warnings.push(format!(
                "the watch broke on line {line}: what happened until it went on is not in the recording"
            ));
        }
        warnings
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
                Value::String(text) if TIMES.contains(&name.as_str()) => timestamp::parse(text),
                member => latest_time(member),
            })
            .max(),
        Value::Array(items) => items.iter().filter_map(latest_time).max(),
        _ => None,
    }
}
