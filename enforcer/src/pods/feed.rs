//! Lists pods once, then watches them, and sends what changes to the driver.
//!
//! The loop is written out here instead of taken from kube-runtime, because a gap must be told to the engine as such:
//!
//! ```text
//! list all pages ──▶ watch from the list's version ──▶ watch again from the last version received
//!      ▲                        │                              │
//!      └──── the version is too old (410), what was sent cannot be read, ◀──┘
//!            versions go back, or watch after watch tells nothing
//! ```

use std::sync::Arc;
use std::time::Duration;

use pullstop_core::wire::WirePod;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use super::pages::Pages;
use super::versions::Versions;
use super::wire::{self, Line};
use crate::api::{Api, ApiError, ApiPath, Backoff, Call, LineStream, rights};
use crate::metrics::{Metric, Metrics};

/// How long one watch lasts before the server ends it. A connection that is dead in silence goes unnoticed for as long,
/// so it is much shorter than the usual 5 minutes.
const WATCH_LASTS: Duration = Duration::from_secs(60);
/// How much later than that a watch is given up that the server should have ended.
const WATCH_GRACE: Duration = Duration::from_secs(10);
/// How long the answer to a watch may take to begin.
const OPEN_TIMEOUT: Duration = Duration::from_secs(15);

/// A watch that ends in good order sooner than this is not continued at once.
const WATCH_LASTS_MIN: Duration = Duration::from_secs(1);
/// So many watches in a row that come no further say that no server goes on from their version.
const WATCHES_IN_VAIN_MAX: u32 = 5;

/// Events that wait for the driver; more of them wait at the API server.
pub const FEED_EVENTS_MAX: usize = 8;
/// An event of more bytes than this waits alone, as pages do: all that waits takes up little more than one page.
const SMALL_EVENT_BYTES: usize = 1 << 18;

/// A change that the driver receives.
#[derive(Debug)]
pub enum FeedEvent {
    /// All pods that there are follow.
    RelistBegin,
    /// Versions have gone back: what follows is older by its version, and newer all the same.
    Restored,
    /// Some of them.
    Listed(Vec<WirePod>),
    /// These were all.
    RelistEnd,
    /// A pod has come into the view: it is new, or was put back.
    Added(Box<WirePod>),
    /// A pod has changed.
    Modified(Box<WirePod>),
    /// A pod has left the view, or is deleted.
    Deleted(Box<WirePod>),
    /// The watch has told everything up to now.
    Bookmark,
}

/// The list and watch of pods.
#[derive(Debug)]
pub struct Feed {
    /// Where from.
    pub api: Api,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Which pods: a field selector, which may change.
    pub selector: watch::Receiver<String>,
    /// Asks for a new list.
    pub relist: Arc<Notify>,
    /// To the driver.
    pub events: mpsc::Sender<FeedEvent>,
}

/// How far the watch has come.
struct Place {
    /// Up to here all was told.
    version: String,
    /// Whether the present watch has told anything.
    has_told: bool,
}

/// Why a watch is not simply continued.
enum Break {
    /// List all pods again.
    Relist(&'static str),
    /// The receiver is gone.
    Closed,
}

impl Feed {
    /// Lists and watches until the receiver is gone.
    pub async fn run(mut self) {
        let (mut backoff, mut versions) = (Backoff::default(), Versions::default());
        loop {
            // A list that begins now is the one that was asked for.
            tokio::select! {
                biased;
                () = self.relist.notified() => {}
                () = std::future::ready(()) => {}
            }
            let selector = self.selector.borrow_and_update().clone();
            let version = match self.list(&selector, &mut versions).await {
                Ok(Some(version)) => version,
                Ok(None) => return,
                Err(error) => {
                    self.metrics
                        .count(Metric::Lists, &[("result", error.label())]);
                    tracing::warn!(%error, "cannot list pods; no verdict is carried out until this succeeds");
                    tokio::time::sleep(backoff.pause(error.retry_after())).await;
                    continue;
                }
            };
            self.metrics.count(Metric::Lists, &[("result", "success")]);
            let began = Instant::now();
            match self.watch(&selector, version, &mut versions).await {
                Break::Closed => return,
                Break::Relist(reason) => {
                    self.metrics
                        .count(Metric::WatchRestarts, &[("reason", reason)]);
                    tracing::info!(reason, "listing all pods again");
                    if began.elapsed() > WATCH_LASTS {
                        backoff.reset();
                    } else if reason != REQUESTED {
                        // A list that is at once too old again must not be repeated without pause.
                        tokio::time::sleep(backoff.pause(None)).await;
                    }
                }
            }
        }
    }

