//! Follows the namespaces that a label selector selects.
//!
//! The API server does the selecting, so selectors mean what they mean everywhere else.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::watch;

use crate::api::{Api, ApiError, ApiPath, Backoff, Call, rights};

/// How soon a new namespace, or one with another label, counts. Whenever the selection changes all pods are listed, so
/// this is also the shortest time between two such lists.
const LOOK_EVERY: Duration = Duration::from_secs(30);
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Namespaces a page.
const PAGE_NAMESPACES: u32 = 500;

/// A selection of namespaces.
#[derive(Debug)]
pub struct Namespaces {
    /// Where they are.
    pub api: Api,
    /// A label selector, such as `shard=a` or `shard in (a, b), !test`.
    pub selector: String,
    /// The names of those that are selected.
    pub selected: watch::Sender<Option<BTreeSet<String>>>,
}

impl Namespaces {
    /// Follows the selection until the receiver is gone. The last selection counts for as long as nothing newer
    /// is known.
    pub async fn follow(self) {
        let (mut backoff, mut known) = (Backoff::default(), false);
        while !self.selected.is_closed() {
            let pause = match self.list().await {
                Ok(names) => {
                    backoff.reset();
                    self.select(names, known);
                    known = true;
                    LOOK_EVERY
                }
                Err(error) => {
                    tracing::warn!(%error, selector = self.selector, "cannot list namespaces; the previous selection stays active");
                    backoff.pause(error.retry_after())
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Tells which names are selected: once they are `known`, only if they are others than before.
    fn select(&self, names: BTreeSet<String>, known: bool) {
        let count = names.len();
        let names = Some(names);
        let changed = self.selected.send_if_modified(|old| {
            let changed = *old != names || !known;
            *old = names;
            changed
        });
        if changed {
            tracing::info!(
                selector = self.selector,
                namespaces = count,
                "selected namespaces"
            );
        }
    }

    async fn list(&self) -> Result<BTreeSet<String>, ApiError> {
        let (mut names, mut next) = (BTreeSet::new(), String::new());
        loop {
            let path = ApiPath::to("/api/v1/namespaces")
                .with("limit", PAGE_NAMESPACES)
                .with("labelSelector", &self.selector)
                .with("continue", &next);
            let call = Call::metadata_list(&rights::LIST_NAMESPACES, path);
            let bytes = self.api.call(call, CALL_TIMEOUT).await?;
            let page: Page = serde_json::from_slice(&bytes)
                .map_err(|error| ApiError::InvalidResponse(error.to_string()))?;
            let items = page.items.into_iter().flatten();
            names.extend(items.map(|item| item.metadata.name));
            match page.metadata.r#continue {
                Some(more) if !more.is_empty() => next = more,
                _ => return Ok(names),
            }
        }
    }
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    metadata: PageMetadata,
    /// `null` without any, as lists of metadata are.
    items: Option<Vec<Namespace>>,
}

#[derive(Default, Deserialize)]
struct PageMetadata {
    r#continue: Option<String>,
}

#[derive(Deserialize)]
struct Namespace {
    metadata: Named,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}
