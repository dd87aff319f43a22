//! Checks expectations.

use pullstop_core::pod::Phase;

use super::Check;
use super::names::Names;
use crate::scenario::expect::{Expected, Fate, JobOutcome, JobsExpected, PodsExpected};
use crate::scenario::raw::Spec;
use crate::scenario::raw::expect::{ExpectSpec, FailedSpec, WarnedSpec};
use crate::scenario::raw::read::{Number, Read};
use crate::scenario::raw::value::{At, OrMore, Placed, place};
use crate::scenario::{Expectation, Place};

/// The reasons of a Job's condition `Failed` (`pkg/controller/job`).
const JOB_REASONS: [&str; 5] = [
    "PodFailurePolicy",
    "BackoffLimitExceeded",
    "DeadlineExceeded",
    "MaxFailedIndexesExceeded",
    "FailedIndexes",
];

impl Check {
    pub(super) fn expectations(&mut self, spec: &Spec) -> Vec<Expectation> {
        let expectations = spec.expect.iter().filter_map(|written| {
            let what = self.expectation(written)?;
            let place = written.place().unwrap_or((1, 1));
            Some(Expectation { place, what })
        });
        expectations.collect()
    }

    /// Whether there can be such pods and Jobs.
    pub(super) fn expectation_references(&mut self, spec: &Spec, names: &Names) {
        for written in &spec.expect {
            let (name, found) = match (&written.job, &written.pods) {
                (Some(job), _) => (job.place(), names.job(&job.text)),
                (None, Some(pods)) => (pods.place(), names.pod(&pods.text)),
                (None, None) => continue,
            };
            if let Err(message) = found {
                self.error(&name, message);
            }
        }
    }

    fn expectation(&mut self, written: &At<ExpectSpec>) -> Option<Expected> {
        let of_pods = written.of_pods();
        let of_jobs = written.of_jobs();
        let (what, strange): (&str, Vec<_>) = match (&written.job, &written.pods, &written.metric) {
            (Some(_), _, None) => ("of a Job", of_pods.into()),
            (None, Some(_), None) => ("of pods", of_jobs.into()),
            (None, None, Some(_)) => ("of a metric", of_pods.into_iter().chain(of_jobs).collect()),
            (None, None, None) => {
                self.error(
                    written,
                    "what is expected is missing: write `pods`, `job` or `metric`",
                );
                return None;
            }
            (_, _, Some(metric)) => {
                self.error(
                    metric,
                    "one expectation is of pods, of a Job or of a metric: write several",
                );
                return None;
            }
        };
        for (name, place) in strange {
            if let Some(place) = place {
                self.error(
                    &place,
                    format!("an expectation {what} has no `{name}`: remove it"),
                );
            }
        }
        if let Some(metric) = &written.metric {
            return self.read(metric).map(Expected::Metric);
        }
        if written.job.is_some() {
            return self.jobs_expected(written).map(Expected::Jobs);
        }
        self.pods_expected(written).map(Expected::Pods)
    }

    fn pods_expected(&mut self, written: &At<ExpectSpec>) -> Option<PodsExpected> {
        if written.of_pods().iter().all(|(_, place)| place.is_none()) {
            self.error(written, "this expects nothing: add `failed`, `neverFailed`, `warned`, `phase`, `count` or `runsBy`");
        }
        let fate = self.fate(written);
        let phase = self.maybe(written.phase.as_ref());
        if let (Some(Fate::Failed { .. }), Some(Phase::Running | Phase::Succeeded), Some(text)) =
            (fate, phase, &written.phase)
        {
            self.error(
                text,
                format!(
                    "a pod that is failed does not end as `{}`: change one of them",
                    text.text
                ),
            );
        }
        Some(PodsExpected {
            pods: self.read(written.pods.as_ref()?)?,
            count: self.maybe(written.count.as_ref()),
            fate,
            phase,
            runs_by: self.ends(written.runs_by.as_ref()),
        })
    }

    fn fate(&mut self, written: &ExpectSpec) -> Option<Fate> {
        let fates = [
            ("failed", place(written.failed.as_ref())),
            ("neverFailed", place(written.never_failed.as_ref())),
            ("warned", place(written.warned.as_ref())),
        ];
        let mut fates = fates
            .into_iter()
            .filter_map(|(name, place)| Some((name, place?)));
        if let (Some((first, _)), Some((second, place))) = (fates.next(), fates.next()) {
            let message =
                format!("`{first}` and `{second}` cannot both be true: remove one of them");
            self.error(&place, message);
        }
        if let Some(failed) = &written.failed {
            return Some(self.failed(failed));
        }
        if let Some(warned) = &written.warned {
            return Some(self.warned(warned));
        }
        let never = written.never_failed.as_ref()?;
        let value = self.read(never)?;
        self.ensure(value, never, "write `failed: true`, or remove this");
        Some(Fate::NeverFailed)
    }

