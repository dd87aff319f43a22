//! Folds rows with the same history into one band.

use std::collections::BTreeMap;

use super::chart::{Fold, Group, Kind, Row, Texts};

/// So many rows fold, and no fewer: a few are quicker read one by one.
const FOLD_MIN: usize = 8;
/// A row has the story of others if none of its moments lies further from theirs than this part of the run: one in
/// twenty, the width of a few bars. Kubelets repeat a failed pull every 307 s, which is less than that in a run of two
/// hours, so pods that wait for the same registry stay together.
const TOLERANCE: u64 = 20;

/// Folds the rows of each group, and says which groups are to be folded.
pub(super) fn groups(groups: &mut [Group], duration_ms: u64, texts: &mut Texts) -> Vec<Fold> {
    let tolerance_ms = duration_ms / TOLERANCE;
    for group in &mut *groups {
        let stories: Vec<Story> = group.rows.iter().map(Story::of_row).collect();
        group.folds = folds(&stories, tolerance_ms, texts);
    }
    let stories: Vec<Story> = groups.iter().map(Story::of_group).collect();
    folds(&stories, tolerance_ms, texts)
}

/// What happens to a row, without the times.
type Step = (usize, Kind, Option<usize>);

/// What happened, and when: two rows have the same story if the same happened at about the same times.
#[derive(Debug)]
struct Story {
    name: String,
    steps: Vec<Step>,
    moments_ms: Vec<u64>,
}

impl Story {
    /// Each change of what is going on, by lane, and the verdicts. Waiting is told by the moment of what comes after it,
    /// and how often the same pull fails is not told: it depends on when the first one was.
    fn of_row(row: &Row) -> Self {
        let mut all: Vec<(usize, u64, Kind)> = row
            .spans
            .iter()
            .map(|span| (span.1, span.2, span.0))
            .collect();
        all.sort_by_key(|(lane, from, _)| (*lane, *from));
        let tells = |kind: Kind| !matches!(kind, Kind::Waiting | Kind::Queued | Kind::BackOff);
        if all.iter().any(|(_, _, kind)| tells(*kind)) {
            all.retain(|(_, _, kind)| tells(*kind));
        }
        all.dedup_by_key(|(lane, _, kind)| (*lane, *kind));
        let spans = all
            .into_iter()
            .map(|(lane, at, kind)| ((lane, kind, None), at));
        let marks = row
            .marks
            .iter()
            .map(|mark| ((usize::MAX, mark.0, mark.3), mark.1));
        let (steps, moments_ms) = spans.chain(marks).unzip();
        Self {
            name: row.name.clone(),
            steps,
            moments_ms,
        }
    }

    /// That of the owner, followed by those of its pods.
    fn of_group(group: &Group) -> Self {
        let mut story = Self::of_row(&group.head);
        for row in &group.rows {
            let of_row = Self::of_row(row);
            story.steps.extend(of_row.steps);
            story.moments_ms.extend(of_row.moments_ms);
        }
        story
    }

    /// The name without what tells it from its brothers.
    fn stem(&self) -> &str {
        self.name
            .rsplit_once('-')
            .map_or(&self.name, |(stem, _)| stem)
    }
}

/// Rows that may become a fold.
#[derive(Debug)]
struct Band {
    of: Vec<usize>,
    /// For each step, when the first row came to it and when the last.
    hull_ms: Vec<(u64, u64)>,
}

impl Band {
    fn takes(&self, moments_ms: &[u64], tolerance_ms: u64) -> bool {
        self.hull_ms
            .iter()
            .zip(moments_ms)
            .all(|((first, last), at)| {
                at.saturating_add(tolerance_ms) >= *first
                    && *at <= last.saturating_add(tolerance_ms)
            })
    }

    fn add(&mut self, place: usize, moments_ms: &[u64]) {
        self.of.push(place);
        for ((first, last), at) in self.hull_ms.iter_mut().zip(moments_ms) {
            *first = (*first).min(*at);
            *last = (*last).max(*at);
        }
    }
}

