//! Renders the HTML page.

use std::fmt::{self, Write};

use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::scenario::metric::{Count, Figure, Figures, Statistic, Timing, Waste};
use pullstop_core::time::Human;

use super::chart::Chart;
use super::choice::Chosen;
use crate::html::{self, escaped, prose};
use crate::runs::outcome::Outcome;
use crate::runs::verify::{Unmet, clock};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = concat!(
    include_str!("page-rows.js"),
    include_str!("page-draw.js"),
    include_str!("page.js"),
);
/// So many differences are told of one expectation.
const UNMET_MAX: usize = 5;

/// What the page tells.
#[derive(Debug)]
pub(super) struct Page<'a> {
    /// The scenario's file, as it was named.
    pub(super) file: &'a str,
    /// Who decided, if not the scenario's own policy.
    pub(super) decider: Option<&'a str>,
    /// What the scenario says of itself, in paragraphs.
    pub(super) description: &'a [String],
    pub(super) scenario: &'a Scenario,
    pub(super) outcome: &'a Outcome,
    pub(super) chart: &'a Chart,
    pub(super) chosen: &'a Chosen,
}

/// The page as text.
pub(super) fn render(page: &Page<'_>) -> String {
    let mut html = String::new();
    // Writing to a string cannot fail.
    let _ = write(page, &mut html);
    html
}

fn write(page: &Page<'_>, html: &mut String) -> fmt::Result {
    let name = &page.scenario.name;
    html::open(&format!("{name} – timeline"), STYLE, html)?;
    heading(page, &escaped(name), html)?;
    picture(page, html)?;
    legend(page.chart, html)?;
    expectations(page, html)?;
    metrics(&page.outcome.figures, html)?;
    html::close("chart", page.chart, SCRIPT, html)
}

fn heading(page: &Page<'_>, name: &str, html: &mut String) -> fmt::Result {
    let outcome = page.outcome;
    let (class, verdict) = if outcome.passed() {
        ("good", "✓ passed")
    } else {
        ("bad", "✗ failed")
    };
    let decider = page
        .decider
        .map_or_else(|| "the scenario’s policy".to_owned(), escaped);
    let mistakes = match outcome.mistakes() {
        mistakes if mistakes.any() => format!("\n<p class=\"bad\">{mistakes}</p>"),
        _ => String::new(),
    };
    writeln!(
        html,
        "<header>\n<h1>{name}</h1>\n<p class=\"{class}\">{verdict} \
         <small><a href=\"#expectations\">expectations</a></small></p>{mistakes}",
    )?;
    for (place, paragraph) in page.description.iter().enumerate() {
        let class = if place == 0 { " class=\"lead\"" } else { "" };
        writeln!(html, "<p{class}>{}</p>", prose(paragraph))?;
    }
    writeln!(
        html,
        "<p><small>{} · seed {} · {} of virtual time · judged by {decider}</small></p>\n</header>",
        escaped(page.file),
        outcome.seed,
        Human(outcome.simulated),
    )
}

fn expectations(page: &Page<'_>, html: &mut String) -> fmt::Result {
    html.push_str("<section id=\"expectations\">\n<h2>Expectations</h2>\n<ul class=\"checks\">\n");
    for expectation in &page.scenario.expectations {
        let place = expectation.place;
        let unmet: Vec<&Unmet> = page
            .outcome
            .unmet
            .iter()
            .filter(|unmet| unmet.place == place)
            .collect();
        check(&expectation.what.to_string(), unmet.is_empty(), html)?;
        for unmet in unmet.iter().take(UNMET_MAX) {
            let (expected, got) = (escaped(&unmet.expected), escaped(&unmet.got));
            write!(html, "<br><small>expected {expected}; got {got}</small>")?;
        }
        if unmet.len() > UNMET_MAX {
            write!(
                html,
                "<br><small>and {} more</small>",
                unmet.len() - UNMET_MAX
            )?;
        }
        html.push_str("</li>\n");
    }
    for broken in &page.outcome.broken {
        check(&format!("invariant {}", broken.invariant), false, html)?;
        let (at, what) = (clock(broken.at), escaped(&broken.what));
        writeln!(html, "<br><small>at {at}, {what}</small></li>")?;
    }
    if page.outcome.broken.is_empty() {
        check("all invariants hold", true, html)?;
        html.push_str("</li>\n");
    }
    html.push_str("</ul>\n</section>\n");
    Ok(())
}

