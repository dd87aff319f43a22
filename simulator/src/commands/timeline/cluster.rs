//! Rows of the cluster: registry faults, images that come and go, other faults.

use std::collections::BTreeMap;
use std::time::Duration;

use pullstop_cluster::scenario::fault::FaultKind;
use pullstop_cluster::scenario::supply::{Image, Registry, RegistryFault, RegistryFaultKind};
use pullstop_cluster::scenario::{Joins, NodeGroup, Scenario};
use pullstop_cluster::world::ZERO;
use pullstop_core::time::{Human, Timestamp};

use super::chart::{Group, Kind, Row, Texts};

/// All of it; none if nothing happens to the cluster.
pub(super) fn group(scenario: &Scenario, texts: &mut Texts) -> Option<Group> {
    let mut drawing = Drawing {
        texts,
        end: scenario.duration,
    };
    let mut rows: Vec<Row> = Vec::new();
    rows.extend(
        scenario
            .registries
            .iter()
            .filter_map(|r| drawing.registry(r)),
    );
    rows.extend(scenario.images.iter().filter_map(|i| drawing.image(i)));
    for secret in &scenario.secrets {
        let name = format!("secret {}", secret.name);
        rows.extend(drawing.absence(name, "is not there", Some(secret.from), secret.until));
    }
    rows.extend(scenario.nodes.iter().filter_map(|n| drawing.nodes(n)));
    rows.extend(drawing.faults(scenario));
    (!rows.is_empty()).then(|| Group {
        head: Row::new("Cluster"),
        rows,
        folds: Vec::new(),
    })
}

struct Drawing<'a> {
    texts: &'a mut Texts,
    end: Duration,
}

impl Drawing<'_> {
    fn registry(&mut self, registry: &Registry) -> Option<Row> {
        let mut row = Row::new(format!("registry {}", registry.host));
        for fault in &registry.faults {
            let time = (fault.from, fault.until.unwrap_or(self.end));
            self.band(&mut row, Kind::Fault, time, &fault_in_words(fault));
        }
        if let Some(limit) = registry.rate_limit {
            let words = format!("allows {} pulls in {}", limit.pulls, Human(limit.per));
            row.line(ZERO, self.texts.place(words));
        }
        (!row.lines.is_empty()).then_some(row)
    }

    fn image(&mut self, image: &Image) -> Option<Row> {
        let name = format!("image {}", image.reference);
        let exists = image.exists;
        if let Some(defect) = image.defect {
            let mut row = Row::new(name);
            let words = format!("can never be used: {defect:?}");
            self.band(&mut row, Kind::Missing, (Duration::ZERO, self.end), &words);
            return Some(row);
        }
        let words = format!("cannot be pulled: {:?}", exists.missing);
        self.absence(name, &words, exists.from, exists.until)
    }

    /// What is not there until `from` and again after `until`.
    fn absence(
        &mut self,
        name: String,
        words: &str,
        from: Option<Duration>,
        until: Option<Duration>,
    ) -> Option<Row> {
        let mut row = Row::new(name);
        let begins = from.unwrap_or(self.end);
        if !begins.is_zero() {
            self.band(&mut row, Kind::Missing, (Duration::ZERO, begins), words);
        }
        if let Some(until) = until.filter(|until| *until < self.end) {
            self.band(&mut row, Kind::Missing, (until, self.end), words);
        }
        (!row.lines.is_empty()).then_some(row)
    }

    fn nodes(&mut self, group: &NodeGroup) -> Option<Row> {
        let mut row = Row::new(format!("nodes {}-*", group.name));
        match group.joins {
            Joins::At(at) if at.is_zero() => return None,
            Joins::At(at) => self.band(
                &mut row,
                Kind::Missing,
                (Duration::ZERO, at),
                "have not joined yet",
            ),
            Joins::Scaled { boots_in } => {
                let words = format!("join when pods need them, {} later", Human(boots_in));
                row.line(ZERO, self.texts.place(words));
            }
        }
        Some(row)
    }

    /// Faults, by where they happen.
    fn faults(&mut self, scenario: &Scenario) -> Vec<Row> {
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for fault in &scenario.faults {
            let (name, lasts) = place_of(&fault.what);
            let row = rows
                .entry(name)
                .or_insert_with_key(|name| Row::new(name.as_str()));
            let words = fault.what.to_string();
            if let Some(lasts) = lasts {
                self.band(
                    row,
                    Kind::Fault,
                    (fault.at, fault.at.saturating_add(lasts)),
                    &words,
                );
            } else {
                let text = self.texts.place(words);
                row.mark(Kind::ByHand, ZERO.after(fault.at), text);
                row.line(ZERO.after(fault.at), text);
            }
        }
        rows.into_values().collect()
    }

    fn band(
        &mut self,
        row: &mut Row,
        kind: Kind,
        (from, until): (Duration, Duration),
        words: &str,
    ) {
        let at = |time: Duration| -> Timestamp { ZERO.after(time.min(self.end)) };
        let text = self.texts.place(words);
        row.span(kind, 0, (at(from), at(until)), text);
        row.line(at(from), text);
    }
}

fn fault_in_words(fault: &RegistryFault) -> String {
    let what = match fault.what {
        RegistryFaultKind::Error { error, .. } => format!("pulls fail: {error:?}"),
        RegistryFaultKind::Slow { factor } => format!("pulls take {factor} times as long"),
    };
    let mut words = match fault.percent {
        100 => what,
        percent => format!("{percent} % of {what}"),
    };
    if let Some(images) = &fault.images {
        words = format!("{words}, of {images}");
    }
    if let Some(nodes) = &fault.nodes {
        words = format!("{words}, on {nodes}");
    }
    words
}

/// Whom a fault strikes, and for how long if it lasts.
fn place_of(what: &FaultKind) -> (String, Option<Duration>) {
    match what {
        FaultKind::KubeletRestart { nodes, down_for } => {
            (format!("nodes {nodes}"), Some(*down_for))
        }
        FaultKind::SandboxFault { nodes, lasts } => (format!("nodes {nodes}"), Some(*lasts)),
        FaultKind::ImageGarbage { nodes, .. } | FaultKind::ImageLoaded { nodes, .. } => {
            (format!("nodes {nodes}"), None)
        }
        FaultKind::EditImage { pods, .. }
        | FaultKind::DeletePods { pods }
        | FaultKind::FailPods { pods, .. } => (format!("pods {pods}"), None),
        FaultKind::EnforcerRestart { down_for } => ("enforcer".to_owned(), Some(*down_for)),
        FaultKind::WatchGap { lasts }
        | FaultKind::ApiSlow { lasts, .. }
        | FaultKind::WriteFault { lasts, .. }
        | FaultKind::DuplicateEvents { lasts } => ("enforcer".to_owned(), Some(*lasts)),
    }
}
