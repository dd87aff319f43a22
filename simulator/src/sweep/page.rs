//! The result of a sweep as one HTML page, which needs nothing else.

mod knobs;
mod scenarios;
mod tables;
mod values;

use std::fmt::{self, Write};
use std::time::Duration;

use pullstop_core::time::Human;

use super::summary::{Objective, Point, PointKind, Summary};
use crate::html::{self, escaped, prose};
use values::{difference, grouped, percent, relative, words};

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = concat!(
    include_str!("page/data.js"),
    include_str!("page/scale.js"),
    include_str!("page/front.js"),
    include_str!("page/labels.js"),
    include_str!("page/slices.js"),
    include_str!("page/tell.js"),
    include_str!("page/page.js"),
);

/// The page as text. Words and tables are in it as HTML; its script draws the pictures from the summary, as JSON.
pub fn render(summary: &Summary) -> String {
    let mut html = String::new();
    // Writing to a string cannot fail.
    let _ = write(&Found::in_(summary), &mut html);
    html
}

/// The summary, with the points that have a name of their own.
struct Found<'a> {
    summary: &'a Summary,
    recommended: Option<&'a Point>,
    built_in: Option<&'a Point>,
    oracle: Option<&'a Point>,
}

impl<'a> Found<'a> {
    fn in_(summary: &'a Summary) -> Self {
        let of = |kind| summary.points.iter().find(|point| point.kind == kind);
        Self {
            summary,
            recommended: summary
                .recommended
                .and_then(|place| summary.points.get(place)),
            built_in: of(PointKind::BuiltIn),
            oracle: of(PointKind::Oracle),
        }
    }

    /// The indices of the traded objectives, as far as there are such.
    fn axes(&self) -> Vec<usize> {
        let (x, y) = self.summary.axes;
        let mut axes = vec![x, y];
        axes.dedup();
        axes.retain(|axis| *axis < self.summary.objectives.len());
        axes
    }

    /// How far a point is from the limit in an objective, if it is not the limit itself.
    fn distance(&self, point: &Point, objective: usize) -> Option<String> {
        let oracle = self.oracle.filter(|oracle| !std::ptr::eq(*oracle, point))?;
        let unit = self.summary.objectives.get(objective)?.unit;
        difference(value(oracle, objective), value(point, objective), unit)
    }
}

fn write(found: &Found<'_>, html: &mut String) -> fmt::Result {
    html::open("What the sweep found", STYLE, html)?;
    headline(found, html)?;
    picture(found, html)?;
    reasons(found.summary, html)?;
    knobs::section(found, html)?;
    steps(&found.summary.steps_seconds, html)?;
    tables::baselines(found, html)?;
    scenarios::section(found, html)?;
    repeat(found.summary, html)?;
    html::close("summary", found.summary, SCRIPT, html)
}

fn headline(found: &Found<'_>, html: &mut String) -> fmt::Result {
    let constraint = escaped(&found.summary.constraint);
    html.push_str("<header>\n<h1>What the sweep found</h1>\n");
    match found.recommended {
        None => writeln!(
            html,
            "<p class=\"lead bad\">✗ No policy is recommended: none meets <code>{constraint}</code>.</p>"
        )?,
        Some(point) if point.kind == PointKind::BuiltIn => writeln!(
            html,
            "<p class=\"lead\"><b>The built-in policy is the recommended one.</b></p>"
        )?,
        Some(point) => recommended(found, point, html)?,
    }
    limit(found, html)?;
    if let Some(point) = found.recommended {
        wrong(point, html)?;
    }
    html.push_str("</header>\n");
    Ok(())
}

