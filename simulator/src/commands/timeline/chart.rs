//! The data that the page draws: rows of spans and marks, and each text once.

use std::collections::{BTreeMap, BTreeSet};

use pullstop_cluster::world::ZERO;
use pullstop_cluster::world::truth::Ending;
use pullstop_core::cause::Cause;
use pullstop_core::time::Timestamp;
use serde::Serialize;

/// All that is drawn. Its JSON lies in the page; times are milliseconds from the start.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chart {
    /// How long was simulated.
    pub(super) duration_ms: u64,
    /// Names of colours, which spans and marks name by their place.
    pub(super) kinds: Vec<&'static str>,
    /// What the legend says of each kind.
    pub(super) words: Vec<&'static str>,
    /// What spans, marks and lines say, by their place here.
    pub(super) texts: Vec<String>,
    /// The rows, each group behind its heading.
    pub(super) groups: Vec<Group>,
    /// Which groups are drawn as one band.
    pub(super) folds: Vec<Fold>,
}

impl Chart {
    /// What there is to see, in the order of the legend.
    pub(super) fn shown(&self) -> BTreeSet<Kind> {
        let rows = self.groups.iter().flat_map(|group| {
            let head = std::iter::once(&group.head);
            head.chain(&group.rows)
        });
        let of_row = |row: &Row| {
            let spans = row.spans.iter().map(|span| span.0);
            let marks = row.marks.iter().map(|mark| mark.0);
            let levels = row.levels.iter().map(|level| level.0);
            spans.chain(marks).chain(levels).collect::<Vec<_>>()
        };
        rows.flat_map(of_row).collect()
    }
}

/// Rows that belong together.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    /// The row of the owner itself.
    pub(super) head: Row,
    /// Its pods, or the parts of the cluster.
    pub(super) rows: Vec<Row>,
    /// Which of the rows are drawn as one band.
    pub(super) folds: Vec<Fold>,
}

/// Rows, or groups, with the same story: they are drawn as one band until somebody unfolds it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Fold {
    /// What stands before the band.
    pub(super) name: String,
    /// Their places, in order.
    pub(super) of: Vec<usize>,
    /// The story that they share: what happened, to the first of them and to the last.
    pub(super) lines: Vec<(u64, u64, usize)>,
}

/// One line of the picture.
#[derive(Debug, Default, Serialize)]
pub(super) struct Row {
    /// What stands before it.
    pub(super) name: String,
    /// How many lanes it has: one for each container.
    pub(super) lanes: usize,
    /// What lasts.
    pub(super) spans: Vec<Span>,
    /// What happens in a moment.
    pub(super) marks: Vec<Mark>,
    /// How much of something is used, from time to time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) levels: Vec<Level>,
    /// The story: when, and which text.
    pub(super) lines: Vec<(u64, usize)>,
}

/// Something that lasts: kind, lane, from, until, text.
#[derive(Debug, Serialize)]
pub(super) struct Span(
    pub(super) Kind,
    pub(super) usize,
    pub(super) u64,
    u64,
    usize,
);

/// Something that happens in a moment: kind, when, text, and the text that is written beside it.
#[derive(Debug, Serialize)]
pub(super) struct Mark(
    pub(super) Kind,
    pub(super) u64,
    usize,
    pub(super) Option<usize>,
);

/// How much there is of something: kind, lane, from, until, thousandths of all, text.
#[derive(Debug, Serialize)]
pub(super) struct Level(Kind, usize, u64, u64, u64, usize);

/// What can be drawn. The page has a colour for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Waiting,
    Queued,
    Pulling,
    Pulled,
    Image,
    Access,
    Registry,
    Node,
    Throttled,
    Cancelled,
    BackOff,
    Running,
    Succeeded,
    Failed,
    InUse,
    Missing,
    Fault,
    Verdict,
    Warned,
    PutBack,
    ByHand,
    Removed,
}

impl Kind {
    /// All of them, with the name of their colour and what the legend says.
    pub(super) const ALL: [(Self, &'static str, &'static str); 22] = [
        (Self::Waiting, "waiting", "waits for a node or its queue"),
        (Self::Queued, "queued", "pull waits for its turn"),
        (Self::Pulling, "pulling", "pull in flight at the end"),
        (Self::Pulled, "pulled", "pull that succeeds"),
        (Self::Image, "image", "pull fails: the image"),
        (Self::Access, "access", "pull fails: access"),
        (
            Self::Registry,
            "registry",
            "pull fails: registry or network",
        ),
        (Self::Node, "node", "pull fails: the node"),
        (Self::Throttled, "throttled", "throttled by the kubelet"),
        (Self::Cancelled, "cancelled", "pull that is cut off"),
        (Self::BackOff, "back-off", "waits for the next try"),
        (Self::Running, "running", "runs, or is at work"),
        (Self::Succeeded, "succeeded", "has succeeded"),
        (Self::Failed, "failed", "has failed"),
        (Self::InUse, "in-use", "quota in use"),
        (
            Self::Missing,
            "missing",
            "image, secret or node is not there",
        ),
        (Self::Fault, "fault", "fault"),
        (Self::Verdict, "verdict", "verdict: failed by the policy"),
        (Self::Warned, "warned", "verdict: warned of, or a dry run"),
        (Self::PutBack, "put-back", "put back by the kubelet"),
        (Self::ByHand, "by-hand", "done by hand"),
        (Self::Removed, "removed", "deleted"),
    ];

