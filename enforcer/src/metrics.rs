//! Metrics in the text format of Prometheus.
//!
//! Label values are names from the source code: the type admits no text of a pod, an image or a message.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the table of families says what each is")]
pub enum Metric {
    Verdicts,
    Failures,
    Throttled,
    Held,
    KubeletConfirmed,
    Reverted,
    Abandoned,
    Writes,
    Reads,
    Requests,
    Lists,
    WatchRestarts,
    WatchEvents,
    DecodeErrors,
    Events,
    PolicyLoads,
    VerdictDelay,
    RecoveryRatio,
    TrackedPods,
    QueueDepth,
    Leader,
    Stopped,
    StoppedSince,
    Synced,
    WatchLag,
    ClockSkew,
    Mode,
}

use Metric as M;

/// What a family is, for Prometheus and for people.
struct Family {
    metric: Metric,
    name: &'static str,
    kind: Kind,
    help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    /// Of values in thousandths, with the upper bounds of its buckets in the same unit.
    Histogram(&'static [u64]),
}

/// From half a minute to two days: rules fire between these.
const DELAY_BOUNDS: &[u64] = &[
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    21_600_000,
    86_400_000,
    172_800_000,
];
/// Shares of a rule's duration.
const SHARE_BOUNDS: &[u64] = &[100, 250, 500, 750, 900, 1000];

const FAMILIES: &[Family] = &[
    counter(
        M::Verdicts,
        "pullstop_verdicts_total",
        "Verdicts by action, dry run and cause.",
    ),
    counter(
        M::Failures,
        "pullstop_failures_total",
        "Failed pulls by cause.",
    ),
    counter(
        M::Throttled,
        "pullstop_throttled_total",
        "Pulls refused by the kubelet's own rate limiter, which do not count as failures.",
    ),
    counter(
        M::Held,
        "pullstop_held_total",
        "Due verdicts that were held.",
    ),
    counter(
        M::KubeletConfirmed,
        "pullstop_kubelet_confirmed_total",
        "Failed pods that the kubelet has confirmed as failed.",
    ),
    counter(
        M::Reverted,
        "pullstop_reverted_total",
        "Failed pods that were reverted to Pending, mostly by their kubelet.",
    ),
    counter(
        M::Abandoned,
        "pullstop_abandoned_total",
        "Pods that were reverted too often and are not failed again.",
    ),
    counter(
        M::Writes,
        "pullstop_writes_total",
        "Writes to pods by kind and result.",
    ),
    counter(
        M::Reads,
        "pullstop_reads_total",
        "Reads of single pods by result.",
    ),
    counter(
        M::Requests,
        "pullstop_api_requests_total",
        "Requests to the API server by call and result.",
    ),
    counter(
        M::Lists,
        "pullstop_lists_total",
        "Lists of all pods by result.",
    ),
    counter(
        M::WatchRestarts,
        "pullstop_watch_restarts_total",
        "Restarts of the watch of pods by reason.",
    ),
    counter(
        M::WatchEvents,
        "pullstop_watch_events_total",
        "Watch events of pods by type.",
    ),
    counter(
        M::DecodeErrors,
        "pullstop_decode_errors_total",
        "Pods and watch events that could not be decoded and were skipped, by source.",
    ),
    counter(
        M::Events,
        "pullstop_events_total",
        "Kubernetes Events sent, by result.",
    ),
    counter(
        M::PolicyLoads,
        "pullstop_policy_loads_total",
        "Policies loaded, by result.",
    ),
    Family {
        metric: M::VerdictDelay,
        name: "pullstop_verdict_delay_seconds",
        kind: Kind::Histogram(DELAY_BOUNDS),
        help: "Time from the first failure to the verdict.",
    },
    Family {
        metric: M::RecoveryRatio,
        name: "pullstop_recovery_threshold_ratio",
        kind: Kind::Histogram(SHARE_BOUNDS),
        help: "For recovered containers, the time of failing as a share of the rule's duration. Values near 1 mean a rule that is too short.",
    },
    gauge(
        M::TrackedPods,
        "pullstop_tracked_pods",
        "Pods with failing containers.",
    ),
    gauge(
        M::QueueDepth,
        "pullstop_queue_depth",
        "Reads and writes of pods in flight or queued.",
    ),
    gauge(
        M::Leader,
        "pullstop_leader",
        "1 if this replica is the leader.",
    ),
    gauge(
        M::Stopped,
        "pullstop_stopped",
        "1 if the kill switch has stopped all writes.",
    ),
    gauge(
        M::StoppedSince,
        "pullstop_stopped_since_timestamp_seconds",
        "Unix time at which the kill switch was turned on; 0 if it is off.",
    ),
    gauge(
        M::Synced,
        "pullstop_synced",
        "1 if the list of pods is complete; no verdict is carried out before.",
    ),
    gauge(
        M::WatchLag,
        "pullstop_watch_lag_seconds",
        "Time since the last watch event of pods; the API server sends a bookmark every minute.",
    ),
    gauge(
        M::ClockSkew,
        "pullstop_clock_skew_seconds",
        "Absolute difference between this machine's clock and the API server's.",
    ),
    gauge(
        M::Mode,
        "pullstop_mode",
        "1 for the current mode, 0 for the others.",
    ),
];

impl Metric {
    fn family(self) -> &'static Family {
        let family = FAMILIES.get(self as usize);
        family.expect("each metric has a family, in the same order")
    }
}