/// Which policy it is, and what it costs against the built-in one.
fn recommended(found: &Found<'_>, point: &Point, html: &mut String) -> fmt::Result {
    write!(
        html,
        "<p class=\"lead\"><b>Recommended: policy {}.</b>",
        escaped(&point.name)
    )?;
    if let Some(built_in) = found.built_in {
        let sides = found.axes().into_iter().map(|axis| {
            let Objective { title, unit, .. } = &found.summary.objectives[axis];
            let (old, new) = (value(built_in, axis), value(point, axis));
            let [before, after] = [old, new].map(|value| words(value, *unit));
            let (title, change) = (escaped(title), relative(old, new));
            format!("{title} <b>{after}</b> instead of {before}{change}")
        });
        let sides: Vec<String> = sides.collect();
        write!(html, " Against the built-in policy: {}.", sides.join("; "))?;
    }
    html.push_str("</p>\n<ul class=\"knobs\">\n");
    let same_runs = &found.summary.same_runs;
    for (place, (path, chosen)) in tables::knob_values(found.summary, point).enumerate() {
        let (path, chosen) = (escaped(path), escaped(chosen));
        let same = same_runs.get(place).and_then(Option::as_ref);
        let same = same.map_or_else(String::new, |same| {
            format!(" <small>{}</small>", escaped(&same.to_string()))
        });
        writeln!(html, "<li><code>{path}: <b>{chosen}</b></code>{same}</li>")?;
    }
    html.push_str("</ul>\n");
    if !same_runs.is_empty() {
        html.push_str(
            "<p><small>Small: between which values no run differs, in all scenarios and with all seeds.</small></p>\n",
        );
    }
    Ok(())
}

