//! Points as tables.

use std::fmt::{self, Write};

use super::values::{percent, words};
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

/// The begin of a table, which scrolls in itself where it is too wide: by the keyboard too, so it has a name.
pub(super) fn begin(name: &str, class: &str) -> String {
    format!(
        "<div class=\"{class}\" tabindex=\"0\" role=\"region\" aria-label=\"{name}\"><table>\n<thead><tr>"
    )
}

/// Points with their objectives, and the distance of each to the limit.
fn table(found: &Found<'_>, points: &[&Point], with_knobs: bool, html: &mut String) -> fmt::Result {
    let summary = found.summary;
    html.push_str(&begin("Points", "wide"));
    html.push_str("<th>policy</th>");
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
        row(found, point, with_knobs, html)?;
    }
    html.push_str("</tbody></table></div>\n");
    Ok(())
}

fn row(found: &Found<'_>, point: &Point, with_knobs: bool, html: &mut String) -> fmt::Result {
    let summary = found.summary;
    write!(html, "<tr><th>{}</th>", title(found, point))?;
    if with_knobs {
        for (_, chosen) in knob_values(summary, point) {
            write!(html, "<td>{}</td>", escaped(chosen))?;
        }
    }
    for (place, objective) in summary.objectives.iter().enumerate() {
        let words = words(value(point, place), objective.unit);
        let distance = small(found.distance(point, place).as_deref());
        write!(html, "<td class=\"number\">{words}{distance}</td>")?;
    }
    let (class, meets) = if point.is_feasible {
        ("good", "✓ met")
    } else {
        ("bad", "✗ not met")
    };
    let rate = rate(point);
    writeln!(
        html,
        "<td class=\"number\">{rate}</td><td class=\"{class}\">{meets}</td></tr>"
    )
}

fn rate(point: &Point) -> String {
    let Some((rate, low, high)) = point.false_rate_ppm else {
        return "–".to_owned();
    };
    let interval = format!("{} to {}", percent(low), percent(high));
    percent(rate) + &small(Some(&interval))
}

fn title(found: &Found<'_>, point: &Point) -> String {
    let name = escaped(&point.name);
    let kind = if point.kind == PointKind::Policy {
        "policy "
    } else {
        ""
    };
    let is_recommended = found.recommended.is_some_and(|it| std::ptr::eq(it, point));
    let role = match point.kind {
        _ if is_recommended => Some("recommended"),
        PointKind::Oracle => Some("the limit"),
        _ => None,
    };
    format!("{kind}{name}{}", small(role))
}

/// What stands below a value, if anything does.
pub(super) fn small(text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| format!("<small>{text}</small>"))
}

/// The path of a knob, which may go to the next line behind a point.
pub(super) fn broken(path: &str) -> String {
    format!("<code>{}</code>", escaped(path).replace('.', ".<wbr>"))
}
