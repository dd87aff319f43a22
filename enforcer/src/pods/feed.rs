//! All pods in view, listed once and then watched, as the driver is told of them.
//!
//! The loop is written out here instead of taken from kube-runtime, because a gap must be told to the engine as such:
//!
//! ```text
//! list all pages ──▶ watch from the list's version ──▶ watch again from the last version heard of
//!      ▲                        │                              │
//!      └──── the version is too old (410), or what was sent cannot be read ◀──┘
//! ```

use std::sync::Arc;
use std::time::Duration;

use pullstop_core::wire::WirePod;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use super::pages::Pages;
use super::wire::{self, Line};
use crate::api::{Api, Backoff, Call, LineStream, Trouble, encode, rights};
use crate::metrics::{Metric, Metrics};

/// How long one watch lasts before the server ends it. A connection that is dead in silence goes unnoticed for as long,
/// so it is much shorter than the usual 5 minutes.
const WATCH_LASTS: Duration = Duration::from_secs(60);
/// How much later than that a watch is given up that the server should have ended.
const WATCH_GRACE: Duration = Duration::from_secs(10);
/// How long the answer to a watch may take to begin.
const OPEN_TIMEOUT: Duration = Duration::from_secs(15);

/// Pages and events that wait for the driver; more of them wait at the API server. Few, since a page of pods takes up a
/// megabyte.
pub const NEWS_MAX: usize = 8;

/// What the driver is told.
#[derive(Debug)]
pub enum News {
    /// All pods that there are follow.
    ListBegins,
    /// Some of them.
    Listed(Vec<WirePod>),
    /// These were all.
    ListEnds,
    /// A pod has come into the view: it is new, or was put back.
    Appeared(Box<WirePod>),
    /// A pod has changed.
    Changed(Box<WirePod>),
    /// A pod has left the view, or is deleted.
    Left(Box<WirePod>),
    /// The watch has told everything up to now.
    UpToDate,
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
    pub news: mpsc::Sender<News>,
}

