//! The comparison of two policies, in all output formats.

use std::io::{self, Write};

use serde_json::json;

use super::CompareOutput;
use super::first::First;
use super::paired::{Compared, Differing, Measure, PAIRS_MIN};
use crate::output::json_line;
use crate::report::markdown::cell;
use crate::stats::SIGNIFICANCE;
use crate::style::{BOLD, DIM};

/// So many scenarios are named for people; the rest is counted.
const NAMED_MAX: usize = 20;

/// Prints the comparison.
pub(super) fn print(
    compared: &Compared,
    output: CompareOutput,
    out: &mut dyn Write,
) -> io::Result<()> {
    match output {
        CompareOutput::Human => human(compared, out),
        CompareOutput::Markdown => markdown(compared, out),
        CompareOutput::Json => json_lines(compared, out),
    }
}

impl Measure {
    /// By how much the second has more.
    fn difference(&self) -> String {
        match self.values {
            [Some(a), Some(b)] if a != b => {
                let sign = if b > a { '+' } else { '−' };
                format!("{sign}{}", self.metric.shown(Some(a.abs_diff(b))))
            }
            [Some(_), Some(_)] => "0".to_owned(),
            _ => "–".to_owned(),
        }
    }

    fn in_words(&self) -> String {
        match self.probability {
            None => "no difference".to_owned(),
            Some(p) if p < SIGNIFICANCE => format!("more than chance ({})", in_words(p)),
            Some(_) if self.pairs < PAIRS_MIN => format!("too few to tell ({} differ)", self.pairs),
            Some(p) => format!("may be chance ({})", in_words(p)),
        }
    }
}

fn in_words(p: f64) -> String {
    if p < 0.001 {
        "p < 0.001".to_owned()
    } else {
        format!("p = {p:.3}")
    }
}

impl Compared {
    fn pairs(&self) -> String {
        if self.by_scenario {
            format!("tested over {} scenarios", self.scenarios)
        } else {
            format!(
                "tested over {} runs, so for these scenarios only",
                self.runs
            )
        }
    }

    fn tally(&self) -> String {
        let (scenarios, runs, differing) = (self.scenarios, self.runs, self.differing.len());
        format!("{runs} runs each, {scenarios} scenarios; they differ in {differing}")
    }
}

fn human(compared: &Compared, out: &mut dyn Write) -> io::Result<()> {
    let [a, b] = &compared.policies;
    let width = |name: &str| name.chars().count().max(12);
    let (wide_a, wide_b) = (width(a), width(b));
    let heading = format!(
        "{:<18}  {a:>wide_a$}  {b:>wide_b$}  {:>12}  {:>15}",
        "", "difference", "less in runs"
    );
    writeln!(out, "{BOLD}{heading}{BOLD:#}")?;
    for measure in &compared.measures {
        let [first, second] = measure.values.map(|value| measure.metric.shown(value));
        let less = format!("{} : {}", measure.less[0], measure.less[1]);
        let (title, difference) = (measure.metric.title, measure.difference());
        writeln!(
            out,
            "{title:<18}  {first:>wide_a$}  {second:>wide_b$}  {difference:>12}  {less:>15}  {}",
            measure.in_words()
        )?;
    }
    writeln!(
        out,
        "{DIM}{}, {}{DIM:#}",
        compared.tally(),
        compared.pairs()
    )?;
    for scenario in compared.differing.iter().take(NAMED_MAX) {
        writeln!(out, "  {}", in_scenario(scenario))?;
    }
    match compared.differing.len().saturating_sub(NAMED_MAX) {
        0 => {}
        more => writeln!(out, "  and {more} more: `--output json` names all")?,
    }
    let Some(first) = &compared.first else {
        if !compared.differing.is_empty() {
            writeln!(
                out,
                "They do the same to every pod: only other writes differ."
            )?;
        }
        return Ok(());
    };
    writeln!(out, "{BOLD}{}{BOLD:#}", in_words_of(first))?;
    for (name, (fate, command)) in compared
        .policies
        .iter()
        .zip(first.fates.iter().zip(&first.commands))
    {
        writeln!(out, "  {name}: {fate}\n    {DIM}see why:{DIM:#} {command}")?;
    }
    Ok(())
}

fn in_scenario(scenario: &Differing) -> String {
    match scenario {
        Differing { file, of: 1, .. } => file.clone(),
        Differing { file, runs, of } => format!("{file}: in {runs} of {of} runs"),
    }
}

fn in_words_of(first: &First) -> String {
    let First {
        file,
        seed,
        pod,
        at,
        ..
    } = first;
    format!("First at {at} of {file} (seed {seed}), about {pod}:")
}

fn markdown(compared: &Compared, out: &mut dyn Write) -> io::Result<()> {
    let [a, b] = &compared.policies;
    let (a, b) = (cell(a), cell(b));
    writeln!(out, "| | `{a}` | `{b}` | difference | less in runs | |")?;
    writeln!(out, "|---|--:|--:|--:|--:|---|")?;
    for measure in &compared.measures {
        let [first, second] = measure.values.map(|value| measure.metric.shown(value));
        let (title, difference, words) = (
            measure.metric.title,
            measure.difference(),
            measure.in_words(),
        );
        let [less_a, less_b] = measure.less;
        writeln!(
            out,
            "| {title} | {first} | {second} | {difference} | {less_a} : {less_b} | {words} |"
        )?;
    }
    writeln!(out, "\n{}, {}", compared.tally(), compared.pairs())?;
    for scenario in &compared.differing {
        writeln!(out, "- {}", cell(&in_scenario(scenario)))?;
    }
    if let Some(first) = &compared.first {
        writeln!(out, "\n{}", cell(&in_words_of(first)))?;
        for (name, (fate, command)) in compared
            .policies
            .iter()
            .zip(first.fates.iter().zip(&first.commands))
        {
            writeln!(
                out,
                "- `{}`: {}; see why: `{}`",
                cell(name),
                cell(fate),
                cell(command)
            )?;
        }
    }
    Ok(())
}

fn json_lines(compared: &Compared, out: &mut dyn Write) -> io::Result<()> {
    let [a, b] = &compared.policies;
    for measure in &compared.measures {
        let object = json!({
            "metric": measure.metric.name,
            "policies": [a, b],
            "values": measure.values,
            "lessInRuns": measure.less,
            "pairsThatDiffer": measure.pairs,
            "p": measure.probability,
            "moreThanChance": measure.probability.is_some_and(|p| p < SIGNIFICANCE),
        });
        json_line(out, &object)?;
    }
    let differing = compared
        .differing
        .iter()
        .map(|scenario| json!({"file": scenario.file, "runs": scenario.runs, "of": scenario.of}));
    let first = compared.first.as_ref().map(|first| {
        let ms = u64::try_from(first.at.0.as_millis()).unwrap_or(u64::MAX);
        json!({
            "file": first.file,
            "seed": first.seed,
            "pod": first.pod,
            "atMilliseconds": ms,
            "fates": first.fates,
            "seeWhy": first.commands,
        })
    });
    let object = json!({
        "policies": [a, b],
        "scenarios": compared.scenarios,
        "runs": compared.runs,
        "pairs": if compared.by_scenario { "scenarios" } else { "runs" },
        "differing": differing.collect::<Vec<_>>(),
        "first": first,
    });
    json_line(out, &object)
}