    fn failed(&mut self, failed: &At<OrMore<FailedSpec>>) -> Fate {
        let more = match &**failed {
            OrMore::Plain(value) => {
                self.ensure(*value, failed, "write `neverFailed: true`, or remove this");
                return Fate::Failed {
                    between: None,
                    after_first_failure: None,
                    because: None,
                };
            }
            OrMore::More(more) => more,
        };
        Fate::Failed {
            between: self.interval(more.between.as_ref()),
            after_first_failure: self.interval(more.after_first_failure.as_ref()),
            because: self.maybe(more.because.as_ref()),
        }
    }

    fn warned(&mut self, warned: &At<OrMore<WarnedSpec>>) -> Fate {
        let because = match &**warned {
            OrMore::Plain(value) => {
                self.ensure(*value, warned, "write `neverFailed: true`, or remove this");
                None
            }
            OrMore::More(more) => self.maybe(more.because.as_ref()),
        };
        Fate::Warned { because }
    }

    fn jobs_expected(&mut self, written: &At<ExpectSpec>) -> Option<JobsExpected> {
        let says_nothing =
            written.of_jobs().iter().all(|(_, place)| place.is_none()) && written.pods.is_none();
        if says_nothing {
            self.error(written, "this expects nothing: add `outcome`, `reason`, `between`, `pods`, `failedPods` or `startsBy`");
        }
        let outcome = self.maybe(written.outcome.as_ref());
        self.outcome_fits(written, outcome);
        let pods = written.pods.as_ref().and_then(|text| {
            Number::read(&text.text)
                .map_err(|error| self.error(text, format!("pods of a Job: {error}")))
                .ok()
        });
        let failed = self.maybe(written.failed_pods.as_ref());
        if let (Some(made), Some(count), Some(text)) = (pods, failed, &written.failed_pods)
            && count > made
        {
            self.error(
                text,
                format!("{count} of {made} pods cannot have failed: change one of them"),
            );
        }
        Some(JobsExpected {
            jobs: self.read(written.job.as_ref()?)?,
            outcome,
            between: self.interval(written.between.as_ref()),
            reason: self.maybe(written.reason.as_ref()),
            pods,
            failed,
            starts_by: self.ends(written.starts_by.as_ref()),
        })
    }

    fn outcome_fits(&mut self, written: &ExpectSpec, outcome: Option<JobOutcome>) {
        if let Some(reason) = &written.reason {
            self.known("reason", "reason", reason, JOB_REASONS.into_iter());
            let fits = matches!(outcome, None | Some(JobOutcome::Failed));
            self.ensure(
                fits,
                reason,
                "only a Job that is `Failed` has a reason: remove it, or change `outcome`",
            );
        }
        if let Some(between) = &written.between {
            let ends = !matches!(outcome, Some(JobOutcome::Active | JobOutcome::Suspended));
            self.ensure(
                ends,
                between,
                "a Job that does not end has no time when it ends: remove `between`",
            );
        }
        if let (Some(starts), Some(JobOutcome::Suspended)) = (&written.starts_by, outcome) {
            self.error(
                starts,
                "a Job that stays suspended does not start: remove `startsBy`, or change `outcome`",
            );
        }
    }
}

impl ExpectSpec {
    fn of_pods(&self) -> [(&'static str, Option<Place>); 6] {
        [
            ("count", place(self.count.as_ref())),
            ("failed", place(self.failed.as_ref())),
            ("neverFailed", place(self.never_failed.as_ref())),
            ("warned", place(self.warned.as_ref())),
            ("phase", place(self.phase.as_ref())),
            ("runsBy", place(self.runs_by.as_ref())),
        ]
    }

    fn of_jobs(&self) -> [(&'static str, Option<Place>); 5] {
        [
            ("outcome", place(self.outcome.as_ref())),
            ("reason", place(self.reason.as_ref())),
            ("between", place(self.between.as_ref())),
            ("failedPods", place(self.failed_pods.as_ref())),
            ("startsBy", place(self.starts_by.as_ref())),
        ]
    }
}