fn folds(stories: &[Story], tolerance_ms: u64, texts: &mut Texts) -> Vec<Fold> {
    let mut bands: BTreeMap<(&str, &[Step]), Vec<Band>> = BTreeMap::new();
    for (place, story) in stories.iter().enumerate() {
        let alike = bands.entry((story.stem(), &story.steps)).or_default();
        let moments_ms = &story.moments_ms;
        match alike
            .iter_mut()
            .find(|band| band.takes(moments_ms, tolerance_ms))
        {
            Some(band) => band.add(place, moments_ms),
            None => alike.push(Band {
                of: vec![place],
                hull_ms: moments_ms.iter().map(|at| (*at, *at)).collect(),
            }),
        }
    }
    let mut folds: Vec<Fold> = Vec::new();
    for ((stem, steps), alike) in bands {
        for band in alike.into_iter().filter(|band| band.of.len() >= FOLD_MIN) {
            folds.push(Fold {
                name: format!("{} × {stem}-*", band.of.len()),
                lines: lines(steps, &band.hull_ms, texts),
                of: band.of,
            });
        }
    }
    folds.sort_by_key(|fold| fold.of[0]);
    folds
}

/// The shared story, in the order of time.
fn lines(steps: &[Step], hull_ms: &[(u64, u64)], texts: &mut Texts) -> Vec<(u64, u64, usize)> {
    let steps = steps.iter().zip(hull_ms);
    let mut lines: Vec<(u64, u64, usize)> = steps
        .map(|((_, kind, _), (first, last))| (*first, *last, texts.place(kind.words())))
        .collect();
    lines.sort_by_key(|(first, last, _)| (*first, *last));
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use pullstop_cluster::world::ZERO;

    const DURATION_MS: u64 = 2 * 3600 * 1000;

    /// A pod that fails from `begins_s` on, every five minutes, runs at `runs_s`, and ends ten seconds later.
    fn pod(name: &str, begins_s: u64, runs_s: u64) -> Row {
        let at = |s: u64| ZERO.after(Duration::from_secs(s));
        let mut row = Row::new(name);
        for s in (begins_s..runs_s).step_by(300) {
            row.span(Kind::Registry, 0, (at(s), at(s + 1)), 0);
            row.span(Kind::BackOff, 0, (at(s + 1), at(s + 300)), 0);
        }
        row.span(Kind::Pulled, 0, (at(runs_s - 1), at(runs_s)), 0);
        row.span(Kind::Running, 0, (at(runs_s), at(runs_s + 10)), 0);
        row
    }

    fn folded(rows: Vec<Row>) -> Vec<Fold> {
        let mut texts = Texts::default();
        let mut all = [Group {
            head: Row::new("Pods without owner"),
            rows,
            folds: Vec::new(),
        }];
        assert!(groups(&mut all, DURATION_MS, &mut texts).is_empty());
        let [group] = all;
        group.folds
    }

    #[test]
    fn the_same_story_is_one_band_however_often_pulls_failed() {
        let good = |n: u64| pod(&format!("default/good-{n}"), 300 + 2 * n, 3000 + n % 7);
        let folds = folded((0..495).map(good).collect());
        assert_eq!(folds.len(), 1);
        assert_eq!(folds[0].name, "495 × default/good-*");
        assert_eq!(folds[0].of, (0..495).collect::<Vec<_>>());
        let begins = folds[0].lines[0];
        assert_eq!((begins.0, begins.1), (300_000, 1_288_000));
    }

    #[test]
    fn another_end_is_another_story() {
        let mut rows: Vec<Row> = (0..20)
            .map(|n| pod(&format!("default/good-{n}"), 300, 3000))
            .collect();
        rows[7].verdict(Kind::Verdict, ZERO.after(Duration::from_secs(600)), 0, 1);
        let folds = folded(rows);
        assert_eq!(folds.len(), 1);
        assert!(!folds[0].of.contains(&7), "{folds:?}");
        assert_eq!(folds[0].of.len(), 19);
    }

    #[test]
    fn what_comes_much_later_is_another_band() {
        let wave = |n: u64| {
            pod(
                &format!("default/good-{n}"),
                300 + n / 10 * 3000,
                1000 + n / 10 * 3000,
            )
        };
        let folds = folded((0..20).map(wave).collect());
        let of: Vec<usize> = folds.iter().map(|fold| fold.of.len()).collect();
        assert_eq!(of, [10, 10]);
    }

    #[test]
    fn a_few_rows_stay_rows() {
        let rows = (0..7).map(|n| pod(&format!("default/good-{n}"), 300, 3000));
        assert_eq!(folded(rows.collect()), []);
    }
}
