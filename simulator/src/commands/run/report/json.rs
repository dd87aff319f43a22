//! The report as JSON: one object per run and per error in a file.

use std::io::{self, Write};

use pullstop_cluster::scenario::metric::{Count, Figure, Figures, Statistic, Timing, Waste};
use pullstop_cluster::world::ZERO;
use serde_json::{Map, Value, json};

use super::{Ran, Run};
use crate::output::json_line;
use crate::runs::story::Story;

pub(super) fn print(ran: &Ran<'_>, out: &mut dyn Write) -> io::Result<()> {
    for run in &ran.runs {
        json_line(out, &row(run, ran.explains))?;
    }
    for error in ran.broken {
        let row = json!({
            "file": error.file,
            "passed": false,
            "error": {
                "line": error.place.map(|place| place.line),
                "column": error.place.map(|place| place.column),
                "message": error.message,
            },
        });
        serde_json::to_writer(&mut *out, &row)?;
        writeln!(out)?;
    }
    Ok(())
}

fn row(run: &Run<'_>, explains: bool) -> Value {
    let problem = |p: &super::Problem| {
        json!({
            "line": p.place.map(|(line, _)| line),
            "column": p.place.map(|(_, column)| column),
            "expected": p.expected,
            "got": p.got,
        })
    };
    let mut row = json!({
        "scenario": run.scenario.name,
        "file": run.file,
        "seed": run.outcome.seed,
        "passed": run.outcome.passed(),
        "problems": run.problems.iter().map(problem).collect::<Vec<_>>(),
        "metrics": metrics(&run.outcome.figures),
        "simulatedSeconds": run.outcome.simulated.as_secs(),
        "wallMilliseconds": u64::try_from(run.wall_ms).unwrap_or(u64::MAX),
        "events": run.outcome.events,
        "fingerprint": format!("{:016x}", run.outcome.fingerprint),
    });
    if explains {
        row["stories"] = run.stories.iter().map(story).collect();
    }
    row
}

/// All figures by the names that conditions give them; times in milliseconds, waste in hours.
fn metrics(figures: &Figures) -> Map<String, Value> {
    let mut all = Map::new();
    for count in Count::ALL {
        all.insert(
            count.as_str().to_owned(),
            figures.get(Figure::Count(count)).into(),
        );
    }
    for timing in Timing::ALL {
        for (statistic, name) in Statistic::ALL {
            let value = figures.get(Figure::Timing(timing, statistic));
            all.insert(format!("{}.{name}", timing.as_str()), value.into());
        }
    }
    for waste in Waste::ALL {
        let hours: Value = figures
            .in_words(Figure::Waste(waste))
            .parse::<serde_json::Number>()
            .map_or(Value::Null, Value::Number);
        all.insert(waste.as_str().to_owned(), hours);
    }
    all
}

fn story(story: &Story) -> Value {
    let line = |line: &crate::runs::story::Line| {
        json!({
            "atMilliseconds": u64::try_from(line.at.since(ZERO).as_millis()).unwrap_or(u64::MAX),
            "what": line.what,
            "trail": line.trail.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    };
    json!({"pod": story.pod, "lines": story.lines.iter().map(line).collect::<Vec<_>>()})
}
