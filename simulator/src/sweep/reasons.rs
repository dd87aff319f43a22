//! Why a policy is the recommended one, in sentences.

use std::time::Duration;

use pullstop_cluster::scenario::metric::{Count, Figure, Statistic, Timing, Waste};
use pullstop_cluster::world::enforcer::baselines::Baseline;
use pullstop_core::time::Human;

use super::Sweep;
use super::front;
use super::rows::Measured;
use super::score::{FIGURES, get, in_words, unit_of};
use super::summary::{Point, PointKind};
use super::totals::Totals;

const GPU_HOURS: Figure = Figure::Waste(Waste::WastedGpuHours);
const QUEUE_WAIT: Figure = Figure::Timing(Timing::QueueWait, Statistic::P95);

/// Why the sweep recommends this candidate. `constraint` and `knee` are those of the summary.
pub(super) fn reasons(
    sweep: &Sweep,
    totals: &Totals,
    number: usize,
    constraint: &str,
    knee: Option<&Point>,
) -> Vec<String> {
    let why = Why {
        sweep,
        totals,
        number,
        measured: totals.of_candidate(number),
    };
    let mut reasons = why.constraint_and_trade(constraint);
    reasons.extend(why.equals());
    if why.rank(totals.of_built_in()) <= why.rank(why.measured) {
        reasons.push("The built-in policy is as good: there is no reason to change it.".to_owned());
    }
    reasons.extend(why.gpu_hours());
    reasons.extend(why.queue_wait());
    reasons.extend(knee.map(bend));
    reasons
}

/// The recommended candidate among all.
struct Why<'a> {
    sweep: &'a Sweep,
    totals: &'a Totals,
    number: usize,
    measured: &'a Measured,
}

impl Why<'_> {
    fn rank(&self, measured: &Measured) -> front::Rank {
        front::rank(measured, &self.sweep.constraints, self.sweep.axes)
    }

    /// What it does for the constraints, and then for what is traded.
    fn constraint_and_trade(&self, constraint: &str) -> Vec<String> {
        let (number, all) = (self.number, &self.totals.survivors);
        let meets = |number: &&usize| {
            let measured = self.totals.of_candidate(**number);
            front::violations(measured, &self.sweep.constraints) == 0
        };
        let feasible = all.iter().filter(meets).count();
        let figure = self.sweep.axes.1;
        let (title, own) = (title(figure), shown(self.measured, figure));
        let (first, second) = if feasible > 0 {
            (
                format!("{feasible} of {} policies meet `{constraint}`.", all.len()),
                format!("Of these, policy {number} is best in {title}: {own}."),
            )
        } else {
            let wrong = self.measured.count(Count::FalseFailures);
            (
                format!(
                    "No policy meets `{constraint}`. Policy {number} comes closest, with {wrong} false failures."
                ),
                format!("Policy {number} comes to {own} in {title}."),
            )
        };
        vec![first, format!("{second} {}", self.beside(figure))]
    }

    /// What the built-in policy and the limit come to.
    fn beside(&self, figure: Figure) -> String {
        let built_in = self.totals.of_built_in();
        let mut baselines = self.totals.of_baselines();
        let limit = baselines.find(|(baseline, ..)| *baseline == Baseline::Oracle);
        let limit = limit.map_or_else(String::new, |(_, _, limit)| {
            let limit = shown(limit, figure);
            format!("; the limit, which knows the truth, has {limit}")
        });
        format!(
            "The built-in policy has {}, with {} false failures{limit}.",
            shown(built_in, figure),
            built_in.count(Count::FalseFailures)
        )
    }

    fn equals(&self) -> Option<String> {
        let best = self.rank(self.measured);
        let all = self.totals.survivors.iter();
        let equals = all.filter(|other| self.rank(self.totals.of_candidate(**other)) == best);
        let equals = equals.count();
        (equals > 1).then(|| {
            format!(
                "{equals} policies come to the same; of these it is the most patient, since a false failure is the worst \
                 mistake."
            )
        })
    }

    /// GPU-hours are told for each pod too: a sum over scenarios says little of one's own cluster.
    fn gpu_hours(&self) -> Option<String> {
        let change = self.change(GPU_HOURS)?;
        let each = [self.measured, self.totals.of_built_in()].map(gpu_time_of_a_pod);
        Some(match each {
            [Some(own), Some(built_in)] if own != built_in => {
                format!(
                    "{change}; for each pod that could not run, that is {own} of a GPU instead of {built_in}."
                )
            }
            _ => format!("{change}."),
        })
    }

    fn queue_wait(&self) -> Option<String> {
        let change = self.change(QUEUE_WAIT)?;
        Some(format!("{change}."))
    }

    /// How a figure differs from that of the built-in policy. None if it does not, or is traded and told anyway.
    fn change(&self, figure: Figure) -> Option<String> {
        let built_in = self.totals.of_built_in();
        let (x, y) = self.sweep.axes;
        let [own, other] = [self.measured, built_in].map(|measured| shown(measured, figure));
        let is_news = own != other && figure != x && figure != y;
        is_news.then(|| {
            let title = title(figure);
            let comma = if title.contains(',') { "," } else { "" };
            format!(
                "In {title}{comma} it comes to {own} instead of {other} under the built-in policy"
            )
        })
    }
}

/// Of those that were failed rightly or missed.
fn gpu_time_of_a_pod(measured: &Measured) -> Option<Human> {
    let wrong = measured.count(Count::FalseFailures);
    let right = measured.count(Count::Verdicts).saturating_sub(wrong);
    let pods = right + measured.count(Count::Missed);
    let milliseconds = get(measured, GPU_HOURS)?.saturating_mul(3600);
    let seconds = (milliseconds / 1000).checked_div(pods)?;
    Some(Human(Duration::from_secs(seconds)))
}

fn bend(knee: &Point) -> String {
    let policy = match knee.kind {
        PointKind::BuiltIn => "the built-in policy".to_owned(),
        _ => format!("policy {}", knee.name),
    };
    format!("The curve of the front bends most at {policy}.")
}

fn shown(measured: &Measured, figure: Figure) -> String {
    in_words(get(measured, figure), unit_of(figure))
}

fn title(figure: Figure) -> String {
    let mut known = FIGURES.iter();
    let title = known.find(|(known, _)| *known == figure);
    title.map_or_else(|| figure.to_string(), |(_, title)| (*title).to_owned())
}
