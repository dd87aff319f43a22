//! Stories for people.

use std::io::{self, Write};

use anstyle::Style;
use pullstop_core::engine::{Decision, StartedOver, TransitionKind};
use pullstop_core::plugin::{Enforcement, TrailEntry};
use pullstop_core::time::{Human, Timestamp};

use super::Replayed;
use super::story::{Entry, Story, What};
use super::timeline::{LEGEND, Sign};
use crate::style::{self, BAD, BOLD, DIM, GOOD, UNSURE};

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
                "no verdict at the end; one was withdrawn when the image was edited"
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
        What::Verdict(decision) => &decision.trail,
        What::Noticed(TransitionKind::Held { trail, .. }) => trail,
        What::Noticed(TransitionKind::DryRun(decision)) => &decision.trail,
        _ => return Ok(()),
    };
    if explain { trail(said, out) } else { Ok(()) }
}

fn words(entry: &Entry) -> (Style, String) {
    match &entry.what {
        What::Verdict(decision) => match decision.enforcement {
            Enforcement::Warn => (
                UNSURE,
                format!("verdict: warn, by rule `{}`", decision.rule),
            ),
            _ => (
                BAD,
                format!("verdict: fail the pod, by rule `{}`", decision.rule),
            ),
        },
        What::RanLater => (
            UNSURE,
            "the recording goes on: it ran, so under this policy it would have been failed wrongly"
                .to_owned(),
        ),
        What::Withdrawn => (
            UNSURE,
            "the recording goes on: the image was edited, so the verdict no longer stands"
                .to_owned(),
        ),
        What::FailedLater => (DIM, "the recording goes on: the pod failed".to_owned()),
        What::Noticed(happening) => noticed(happening),
    }
}

fn noticed(happening: &TransitionKind) -> (Style, String) {
    match happening {
        TransitionKind::Counted {
            cause,
            permanence,
            matched,
            failures,
        } => {
            let by = if matched.is_empty() {
                String::new()
            } else {
                format!(", by \"{}\"", style::one_line(matched))
            };
            (
                BAD,
                format!("failure {failures}: {cause} ({permanence}{by})"),
            )
        }
        TransitionKind::Recollected { failures, .. } => (
            BAD,
            format!("Events tell of {failures} failures before it was watched"),
        ),
        TransitionKind::Throttled => (
            UNSURE,
            "throttled by the kubelet itself: not a failure".to_owned(),
        ),
        TransitionKind::Suspended => (
            DIM,
            "the kubelet starts over: neither failing nor recovered".to_owned(),
        ),
        TransitionKind::StartedOver { why, failures } => {
            let why = match why {
                StartedOver::ImageEdited => "the image was edited",
                StartedOver::Ran => "it has run",
            };
            (GOOD, format!("{why}: starts from zero, after {failures}"))
        }
        TransitionKind::Recovered { failures } => (
            GOOD,
            format!("it has its image, after {failures} failed pulls"),
        ),
        TransitionKind::Held { why, .. } => (UNSURE, format!("a verdict is due, but {why}")),
        TransitionKind::DryRun(decision) => (
            UNSURE,
            format!(
                "dry run: {}, by rule `{}`: {}",
                decision.enforcement,
                decision.rule,
                because(decision)
            ),
        ),
        TransitionKind::PutBack { times } => (
            UNSURE,
            format!("the kubelet put the pod back ({times} times)"),
        ),
        TransitionKind::Ended => (DIM, "the pod ended".to_owned()),
        TransitionKind::Agreed => (DIM, "the kubelet agreed".to_owned()),
        TransitionKind::GaveUp => (UNSURE, "put back too often: left as it is".to_owned()),
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
