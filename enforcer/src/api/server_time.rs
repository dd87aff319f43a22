//! The API server's time, from the `Date` of its responses.
//!
//! Moments that are written to the cluster are read by other replicas, on other machines, and by the next run of this one.
//! So they are the API server's: this machine's clock may be wrong by any amount, and only has to run evenly.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use pullstop_core::time::{Human, Timestamp};
use pullstop_core::wire::timestamp;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::metrics::{Metric, Metrics};

/// By how much two moments that were written by two replicas may be further apart than they were: `Date` has whole
/// seconds, an answer takes up to about one, and the rest is what the clocks of several API servers may differ by, and what
/// two machines' clocks gain on each other between two answers.
pub const ERROR_MAX: Duration = Duration::from_secs(5);
/// `Date` is cut to whole seconds.
const DATE_UNIT_MS: i64 = 1000;

/// How far this machine's clock is from that of the API server.
#[derive(Debug)]
pub struct ServerTime {
    metrics: Arc<Metrics>,
    /// This machine's clock. Nothing is compared before it is known.
    clock: OnceLock<Clock>,
    compared: Mutex<Compared>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Compared {
    /// By how many milliseconds this clock is ahead, as far as the answers tell; none before the first.
    ahead_ms: Option<i64>,
    /// The same when it was last told in the log.
    told_ms: i64,
}

impl ServerTime {
    /// Nothing is known yet: both are taken to be the same.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            clock: OnceLock::new(),
            compared: Mutex::default(),
        }
    }

    /// This is the clock to compare with. Only the first one counts.
    pub fn compare(&self, clock: Clock) {
        // Set once, where the program is put together.
        let _ = self.clock.set(clock);
    }

    /// The same moment by the API server's clock.
    pub fn of(&self, own: Timestamp) -> Timestamp {
        moved(own, self.ahead_ms().saturating_neg())
    }

    /// The same moment by this machine's clock.
    pub fn own(&self, servers: Timestamp) -> Timestamp {
        moved(servers, self.ahead_ms())
    }

    /// An answer with this `Date` came to a request.
    pub(super) fn heard(&self, date: &str, sent: Instant, received: Instant) {
        let Some((clock, date)) = self.clock.get().zip(timestamp::parse_http_date(date)) else {
            return;
        };
        let mut compared = self.lock();
        let before = compared.ahead_ms;
        // The answer was made between the two, and `Date` is its time or up to a second earlier.
        let at_most = difference(clock.at(received), date);
        let at_least = difference(clock.at(sent), date).saturating_sub(DATE_UNIT_MS);
        // With no more knowledge, the later clock: what is remembered seems younger then, and no rule fires early.
        let ahead = before.unwrap_or(at_most);
        let ahead = ahead.max(at_least).min(at_most);
        compared.ahead_ms = Some(ahead);
        let error_ms = i64::try_from(ERROR_MAX.as_millis()).unwrap_or(i64::MAX);
        let is_news = ahead.abs_diff(compared.told_ms) > error_ms.unsigned_abs();
        if is_news {
            compared.told_ms = ahead;
        }
        drop(compared);
        let skew = Duration::from_millis(ahead.unsigned_abs());
        if before != Some(ahead) {
            self.metrics.set_duration(Metric::ClockSkew, skew);
        }
        if is_news {
            tell(ahead, skew, error_ms);
        }
    }

    fn ahead_ms(&self) -> i64 {
        self.lock().ahead_ms.unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Compared> {
        self.compared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(ahead_ms: i64, skew: Duration, error_ms: i64) {
    let skew = Human(skew);
    if ahead_ms.abs() <= error_ms {
        tracing::info!(%skew, "this machine's clock agrees with the API server's again");
        return;
    }
    let direction = if ahead_ms > 0 { "ahead of" } else { "behind" };
    tracing::warn!(
        %skew,
        "this machine's clock is {direction} the API server's; the API server's time is used. Check the machine's time service"
    );
}

fn difference(a: Timestamp, b: Timestamp) -> i64 {
    let signed = |moment: Timestamp| i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
    signed(a).saturating_sub(signed(b))
}

/// Nothing moves what is never.
fn moved(moment: Timestamp, by_ms: i64) -> Timestamp {
    if moment == Timestamp::NEVER {
        return moment;
    }
    Timestamp::from_millis(moment.as_millis().saturating_add_signed(by_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Fri, 27 Nov 2026 12:00:00 GMT";

    fn at(text: &str) -> Timestamp {
        timestamp::parse(text).unwrap()
    }

    async fn heard(time: &ServerTime, date: &str, took_ms: u64) {
        let sent = Instant::now();
        tokio::time::advance(Duration::from_millis(took_ms)).await;
        time.heard(date, sent, Instant::now());
    }

    fn started(own: &str) -> ServerTime {
        let time = ServerTime::new(Arc::default());
        time.compare(Clock::starting_at(at(own)));
        time
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_ahead_is_corrected() {
        let time = started("2026-11-27T12:11:00Z");
        assert_eq!(
            time.of(at("2026-11-27T12:11:00Z")),
            at("2026-11-27T12:11:00Z")
        );
        heard(&time, DATE, 100).await;
        assert_eq!(
            time.of(at("2026-11-27T12:11:00.1Z")),
            at("2026-11-27T12:00:00Z")
        );
        assert_eq!(
            time.own(at("2026-11-27T12:00:00Z")),
            at("2026-11-27T12:11:00.1Z")
        );
        assert_eq!(time.own(Timestamp::NEVER), Timestamp::NEVER);
        let metric = "pullstop_clock_skew_seconds 660.1\n";
        assert!(
            time.metrics.text().contains(metric),
            "{}",
            time.metrics.text()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn every_answer_makes_it_more_exact_and_none_makes_it_worse() {
        // The true difference is none; the first answer is as misleading as one can be.
        let time = started("2026-11-27T12:00:00.999Z");
        heard(&time, DATE, 0).await;
        assert_eq!(time.ahead_ms(), 999);
        tokio::time::advance(Duration::from_millis(1)).await;
        heard(&time, "Fri, 27 Nov 2026 12:00:01 GMT", 0).await;
        assert_eq!(time.ahead_ms(), 0);
        // One that took long says little.
        heard(&time, "Fri, 27 Nov 2026 12:00:08 GMT", 30_000).await;
        assert_eq!(time.ahead_ms(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_whose_clock_is_set_is_followed() {
        let time = started("2026-11-27T12:00:00Z");
        heard(&time, DATE, 0).await;
        heard(&time, "Fri, 27 Nov 2026 12:30:00 GMT", 0).await;
        assert_eq!(
            time.of(at("2026-11-27T12:00:00Z")),
            at("2026-11-27T12:30:00Z")
        );
        heard(&time, DATE, 0).await;
        assert!(time.ahead_ms().abs() <= DATE_UNIT_MS);
        heard(&time, "yesterday", 0).await;
        assert!(time.ahead_ms().abs() <= DATE_UNIT_MS);
    }
}
