//! Reports on a check, in all output formats.

use std::io::{self, Write};

use serde_json::json;

use crate::baseline::compare::{Change, Findings};
use crate::baseline::metric::METRICS;
use crate::github::{data, property};
use crate::output::json_line;
use crate::report::ReportFormat;
use crate::report::junit::{self, Case, Suite};
use crate::report::markdown::cell;
use crate::style::{BAD, BOLD, DIM, GOOD, UNSURE};

/// A check.
#[derive(Debug)]
pub(super) struct Report {
    /// The baseline, as it was named.
    pub(super) file: String,
    pub(super) scenarios: usize,
    pub(super) runs: usize,
    pub(super) findings: Findings,
    /// For each measure that is worse, the command that shows why.
    pub(super) why: Vec<Option<String>>,
}

/// What a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Worse,
    Better,
    Changed,
    Within,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Changed => "changed",
            Self::Within => "within tolerance",
        }
    }
}

/// Writes the report.
pub(super) fn print(report: &Report, format: ReportFormat, out: &mut dyn Write) -> io::Result<()> {
    match format {
        ReportFormat::Human => human(report, out),
        ReportFormat::Json => json_lines(report, out),
        ReportFormat::Junit => junit(report, out),
        ReportFormat::Github => github(report, out),
        ReportFormat::Markdown => markdown(report, out),
    }
}

impl Report {
    /// All changes, the worst first, each with the command that shows why.
    fn changes(&self) -> impl Iterator<Item = (Kind, &Change, Option<&str>)> {
        let f = &self.findings;
        let worse = f.worse.iter().zip(&self.why);
        let worse = worse.map(|(change, why)| (Kind::Worse, change, why.as_deref()));
        let rest = [
            (Kind::Better, &f.better),
            (Kind::Changed, &f.other),
            (Kind::Within, &f.within),
        ];
        let rest = rest
            .into_iter()
            .flat_map(|(kind, changes)| changes.iter().map(move |change| (kind, change, None)));
        worse.chain(rest)
    }

    /// `12 measures of 98 scenarios, 294 runs: 1 worse, 2 better`.
    fn tally(&self) -> String {
        let (f, measures) = (&self.findings, METRICS.len());
        let scenarios = counted(self.scenarios, "scenario");
        let runs = counted(self.runs, "run");
        let (worse, better) = (f.worse.len(), f.better.len());
        format!("{measures} measures of {scenarios}, {runs}: {worse} worse, {better} better")
    }

    /// What to do with what is no failure.
    fn advice(&self) -> Option<String> {
        let f = &self.findings;
        let what = match (f.better.is_empty() && f.other.is_empty(), f.new.is_empty()) {
            _ if !f.worse.is_empty() => return None,
            (true, true) => return None,
            (false, true) => "keep what is better",
            (true, false) => "take new scenarios in",
            (false, false) => "keep what is better and take new scenarios in",
        };
        Some(format!("to {what}: simulator baseline write {}", self.file))
    }
}

