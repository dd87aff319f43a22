//! What time it is in the simulated cluster.

use std::time::Duration;

use pullstop_core::time::Timestamp;
pub(super) use pullstop_core::wire::timestamp::{
    parse as moment, print_http_date as http_date, print_seconds as text,
};
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_fast_clock_runs_ahead_of_its_host() {
        let clock = Clock::from(moment("2026-11-22T16:00:00Z").unwrap()).at_speed(60);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(text(clock.now()), "2026-11-22T16:02:00Z");
        let date = http_date(clock.now());
        assert_eq!(date.as_deref(), Some("Sun, 22 Nov 2026 16:02:00 GMT"));
        clock.sleep(Duration::from_secs(60)).await;
        assert_eq!(text(clock.now()), "2026-11-22T16:03:00Z");
    }
}