/// All values.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<Values>);

type Key = (Metric, Vec<(&'static str, &'static str)>);

#[derive(Debug, Default)]
struct Values {
    /// Counters as they are, gauges in thousandths.
    numbers: BTreeMap<Key, u64>,
    histograms: BTreeMap<Metric, Histogram>,
}

/// Values in thousandths.
#[derive(Clone, Debug, Default)]
struct Histogram {
    /// How many values are in each bucket, the last being the one without bound.
    counts: Vec<u64>,
    sum: u64,
}

impl Metrics {
    /// Counts one more.
    pub fn count(&self, metric: Metric, labels: &[(&'static str, &'static str)]) {
        debug_assert_eq!(metric.family().kind, Kind::Counter, "{metric:?}");
        let mut values = self.lock();
        let number = values.numbers.entry((metric, labels.to_vec())).or_default();
        *number = number.saturating_add(1);
    }

    /// Sets a gauge to a whole number.
    pub fn set(&self, metric: Metric, labels: &[(&'static str, &'static str)], value: usize) {
        debug_assert_eq!(metric.family().kind, Kind::Gauge, "{metric:?}");
        let thousandths = u64::try_from(value)
            .unwrap_or(u64::MAX)
            .saturating_mul(1000);
        self.lock()
            .numbers
            .insert((metric, labels.to_vec()), thousandths);
    }

    /// Sets a gauge to a duration.
    pub fn set_duration(&self, metric: Metric, duration: Duration) {
        debug_assert_eq!(metric.family().kind, Kind::Gauge, "{metric:?}");
        self.lock()
            .numbers
            .insert((metric, Vec::new()), thousandths(duration));
    }

    /// Adds a duration to a histogram.
    pub fn observe(&self, metric: Metric, duration: Duration) {
        self.observe_thousandths(metric, thousandths(duration));
    }

    /// Adds a share of `part` in `whole` to a histogram.
    pub fn observe_share(&self, metric: Metric, part: Duration, whole: Duration) {
        let share = thousandths(part)
            .saturating_mul(1000)
            .checked_div(thousandths(whole));
        self.observe_thousandths(metric, share.unwrap_or(1000));
    }

