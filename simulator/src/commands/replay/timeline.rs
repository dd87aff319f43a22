//! A pod's life as one line of signs: the state of each container, and the verdict.

use std::time::Duration;

use pullstop_core::plugin::Enforcement;
use pullstop_core::pod::{ContainerState, PodSnapshot, WaitingKind, WaitingReason};
use pullstop_core::time::Timestamp;

/// How many characters wide the picture is.
pub(super) const WIDTH: usize = 72;
/// What the signs mean.
pub(super) const LEGEND: &str = "· waiting   ✗ pull failed   ─ back-off   ○ throttled by the kubelet   ▬ running   \
                                 □ ended   ! warned   ● failed by the policy";

/// Per container, what it was doing.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    rows: Vec<Row>,
    ended_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Row {
    container: String,
    /// Since when it was in which state.
    spans: Vec<(Timestamp, Sign)>,
    /// What happened in a moment.
    marks: Vec<(Timestamp, Sign)>,
}

/// What a character of the picture shows; of several in the same place the greatest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    Nothing,
    Waiting,
    BackOff,
    Ended,
    Running,
    Throttled,
    Failed,
    Warned,
    Verdict,
}

impl Sign {
    pub(super) const fn glyph(self) -> char {
        match self {
            Self::Nothing => ' ',
            Self::Waiting => '·',
            Self::BackOff => '─',
            Self::Ended => '□',
            Self::Running => '▬',
            Self::Throttled => '○',
            Self::Failed => '✗',
            Self::Warned => '!',
            Self::Verdict => '●',
        }
    }
}

impl Timeline {
    pub(super) fn see(&mut self, now: Timestamp, pod: &PodSnapshot<'_>) {
        for container in pod.containers {
            let sign = sign_of(&container.state);
            let row = self.row(container.name);
            if row.spans.last().is_none_or(|(_, last)| *last != sign) {
                row.spans.push((now, sign));
            }
        }
    }

    pub(super) fn counted(&mut self, now: Timestamp, container: &str) {
        self.mark(now, container, Sign::Failed);
    }

    pub(super) fn throttled(&mut self, now: Timestamp, container: &str) {
        self.mark(now, container, Sign::Throttled);
    }

    pub(super) fn verdict(&mut self, now: Timestamp, container: &str, enforcement: Enforcement) {
        let sign = if enforcement == Enforcement::Warn {
            Sign::Warned
        } else {
            Sign::Verdict
        };
        self.mark(now, container, sign);
    }

    /// The pod is gone, or the recording is over.
    pub(super) fn end(&mut self, now: Timestamp) {
        self.ended_at.get_or_insert(now);
    }

    /// The pictures, per container, from `begin` on; containers that met no failure have none beside one that did.
    pub(super) fn draw(&self, begin: Timestamp) -> Vec<(&str, Vec<Sign>)> {
        let any_failed = self.rows.iter().any(|row| !row.marks.is_empty());
        let end = self.ended_at.unwrap_or(begin);
        self.rows
            .iter()
            .filter(|row| !any_failed || !row.marks.is_empty())
            .map(|row| (row.container.as_str(), row.draw(begin, end)))
            .collect()
    }

    /// From the beginning of the recording to the end of the picture.
    pub(super) fn length(&self, begin: Timestamp) -> Duration {
        self.ended_at.unwrap_or(begin).since(begin)
    }

    fn mark(&mut self, now: Timestamp, container: &str, sign: Sign) {
        self.row(container).marks.push((now, sign));
    }

    fn row(&mut self, container: &str) -> &mut Row {
        let at = self
            .rows
            .iter()
            .position(|row| row.container == container)
            .unwrap_or_else(|| {
                self.rows.push(Row {
                    container: container.to_owned(),
                    spans: Vec::new(),
                    marks: Vec::new(),
                });
                self.rows.len() - 1
            });
        &mut self.rows[at]
    }
}

impl Row {
    fn draw(&self, begin: Timestamp, end: Timestamp) -> Vec<Sign> {
        let length_ms = end.since(begin).as_millis().max(1);
        let column = |at: Timestamp| {
            let column = at.since(begin).as_millis() * WIDTH as u128 / length_ms;
            usize::try_from(column).unwrap_or(WIDTH).min(WIDTH - 1)
        };
        let mut signs = vec![Sign::Nothing; WIDTH];
        for (at, (since, sign)) in self.spans.iter().enumerate() {
            let until = self
                .spans
                .get(at + 1)
                .map_or(WIDTH - 1, |(next, _)| column(*next));
            signs[column(*since)..=until].fill(*sign);
        }
        for (at, sign) in &self.marks {
            let place = &mut signs[column(*at)];
            *place = (*place).max(*sign);
        }
        signs
    }
}

fn sign_of(state: &ContainerState<'_>) -> Sign {
    match state {
        ContainerState::Unreported => Sign::Nothing,
        ContainerState::Running => Sign::Running,
        ContainerState::Terminated => Sign::Ended,
        ContainerState::Waiting { reason, .. } => {
            match WaitingReason::parse(reason).and_then(WaitingReason::kind) {
                Some(WaitingKind::Failed | WaitingKind::BackingOff | WaitingKind::Constant) => {
                    Sign::BackOff
                }
                None => Sign::Waiting,
            }
        }
    }
}
