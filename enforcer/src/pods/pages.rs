//! All pods, page by page.

use std::time::Duration;

use hyper::body::Bytes;

use super::wire::{self, Page};
use crate::api::{Api, Call, Trouble, encode, rights};

/// Pods a page: what `kubectl` and client-go ask for.
const PAGE_PODS: u32 = 500;
/// A page may be slow from a busy server.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// A list under way. All its pages show the same moment.
///
/// While one page is read into pods, on a thread of its own, the next one is on its way: pods in tens of thousands take
/// as long as the API server takes to send them, and hold up nothing else.
#[derive(Debug)]
pub struct Pages<'a> {
    api: &'a Api,
    selector: String,
    coming: Coming,
}

/// What comes next.
#[derive(Debug)]
enum Coming {
    /// The first page, which was not asked for yet.
    First,
    /// A page that has arrived.
    Page(Bytes),
    /// Nothing more.
    Nothing,
}

impl<'a> Pages<'a> {
    /// The pods that a field selector selects.
    pub fn new(api: &'a Api, selector: &str) -> Self {
        Self {
            api,
            selector: encode(selector),
            coming: Coming::First,
        }
    }

    /// The next page; nothing after the last.
    ///
    /// # Errors
    /// If it cannot be read, or the one behind it cannot. The list has to begin anew then.
    pub async fn next(&mut self) -> Result<Option<Page>, Trouble> {
        let bytes = match std::mem::replace(&mut self.coming, Coming::Nothing) {
            Coming::First => self.fetch("").await?,
            Coming::Page(bytes) => bytes,
            Coming::Nothing => return Ok(None),
        };
        let next = wire::next_page(&bytes);
        let reading = tokio::task::spawn_blocking(move || wire::page(&bytes));
        let fetching = async {
            match next {
                Some(next) if !next.is_empty() => self.fetch(&next).await.map(Coming::Page),
                // It was the last one, or does not say before it is read.
                _ => Ok(Coming::Nothing),
            }
        };
        let (page, coming) = tokio::join!(reading, fetching);
        let page = page.map_err(|error| Trouble::Unreadable(error.to_string()))??;
        self.coming = match coming? {
            Coming::Nothing if !page.next.is_empty() => Coming::Page(self.fetch(&page.next).await?),
            coming => coming,
        };
        Ok(Some(page))
    }

    /// The page that begins at `from`; the first one if that is empty.
    async fn fetch(&self, from: &str) -> Result<Bytes, Trouble> {
        let selector = &self.selector;
        let mut path = format!("/api/v1/pods?limit={PAGE_PODS}&fieldSelector={selector}");
        if !from.is_empty() {
            path.push_str("&continue=");
            path.push_str(&encode(from));
        }
        self.api
            .call(Call::get(&rights::LIST_PODS, path), PAGE_TIMEOUT)
            .await
    }
}
