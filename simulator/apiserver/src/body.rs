//! Bodies of answers: a value, or a stream of lines.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;

/// Lines on their way to one client; a client that does not read makes the writer wait here.
const LINES_MAX: usize = 64;

/// The body of an answer.
#[derive(Debug)]
pub enum Body {
    /// All there is.
    Whole(Bytes),
    /// Line by line, until the writer is done, or cuts.
    Lines(mpsc::Receiver<Result<Bytes, Cut>>),
    /// Nothing, for ever.
    Silent,
}

/// The connection is cut on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut by an injected fault")
    }
}

impl std::error::Error for Cut {}

impl Body {
    /// A stream, and where its lines go in.
    pub(super) fn stream() -> (mpsc::Sender<Result<Bytes, Cut>>, Self) {
        let (sender, receiver) = mpsc::channel(LINES_MAX);
        (sender, Self::Lines(receiver))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Lines(lines) => lines
                .poll_recv(context)
                .map(|line| line.map(|line| line.map(Frame::data))),
            Self::Silent => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Lines(_) | Self::Silent => SizeHint::default(),
        }
    }
}
