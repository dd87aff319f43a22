//! The report of a fit for people.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use pullstop_core::time::Human;

use crate::fit::Comparison;
use crate::fit::report::{Arrivals, Failures, Report, Times};
use crate::style::{BOLD, DIM, GOOD, UNSURE, one_line};

/// The most frequent shapes are enough.
const SHAPES_MAX: usize = 5;

/// Prints it.
pub(super) fn print(report: &Report, folder: Option<&Path>, out: &mut dyn Write) -> io::Result<()> {
    let observed = Human(Duration::from_secs(report.observed_seconds));
    writeln!(
        out,
        "{BOLD}{}{BOLD:#}: {observed}, {}, {} on {}",
        counted(report.recordings as u64, "recording"),
        counted(report.events, "event"),
        counted(report.pods, "pod"),
        counted(report.nodes as u64, "node"),
    )?;
    failures(&report.failures, out)?;
    if report.throttled > 0 {
        let refused = counted(report.throttled, "pull");
        writeln!(
            out,
            "  {DIM}The kubelets' own limiter refused {refused}: no failures{DIM:#}"
        )?;
    }
    pulls(report, out)?;
    arrivals(&report.arrivals, out)?;
    lasting("Waiting", "in queues and at gates", &report.waits, out)?;
    lasting("Running", "pods", &report.runs, out)?;
    fidelity(&report.fidelity, out)?;
    scenarios(report, folder, out)
}

fn scenarios(report: &Report, folder: Option<&Path>, out: &mut dyn Write) -> io::Result<()> {
    match folder {
        Some(folder) => writeln!(out, "\n{BOLD}Written to {}{BOLD:#}", folder.display())?,
        None => writeln!(
            out,
            "\n{BOLD}Scenarios{BOLD:#}, which --out DIR would write"
        )?,
    }
    for scenario in &report.scenarios {
        let (file, lasts) = (&scenario.file, &scenario.duration);
        writeln!(out, "  {file}, {lasts}\n    {}", one_line(&scenario.what))?;
    }
    Ok(())
}

