//! Points as tables.

use std::fmt::{self, Write};

use super::values::{difference, percent, words};
use super::{Found, value};
use crate::html::escaped;
use crate::sweep::summary::{Point, PointKind, Summary};

/// What was chosen of each knob at a point: path and value. None for a baseline.
pub(super) fn knob_values<'a>(
    summary: &'a Summary,
    point: &'a Point,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let pairs = summary.knobs.iter().zip(&point.values);
    pairs.filter_map(|(knob, place)| Some((knob.path.as_str(), knob.values.get(*place)?.as_str())))
}

/// The points of the front, as a table for those who cannot see the picture.
pub(super) fn front(found: &Found<'_>, html: &mut String) -> fmt::Result {
    let summary = found.summary;
    let points: Vec<&Point> = summary
        .front
        .iter()
        .filter_map(|place| summary.points.get(*place))
        .collect();
    if points.is_empty() {
        return Ok(());
    }
    writeln!(
        html,
        "<details>\n<summary>The points of the front as a table: {}</summary>",
        points.len()
    )?;
    table(found, &points, true, html)?;
    html.push_str("</details>\n");
    Ok(())
}

/// The recommended policy beside the built-in one, the limit and the rules of other tools.
pub(super) fn baselines(found: &Found<'_>, html: &mut String) -> fmt::Result {
    let others = |point: &&Point| point.kind == PointKind::Baseline;
    let (x, y) = found.summary.axes;
    let mut others: Vec<&Point> = found.summary.points.iter().filter(others).collect();
    others.sort_by_key(|point| [x, y].map(|axis| value(point, axis).unwrap_or(u64::MAX)));
    let first = [found.oracle, found.recommended, found.built_in];
    let mut points: Vec<&Point> = first.into_iter().flatten().collect();
    // The recommended policy may be the built-in one.
    points.dedup_by(|a, b| std::ptr::eq(*a, *b));
    points.extend(others);
    if points.is_empty() {
        return Ok(());
    }
    html.push_str("<section id=\"baselines\">\n<h2>Beside other rules</h2>\n");
    if found.oracle.is_some() {
        html.push_str("<p>Small: the distance to the limit.</p>\n");
    }
    table(found, &points, false, html)?;
    html.push_str("</section>\n");
    Ok(())
}

/// Points with their objectives, and the distance of each to the limit.
fn table(found: &Found<'_>, points: &[&Point], with_knobs: bool, html: &mut String) -> fmt::Result {
    let summary = found.summary;
    html.push_str("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Points\"><table>\n<thead><tr><th>policy</th>");
    for knob in summary.knobs.iter().filter(|_| with_knobs) {
        write!(html, "<th>{}</th>", broken(&knob.path))?;
    }
    for objective in &summary.objectives {
        write!(
            html,
            "<th class=\"number\">{}</th>",
            escaped(&objective.title)
        )?;
    }
    html.push_str("<th class=\"number\">rate of false failures</th><th>constraint</th></tr></thead>\n<tbody>\n");
    for point in points {
        write!(html, "<tr><th>{}</th>", title(found, point))?;
        for place in (0..summary.knobs.len()).filter(|_| with_knobs) {
            let chosen = point
                .values
                .get(place)
                .and_then(|chosen| summary.knobs[place].values.get(*chosen));
            write!(
                html,
                "<td>{}</td>",
                chosen.map_or_else(|| "–".to_owned(), |chosen| escaped(chosen))
            )?;
        }
        for (place, objective) in summary.objectives.iter().enumerate() {
            let distance = match found.oracle {
                Some(oracle) if !std::ptr::eq(oracle, *point) => {
                    difference(value(oracle, place), value(point, place), objective.unit)
                }
                _ => None,
            };
            let distance =
                distance.map_or_else(String::new, |distance| format!("<small>{distance}</small>"));
            let words = words(value(point, place), objective.unit);
            write!(html, "<td class=\"number\">{words}{distance}</td>")?;
        }
        let (class, meets) = if point.is_feasible {
            ("good", "✓ met")
        } else {
            ("bad", "✗ not met")
        };
        writeln!(
            html,
            "<td class=\"number\">{}</td><td class=\"{class}\">{meets}</td></tr>",
            rate(point)
        )?;
    }
    html.push_str("</tbody></table></div>\n");
    Ok(())
}

fn rate(point: &Point) -> String {
    point.false_rate_ppm.map_or_else(
        || "–".to_owned(),
        |(rate, low, high)| {
            format!(
                "{}<small>{} to {}</small>",
                percent(rate),
                percent(low),
                percent(high)
            )
        },
    )
}

fn title(found: &Found<'_>, point: &Point) -> String {
    let name = escaped(&point.name);
    let is_recommended = found.recommended.is_some_and(|it| std::ptr::eq(it, point));
    match point.kind {
        _ if is_recommended && point.kind != PointKind::BuiltIn => {
            format!("policy {name}<small>recommended</small>")
        }
        PointKind::Policy => format!("policy {name}"),
        PointKind::BuiltIn if is_recommended => format!("{name}<small>recommended</small>"),
        PointKind::BuiltIn | PointKind::Baseline => name,
        PointKind::Oracle => format!("{name}<small>the limit</small>"),
    }
}

/// The path of a knob, which may go to the next line behind a point.
pub(super) fn broken(path: &str) -> String {
    format!("<code>{}</code>", escaped(path).replace('.', ".<wbr>"))
}
