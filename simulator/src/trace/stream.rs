//! Reads long recordings piece by piece: memory does not grow with their length.

use std::io::BufRead;
use std::path::Path;

use pullstop_cluster::input_error::{InputError, Place};
use pullstop_core::time::Timestamp;

use super::{Event, Reader, Take};
use crate::input;

/// As much is read at once; an event that is longer is read whole.
const PIECE_BYTES: usize = 1 << 20;
/// No event is longer: the API server refuses objects of more than a few MiB (etcd's limit is 1.5 MiB).
const EVENT_BYTES_MAX: usize = 64 << 20;

/// Gives the events of the recording in `file` to `each`, in their order, which may tell how far it is by the number of
/// bytes read. Returns what makes results less reliable.
///
/// # Errors
/// If the file cannot be read, and at the first damaged event. That a uid has two names is noticed only where both are
/// close together.
pub(crate) fn follow<T>(
    file: &Path,
    take: Take<'_, T>,
    each: &mut dyn FnMut(Event<T>, u64),
) -> Result<Vec<String>, InputError> {
    let mut source = Source {
        file,
        lines: input::open(file)?,
        ahead: Vec::new(),
        line: 1,
    };
    let mut known = Known::default();
    let mut bytes = 0;
    loop {
        let line = source.line;
        let (text, is_whole) = source.piece()?;
        bytes += text.len() as u64;
        let mut reader = Reader::new(file, &text);
        (reader.line, reader.is_whole) = (line, is_whole);
        known.give(&mut reader);
        while let Some(event) = reader.next(take)? {
            each(event, bytes);
        }
        known.take(&mut reader);
        if is_whole {
            return Ok(reader.warnings());
        }
    }
}

/// What a reader knows from the pieces before.
#[derive(Default)]
struct Known {
    latest: Option<Timestamp>,
    untimed: usize,
    backwards: usize,
    broken: Vec<u64>,
}

impl Known {
    fn give(&mut self, reader: &mut Reader<'_>) {
        (reader.latest, reader.untimed, reader.backwards) =
            (self.latest, self.untimed, self.backwards);
        reader.broken = std::mem::take(&mut self.broken);
    }

    fn take(&mut self, reader: &mut Reader<'_>) {
        (self.latest, self.untimed, self.backwards) =
            (reader.latest, reader.untimed, reader.backwards);
        if !reader.is_whole {
            self.broken = std::mem::take(&mut reader.broken);
        }
    }
}

/// The lines of a recording.
struct Source<'f> {
    file: &'f Path,
    lines: Box<dyn BufRead>,
    /// The line that the next piece begins with.
    ahead: Vec<u8>,
    /// Its number.
    line: u64,
}

impl Source<'_> {
    /// Whole events, and whether they are the last.
    fn piece(&mut self) -> Result<(String, bool), InputError> {
        let first = self.line;
        let mut bytes = std::mem::take(&mut self.ahead);
        let mut lines = u64::from(!bytes.is_empty());
        let mut is_whole = false;
        while !is_whole {
            let before = bytes.len();
            let read = self.lines.read_until(b'\n', &mut bytes);
            let read = read.map_err(|error| input::unreadable(self.file, &error))?;
            is_whole = read == 0;
            // Events within others are indented, on the same line or not at its beginning.
            if before >= PIECE_BYTES && begins_alike(&bytes, before) {
                self.ahead = bytes.split_off(before);
                break;
            }
            if bytes.len() > EVENT_BYTES_MAX {
                let message =
                    "this event is longer than any that an API server sends: is this a recording?";
                let place = Place {
                    line: first,
                    column: 1,
                };
                return Err(InputError::at(self.file, place, message));
            }
            lines += u64::from(read > 0);
        }
        self.line = first + lines;
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let text = String::from_utf8_lossy(good).into_owned();
            let place = Place {
                line: first + text.matches('\n').count() as u64,
                column: 1 + text.rsplit('\n').next().unwrap_or_default().chars().count() as u64,
            };
            InputError::at(
                self.file,
                place,
                "this is not UTF-8 text: is the file damaged or compressed?",
            )
        })?;
        Ok((text, is_whole))
    }
}

/// Whether the line that begins at `at` begins an event: with a brace that is indented as the first one of the piece.
fn begins_alike(bytes: &[u8], at: usize) -> bool {
    let indent = |line: &[u8]| -> Option<usize> {
        let indent = line.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
        (line.get(indent) == Some(&b'{')).then_some(indent)
    };
    let first = bytes.split(|byte| *byte == b'\n').find_map(indent);
    let next = indent(&bytes[at..]);
    next.is_some() && first == next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<(usize, u64)> {
        let mut source = Source {
            file: Path::new("a.jsonl"),
            lines: Box::new(std::io::Cursor::new(text.as_bytes().to_vec())),
            ahead: Vec::new(),
            line: 1,
        };
        let mut pieces = Vec::new();
        loop {
            let line = source.line;
            let (text, is_whole) = source.piece().unwrap();
            pieces.push((text.len(), line));
            if is_whole {
                return pieces;
            }
        }
    }

    #[test]
    fn pieces_end_between_events() {
        let event = format!(
            "{{\"a\": [\n  {{\"b\": \"{}\"}}\n]}}\n",
            "x".repeat(PIECE_BYTES / 2)
        );
        let all = pieces(&event.repeat(5));
        assert_eq!(
            all,
            [
                (event.len() * 2, 1),
                (event.len() * 2, 7),
                (event.len(), 13)
            ]
        );
        assert_eq!(pieces(""), [(0, 1)]);
    }
}