    /// What the legend says.
    pub(super) const fn words(self) -> &'static str {
        Self::ALL[self as usize].2
    }

    /// Marks are drawn as signs, all others as bars.
    pub(super) const fn is_mark(self) -> bool {
        matches!(
            self,
            Self::Verdict | Self::Warned | Self::PutBack | Self::ByHand | Self::Removed
        )
    }

    /// How a pull looks that ended so.
    pub(super) const fn of(ending: Ending) -> Self {
        match (ending, ending.cause()) {
            (Ending::Cancelled, _) => Self::Cancelled,
            (_, None) => Self::Pulled,
            (_, Some(cause)) => Self::of_cause(cause),
        }
    }

    /// Whose fault it is, which is what people look for first.
    const fn of_cause(cause: Cause) -> Self {
        match cause {
            Cause::AccessDenied
            | Cause::AmbiguousNotFoundOrDenied
            | Cause::QuotaOrBilling
            | Cause::RegistryPolicyBlocked => Self::Access,
            Cause::RateLimited
            | Cause::RegistryUnavailable
            | Cause::Timeout
            | Cause::DnsFailure
            | Cause::TlsFailure
            | Cause::ProxyOrFirewallBlocked
            | Cause::CorruptContent => Self::Registry,
            Cause::NodeDiskFull | Cause::NodeRuntime => Self::Node,
            Cause::KubeletThrottled => Self::Throttled,
            _ => Self::Image,
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

/// Texts on their way into the chart, each kept once: most pods have much the same story.
#[derive(Debug, Default)]
pub(super) struct Texts {
    places: BTreeMap<String, usize>,
}

impl Texts {
    /// The place of a text.
    pub(super) fn place(&mut self, text: impl Into<String>) -> usize {
        let next = self.places.len();
        *self.places.entry(text.into()).or_insert(next)
    }

    /// The texts in the order of their places.
    pub(super) fn into_list(self) -> Vec<String> {
        let mut list: Vec<(usize, String)> = self
            .places
            .into_iter()
            .map(|(text, at)| (at, text))
            .collect();
        list.sort_unstable();
        list.into_iter().map(|(_, text)| text).collect()
    }
}

impl Row {
    /// A row without anything in it.
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            lanes: 1,
            ..Self::default()
        }
    }

    /// Adds what lasts, in one lane.
    pub(super) fn span(
        &mut self,
        kind: Kind,
        lane: usize,
        (from, until): (Timestamp, Timestamp),
        text: usize,
    ) {
        let until = until.max(from);
        self.spans.push(Span(kind, lane, ms(from), ms(until), text));
    }

    /// Adds what happens in a moment.
    pub(super) fn mark(&mut self, kind: Kind, at: Timestamp, text: usize) {
        self.marks.push(Mark(kind, ms(at), text, None));
    }

    /// Adds a verdict, with the text that is written beside it.
    pub(super) fn verdict(&mut self, kind: Kind, at: Timestamp, text: usize, label: usize) {
        self.marks.push(Mark(kind, ms(at), text, Some(label)));
    }

    /// Adds how much there is of something for a time, in one lane.
    pub(super) fn level(
        &mut self,
        kind: Kind,
        lane: usize,
        (from, until): (Timestamp, Timestamp),
        thousandths: u64,
        text: usize,
    ) {
        self.levels
            .push(Level(kind, lane, ms(from), ms(until), thousandths, text));
    }

    /// Adds a line to the story.
    pub(super) fn line(&mut self, at: Timestamp, text: usize) {
        self.lines.push((ms(at), text));
    }
}

/// Milliseconds from the start.
fn ms(at: Timestamp) -> u64 {
    u64::try_from(at.since(ZERO).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_at_their_places() {
        for (place, (kind, ..)) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
    }

    #[test]
    fn texts_are_kept_once() {
        let mut texts = Texts::default();
        let places = ["b", "a", "b"].map(|text| texts.place(text));
        assert_eq!(places, [0, 1, 0]);
        assert_eq!(texts.into_list(), ["b", "a"]);
    }
}