fn failures(all: &[Failures], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{BOLD}Failures{BOLD:#}")?;
    if all.is_empty() {
        return writeln!(
            out,
            "  none: record for longer, a fit without failures says nothing about thresholds"
        );
    }
    writeln!(
        out,
        "  {DIM}{:<26} {:<24} {:>6} {:>10} {:>15} {:>7} {:>10} {:>10}{DIM:#}",
        "cause", "registry", "failed", "containers", "healed in, p50", "p95", "censored", "never"
    )?;
    for one in all {
        let healing = &one.healing;
        writeln!(
            out,
            "  {:<26} {:<24} {:>6} {:>10} {:>15} {:>7} {:>10} {:>10}",
            one.cause,
            cut(&one.registry, 24),
            one.failed_pulls,
            healing.observed,
            time(healing.p50_ms),
            time(healing.p95_ms),
            healing.observed - healing.ended,
            percent(healing.never_permille),
        )?;
        let episodes = &one.episodes;
        if episodes.ended > 0 {
            let of = counted(episodes.observed as u64, "episode");
            let (p50, p95) = (time(episodes.p50_ms), time(episodes.p95_ms));
            writeln!(
                out,
                "  {DIM}  behind them {of}: {p50} in the median, p95 {p95}{DIM:#}"
            )?;
        }
    }
    Ok(())
}

fn pulls(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{BOLD}Pulls{BOLD:#}")?;
    if report.pulls.is_empty() {
        return writeln!(
            out,
            "  none was recorded: their times stand in Events; the scenarios have the usual ones"
        );
    }
    for registry in &report.pulls {
        let took = &registry.took;
        write!(
            out,
            "  {}: {}, {} in the median, p95 {}",
            one_line(&registry.registry),
            counted(took.observations as u64, "pull"),
            time(took.p50_ms),
            time(took.p95_ms),
        )?;
        if let Some(bytes) = registry.bytes_p50 {
            write!(
                out,
                "; {} MiB in the median of {}",
                bytes.div_ceil(1 << 20),
                registry.sizes
            )?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn arrivals(arrivals: &Arrivals, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{BOLD}Arrivals{BOLD:#}")?;
    let per_hour = arrivals.per_hour_permille;
    writeln!(
        out,
        "  {} of Jobs and pods, {}.{} in an hour; {} never got an image",
        counted(arrivals.observed as u64, "arrival"),
        per_hour / 1000,
        per_hour % 1000 / 100,
        arrivals.hopeless,
    )?;
    for shape in arrivals.shapes.iter().take(SHAPES_MAX) {
        writeln!(
            out,
            "  {:>6} × {} of {} from {}, each {}m CPU, {} MiB, {}",
            shape.observed,
            shape.kind,
            counted(shape.pods.into(), "pod"),
            one_line(&shape.registry),
            shape.cpu_millis,
            shape.memory_mib,
            counted(shape.gpus, "GPU"),
        )?;
    }
    let more = arrivals.shapes.len().saturating_sub(SHAPES_MAX);
    if more > 0 {
        writeln!(
            out,
            "  {DIM}and {}{DIM:#}",
            counted(more as u64, "other shape")
        )?;
    }
    Ok(())
}

fn lasting(title: &str, what: &str, times: &Times, out: &mut dyn Write) -> io::Result<()> {
    if times.observed == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "\n{BOLD}{title}{BOLD:#}\n  {what}: {} observed, {} to the end, {} in the median, p95 {}",
        times.observed,
        times.ended,
        time(times.p50_ms),
        time(times.p95_ms),
    )
}

fn fidelity(all: &[Comparison], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{BOLD}Recorded and simulated{BOLD:#}")?;
    for one in all {
        let line = |whose: &str, of: &crate::fit::Quantiles| {
            format!(
                "  {:<22} {whose:<9} {:>6} {:>12} {:>12} {:>12}",
                if whose == "recorded" { one.what } else { "" },
                of.observations,
                time(of.p10_ms),
                time(of.p50_ms),
                time(of.p90_ms)
            )
        };
        if one.what == "healing time" {
            let (of, p10, p50, p90) = ("of", "p10", "p50", "p90");
            writeln!(
                out,
                "  {DIM}{:<32} {of:>6} {p10:>12} {p50:>12} {p90:>12}{DIM:#}",
                ""
            )?;
        }
        writeln!(out, "{}", line("recorded", &one.recorded))?;
        writeln!(out, "{}", line("simulated", &one.simulated))?;
        let Some(distance) = one.distance else {
            writeln!(out, "  {:<22} {DIM}too little to compare{DIM:#}", "")?;
            continue;
        };
        let (style, verdict) = if distance.is_alike() {
            (GOOD, "alike")
        } else {
            (UNSURE, "different")
        };
        writeln!(
            out,
            "  {:<22} {style}{verdict}{style:#}: Kolmogorov-Smirnov distance {}, by chance up to {} (5 %)",
            "",
            thousandths(distance.permille),
            thousandths(distance.critical_permille),
        )?;
    }
    Ok(())
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn time(ms: Option<u64>) -> String {
    ms.map_or_else(
        || "–".to_owned(),
        |ms| {
            // Nobody needs the milliseconds of a minute.
            let ms = if ms >= 60_000 { ms / 1000 * 1000 } else { ms };
            Human(Duration::from_millis(ms)).to_string()
        },
    )
}

fn percent(permille: u64) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

fn thousandths(permille: u64) -> String {
    format!("{}.{:03}", permille / 1000, permille % 1000)
}

fn cut(text: &str, width: usize) -> String {
    let text = one_line(text);
    if text.chars().count() <= width {
        return text.into_owned();
    }
    let start: String = text.chars().take(width - 1).collect();
    format!("{start}…")
}
