//! Prints the histories of recorded pods for people.

use std::io::{self, Write};

use anstyle::Style;
use pullstop_core::engine::{Decision, TransitionKind};
use pullstop_core::plugin::{Enforcement, TrailEntry};
use pullstop_core::time::{Human, Timestamp};

use super::Replayed;
use super::story::{Entry, Story, What};
use super::timeline::{LEGEND, Sign};
use crate::style::{self, BAD, BOLD, DIM, GOOD, UNSURE};
use crate::transition;

pub(super) fn print(replayed: &Replayed, explain: bool, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{BOLD}{}{BOLD:#}", replayed.traces.join(", "))?;
    let mut pictures = false;
    for story in &replayed.stories {
        pictures |= tell(story, explain, out)?;
    }
    if pictures {
        writeln!(out, "  {DIM}{LEGEND}{DIM:#}")?;
    }
    writeln!(out)
}

/// Tells one story; whether it has a picture.
fn tell(story: &Story, explain: bool, out: &mut dyn Write) -> io::Result<bool> {
    headline(story, out)?;
    let pictures = story.timeline.draw(story.begins_at);
    for (container, signs) in &pictures {
        draw(container, signs, out)?;
    }
    if !pictures.is_empty() {
        let length = Human(story.timeline.length(story.begins_at));
        writeln!(out, "    {DIM}{:<14} {length} in all{DIM:#}", "")?;
    }
    for entry in &story.entries {
        line(story.begins_at, entry, explain, out)?;
    }
    if explain && story.verdict.is_none() {
        for explanation in &story.at_the_end {
            writeln!(
                out,
                "    {DIM}at the end, {}:{DIM:#}",
                explanation.container
            )?;
            trail(&explanation.trail, out)?;
        }
    }
    Ok(!pictures.is_empty())
}

fn headline(story: &Story, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "  {BOLD}{}{BOLD:#}: ", style::one_line(&story.pod))?;
    match (&story.verdict, story.out_of_scope) {
        (Some(decision), _) => {
            let (word, style) = if decision.enforcement == Enforcement::Warn {
                ("warn", UNSURE)
            } else {
                ("fail", BAD)
            };
            writeln!(out, "{style}{word}{style:#}, {}", because(decision))
        }
        (None, _) if story.withdrawn.is_some() => {
            writeln!(
                out,
                "no verdict at the end; the earlier one was withdrawn when the image was edited"
            )
        }
        (None, Some(why)) => writeln!(out, "no verdict; when last seen, {why}"),
        (None, None) => writeln!(out, "no verdict"),
    }
}

fn because(decision: &Decision) -> String {
    let since = decision.decided_at.since(decision.first_failure_at);
    let times = if decision.failures == 1 {
        "once"
    } else {
        "times"
    };
    let count = if decision.failures == 1 {
        String::new()
    } else {
        format!("{} ", decision.failures)
    };
    format!(
        "{}: container {} failed {count}{times} within {} on {}",
        decision.cause,
        style::one_line(&decision.container),
        Human(since),
        style::one_line(&decision.image)
    )
}

fn draw(container: &str, signs: &[Sign], out: &mut dyn Write) -> io::Result<()> {
    write!(out, "    {:<14} ", style::one_line(container))?;
    for sign in signs {
        let style = match sign {
            Sign::Failed | Sign::Verdict => BAD,
            Sign::Throttled | Sign::Warned => UNSURE,
            Sign::Running => GOOD,
            Sign::Nothing | Sign::Waiting | Sign::BackOff | Sign::Ended => DIM,
        };
        write!(out, "{style}{}{style:#}", sign.glyph())?;
    }
    writeln!(out)
}

fn line(begin: Timestamp, entry: &Entry, explain: bool, out: &mut dyn Write) -> io::Result<()> {
    let (style, text) = words(entry);
    let after = Human(entry.at.since(begin)).to_string();
    let whose = style::one_line(&entry.container);
    writeln!(out, "    {after:>10}  {whose:<14} {style}{text}{style:#}")?;
    let said = match &entry.what {
        What::Verdict(decision) => &decision.trail[..],
        What::Noticed(what) => transition::trail(what),
        _ => &[],
    };
    if explain { trail(said, out) } else { Ok(()) }
}

fn words(entry: &Entry) -> (Style, String) {
    match &entry.what {
        What::Verdict(decision) => {
            let style = match decision.enforcement {
                Enforcement::Warn => UNSURE,
                _ => BAD,
            };
            (style, format!("verdict: {}", transition::verdict(decision)))
        }
        What::RanLater => (
            UNSURE,
            "in the recording it ran later: this policy would have failed it wrongly".to_owned(),
        ),
        What::Withdrawn => (
            UNSURE,
            "in the recording the image was edited later: the verdict is withdrawn".to_owned(),
        ),
        What::FailedLater => (DIM, "in the recording the pod failed later".to_owned()),
        What::Noticed(what) => (style_of(what), transition::in_words(what)),
    }
}

const fn style_of(what: &TransitionKind) -> Style {
    match what {
        TransitionKind::Counted { .. } | TransitionKind::Recollected { .. } => BAD,
        TransitionKind::StartedOver { .. } | TransitionKind::Recovered { .. } => GOOD,
        TransitionKind::Throttled
        | TransitionKind::Held { .. }
        | TransitionKind::DryRun(_)
        | TransitionKind::PutBack { .. }
        | TransitionKind::GaveUp => UNSURE,
        TransitionKind::Suspended | TransitionKind::Ended | TransitionKind::Agreed => DIM,
    }
}

fn trail(said: &[TrailEntry], out: &mut dyn Write) -> io::Result<()> {
    for said in said {
        writeln!(
            out,
            "                 {DIM}{:<9}{:<13}{}{DIM:#}",
            said.point, said.plugin, said.what
        )?;
    }
    Ok(())
}
