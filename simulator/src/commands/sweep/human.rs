//! The result of a sweep as a table on the terminal.

use std::io::{self, Write};

use crate::sweep::Sweep;
use crate::sweep::score::in_words;
use crate::sweep::summary::{Point, PointKind, Summary};

/// So many points of the front are shown.
const FRONT_MAX: usize = 12;
/// The objectives that the table shows, by their names.
const COLUMNS: [&str; 5] = [
    "falseFailures",
    "missed",
    "timeToFail.p50",
    "timeToFail.p95",
    "wastedCpuHours",
];

pub(super) fn write(sweep: &Sweep, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let seeds = match summary.seeds {
        Some((first, last)) => format!("seeds {first}..{last}"),
        None => "their own seeds".to_owned(),
    };
    writeln!(
        out,
        "{} policies on {} scenarios with {seeds}: {} runs, of which {} were simulated\n",
        sweep.candidates.len(),
        summary.scenarios,
        summary.runs,
        summary.simulated
    )?;
    table(summary, out)?;
    sensitivity(summary, out)?;
    writeln!(out)?;
    for reason in &summary.reasons {
        writeln!(out, "{reason}")?;
    }
    let Some(recommended) = summary.recommended.map(|index| &summary.points[index]) else {
        return Ok(());
    };
    settings(summary, recommended, out)
}

/// What the recommended policy sets, and between which values that makes no difference.
fn settings(summary: &Summary, recommended: &Point, out: &mut dyn Write) -> io::Result<()> {
    let knobs = summary.knobs.iter().zip(&recommended.values);
    let settings = knobs.map(|(knob, value)| format!("{} = {}", knob.path, knob.values[*value]));
    let settings: Vec<String> = settings.collect();
    let width = settings.iter().map(|text| text.chars().count()).max();
    let width = width.unwrap_or(0);
    for (place, setting) in settings.iter().enumerate() {
        match summary.same_runs.get(place) {
            Some(Some(same)) => writeln!(out, "  {setting:width$}   {same}")?,
            _ => writeln!(out, "  {setting}")?,
        }
    }
    Ok(())
}

fn table(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let mut shown: Vec<(String, &Point)> = Vec::new();
    if let Some(index) = summary.recommended {
        shown.push((
            format!("recommended: {}", summary.points[index].name),
            &summary.points[index],
        ));
    }
    let others = summary
        .points
        .iter()
        .filter(|point| point.kind != PointKind::Policy);
    shown.extend(others.map(|point| (point.name.clone(), point)));
    let front = summary.front.iter().map(|index| &summary.points[*index]);
    let front: Vec<_> = front
        .filter(|point| point.kind == PointKind::Policy)
        .collect();
    shown.extend(
        front
            .iter()
            .take(FRONT_MAX)
            .map(|point| (format!("front: {}", point.name), *point)),
    );
    let width = shown
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let columns: Vec<usize> = COLUMNS
        .iter()
        .filter_map(|name| {
            summary
                .objectives
                .iter()
                .position(|known| known.name == *name)
        })
        .collect();
    write!(out, "{:width$}", "")?;
    for column in &columns {
        write!(out, "  {:>14}", summary.objectives[*column].name)?;
    }
    writeln!(out)?;
    for (name, point) in shown {
        write!(out, "{name:width$}")?;
        for column in &columns {
            let unit = summary.objectives[*column].unit;
            write!(out, "  {:>14}", in_words(point.objectives[*column], unit))?;
        }
        writeln!(out)?;
    }
    if front.len() > FRONT_MAX {
        writeln!(out, "and {} more on the front", front.len() - FRONT_MAX)?;
    }
    Ok(())
}

/// How far each objective that is traded moves with each knob.
fn sensitivity(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let (x, y) = summary.axes;
    let names = [x, y].map(|axis| summary.objectives[axis].name.as_str());
    writeln!(
        out,
        "\nhow much each field moves {} and {}:",
        names[0], names[1]
    )?;
    let width = summary
        .knobs
        .iter()
        .map(|knob| knob.path.chars().count())
        .max()
        .unwrap_or(0);
    for knob in &summary.knobs {
        let share = |axis: usize| format!("{} %", (knob.importance_permille[axis] + 5) / 10);
        writeln!(
            out,
            "  {:width$}  {:>5}  {:>5}",
            knob.path,
            share(x),
            share(y)
        )?;
    }
    Ok(())
}
