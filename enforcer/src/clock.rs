//! The only module that reads the clock.

use std::time::{Duration, SystemTime};

use pullstop_core::time::Timestamp;
use tokio::time::Instant;

/// The wall clock is asked once, at the start; from then on a monotonic clock counts.
///
/// A wall clock that is set back or forth while the program runs would bring verdicts forward or lose a lease. One that
/// counts evenly can only be off by as much as it was at the start, and by what it drifts. Moments that are written to the
/// cluster or read from it are the API server's: [`crate::api::ServerTime`].
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    started_at: Timestamp,
    speed: u32,
}

impl Clock {
    /// A clock that shows the present moment.
    pub fn start() -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let millis = wall.map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        });
        Self::starting_at(Timestamp::from_millis(millis))
    }

    /// A clock that shows `moment` now.
    pub fn starting_at(moment: Timestamp) -> Self {
        Self {
            started: Instant::now(),
            started_at: moment,
            speed: 1,
        }
    }

    /// The same clock, `speed` times as fast: that of a simulated cluster. Zero counts as one.
    #[must_use]
    pub fn at_speed(self, speed: u32) -> Self {
        Self {
            speed: speed.max(1),
            ..self
        }
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }

    /// What it showed, or will show, at that time.
    pub fn at(&self, instant: Instant) -> Timestamp {
        let elapsed = instant.saturating_duration_since(self.started);
        self.started_at.after(elapsed.saturating_mul(self.speed))
    }

    /// When to wake up for `moment`. Far moments are cut short: waking up early does no harm.
    pub fn instant(&self, moment: Timestamp) -> Instant {
        const SLEEP_MAX: Duration = Duration::from_secs(3600);
        Instant::now() + (moment.since(self.now()) / self.speed).min(SLEEP_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_counts_evenly() {
        let clock = Clock::starting_at(Timestamp::from_millis(1000));
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(clock.now(), Timestamp::from_millis(2500));
        let wake = clock.instant(Timestamp::from_millis(3000));
        assert_eq!(wake - Instant::now(), Duration::from_millis(500));
        assert!(clock.instant(Timestamp::NEVER) > Instant::now());
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulated_cluster_may_have_a_faster_one() {
        let clock = Clock::starting_at(Timestamp::from_millis(0)).at_speed(60);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.now(), Timestamp::from_millis(60_000));
        let wake = clock.instant(Timestamp::from_millis(120_000));
        assert_eq!(wake - Instant::now(), Duration::from_secs(1));
    }
}