/// Why a watch is not simply continued.
enum Break {
    /// List anew.
    Relist(&'static str),
    /// Nobody listens any more.
    Closed,
}

impl Feed {
    /// Lists and watches until nobody listens any more.
    pub async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            // A list that begins now is the one that was asked for.
            tokio::select! {
                biased;
                () = self.relist.notified() => {}
                () = std::future::ready(()) => {}
            }
            let selector = self.selector.borrow_and_update().clone();
            let version = match self.list(&selector).await {
                Ok(Some(version)) => version,
                Ok(None) => return,
                Err(trouble) => {
                    self.metrics
                        .count(Metric::Lists, &[("result", trouble.label())]);
                    tracing::warn!(%trouble, "cannot list pods; no verdict is carried out until that works");
                    tokio::time::sleep(backoff.pause(trouble.retry_after())).await;
                    continue;
                }
            };
            self.metrics.count(Metric::Lists, &[("result", "ok")]);
            let began = Instant::now();
            match self.watch(&selector, version).await {
                Break::Closed => return,
                Break::Relist(why) => {
                    self.metrics.count(Metric::WatchBreaks, &[("why", why)]);
                    tracing::info!(why, "listing all pods anew");
                    if began.elapsed() > WATCH_LASTS {
                        backoff.reset();
                    } else if why != REQUESTED {
                        // A list that is at once too old again must not be repeated without pause.
                        tokio::time::sleep(backoff.pause(None)).await;
                    }
                }
            }
        }
    }

    /// Tells of all pods; returns the version of the list, or nothing if nobody listens.
    async fn list(&self, selector: &str) -> Result<Option<String>, Trouble> {
        let mut pages = Pages::new(&self.api, selector);
        let mut version = String::new();
        if self.tell(News::ListBegins).await.is_none() {
            return Ok(None);
        }
        while let Some(page) = pages.next().await? {
            for _ in 0..page.damaged {
                self.metrics.count(Metric::Damaged, &[("in", "list")]);
            }
            version = page.version;
            if self.tell(News::Listed(page.pods)).await.is_none() {
                return Ok(None);
            }
        }
        Ok(self.tell(News::ListEnds).await.map(|()| version))
    }

    /// Watches from `version` on, again and again, until the pods have to be listed anew.
    async fn watch(&mut self, selector: &str, mut version: String) -> Break {
        let mut backoff = Backoff::default();
        loop {
            let path = format!(
                "/api/v1/pods?watch=1&allowWatchBookmarks=true&timeoutSeconds={}&fieldSelector={}&resourceVersion={version}",
                WATCH_LASTS.as_secs(),
                encode(selector)
            );
            let (began, before) = (Instant::now(), version.clone());
            let ended = match self
                .api
                .open(Call::get(&rights::WATCH_PODS, path), OPEN_TIMEOUT)
                .await
            {
                Ok(lines) => self.follow(lines, &mut version).await,
                Err(trouble) => Ok(Some(trouble)),
            };
            let trouble = match ended {
                Err(end) => return end,
                Ok(trouble) => trouble,
            };
            if matches!(trouble, Some(Trouble::Gone)) {
                return Break::Relist("expired");
            }
            let why = trouble.as_ref().map_or("ended", Trouble::label);
            self.metrics.count(Metric::WatchBreaks, &[("why", why)]);
            let moved = version != before || began.elapsed() >= WATCH_LASTS / 2;
            if trouble.is_none() && moved {
                backoff.reset();
                continue;
            }
            if let Some(trouble) = &trouble {
                tracing::warn!(%trouble, "the watch of pods has broken; it is continued");
            }
            if moved {
                backoff.reset();
            }
            let pause = backoff.pause(trouble.as_ref().and_then(Trouble::retry_after));
            tokio::select! {
                biased;
                why = self.interrupted() => return why,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Waits until the pods have to be listed anew, or nobody listens any more.
    async fn interrupted(&mut self) -> Break {
        tokio::select! {
            biased;
            () = self.relist.notified() => Break::Relist(REQUESTED),
            changed = self.selector.changed() => match changed {
                Ok(()) => Break::Relist(REQUESTED),
                Err(_) => Break::Closed,
            },
            () = self.news.closed() => Break::Closed,
        }
    }

    /// Reads one watch to its end; the trouble that ended it, if any.
    async fn follow(
        &mut self,
        mut lines: LineStream,
        version: &mut String,
    ) -> Result<Option<Trouble>, Break> {
        let until = Instant::now() + WATCH_LASTS + WATCH_GRACE;
        loop {
            let line = tokio::select! {
                biased;
                why = self.interrupted() => return Err(why),
                line = tokio::time::timeout_at(until, lines.next()) => line,
            };
            let line = match line {
                Err(_) => {
                    return Ok(Some(Trouble::NoAnswer(
                        "the watch did not end in time".to_owned(),
                    )));
                }
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(Trouble::Unreadable(_))) => return Err(Break::Relist("damaged")),
                Ok(Err(trouble)) => return Ok(Some(trouble)),
                Ok(Ok(Some(line))) => line,
            };
            if let Some(trouble) = self.take_in(&line, version).await? {
                return Ok(Some(trouble));
            }
        }
    }

    /// Passes one line on.
    async fn take_in(&self, line: &[u8], version: &mut String) -> Result<Option<Trouble>, Break> {
        let (kind, news, at) = match wire::line(line) {
            Line::Added(pod) => {
                let at = pod.metadata.resource_version.clone();
                ("added", News::Appeared(pod), at)
            }
            Line::Modified(pod) => {
                let at = pod.metadata.resource_version.clone();
                ("modified", News::Changed(pod), at)
            }
            Line::Deleted(pod) => {
                let at = pod.metadata.resource_version.clone();
                ("deleted", News::Left(pod), at)
            }
            Line::Bookmark(at) => ("bookmark", News::UpToDate, at),
            Line::Ended(trouble) => return Ok(Some(trouble)),
            Line::Damaged { version: at, why } => {
                self.metrics.count(Metric::Damaged, &[("in", "watch")]);
                tracing::warn!(why, "skipped an event of the watch that cannot be read");
                // Without a version nobody knows what was missed.
                *version = at.ok_or(Break::Relist("damaged"))?;
                return Ok(None);
            }
        };
        self.metrics.count(Metric::WatchEvents, &[("type", kind)]);
        *version = at;
        self.tell(news).await.ok_or(Break::Closed)?;
        Ok(None)
    }

    async fn tell(&self, news: News) -> Option<()> {
        self.news.send(news).await.ok()
    }
}

/// Why a watch ends when somebody asks for a list.
const REQUESTED: &str = "requested";