    /// Sends all pods; returns the version of the list, or nothing if the receiver is gone.
    async fn list(
        &self,
        selector: &str,
        versions: &mut Versions,
    ) -> Result<Option<String>, ApiError> {
        let mut pages = Pages::new(&self.api, selector);
        let mut version = String::new();
        if self.tell(FeedEvent::RelistBegin, 0).await.is_none() {
            return Ok(None);
        }
        while let Some(page) = pages.next().await? {
            if versions.list(&page.version) {
                tracing::warn!(
                    version = page.version,
                    "resource versions decreased: the cluster was restored from a backup"
                );
                if self.tell(FeedEvent::Restored, 0).await.is_none() {
                    return Ok(None);
                }
            }
            for _ in 0..page.damaged {
                self.metrics
                    .count(Metric::DecodeErrors, &[("source", "list")]);
            }
            version = page.version;
            if self
                .tell(FeedEvent::Listed(page.pods), usize::MAX)
                .await
                .is_none()
            {
                return Ok(None);
            }
        }
        Ok(self.tell(FeedEvent::RelistEnd, 0).await.map(|()| version))
    }

    /// Watches from `version` on, repeatedly, until all pods have to be listed again.
    async fn watch(&mut self, selector: &str, version: String, versions: &mut Versions) -> Break {
        let (mut backoff, mut in_vain) = (Backoff::default(), 0);
        let has_told = false;
        let mut place = Place { version, has_told };
        loop {
            let path = ApiPath::to("/api/v1/pods")
                .with("watch", 1)
                .with("allowWatchBookmarks", true)
                .with("timeoutSeconds", WATCH_LASTS.as_secs())
                .with("fieldSelector", selector)
                .with("resourceVersion", &place.version);
            let (began, before) = (Instant::now(), place.version.clone());
            place.has_told = false;
            let ended = match self
                .api
                .open(Call::get(&rights::WATCH_PODS, path), OPEN_TIMEOUT)
                .await
            {
                Ok(lines) => self.follow(lines, &mut place, versions).await,
                Err(error) => Ok(Some(error)),
            };
            let error = match ended {
                Err(end) => return end,
                Ok(error) => error,
            };
            if matches!(error, Some(ApiError::Gone)) {
                return Break::Relist("expired");
            }
            let reason = error.as_ref().map_or("ended", ApiError::label);
            self.metrics
                .count(Metric::WatchRestarts, &[("reason", reason)]);
            in_vain = match &error {
                _ if place.has_told => 0,
                Some(error) if !is_about_the_version(error) => in_vain,
                _ => in_vain + 1,
            };
            if in_vain == WATCHES_IN_VAIN_MAX {
                return Break::Relist("no_progress");
            }
            let moved = place.version != before || began.elapsed() >= WATCH_LASTS / 2;
            if error.is_none() && moved && began.elapsed() >= WATCH_LASTS_MIN {
                backoff.reset();
                continue;
            }
            if let Some(error) = &error {
                tracing::warn!(%error, "the watch of pods ended with an error; restarting it");
            }
            if moved {
                backoff.reset();
            }
            let pause = backoff.pause(error.as_ref().and_then(ApiError::retry_after));
            tokio::select! {
                biased;
                why = self.interrupted() => return why,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Waits until the pods have to be listed again, or the receiver is gone.
    async fn interrupted(&mut self) -> Break {
        tokio::select! {
            biased;
            () = self.relist.notified() => Break::Relist(REQUESTED),
            changed = self.selector.changed() => match changed {
                Ok(()) => Break::Relist(REQUESTED),
                Err(_) => Break::Closed,
            },
            () = self.events.closed() => Break::Closed,
        }
    }

    /// Reads one watch to its end; the error that ended it, if any.
    async fn follow(
        &mut self,
        mut lines: LineStream,
        place: &mut Place,
        versions: &mut Versions,
    ) -> Result<Option<ApiError>, Break> {
        let until = Instant::now() + WATCH_LASTS + WATCH_GRACE;
        loop {
            let line = tokio::select! {
                biased;
                why = self.interrupted() => return Err(why),
                line = tokio::time::timeout_at(until, lines.next()) => line,
            };
            let line = match line {
                Err(_) => {
                    return Ok(Some(ApiError::NoResponse(
                        "the watch did not end in time".to_owned(),
                    )));
                }
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(ApiError::InvalidResponse(_))) => return Err(Break::Relist("decode_error")),
                Ok(Err(error)) => return Ok(Some(error)),
                Ok(Ok(Some(line))) => line,
            };
            if let Some(error) = self.apply(line, place, versions).await? {
                return Ok(Some(error));
            }
        }
    }

    /// Passes one line on.
    async fn apply(
        &self,
        line: Vec<u8>,
        place: &mut Place,
        versions: &mut Versions,
    ) -> Result<Option<ApiError>, Break> {
        let bytes = line.len();
        let (kind, event, at) = match wire::line(line) {
            Line::Added(pod) => {
                let at = pod.metadata.resource_version.clone();
                ("added", FeedEvent::Added(pod), at)
            }
            Line::Modified(pod) => {
                let at = pod.metadata.resource_version.clone();
                ("modified", FeedEvent::Modified(pod), at)
            }
            Line::Deleted(pod) => {
                let at = pod.metadata.resource_version.clone();
                ("deleted", FeedEvent::Deleted(pod), at)
            }
            Line::Bookmark(at) => ("bookmark", FeedEvent::Bookmark, at),
            Line::Ended(error) => return Ok(Some(error)),
            Line::Damaged { version: at, why } => {
                self.metrics
                    .count(Metric::DecodeErrors, &[("source", "watch")]);
                tracing::warn!(reason = why, "skipped a watch event that cannot be decoded");
                // Without a version it is unknown what was missed.
                place.version = at.ok_or(Break::Relist("decode_error"))?;
                return Ok(None);
            }
        };
        self.metrics.count(Metric::WatchEvents, &[("type", kind)]);
        if versions.watch(&at) {
            return Err(Break::Relist("version_decreased"));
        }
        (place.version, place.has_told) = (at, true);
        self.tell(event, bytes).await.ok_or(Break::Closed)?;
        Ok(None)
    }

    /// Tells news that take up so many bytes. Large ones wait until there are no others.
    async fn tell(&self, event: FeedEvent, bytes: usize) -> Option<()> {
        let room = if bytes > SMALL_EVENT_BYTES {
            FEED_EVENTS_MAX
        } else {
            1
        };
        let mut places = self.events.reserve_many(room).await.ok()?;
        places.next()?.send(event);
        Some(())
    }
}

/// Whether a watch that failed so may do so for its version, and not for the state of the server or its permission.
const fn is_about_the_version(error: &ApiError) -> bool {
    !matches!(
        error,
        ApiError::NoResponse(_)
            | ApiError::Throttled { .. }
            | ApiError::Unauthorized
            | ApiError::Forbidden(_)
    )
}

/// The reason for a list that was requested.
const REQUESTED: &str = "requested";
