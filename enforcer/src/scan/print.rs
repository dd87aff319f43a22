//! Output of `scan` and `explain`: tables, stories and JSON.

use std::io::{self, Write};

use pullstop_core::cause::Cause;
use pullstop_core::pod::Phase;
use pullstop_core::text::printable;
use pullstop_core::time::{Human, Timestamp};
use pullstop_core::wire::timestamp;
use serde_json::json;

use super::ended::{End, Failed, Record};
use super::look::{Known, Stuck, Verdict};

/// A table; a wide one says also of which image, and why.
pub(super) fn table(
    all: &[(Stuck, String)],
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
        head.extend(["IMAGE", "EXPLANATION"]);
    }
    let rows = all.iter().map(|(stuck, _)| {
        let mut row = vec![
            stuck.namespace.clone(),
            stuck.pod.clone(),
            stuck.container.clone(),
            stuck.cause.map_or("-", |cause| cause.as_str()).to_owned(),
            failures(stuck),
            since(stuck, now),
            stuck.verdict.name().to_owned(),
            stuck.verdict.when(now),
        ];
        if wide {
            row.extend([stuck.image.clone(), stuck.verdict.why().to_owned()]);
        }
        row
    });
    columns(&head, rows, out)
}

/// Pods that were failed; a wide table says also what is written about them.
pub(super) fn failed_table(
    all: &[Record],
    now: Timestamp,
    wide: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut head = vec!["NAMESPACE", "NAME", "CAUSE", "RULE", "FAILED", "KUBELET"];
    if wide {
        head.push("MESSAGE");
    }
    let rows = all.iter().filter_map(|record| {
        let failed = record.failed.as_ref()?;
        let ago = |at: Timestamp| format!("{} ago", rough(now, at));
        let mut row = vec![
            record.namespace.clone(),
            record.name.clone(),
            failed.cause.clone(),
            failed.rule.clone().unwrap_or_else(|| "-".to_owned()),
            failed.at.map_or_else(|| "-".to_owned(), ago),
            agreement(record).to_owned(),
        ];
        if wide {
            row.push(failed.message.clone());
        }
        Some(row)
    });
    columns(&head, rows, out)
}

fn columns(
    head: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let head: Vec<String> = head.iter().map(|&title| title.to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head)
        .chain(rows)
        .map(|row| row.iter().map(|cell| one_line(cell)).collect())
        .collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
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
pub(super) fn json(all: &[(Stuck, String)], out: &mut dyn Write) -> io::Result<()> {
    for (stuck, policy) in all {
        let object = json!({
            "namespace": stuck.namespace,
            "name": stuck.pod,
            "container": stuck.container,
            "image": stuck.image,
            "reason": stuck.reason,
            "message": stuck.message,
            "cause": stuck.cause.map(Cause::as_str),
            "failures": stuck.failures,
            "since": stuck.since.map(timestamp::print),
            "source": stuck.known.name(),
            "policy": policy,
            "verdict": stuck.verdict.name(),
            "dueAt": match &stuck.verdict {
                Verdict::Later(_, at) => Some(timestamp::print(*at)),
                _ => None,
            },
            "explanation": stuck.verdict.why(),
            "trail": stuck.trail,
        });
        writeln!(out, "{object}")?;
    }
    Ok(())
}

/// Pods that were failed, one JSON object a line.
pub(super) fn failed_json(all: &[Record], out: &mut dyn Write) -> io::Result<()> {
    for record in all {
        let Some(failed) = &record.failed else {
            continue;
        };
        let object = json!({
            "namespace": record.namespace,
            "name": record.name,
            "phase": record.phase.as_str(),
            "cause": failed.cause,
            "rule": failed.rule,
            "message": failed.message,
            "failedAt": failed.at.map(timestamp::print),
            "kubeletConfirmed": record.kubelet_agreed,
        });
        writeln!(out, "{object}")?;
    }
    Ok(())
}

/// All that is recorded of a pod that has ended.
pub(super) fn ended(
    record: &Record,
    end: Option<&End>,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Record {
        namespace, name, ..
    } = record;
    let mut say = |what: String| writeln!(out, "{}", one_line(&what));
    match &record.failed {
        Some(failed) => {
            say(format!(
                "{namespace}/{name}: failed by Pullstop{}",
                when(failed, now)
            ))?;
            say(format!("  cause     {}", failed.cause))?;
            if let Some(rule) = &failed.rule {
                say(format!("  rule      {rule}"))?;
            }
            say(format!("  message   {}", failed.message))?;
            say(format!("  kubelet   {}", agreement(record)))?;
        }
        None if record.phase == Phase::Succeeded => {
            say(format!("{namespace}/{name}: has succeeded"))?;
        }
        None => say(format!(
            "{namespace}/{name}: has failed, but not by Pullstop"
        ))?,
    }
    if record.was_counting {
        say("  pulls     had failed before; the counts are in its condition".to_owned())?;
    }
    let (Some(end), true) = (end, record.phase == Phase::Failed) else {
        return Ok(());
    };
    let why = end.why();
    match &record.failed {
        Some(_) if why.is_empty() => {
            let gap = "no reason yet: the kubelet is still stopping the containers, and restores the reason afterwards";
            say(format!("  status    {gap}"))?;
        }
        Some(failed) if why.ends_with(&failed.message) => {}
        _ if why.is_empty() => {}
        _ => say(format!("  status    {why}"))?,
    }
    for (container, how) in end.containers() {
        say(format!("  {container}: {how}"))?;
    }
    Ok(())
}

/// Says if a pod that is alive was failed before.
pub(super) fn put_back(record: &Record, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let Some(failed) = &record.failed else {
        return Ok(());
    };
    let what = format!(
        "  earlier   failed{} by Pullstop: {}; the kubelet has reverted it",
        when(failed, now),
        failed.cause
    );
    writeln!(out, "{}", one_line(&what))
}

fn when(failed: &Failed, now: Timestamp) -> String {
    failed.at.map_or_else(String::new, |at| {
        format!(
            " at {} ({} ago)",
            timestamp::print_seconds(at),
            rough(now, at)
        )
    })
}

const fn agreement(record: &Record) -> &'static str {
    if record.kubelet_agreed {
        "confirmed"
    } else {
        "not confirmed yet"
    }
}

