//! The way from one replica to the API server and back. What is sent lives its own life from then on: it takes its time,
//! waits, gets lost, or arrives when who sent it has given up or is gone.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Bytes;
use hyper::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use pullstop_apiserver::{Api, Cut, Key, Store};
use pullstop_cluster::world::random::{Purpose, RandomStream, RandomStreams};
use pullstop_core::time::Timestamp;
use pullstop_core::wire::timestamp;
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

use super::stage::Stage;

/// A replica's wire. Copies are handles to the same.
#[derive(Clone)]
pub(super) struct Wire {
    owner: String,
    api: Api,
    store: Store,
    began: Timestamp,
    weather: watch::Sender<Weather>,
    chance: Arc<Mutex<RandomStream>>,
    writes: Arc<Mutex<Vec<Write>>>,
}

/// What a client gets.
type Answer = Result<Response<UnsyncBoxBody<Bytes, Cut>>, Cut>;

/// What becomes of requests and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    /// They arrive.
    Fair,
    /// They wait, in both directions, and nothing breaks.
    Hangs,
    /// Requests arrive, answers do not.
    LosesAnswers,
    /// They arrive, except those about the Lease.
    LosesLease,
}

/// A write to a pod.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) by: String,
    pub(super) pod: String,
    /// Whether it sets the pod to `Failed`.
    pub(super) fails: bool,
    pub(super) sent: Moment,
    /// Unless it got lost on the way.
    pub(super) landed: Option<Moment>,
    /// Whether somebody still waited for the answer then.
    pub(super) awaited: bool,
    pub(super) stored: bool,
}

/// Who holds the Lease when, as it stands on the server.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// Since the wire was laid.
    pub(super) at_ms: u64,
    pub(super) holder: String,
    /// How long the Lease still lasts, by the time of its renewal.
    pub(super) lasts: Duration,
}

impl Moment {
    /// Whether this replica has the Lease for so long.
    pub(super) fn covers(&self, who: &str, time: Duration) -> bool {
        self.holder == who && time < self.lasts
    }
}

impl Wire {
    /// A wire of its own for `owner`; how long things take on it depends on the seed.
    pub(super) fn new(stage: &Stage, owner: &str, seed: u64) -> Self {
        let id = owner.bytes().fold(1, |id, byte| id * 256 + u64::from(byte));
        Self {
            owner: owner.to_owned(),
            api: stage.api(),
            store: stage.store.clone(),
            began: stage.store.clock().now(),
            weather: watch::Sender::new(Weather::Fair),
            chance: Arc::new(Mutex::new(
                RandomStreams::new(seed).stream(Purpose::Enforcer, id),
            )),
            writes: Arc::default(),
        }
    }

    /// The same wire for the next process of the same place.
    pub(super) fn for_next(&self, owner: &str) -> Self {
        Self {
            owner: owner.to_owned(),
            ..self.clone()
        }
    }

    pub(super) fn client(&self) -> Client {
        let wire = self.clone();
        let service = tower::service_fn(move |request| wire.send(request));
        Client::new(service, "default")
    }

    pub(super) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    /// All writes to pods that were sent on this wire.
    pub(super) fn writes(&self) -> Vec<Write> {
        self.writes.lock().unwrap().clone()
    }

    /// Sends a request, and waits for its answer.
    fn send(&self, request: Request<Body>) -> impl Future<Output = Answer> + use<> {
        let (tell, told) = oneshot::channel();
        tokio::spawn(self.clone().carry(request, tell));
        async move { told.await.map_err(|_| Cut)? }
    }

    /// Carries a request to the server, and the answer back if somebody waits for it.
    async fn carry(self, request: Request<Body>, mut tell: oneshot::Sender<Answer>) {
        let is_about_lease = request.uri().path().contains("/leases");
        let (request, mut write) = self.read(request).await;
        self.travel().await;
        let awaited = !tell.is_closed();
        // What a closed connection still had on its way arrives, or it does not.
        if !awaited && self.chance.lock().unwrap().chance(50) {
            self.note(write);
            return;
        }
        if is_about_lease && *self.weather.borrow() == Weather::LosesLease {
            return;
        }
        if let Some(write) = &mut write {
            (write.landed, write.awaited) = (Some(self.moment()), awaited);
        }
        let answer = self.api.answer(request).await;
        if let Some(write) = &mut write {
            write.stored = answer.as_ref().is_ok_and(|a| a.status().is_success());
        }
        self.note(write);
        self.travel().await;
        if *self.weather.borrow() == Weather::LosesAnswers {
            tell.closed().await;
        }
        // Nobody may wait any more.
        let _ = tell.send(answer.map(|answer| answer.map(|body| self.streamed(body))));
    }

    /// The same request, and what it is to write to a pod, if it is.
    async fn read(&self, request: Request<Body>) -> (Request<Body>, Option<Write>) {
        let (head, body) = request.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let pod = head.uri.path().split_once("/pods/");
        let pod = pod.filter(|_| head.method == Method::PATCH);
        let write = pod.map(|(_, pod)| Write {
            by: self.owner.clone(),
            pod: pod.trim_end_matches("/status").to_owned(),
            fails: String::from_utf8_lossy(&bytes).contains("\"phase\":\"Failed\""),
            sent: self.moment(),
            landed: None,
            awaited: false,
            stored: false,
        });
        (Request::from_parts(head, Body::from(bytes.to_vec())), write)
    }

    fn note(&self, write: Option<Write>) {
        self.writes.lock().unwrap().extend(write);
    }

    /// Takes a while: mostly not long, never as long as anybody waits for an answer.
    async fn travel(&self) {
        let millis = {
            let mut chance = self.chance.lock().unwrap();
            let most = if chance.chance(80) { 50 } else { 1500 };
            chance.between(1, most)
        };
        sleep(Duration::from_millis(millis)).await;
        self.passable().await;
    }

    async fn passable(&self) {
        let mut weather = self.weather.subscribe();
        // The sender is this wire's own.
        let _ = weather.wait_for(|weather| *weather != Weather::Hangs).await;
    }

    /// An answer's body, as long as the wire lets it through.
    fn streamed(self, body: pullstop_apiserver::Body) -> UnsyncBoxBody<Bytes, Cut> {
        let frames = stream::unfold((body, self), async |(mut body, wire)| {
            let frame = body.frame().await?;
            wire.passable().await;
            Some((frame, (body, wire)))
        });
        StreamBody::new(frames).boxed_unsync()
    }

    fn moment(&self) -> Moment {
        let key = Key::of("coordination.k8s.io", "leases", "default", "pullstop");
        let lease = self.store.get(&key).unwrap_or_default();
        let spec = &lease["spec"];
        let renewed = spec["renewTime"].as_str().and_then(timestamp::parse);
        let lasts = Duration::from_secs(spec["leaseDurationSeconds"].as_u64().unwrap_or_default());
        let now = self.store.clock().now();
        let at_ms = now.since(self.began).as_millis();
        Moment {
            at_ms: u64::try_from(at_ms).unwrap(),
            holder: spec["holderIdentity"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            lasts: renewed.map_or(Duration::ZERO, |renewed| renewed.after(lasts).since(now)),
        }
    }
}