/// How good any policy could be, and how far from it are the two that matter.
fn limit(found: &Found<'_>, html: &mut String) -> fmt::Result {
    let Some(oracle) = found.oracle else {
        return Ok(());
    };
    let best = found
        .recommended
        .filter(|point| point.kind != PointKind::BuiltIn);
    let columns = [
        ("recommended", best),
        ("built-in", found.built_in),
        ("the limit", Some(oracle)),
    ];
    let columns: Vec<(&str, &Point)> = columns
        .into_iter()
        .filter_map(|(name, point)| Some((name, point?)))
        .collect();
    html.push_str(&tables::begin("At a glance", "wide"));
    html.push_str("<th></th>");
    for (name, _) in &columns {
        write!(html, "<th class=\"number\">{name}</th>")?;
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for axis in found.axes() {
        let Objective { title, unit, .. } = &found.summary.objectives[axis];
        write!(html, "<tr><th>{}</th>", escaped(title))?;
        for (_, point) in &columns {
            let said = words(value(point, axis), *unit);
            let distance = tables::small(found.distance(point, axis).as_deref());
            write!(html, "<td class=\"number\">{said}{distance}</td>")?;
        }
        html.push_str("</tr>\n");
    }
    html.push_str(
        "</tbody></table></div>\n<p><small>Small: the distance to the limit, which is an oracle that knows the truth: it \
         fails a hopeless pod at its first failure, and no other pod. It says how much better thresholds can get at \
         all.</small></p>\n",
    );
    Ok(())
}

/// How often the recommended policy is wrong.
fn wrong(point: &Point, html: &mut String) -> fmt::Result {
    let (wrong, verdicts) = (grouped(point.false_failures), grouped(point.verdicts));
    write!(
        html,
        "<p>Of the {verdicts} verdicts of the recommended policy, {wrong} hit a pod that would have run"
    )?;
    if let Some((rate, low, high)) = point.false_rate_ppm {
        let [rate, low, high] = [rate, low, high].map(percent);
        write!(
            html,
            ": a rate of {rate}, with a 95 % interval from {low} to {high}"
        )?;
    }
    html.push_str(".</p>\n");
    Ok(())
}

fn picture(found: &Found<'_>, html: &mut String) -> fmt::Result {
    let constraint = format!("<code>{}</code>", escaped(&found.summary.constraint));
    let line = if found.summary.front.is_empty() {
        format!("None meets {constraint}, so there is no front.")
    } else {
        format!("No policy that meets {constraint} is below the line.")
    };
    writeln!(
        html,
        "<section id=\"trade\">\n<h2>What is traded</h2>\n\
         <p>Each point is a policy. Less is better on both axes. {line}</p>\n\
         <noscript><p class=\"bad\">The pictures need JavaScript; the text and the tables do not.</p></noscript>\n\
         <div class=\"tools\" id=\"filters\" role=\"group\" aria-label=\"Filter the points\"></div>\n\
         <ul class=\"legend\" id=\"legend\"></ul>\n\
         <div class=\"sides\">\n\
         <div id=\"front\" tabindex=\"0\" role=\"application\" aria-label=\"Scatter plot of all policies\" \
         aria-describedby=\"keys\"><canvas id=\"cloud\" aria-hidden=\"true\"></canvas></div>\n\
         <div id=\"story\" tabindex=\"0\" role=\"region\" aria-label=\"The chosen point\"></div>\n</div>\n\
         <p id=\"said\" class=\"unseen\" aria-live=\"polite\"></p>\n\
         <p id=\"keys\"><small class=\"keys\">← → go through all points, ↑ ↓ through the marked ones and the front, \
         Home and End to the ends. Enter or a click pins a point, Escape lets it go.</small></p>\n\
         <p id=\"missing\"></p>\n\
         <div id=\"tip\" hidden></div>"
    )?;
    tables::front(found, html)?;
    html.push_str("</section>\n");
    Ok(())
}

fn reasons(summary: &Summary, html: &mut String) -> fmt::Result {
    if summary.reasons.is_empty() {
        return Ok(());
    }
    html.push_str("<section id=\"why\">\n<h2>Why this point</h2>\n<ul class=\"sentences\">\n");
    for reason in &summary.reasons {
        writeln!(html, "<li>{}</li>", prose(reason))?;
    }
    html.push_str("</ul>\n</section>\n");
    Ok(())
}

fn steps(seconds: &[u64], html: &mut String) -> fmt::Result {
    if seconds.is_empty() {
        return Ok(());
    }
    let times = seconds
        .iter()
        .map(|s| Human(Duration::from_secs(*s)).to_string());
    let times: Vec<String> = times.collect();
    writeln!(
        html,
        "<section id=\"steps\">\n<h2>When there is anything new to see</h2>\n\
         <p>A kubelet that backs off pulls at these times after the first failure: {}. Between two of them there is no \
         new evidence, so no threshold on attempts differs from another there.</p>\n\
         <div id=\"times\" aria-hidden=\"true\"></div>\n</section>",
        times.join(", ")
    )
}

fn repeat(summary: &Summary, html: &mut String) -> fmt::Result {
    let seeds = match summary.seeds {
        None => "each with its own seed".to_owned(),
        Some((first, last)) => format!("seeds {first} to {last}"),
    };
    writeln!(
        html,
        "<section id=\"repeat\">\n<h2>How to repeat it</h2>\n<pre tabindex=\"0\"><code>{}</code></pre>\n\
         <p>Simulator {}; {} points, {} scenarios, {seeds}. That makes {} runs. {} of them were simulated; the others \
         were proven to end like one of these.</p>\n</section>",
        escaped(&summary.command),
        escaped(&summary.version),
        grouped(summary.points.len() as u64),
        grouped(summary.scenarios as u64),
        grouped(summary.runs),
        grouped(summary.simulated)
    )
}

/// The value of an objective at a point.
fn value(point: &Point, objective: usize) -> Option<u64> {
    point.objectives.get(objective).copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_there_by_day_and_by_night() {
        let (names, _) = STYLE.split_once("@media").unwrap();
        let names = names.split("--").skip(1);
        for name in names.filter_map(|rest| rest.split_once(": #").map(|(name, _)| name)) {
            assert_eq!(STYLE.matches(&format!("--{name}: #")).count(), 2, "{name}");
        }
    }

    #[test]
    fn a_summary_of_nothing_is_a_page() {
        let html = render(&Summary::default());
        assert!(html.contains("No policy is recommended"), "{html}");
    }

    #[test]
    fn places_that_do_not_exist_are_left_out() {
        let summary = Summary {
            axes: (3, 7),
            front: vec![4],
            recommended: Some(9),
            ..Summary::default()
        };
        assert!(render(&summary).contains("No policy is recommended"));
    }
}
