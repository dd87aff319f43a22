//! Pauses after 429 and 503: of one namespace, or of the API server as a whole.

use std::collections::BTreeMap;
use std::time::Duration;

use pullstop_core::time::Timestamp;

use crate::api::ApiError;

/// The longest pause that an API server can ask for.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The pauses that were asked for. Those of namespaces are as many as there are namespaces with something to be done.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    all_until: Option<Timestamp>,
    namespaces: BTreeMap<String, Timestamp>,
}

impl Pauses {
    /// A request about something in this namespace was refused, perhaps with the wish for a pause.
    ///
    /// What stands behind the API server, such as a webhook or a quota, speaks for the namespace of which it was asked. If
    /// the server as a whole asks so in that way, each namespace costs it one request.
    pub(crate) fn apply(&mut self, now: Timestamp, namespace: &str, error: &ApiError) {
        let Some(pause) = error.retry_after() else {
            return;
        };
        self.namespaces.retain(|_, until| *until > now);
        let until = now.after(pause.min(PAUSE_MAX));
        if error.is_of_the_server() {
            self.all_until = self.all_until.max(Some(until));
        } else {
            let kept = self.namespaces.entry(namespace.to_owned());
            let kept = kept.or_insert(until);
            *kept = until.max(*kept);
        }
    }

    /// Whether requests about what is in this namespace may be made.
    pub(crate) fn are_over(&self, now: Timestamp, namespace: &str) -> bool {
        let own = self.namespaces.get(namespace);
        let mut pauses = self.all_until.iter().chain(own);
        pauses.all(|until| *until <= now)
    }

    /// When the next one ends.
    pub(crate) fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        let all = self.namespaces.values().chain(&self.all_until);
        all.copied().filter(|until| *until > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::classify;

    #[test]
    fn a_namespace_pauses_alone_and_the_server_for_all() {
        let at = |seconds: u64| Timestamp::from_millis(1000 * seconds);
        let refused = |body: &[u8]| classify(429, Some("58"), body).unwrap_err();
        let mut pauses = Pauses::default();
        let quota = refused(br#"{"kind":"Status","message":"exceeded quota","code":429}"#);
        pauses.apply(at(100), "a", &quota);
        let over = |pauses: &Pauses, now: u64| {
            (pauses.are_over(at(now), "a"), pauses.are_over(at(now), "b"))
        };
        assert_eq!(over(&pauses, 100), (false, true));
        assert_eq!(pauses.next_end(at(100)), Some(at(158)));
        assert_eq!(over(&pauses, 158), (true, true));
        let overload = refused(b"Too many requests, please try again later.\n");
        pauses.apply(at(200), "a", &overload);
        assert_eq!(over(&pauses, 257), (false, false));
        assert_eq!(over(&pauses, 258), (true, true));
        assert_eq!(
            (pauses.next_end(at(258)), pauses.namespaces.len()),
            (None, 0)
        );
    }
}
