//! All pods, page by page.

use std::time::Duration;

use super::wire::{self, Page};
use crate::api::{Api, Call, Trouble, encode, rights};

/// Pods a page: what `kubectl` and client-go ask for.
const PAGE_PODS: u32 = 500;
/// A page may be slow from a busy server.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// A list under way. All its pages show the same moment.
#[derive(Debug)]
pub struct Pages<'a> {
    api: &'a Api,
    selector: String,
    /// Where the next page begins; nothing after the last.
    next: Option<String>,
}

impl<'a> Pages<'a> {
    /// The pods that a field selector selects.
    pub fn new(api: &'a Api, selector: &str) -> Self {
        Self {
            api,
            selector: encode(selector),
            next: Some(String::new()),
        }
    }

    /// The next page; nothing after the last.
    ///
    /// # Errors
    /// If it cannot be read. The list has to begin anew then.
    pub async fn next(&mut self) -> Result<Option<Page>, Trouble> {
        let Some(next) = self.next.take() else {
            return Ok(None);
        };
        let mut path = format!(
            "/api/v1/pods?limit={PAGE_PODS}&fieldSelector={}",
            self.selector
        );
        if !next.is_empty() {
            path.push_str("&continue=");
            path.push_str(&encode(&next));
        }
        let bytes = self
            .api
            .call(Call::get(&rights::LIST_PODS, path), PAGE_TIMEOUT)
            .await?;
        let page = wire::page(&bytes)?;
        if !page.next.is_empty() {
            self.next = Some(page.next.clone());
        }
        Ok(Some(page))
    }
}
