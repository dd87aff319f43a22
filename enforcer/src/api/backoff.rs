//! Exponential back-off between retries.

use std::time::Duration;

/// The first pause.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause of our own: after it a recovered API server is noticed within half a minute.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// The longest pause that a server can ask for.
const ASKED_MAX: Duration = Duration::from_secs(120);

/// Pauses between attempts: twice as long each time, and at least as long as the server asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The next pause, if the server asked for `asked`.
    pub fn pause(&mut self, asked: Option<Duration>) -> Duration {
        let own = (PAUSE_MIN * 2u32.pow(self.attempts.min(5))).min(PAUSE_MAX);
        self.attempts = self.attempts.saturating_add(1);
        own.max(asked.unwrap_or_default().min(ASKED_MAX))
    }

    /// It works again.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u64> = (0..7).map(|_| backoff.pause(None).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        backoff.reset();
        assert_eq!(backoff.pause(Some(Duration::from_secs(7))).as_secs(), 7);
        assert_eq!(
            backoff.pause(Some(Duration::from_secs(10_000))).as_secs(),
            120
        );
    }
}
