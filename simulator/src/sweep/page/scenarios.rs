//! The built-in policy against the recommended one, scenario by scenario.

use std::cmp::Reverse;
use std::fmt::{self, Write};

use super::Found;
use super::tables::begin;
use super::values::{difference, words};
use crate::html::escaped;
use crate::sweep::summary::{Detail, Objective, Point};

/// A scenario under the built-in policy and the recommended one.
struct Pair<'a> {
    scenario: &'a str,
    old: &'a [Option<u64>],
    new: &'a [Option<u64>],
}

impl<'a> Pair<'a> {
    fn of(detail: &'a Detail, old: usize, new: usize) -> Option<Self> {
        let find = |place| detail.points.iter().find(|(point, _)| *point == place);
        let ((_, old), (_, new)) = (find(old)?, find(new)?);
        Some(Self {
            scenario: &detail.scenario,
            old,
            new,
        })
    }

    fn at(&self, objective: usize) -> (Option<u64>, Option<u64>) {
        let of = |values: &[Option<u64>]| values.get(objective).copied().flatten();
        (of(self.old), of(self.new))
    }

    /// By how much they differ in an objective. If only one of them measured anything, by as much as can be.
    fn gap(&self, objective: usize) -> u64 {
        match self.at(objective) {
            (Some(old), Some(new)) => old.abs_diff(new),
            (None, None) => 0,
            _ => u64::MAX,
        }
    }
}

/// The built-in policy against the recommended one, scenario by scenario.
pub(super) fn section(found: &Found<'_>, html: &mut String) -> fmt::Result {
    let place = |wanted: Option<&Point>| {
        let wanted = wanted?;
        found
            .summary
            .points
            .iter()
            .position(|point| std::ptr::eq(point, wanted))
    };
    let (Some(old), Some(new)) = (place(found.built_in), place(found.recommended)) else {
        return Ok(());
    };
    let pairs = found
        .summary
        .details
        .iter()
        .filter_map(|detail| Pair::of(detail, old, new));
    let (mut differ, same): (Vec<Pair<'_>>, Vec<Pair<'_>>) =
        pairs.partition(|pair| pair.old != pair.new);
    if old == new || differ.len() + same.len() == 0 {
        return Ok(());
    }
    html.push_str("<section id=\"scenarios\">\n<h2>Scenario by scenario</h2>\n");
    if differ.is_empty() {
        html.push_str(
            "<p>Under the built-in and the recommended policy, every scenario ends alike.</p>\n",
        );
    } else {
        by_difference(&mut differ, &found.axes());
        different(found, &differ, html)?;
    }
    if !differ.is_empty() && !same.is_empty() {
        let names: Vec<String> = same.iter().map(|pair| escaped(pair.scenario)).collect();
        writeln!(
            html,
            "<details>\n<summary>Scenarios that end alike under both policies: {}</summary>\n<p>{}</p>\n</details>",
            same.len(),
            names.join(", ")
        )?;
    }
    html.push_str("</section>\n");
    Ok(())
}

/// The largest difference first. Objectives have different units: each gap is measured by the largest of its objective.
fn by_difference(pairs: &mut [Pair<'_>], axes: &[usize]) {
    let largest = |axis: &usize| {
        let gaps = pairs.iter().map(|pair| pair.gap(*axis));
        gaps.filter(|gap| *gap < u64::MAX).max().unwrap_or(0).max(1)
    };
    let largest: Vec<u64> = axes.iter().map(largest).collect();
    pairs.sort_by_key(|pair| {
        let parts = axes.iter().zip(&largest);
        let parts =
            parts.map(|(axis, largest)| u128::from(pair.gap(*axis)) * 1000 / u128::from(*largest));
        Reverse(parts.max())
    });
}

fn different(found: &Found<'_>, pairs: &[Pair<'_>], html: &mut String) -> fmt::Result {
    let (axes, objectives) = (found.axes(), &found.summary.objectives);
    let sorts =
        |name: &str, class: &str| format!("<th class=\"{class}\" aria-sort=\"none\">{name}</th>");
    html.push_str(
        "<p>Where the built-in and the recommended policy end differently; the largest difference is first. A click on \
         a heading sorts.</p>\n",
    );
    html.push_str(&begin("Scenarios", "wide sorted"));
    html.push_str(&sorts("scenario", ""));
    for axis in &axes {
        let title = escaped(&objectives[*axis].title);
        html.push_str(&sorts(&format!("{title}: built-in"), "number"));
        html.push_str(&sorts("recommended", "number"));
        html.push_str(&sorts("difference", "number"));
    }
    html.push_str("<th class=\"others\">other differences</th></tr></thead>\n<tbody>\n");
    for pair in pairs {
        write!(html, "<tr><th>{}</th>", escaped(pair.scenario))?;
        for axis in &axes {
            sides(pair, *axis, &objectives[*axis], html)?;
        }
        let others = (0..objectives.len()).filter(|place| !axes.contains(place));
        let others = others.filter_map(|place| {
            let (objective, (old, new)) = (&objectives[place], pair.at(place));
            let [before, after] = [old, new].map(|value| words(value, objective.unit));
            (old != new).then(|| format!("{} {before} → {after}", escaped(&objective.title)))
        });
        let others: Vec<String> = others.collect();
        writeln!(html, "<td>{}</td></tr>", others.join("; "))?;
    }
    html.push_str("</tbody></table></div>\n");
    Ok(())
}

/// Both values of an objective and their difference, with the numbers to sort by.
fn sides(pair: &Pair<'_>, axis: usize, objective: &Objective, html: &mut String) -> fmt::Result {
    let (old, new) = pair.at(axis);
    for side in [old, new] {
        let key = side.map_or_else(String::new, |value| value.to_string());
        write!(
            html,
            "<td class=\"number\" data-key=\"{key}\">{}</td>",
            words(side, objective.unit)
        )?;
    }
    let (key, class) = match (old, new) {
        (Some(old), Some(new)) if new > old => ((new - old).to_string(), " bad"),
        (Some(old), Some(new)) if new < old => (format!("-{}", old - new), " good"),
        (Some(_), Some(_)) => ("0".to_owned(), ""),
        _ => (String::new(), ""),
    };
    let gap = difference(old, new, objective.unit).unwrap_or_else(|| "–".to_owned());
    write!(
        html,
        "<td class=\"number{class}\" data-key=\"{key}\">{gap}</td>"
    )
}
