//! What time it is in the simulated cluster.

use std::time::Duration;

use jiff::Timestamp as Calendar;
use pullstop_core::time::Timestamp;
use tokio::time::Instant;

/// A clock that runs with tokio's, perhaps faster: under tokio's paused time it is virtual time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Timestamp,
    started: Instant,
    speed: u32,
}

impl Clock {
    /// The machine's own time.
    #[expect(
        clippy::disallowed_types,
        clippy::disallowed_methods,
        reason = "the edge: objects that a server makes for people carry the time of day"
    )]
    pub fn wall() -> Self {
        let since_1970 = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Self::from(Timestamp::from_millis(0).after(since_1970))
    }

    /// Starts at `origin` now, and runs with tokio's time.
    pub fn from(origin: Timestamp) -> Self {
        Self {
            origin,
            started: Instant::now(),
            speed: 1,
        }
    }

    /// The same clock, `speed` times as fast from now on; zero counts as one.
    #[must_use]
    pub fn at_speed(self, speed: u32) -> Self {
        Self {
            origin: self.now(),
            started: Instant::now(),
            speed: speed.max(1),
        }
    }

    /// How many times as fast as its host's it is.
    pub const fn speed(self) -> u32 {
        self.speed
    }

    /// The time now.
    pub fn now(self) -> Timestamp {
        self.origin
            .after(self.started.elapsed().saturating_mul(self.speed))
    }

    /// How long `simulated` takes for those outside.
    pub fn real(self, simulated: Duration) -> Duration {
        simulated / self.speed
    }

    /// Waits until `simulated` has passed in the cluster.
    pub async fn sleep(self, simulated: Duration) {
        tokio::time::sleep(self.real(simulated)).await;
    }
}

/// A moment as objects carry it: RFC 3339 in UTC, whole seconds.
pub fn text(moment: Timestamp) -> String {
    let seconds = i64::try_from(moment.as_millis() / 1000).unwrap_or(i64::MAX);
    Calendar::from_second(seconds).map_or_else(|_| String::new(), |moment| moment.to_string())
}

/// A moment as HTTP writes it into `Date`, whole seconds.
pub(super) fn http_date(moment: Timestamp) -> String {
    let seconds = i64::try_from(moment.as_millis() / 1000).unwrap_or(i64::MAX);
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    Calendar::from_second(seconds)
        .and_then(|moment| printer.timestamp_to_rfc9110_string(&moment))
        .unwrap_or_default()
}

/// Reads a moment that an object carries.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let moment: Calendar = text.parse().ok()?;
    let millis = u64::try_from(moment.as_millisecond()).ok()?;
    Some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_fast_clock_runs_ahead_of_its_host() {
        let clock = Clock::from(moment("2026-11-22T16:00:00Z").unwrap()).at_speed(60);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(text(clock.now()), "2026-11-22T16:02:00Z");
        assert_eq!(http_date(clock.now()), "Sun, 22 Nov 2026 16:02:00 GMT");
        clock.sleep(Duration::from_secs(60)).await;
        assert_eq!(text(clock.now()), "2026-11-22T16:03:00Z");
    }
}
