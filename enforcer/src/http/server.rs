//! A small HTTP server that clients cannot block.
//!
//! It serves one request per connection, with a deadline for the whole of it, and drops the oldest connection when there
//! are too many.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// A connection lasts no longer: asking, being answered and reading the answer. A driver that hangs is given up in half of
/// it, and what is shown is read in a moment.
pub(super) const CONNECTION_LASTS_MAX: Duration = Duration::from_secs(10);
/// Longer requests are not read.
const HEADER_BYTES_MAX: usize = 16 << 10;

/// Serves forever, `connections_max` clients at a time. Its connections end with it.
pub(super) async fn serve<F>(
    listener: TcpListener,
    connections_max: usize,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) where
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    let mut by_age: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: others must end first.
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        };
        by_age.retain(|connection| !connection.is_finished());
        if by_age.len() >= connections_max
            && let Some(oldest) = by_age.pop_front()
        {
            // A new connection gets its answer before it is the oldest, unless it does not read it.
            oldest.abort();
        }
        let connection = connection(stream, answer.clone());
        by_age.push_back(connections.spawn(async move {
            // It is closed, however far it has come.
            let _ = tokio::time::timeout(CONNECTION_LASTS_MAX, connection).await;
        }));
    }
}

async fn connection<F>(stream: TcpStream, answer: impl Fn(Request<Incoming>) -> F)
where
    F: Future<Output = Response<Full<Bytes>>>,
{
    let service = service_fn(move |request| {
        let answered = answer(request);
        async move { Ok::<_, Infallible>(answered.await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    // The client has gone.
    let _ = serving.await;
}