    fn observe_thousandths(&self, metric: Metric, value: u64) {
        let Kind::Histogram(bounds) = metric.family().kind else {
            debug_assert!(false, "{metric:?} is no histogram");
            return;
        };
        let mut values = self.lock();
        let histogram = values.histograms.entry(metric).or_default();
        histogram.counts.resize(bounds.len() + 1, 0);
        let bucket = bounds
            .iter()
            .position(|bound| value <= *bound)
            .unwrap_or(bounds.len());
        histogram.counts[bucket] += 1;
        histogram.sum = histogram.sum.saturating_add(value);
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> String {
        let values = self.lock();
        let mut text = String::new();
        for family in FAMILIES {
            family.print(&values, &mut text);
        }
        text
    }

    /// The value of one series in that text, named with its labels; none if it is not there.
    pub fn value(&self, series: &str) -> Option<String> {
        let text = self.text();
        let mut lines = text.lines();
        lines
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
            .map(str::to_owned)
    }

    fn lock(&self) -> MutexGuard<'_, Values> {
        // The values stay valid if a holder of the lock panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Family {
    fn print(&self, values: &Values, text: &mut String) {
        let Self {
            metric,
            name,
            kind,
            help,
        } = self;
        let kind_name = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        put(
            text,
            format_args!("# HELP {name} {help}\n# TYPE {name} {kind_name}\n"),
        );
        if let Kind::Histogram(bounds) = kind {
            let none = Histogram {
                counts: vec![0; bounds.len() + 1],
                sum: 0,
            };
            values
                .histograms
                .get(metric)
                .unwrap_or(&none)
                .print(name, bounds, text);
            return;
        }
        let from = (*metric, Vec::new());
        let own = values
            .numbers
            .range(from..)
            .take_while(|((of, _), _)| of == metric);
        for ((_, labels), number) in own {
            put(text, format_args!("{name}"));
            for (at, (label, value)) in labels.iter().enumerate() {
                let begin = if at == 0 { '{' } else { ',' };
                put(text, format_args!("{begin}{label}=\"{value}\""));
            }
            let end = if labels.is_empty() { "" } else { "}" };
            match kind {
                Kind::Gauge => put(text, format_args!("{end} {}\n", Thousandths(*number))),
                _ => put(text, format_args!("{end} {number}\n")),
            }
        }
    }
}

impl Histogram {
    fn print(&self, name: &str, bounds: &[u64], text: &mut String) {
        let mut total = 0;
        for (bound, count) in bounds.iter().zip(&self.counts) {
            total += count;
            put(
                text,
                format_args!("{name}_bucket{{le=\"{}\"}} {total}\n", Thousandths(*bound)),
            );
        }
        total += self.counts.last().copied().unwrap_or_default();
        put(text, format_args!("{name}_bucket{{le=\"+Inf\"}} {total}\n"));
        put(
            text,
            format_args!(
                "{name}_sum {}\n{name}_count {total}\n",
                Thousandths(self.sum)
            ),
        );
    }
}

/// Prints thousandths as a decimal fraction.
struct Thousandths(u64);

impl std::fmt::Display for Thousandths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, rest) = (self.0 / 1000, self.0 % 1000);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let rest = format!("{rest:03}");
        write!(f, "{whole}.{}", rest.trim_end_matches('0'))
    }
}

const fn counter(metric: Metric, name: &'static str, help: &'static str) -> Family {
    Family {
        metric,
        name,
        kind: Kind::Counter,
        help,
    }
}

const fn gauge(metric: Metric, name: &'static str, help: &'static str) -> Family {
    Family {
        metric,
        name,
        kind: Kind::Gauge,
        help,
    }
}

fn thousandths(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(what);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_printed_for_prometheus() {
        let metrics = Metrics::default();
        metrics.count(M::Failures, &[("cause", "Timeout")]);
        metrics.count(M::Failures, &[("cause", "Timeout")]);
        metrics.count(M::Writes, &[("kind", "fail"), ("result", "conflict")]);
        metrics.set(M::Leader, &[], 1);
        metrics.set_duration(M::WatchLag, Duration::from_millis(1250));
        metrics.observe(M::VerdictDelay, Duration::from_secs(90));
        metrics.observe(M::VerdictDelay, Duration::from_secs(1_000_000));
        metrics.observe_share(
            M::RecoveryRatio,
            Duration::from_secs(90),
            Duration::from_secs(120),
        );
        metrics.observe_share(M::RecoveryRatio, Duration::from_secs(90), Duration::ZERO);
        let text = metrics.text();
        for line in [
            "pullstop_failures_total{cause=\"Timeout\"} 2",
            "pullstop_writes_total{kind=\"fail\",result=\"conflict\"} 1",
            "pullstop_leader 1",
            "pullstop_watch_lag_seconds 1.25",
            "# TYPE pullstop_verdict_delay_seconds histogram",
            "pullstop_verdict_delay_seconds_bucket{le=\"60\"} 0",
            "pullstop_verdict_delay_seconds_bucket{le=\"120\"} 1",
            "pullstop_verdict_delay_seconds_bucket{le=\"+Inf\"} 2",
            "pullstop_verdict_delay_seconds_sum 1000090",
            "pullstop_verdict_delay_seconds_count 2",
            "pullstop_recovery_threshold_ratio_bucket{le=\"0.75\"} 1",
            "pullstop_recovery_threshold_ratio_bucket{le=\"1\"} 2",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn every_metric_has_one_family() {
        assert_eq!(FAMILIES.len(), M::Mode as usize + 1, "Mode comes last");
        for (at, family) in FAMILIES.iter().enumerate() {
            assert_eq!(family.metric as usize, at, "{}", family.name);
            assert!(family.name.starts_with("pullstop_"), "{}", family.name);
            let counter = family.kind == Kind::Counter;
            assert_eq!(counter, family.name.ends_with("_total"), "{}", family.name);
        }
    }
}
