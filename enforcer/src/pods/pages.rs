//! Lists all pods page by page.
//!
//! What a page takes up is bounded, whatever is in the pods. While one is read, the one behind it is on its way, one waits
//! for the driver and one is taken in by it: that is the text of two, and the pods of three, which have less than their text.

use std::time::Duration;

use super::wire::{self, Page};
use crate::api::{ANSWER_BYTES_MAX, Api, ApiError, ApiPath, Call, rights};

/// Pods a page: what `kubectl` and client-go ask for.
const PAGE_PODS_MAX: u32 = 500;
/// A page may be slow from a busy server.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// A list under way. All its pages show the same moment.
///
/// While one page is read into pods, on a thread of its own, the next one is on its way: pods in tens of thousands take
/// as long as the API server takes to send them, and hold up nothing else.
#[derive(Debug)]
pub struct Pages<'a> {
    source: Source<'a>,
    coming: Coming,
}

/// What comes next.
#[derive(Debug)]
enum Coming {
    /// The first page, which was not asked for yet.
    First,
    /// A page that has arrived.
    Page(Vec<u8>),
    /// Nothing more.
    Nothing,
}

impl<'a> Pages<'a> {
    /// The pods that a field selector selects.
    pub fn new(api: &'a Api, selector: &str) -> Self {
        Self {
            source: Source::new(api, ApiPath::to("/api/v1/pods"), Some(selector.to_owned())),
            coming: Coming::First,
        }
    }

    /// The next page; nothing after the last.
    ///
    /// # Errors
    /// If it cannot be read, or the one behind it cannot. The list has to start again then.
    pub async fn next(&mut self) -> Result<Option<Page>, ApiError> {
        let bytes = match std::mem::replace(&mut self.coming, Coming::Nothing) {
            Coming::First => self.source.fetch("").await?,
            Coming::Page(bytes) => bytes,
            Coming::Nothing => return Ok(None),
        };
        let next = wire::next_page(&bytes);
        let reading = tokio::task::spawn_blocking(move || wire::page(bytes));
        let fetching = async {
            match next {
                Some(next) if !next.is_empty() => self.source.fetch(&next).await.map(Coming::Page),
                // It was the last one, or does not say before it is read.
                _ => Ok(Coming::Nothing),
            }
        };
        let (page, coming) = tokio::join!(reading, fetching);
        let page = page.map_err(|error| ApiError::InvalidResponse(error.to_string()))??;
        self.coming = match coming? {
            Coming::Nothing if !page.next.is_empty() => {
                Coming::Page(self.source.fetch(&page.next).await?)
            }
            coming => coming,
        };
        Ok(Some(page))
    }
}

/// Where the pages of one list come from: no more pods at a time than an answer has room for.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    api: &'a Api,
    folder: ApiPath,
    selector: Option<String>,
    /// Pods to ask for.
    limit: u32,
    round: Round,
}

impl<'a> Source<'a> {
    pub(crate) fn new(api: &'a Api, folder: ApiPath, selector: Option<String>) -> Self {
        Self {
            api,
            folder,
            selector,
            limit: PAGE_PODS_MAX,
            round: Round::default(),
        }
    }

    /// The page that begins at `from`; the first one if that is empty.
    ///
    /// One that is too large is asked for again with half the pods. A single pod that is too large stands in its page as
    /// one that cannot be read.
    pub(crate) async fn fetch(&mut self, from: &str) -> Result<Vec<u8>, ApiError> {
        if self.round.goes_on_for_ever(from) {
            let why = "the list does not end: its continue token repeats";
            return Err(ApiError::InvalidResponse(why.to_owned()));
        }
        loop {
            let call = Call::get(&rights::LIST_PODS, self.path(from));
            match self.api.call(call, PAGE_TIMEOUT).await {
                Ok(bytes) => {
                    if bytes.len() < ANSWER_BYTES_MAX / 4 {
                        self.limit = (2 * self.limit).min(PAGE_PODS_MAX);
                    }
                    return Ok(bytes);
                }
                Err(ApiError::TooLarge { .. }) if self.limit > 1 => {
                    self.limit /= 2;
                    tracing::info!(
                        limit = self.limit,
                        "a page of pods is too large; requesting a smaller one"
                    );
                }
                Err(ApiError::TooLarge { beginning }) => {
                    tracing::warn!("skipped a pod that is too large");
                    return wire::without_pods(&beginning).ok_or(ApiError::TooLarge { beginning });
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn path(&self, from: &str) -> ApiPath {
        let mut path = self.folder.clone().with("limit", self.limit);
        if let Some(selector) = &self.selector {
            path = path.with("fieldSelector", selector);
        }
        if from.is_empty() {
            path
        } else {
            path.with("continue", from)
        }
    }
}

/// Notices pages that go round in a circle, of whatever length, while only one of them is kept (Brent's algorithm).
#[derive(Debug, Default)]
struct Round {
    mark: String,
    steps: u32,
    steps_max: u32,
}

impl Round {
    /// Whether this page was there before. Says so at the latest when the circle has been gone through three times.
    fn goes_on_for_ever(&mut self, page: &str) -> bool {
        if self.steps == self.steps_max {
            page.clone_into(&mut self.mark);
            (self.steps, self.steps_max) = (0, (2 * self.steps_max).max(1));
            return false;
        }
        self.steps += 1;
        self.mark == page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_of_all_lengths_are_noticed() {
        let all_new = |count: u32| {
            let mut round = Round::default();
            (0..count).all(|page| !round.goes_on_for_ever(&page.to_string()))
        };
        assert!(all_new(10_000));
        for (before, length) in [(0, 1), (1, 1), (0, 2), (5, 3), (100, 7), (3, 200)] {
            let mut round = Round::default();
            let page = |at: u32| {
                if at < before {
                    at
                } else {
                    before + (at - before) % length
                }
            };
            let noticed =
                (0..10_000_u32).position(|at| round.goes_on_for_ever(&page(at).to_string()));
            let noticed = u32::try_from(noticed.unwrap()).unwrap();
            assert!(
                noticed <= 3 * (before + length) + 3,
                "{before} {length}: {noticed}"
            );
        }
    }
}
