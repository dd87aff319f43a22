//! The API on a socket.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::api::Api;
use super::auth::Auth;
use super::faults::Faults;
use super::stop::stopped;
use super::store::Store;

/// How long answers that are under way may take when the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// How to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 is any free one.
    pub address: SocketAddr,
    /// Who may do what.
    pub auth: Auth,
    /// What goes wrong.
    pub faults: Faults,
}

/// On any free port of this machine, open to everybody on it, and nothing goes wrong.
impl Default for Options {
    fn default() -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            auth: Auth::open(),
            faults: Faults::default(),
        }
    }
}

/// The simulated API server.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Serves this store until the answer is stopped or dropped.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub async fn start(store: Store, options: Options) -> io::Result<Running> {
        let listener = TcpListener::bind(options.address).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let api = Api::new(store, options.auth, options.faults.clone())
            .until(stopped)
            .only_local(address.ip().is_loopback());
        Ok(Running {
            address,
            faults: options.faults,
            accepting: tokio::spawn(accept(listener, api, stop.subscribe())),
            stop,
        })
    }
}

/// A server that runs. When it is dropped, it stops at once.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// What goes wrong; can be changed at any time.
    pub faults: Faults,
    accepting: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Running {
    /// The address as clients want it: `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends all watches, lets other requests finish, and stops.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // A task that was aborted or has panicked has stopped as well.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, api: Api, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let stopping = stop.clone();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, api.clone(), stopping.clone()));
                }
                // Too many open files, say: others will be closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
        }
    }
    let finish = async { while connections.join_next().await.is_some() {} };
    // What has not finished in time is aborted when the set is dropped.
    let _ = tokio::time::timeout(STOP_WITHIN, finish).await;
}

async fn serve(stream: TcpStream, api: Api, mut stop: watch::Receiver<bool>) {
    // Small lines of a watch are to arrive when they are written.
    let _ = stream.set_nodelay(true);
    let mut cuts = api.faults.cuts();
    let answer = service_fn(move |request| {
        let api = api.clone();
        async move { api.answer(request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(connection);
    let mut stopping = false;
    loop {
        tokio::select! {
            // However a connection ends, there is nothing left to do for it.
            _ = connection.as_mut() => return,
            _ = cuts.changed() => return,
            () = stopped(&mut stop), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