/// All that is thought of one container.
pub(super) fn story(
    stuck: &Stuck,
    policy: &str,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
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
    match (stuck.since, stuck.known) {
        (Some(since), known) => {
            let by = match known {
                Known::Events => "; a lower bound from Events",
                Known::Glance | Known::Memory => "",
            };
            writeln!(
                out,
                "  failures  {}, since {} ({} ago){by}",
                failures(stuck),
                timestamp::print_seconds(since),
                rough(now, since)
            )?;
        }
        (None, _) if stuck.failures > 0 => {
            writeln!(
                out,
                "  failures  {}; earlier ones are unknown",
                failures(stuck)
            )?;
        }
        (None, _) => {}
    }
    writeln!(out, "  policy    {}", one_line(policy))?;
    for said in &stuck.trail {
        writeln!(out, "  {}", one_line(said))?;
    }
    Ok(())
}

impl Verdict {
    fn name(&self) -> &'static str {
        match self {
            Self::OutOfScope(_) => "out of scope",
            Self::Now(enforcement)
            | Self::Later(enforcement, _)
            | Self::NextFailure(enforcement) => enforcement.as_str(),
            Self::Held(_) => "held",
            Self::Waits(_) => "waiting",
        }
    }

    fn when(&self, now: Timestamp) -> String {
        match self {
            Self::Now(_) => "now".to_owned(),
            Self::Later(_, at) => format!("in {}", rough(*at, now)),
            Self::NextFailure(_) => "next failure".to_owned(),
            Self::OutOfScope(_) | Self::Held(_) | Self::Waits(_) => "-".to_owned(),
        }
    }

    fn why(&self) -> &str {
        match self {
            Self::OutOfScope(why) | Self::Held(why) | Self::Waits(why) => why,
            Self::Now(_) => "both limits of the rule are reached",
            Self::NextFailure(_) => {
                "both limits of the rule are reached; a pull may be in flight, so the next failed pull decides"
            }
            Self::Later(..) => "the duration of the rule is not reached",
        }
    }

    fn sentence(&self, now: Timestamp) -> String {
        match self {
            Self::OutOfScope(why) => format!("not judged: {why}"),
            Self::Held(why) => format!("held: {why}"),
            Self::Waits(why) => format!("waiting: {why}"),
            Self::NextFailure(_) => format!("{} after its next failed pull", self.name()),
            Self::Now(_) | Self::Later(..) => format!("{} {}", self.name(), self.when(now)),
        }
    }
}

impl Known {
    const fn name(self) -> &'static str {
        match self {
            Self::Glance => "status",
            Self::Memory => "checkpoint",
            Self::Events => "events",
        }
    }
}

/// What is known is a lower bound.
fn failures(stuck: &Stuck) -> String {
    match (stuck.failures, stuck.known) {
        (0, _) => "-".to_owned(),
        (count, Known::Memory) => count.to_string(),
        (count, Known::Glance | Known::Events) => format!("{count} or more"),
    }
}

fn since(stuck: &Stuck, now: Timestamp) -> String {
    match (stuck.since, stuck.known) {
        (None, _) => "-".to_owned(),
        (Some(since), Known::Events) => format!("{} or more", rough(now, since)),
        (Some(since), Known::Glance | Known::Memory) => rough(now, since),
    }
}

/// The time between two moments, to the second.
fn rough(later: Timestamp, earlier: Timestamp) -> String {
    let between = later.since(earlier);
    Human(std::time::Duration::from_secs(between.as_secs())).to_string()
}

/// What pods say must not spoil a terminal.
pub(super) fn one_line(text: &str) -> String {
    printable(text).into_owned()
}
