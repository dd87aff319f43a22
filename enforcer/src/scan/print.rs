//! Stuck pods for people and for programs.

use std::io::{self, Write};

use pullstop_core::cause::Cause;
use pullstop_core::plugin::Deed;
use pullstop_core::text::printable;
use pullstop_core::time::{Human, Timestamp};
use serde_json::json;

use super::look::{Stuck, Verdict};
use crate::clock;

/// A table; a wide one says also of which image, and why.
pub(super) fn table(
    all: &[Stuck],
    now: Timestamp,
    wide: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut head = vec![
        "NAMESPACE",
        "NAME",
        "CONTAINER",
        "CAUSE",
        "FAILURES",
        "SINCE",
        "VERDICT",
        "WHEN",
    ];
    if wide {
        head.extend(["IMAGE", "WHY"]);
    }
    let mut rows = vec![head.into_iter().map(str::to_owned).collect::<Vec<String>>()];
    for stuck in all {
        let mut row = vec![
            stuck.namespace.clone(),
            stuck.pod.clone(),
            stuck.container.clone(),
            stuck.cause.map_or("-", |cause| cause.as_str()).to_owned(),
            failures(stuck),
            stuck
                .since
                .map_or_else(|| "-".to_owned(), |since| rough(now, since)),
            stuck.verdict.name().to_owned(),
            stuck.verdict.when(now),
        ];
        if wide {
            row.extend([stuck.image.clone(), stuck.verdict.why().to_owned()]);
        }
        rows.push(row.iter().map(|cell| one_line(cell)).collect());
    }
    let columns = rows[0].len();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in &rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("   ").trim_end())?;
    }
    Ok(())
}

/// One JSON object a line.
pub(super) fn json(all: &[Stuck], out: &mut dyn Write) -> io::Result<()> {
    for stuck in all {
        let object = json!({
            "namespace": stuck.namespace,
            "name": stuck.pod,
            "container": stuck.container,
            "image": stuck.image,
            "reason": stuck.reason,
            "message": stuck.message,
            "cause": stuck.cause.map(Cause::as_str),
            "failures": stuck.failures,
            "since": stuck.since.map(clock::print),
            "verdict": stuck.verdict.name(),
            "when": match &stuck.verdict {
                Verdict::Later(_, at) => Some(clock::print(*at)),
                _ => None,
            },
            "why": stuck.verdict.why(),
            "trail": stuck.trail,
        });
        writeln!(out, "{object}")?;
    }
    Ok(())
}

/// All that is thought of one container.
pub(super) fn story(stuck: &Stuck, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let Stuck {
        namespace,
        pod,
        container,
        image,
        reason,
        message,
        ..
    } = stuck;
    writeln!(
        out,
        "{}",
        one_line(&format!(
            "{namespace}/{pod}, container {container}: {}",
            stuck.verdict.sentence(now)
        ))
    )?;
    writeln!(out, "  image     {}", one_line(image))?;
    writeln!(
        out,
        "  state     {}: {}",
        one_line(reason),
        one_line(message)
    )?;
    if let Some(cause) = stuck.cause {
        writeln!(out, "  cause     {cause}")?;
    }
    match stuck.since {
        Some(since) => {
            writeln!(
                out,
                "  failures  {}, since {} ({} ago)",
                failures(stuck),
                clock::print_seconds(since),
                rough(now, since)
            )?;
        }
        None if stuck.failures > 0 => {
            writeln!(
                out,
                "  failures  {}: nothing is remembered of earlier ones",
                failures(stuck)
            )?;
        }
        None => {}
    }
    for said in &stuck.trail {
        writeln!(out, "  {}", one_line(said))?;
    }
    Ok(())
}

impl Verdict {
    fn name(&self) -> &'static str {
        match self {
            Self::OutOfScope(_) => "out of scope",
            Self::Now(deed) | Self::Later(deed, _) => deed_name(*deed),
            Self::Held(_) => "held",
            Self::Waits(_) => "waits",
        }
    }

    fn when(&self, now: Timestamp) -> String {
        match self {
            Self::Now(_) => "now".to_owned(),
            Self::Later(_, at) => format!("in {}", rough(*at, now)),
            Self::OutOfScope(_) | Self::Held(_) | Self::Waits(_) => "-".to_owned(),
        }
    }

    fn why(&self) -> &str {
        match self {
            Self::OutOfScope(why) | Self::Held(why) | Self::Waits(why) => why,
            Self::Now(_) => "both limits of the rule are reached",
            Self::Later(..) => "its time is not over",
        }
    }

    fn sentence(&self, now: Timestamp) -> String {
        match self {
            Self::OutOfScope(why) => format!("not judged: {why}"),
            Self::Held(why) => format!("held: {why}"),
            Self::Waits(why) => format!("waits: {why}"),
            Self::Now(_) | Self::Later(..) => format!("{} {}", self.name(), self.when(now)),
        }
    }
}

const fn deed_name(deed: Deed) -> &'static str {
    match deed {
        Deed::Fail => "fail",
        Deed::Warn => "warn",
        Deed::Report => "report",
        Deed::Nothing => "nothing",
    }
}

/// What is remembered is a lower bound.
fn failures(stuck: &Stuck) -> String {
    match (stuck.failures, stuck.since) {
        (0, _) => "-".to_owned(),
        (count, Some(_)) => count.to_string(),
        (count, None) => format!("{count} or more"),
    }
}

/// The time between two moments, to the second.
fn rough(later: Timestamp, earlier: Timestamp) -> String {
    let between = later.since(earlier);
    Human(std::time::Duration::from_secs(between.as_secs())).to_string()
}

/// What pods say must not spoil a terminal.
fn one_line(text: &str) -> String {
    printable(text).into_owned()
}