fn counted(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

/// `2m1s → 4m (+1m59s, tolerated +3s)`.
fn in_words(change: &Change) -> String {
    let metric = change.metric;
    let (before, after) = (metric.shown(change.before), metric.shown(change.after));
    let (Some(b), Some(a)) = (change.before, change.after) else {
        return format!("{before} → {after}");
    };
    if a == b {
        return format!("{after} as before, but more in some scenario");
    }
    let sign = if a > b { '+' } else { '−' };
    let by_much = a.abs_diff(b);
    let by = metric.shown(Some(by_much));
    let percent = match u128::from(b) {
        0 => String::new(),
        b => format!(", {sign}{} %", (u128::from(by_much) * 100 + b / 2) / b),
    };
    let tolerance = metric.shown(Some(change.tolerance));
    // Fewer in all, and worse all the same: that of an exact measure.
    let but = if a < b && metric.is_exact && change.is_worse_somewhere {
        ", but more in some scenario"
    } else {
        ""
    };
    format!("{before} → {after} ({sign}{by}{percent}; tolerance {tolerance}){but}")
}

/// `scenarios/demo.yaml, 2m1s → 4m`.
fn most(change: &Change) -> Option<String> {
    let most = change.most.as_ref()?;
    let (before, after) = (
        change.metric.shown(most.before),
        change.metric.shown(most.after),
    );
    Some(format!("{}: {before} → {after}", most.file))
}

fn human(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for (kind, change, why) in report.changes() {
        let (style, sign) = match kind {
            Kind::Worse => (BAD, '✗'),
            Kind::Better => (GOOD, '✓'),
            Kind::Changed => (UNSURE, '!'),
            Kind::Within => (DIM, '·'),
        };
        let (kind, title) = (kind.name(), change.metric.title);
        writeln!(
            out,
            "{style}{sign} {kind}{style:#}: {BOLD}{title}{BOLD:#} {}",
            in_words(change)
        )?;
        if let Some(most) = most(change) {
            writeln!(out, "    {DIM}most in{DIM:#} {most}")?;
        }
        if let Some(why) = why {
            writeln!(out, "    {DIM}see why:{DIM:#} {why}")?;
        }
    }
    for new in &report.findings.new {
        writeln!(out, "{UNSURE}! new{UNSURE:#}: {new} is not in the baseline")?;
    }
    let style = if report.findings.worse.is_empty() {
        GOOD
    } else {
        BAD
    };
    writeln!(out, "{style}{}{style:#}", report.tally())?;
    if let Some(advice) = report.advice() {
        writeln!(out, "{advice}")?;
    }
    Ok(())
}

fn json_lines(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for (kind, change, why) in report.changes() {
        let most = change.most.as_ref();
        let most = most.map(|most| json!({"file": most.file, "seed": most.seed, "before": most.before, "after": most.after}));
        let object = json!({
            "metric": change.metric.name,
            "result": kind.name(),
            "before": change.before,
            "after": change.after,
            "tolerance": change.tolerance,
            "most": most,
            "seeWhy": why,
        });
        json_line(out, &object)?;
    }
    let f = &report.findings;
    let object = json!({
        "baseline": report.file,
        "scenarios": report.scenarios,
        "runs": report.runs,
        "worse": f.worse.len(),
        "better": f.better.len(),
        "new": f.new,
        "passed": f.worse.is_empty(),
    });
    json_line(out, &object)
}

fn junit(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let cases = METRICS.iter().map(|metric| {
        let mut case = Case {
            name: metric.title.to_owned(),
            file: report.file.clone(),
            ..Case::default()
        };
        let changed = report
            .changes()
            .find(|(_, change, _)| change.metric.name == metric.name);
        if let Some((kind, change, why)) = changed {
            let said = format!("{}: {}", kind.name(), in_words(change));
            if kind == Kind::Worse {
                let most = most(change).map(|most| format!("most in {most}"));
                let why = why.map(|why| format!("see why: {why}"));
                case.failure = Some((said, most.into_iter().chain(why).collect()));
            } else {
                case.out = Some(said);
            }
        }
        case
    });
    let new = &report.findings.new;
    let suite = Suite {
        cases: cases.collect(),
        out: (!new.is_empty()).then(|| format!("not in the baseline: {}", new.join(", "))),
    };
    junit::print(&suite, out)
}

fn github(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for (kind, change, why) in report.changes() {
        let level = match kind {
            Kind::Worse => "error",
            Kind::Better => "notice",
            Kind::Changed => "warning",
            Kind::Within => continue,
        };
        let file = change.most.as_ref().map_or(&report.file, |most| &most.file);
        let title = format!("{} {}", change.metric.title, kind.name());
        let mut text = in_words(change);
        if let Some(most) = most(change) {
            text = format!("{text}\nmost in {most}");
        }
        if let Some(why) = why {
            text = format!("{text}\nsee why: {why}");
        }
        let (file, title, text) = (property(file), property(&title), data(&text));
        writeln!(out, "::{level} file={file},title={title}::{text}")?;
    }
    for new in &report.findings.new {
        writeln!(
            out,
            "::notice file={},title=new scenario::it is not in the baseline",
            property(new)
        )?;
    }
    writeln!(out, "::notice title=baseline::{}", data(&report.tally()))
}

fn markdown(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "**{}**", report.tally())?;
    let f = &report.findings;
    if report.changes().next().is_some() {
        writeln!(
            out,
            "\n| | measure | baseline | now | tolerance | most in | see why |"
        )?;
        writeln!(out, "|---|---|--:|--:|--:|---|---|")?;
    }
    for (kind, change, why) in report.changes() {
        let metric = change.metric;
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            kind.name(),
            metric.title,
            metric.shown(change.before),
            metric.shown(change.after),
            metric.shown(Some(change.tolerance)),
            most(change).map_or_else(String::new, |most| cell(&most)),
            why.map_or_else(String::new, |why| format!("`{}`", cell(why))),
        )?;
    }
    for new in &f.new {
        writeln!(out, "\nNew, and not in the baseline: `{}`", cell(new))?;
    }
    match report.advice() {
        Some(advice) => writeln!(out, "\n{}", cell(&advice)),
        None => Ok(()),
    }
}
