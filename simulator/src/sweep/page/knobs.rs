//! What each knob does, as tables.

use std::cmp::Reverse;
use std::fmt::{self, Write};

use super::Found;
use super::tables::{begin, broken};
use super::values::{grouped, words};
use crate::html::escaped;
use crate::sweep::summary::{Knob, Objective};

/// How much each knob matters.
pub(super) fn section(found: &Found<'_>, html: &mut String) -> fmt::Result {
    let summary = found.summary;
    if summary.knobs.is_empty() {
        return Ok(());
    }
    html.push_str(
        "<section id=\"knobs\">\n<h2>What each knob does</h2>\n\
         <p>How far an objective moves between the best and the worst value of a knob, in percent of what it moves \
         between all policies.</p>\n",
    );
    html.push_str(&begin("Importance of the knobs", "wide"));
    html.push_str("<th>knob</th>");
    for objective in &summary.objectives {
        write!(html, "<th>{}</th>", escaped(&objective.title))?;
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for knob in by_importance(found) {
        write!(html, "<tr><th>{}</th>", broken(&knob.path))?;
        for permille in &knob.importance_permille {
            let percent = (permille + 5) / 10;
            write!(
                html,
                "<td class=\"bar\"><i style=\"--percent:{}\"></i>{percent} %</td>",
                percent.min(100)
            )?;
        }
        html.push_str("</tr>\n");
    }
    html.push_str(
        "</tbody></table></div>\n\
         <p class=\"picture\">By value of each knob: the median of all policies that have it (dots), and the best of \
         them (squares, dashed).</p>\n\
         <div id=\"slices\" aria-hidden=\"true\"></div>\n",
    );
    slices(found, html)?;
    html.push_str("</section>\n");
    Ok(())
}

/// The knobs, by what they do to the traded objectives.
fn by_importance<'a>(found: &Found<'a>) -> Vec<&'a Knob> {
    let axes = found.axes();
    let mut knobs: Vec<&Knob> = found.summary.knobs.iter().collect();
    knobs.sort_by_key(|knob| {
        Reverse(
            axes.iter()
                .filter_map(|axis| knob.importance_permille.get(*axis))
                .max(),
        )
    });
    knobs
}

fn slices(found: &Found<'_>, html: &mut String) -> fmt::Result {
    let objectives: Vec<(usize, &Objective)> = found
        .axes()
        .into_iter()
        .map(|axis| (axis, &found.summary.objectives[axis]))
        .collect();
    html.push_str("<details>\n<summary>The same as a table</summary>\n");
    html.push_str(&begin("Values of the knobs", "wide"));
    html.push_str("<th>knob</th><th>value</th><th class=\"number\">policies</th>");
    for (_, objective) in &objectives {
        let title = escaped(&objective.title);
        write!(
            html,
            "<th class=\"number\">{title}: median</th><th class=\"number\">best</th>"
        )?;
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for knob in by_importance(found) {
        for (chosen, slice) in knob.values.iter().zip(&knob.slices) {
            let points = grouped(slice.points as u64);
            let (path, chosen) = (broken(&knob.path), escaped(chosen));
            write!(
                html,
                "<tr><th>{path}</th><td>{chosen}</td><td class=\"number\">{points}</td>"
            )?;
            for (axis, objective) in &objectives {
                for measured in [&slice.medians, &slice.best] {
                    let words = words(measured.get(*axis).copied().flatten(), objective.unit);
                    write!(html, "<td class=\"number\">{words}</td>")?;
                }
            }
            html.push_str("</tr>\n");
        }
    }
    html.push_str("</tbody></table></div>\n</details>\n");
    Ok(())
}
