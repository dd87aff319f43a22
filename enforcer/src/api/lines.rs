//! Splits a stream of bytes into lines.

use http_body_util::BodyExt;
use kube::client::Body;

use super::answer::ApiError;

/// A line is never longer than this. The API server stores objects of up to about 1.5 MiB (etcd's
/// `--max-request-bytes`), and JSON is larger than what is stored.
const LINE_BYTES_MAX: usize = 16 << 20;

/// An answer that arrives line by line.
pub struct LineStream {
    body: Body,
    lines: Lines,
}

impl LineStream {
    /// The lines of `body`.
    pub fn new(body: Body) -> Self {
        Self {
            body,
            lines: Lines::default(),
        }
    }

    /// The next line; nothing at the end. May be dropped while it waits: nothing is lost.
    ///
    /// # Errors
    /// If the connection breaks, or a line is longer than any object.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        loop {
            if let Some(line) = self.lines.next_line() {
                return Ok(Some(line.to_vec()));
            }
            let chunk = match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(ApiError::NoResponse(error.to_string())),
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            };
            self.lines
                .push(&chunk)
                .map_err(|TooLong| ApiError::InvalidResponse("a line has no end".to_owned()))?;
        }
    }
}

/// Cuts chunks, as they arrive, into lines.
#[derive(Debug, Default)]
struct Lines {
    kept: Vec<u8>,
    /// Where the first line that was not taken yet begins.
    begin: usize,
    /// Up to where there is no end of a line.
    searched: usize,
}

/// A line is longer than any object that the API server stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TooLong;

impl Lines {
    /// Adds what has arrived.
    ///
    /// # Errors
    /// If there is no end of a line in sight for too long.
    fn push(&mut self, chunk: &[u8]) -> Result<(), TooLong> {
        self.kept.drain(..self.begin);
        self.searched -= self.begin;
        self.begin = 0;
        if self.kept.len() + chunk.len() > LINE_BYTES_MAX {
            return Err(TooLong);
        }
        self.kept.extend_from_slice(chunk);
        Ok(())
    }

    /// The next line that is whole, without its end; empty ones are left out.
    fn next_line(&mut self) -> Option<&[u8]> {
        loop {
            let end = self.searched
                + self.kept[self.searched..]
                    .iter()
                    .position(|b| *b == b'\n')
                    .or_else(|| {
                        self.searched = self.kept.len();
                        None
                    })?;
            let begin = std::mem::replace(&mut self.begin, end + 1);
            self.searched = self.begin;
            if begin < end {
                return Some(&self.kept[begin..end]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(chunks: &[&str]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut all = Vec::new();
        for chunk in chunks {
            lines.push(chunk.as_bytes()).unwrap();
            while let Some(line) = lines.next_line() {
                all.push(String::from_utf8(line.to_vec()).unwrap());
            }
        }
        all
    }

    #[test]
    fn chunks_need_not_end_with_lines() {
        assert_eq!(cut(&["a\nb\n"]), ["a", "b"]);
        assert_eq!(cut(&["a", "b\n", "\nc", "", "d\n\n", "e"]), ["ab", "cd"]);
        assert_eq!(cut(&["\n", "\n"]), [""; 0]);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut lines = Lines::default();
        let chunk = vec![b'x'; LINE_BYTES_MAX];
        assert_eq!(lines.push(&chunk), Ok(()));
        assert_eq!(lines.next_line(), None);
        assert_eq!(lines.push(b"x"), Err(TooLong));
    }
}