fn check(what: &str, holds: bool, html: &mut String) -> fmt::Result {
    let (class, sign) = if holds {
        ("good", '✓')
    } else {
        ("bad", '✗')
    };
    write!(
        html,
        "<li><b class=\"{class}\">{sign}</b> {}",
        escaped(what)
    )
}

/// What the picture shows, and nothing else: a legend of everything is longer than most pictures.
fn legend(chart: &Chart, html: &mut String) -> fmt::Result {
    html.push_str("<section>\n<h2>Legend</h2>\n<ul class=\"legend\">\n");
    for kind in chart.shown() {
        let sign = if kind.is_mark() { " data-sign" } else { "" };
        let (place, words) = (kind as u8, kind.words());
        writeln!(
            html,
            "<li><canvas class=\"sign\" data-kind=\"{place}\"{sign} aria-hidden=\"true\"></canvas>{words}</li>"
        )?;
    }
    html.push_str("</ul>\n</section>\n");
    Ok(())
}

fn picture(page: &Page<'_>, html: &mut String) -> fmt::Result {
    writeln!(
        html,
        "<section>\n<h2>Timeline</h2>\n<p>{}</p>\n\
         <p class=\"tools\"><button id=\"in\">+ zoom in</button> <button id=\"out\">− zoom out</button> \
         <button id=\"all\">whole time</button> <button id=\"fold\">unfold all</button> \
         <small class=\"keys\">Drag or ← → to move, Ctrl + wheel or + − to zoom, 0 for the whole time, ↑ ↓ to choose a \
         row, Enter to unfold a band.</small></p>\n\
         <noscript><p class=\"bad\">The picture needs JavaScript; nothing else on this page does.</p></noscript>\n\
         <div id=\"view\" tabindex=\"0\" role=\"application\" aria-label=\"Timeline of pods\" \
         aria-describedby=\"story\"><div id=\"space\"><canvas id=\"canvas\"></canvas></div></div>\n\
         <div id=\"tip\" hidden></div>\n\
         <div id=\"story\" aria-live=\"polite\"><p>Choose a row to read its story.</p></div>\n</section>",
        escaped(&page.chosen.in_words())
    )
}

fn metrics(figures: &Figures, html: &mut String) -> fmt::Result {
    html.push_str("<section>\n<h2>Metrics</h2>\n<dl class=\"metrics\">\n");
    let counts = Count::ALL.map(|count| (count.as_str().to_owned(), Figure::Count(count)));
    let of = |timing: Timing, statistic: Statistic, name: &str| {
        let figure = Figure::Timing(timing, statistic);
        (format!("{}.{name}", timing.as_str()), figure)
    };
    let timings = Timing::ALL.into_iter().flat_map(|timing| {
        [
            of(timing, Statistic::P50, "p50"),
            of(timing, Statistic::P95, "p95"),
            of(timing, Statistic::Max, "max"),
        ]
    });
    let wastes = Waste::ALL.map(|waste| (waste.as_str().to_owned(), Figure::Waste(waste)));
    for (name, figure) in counts.into_iter().chain(timings).chain(wastes) {
        if figures.get(figure).is_some() {
            let value = figures.in_words(figure);
            writeln!(html, "<div><dt>{name}</dt><dd>{value}</dd></div>")?;
        }
    }
    html.push_str("</dl>\n</section>\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::timeline::chart::Kind;

    #[test]
    fn every_kind_has_a_colour_by_day_and_by_night() {
        for (_, name, _) in Kind::ALL {
            let definition = format!("--{name}: ");
            assert_eq!(STYLE.matches(&definition).count(), 2, "{name}");
        }
    }
}
