//! Reads texts as numbers, times, sizes and names.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use pullstop_core::cause::Cause;
use pullstop_core::pod::{Phase, RestartPolicy};
use pullstop_core::policy::Mode;
use pullstop_core::suggest;
use pullstop_core::time::parse_duration;
use pullstop_core::yaml::is_label;
use schemars::{Schema, json_schema};

use crate::pull_errors::{PullError, Runtime};
use crate::scenario::QueueOrder;
use crate::scenario::expect::JobOutcome;
use crate::scenario::fault::{Write, WriteFault};
use crate::scenario::metric::Condition;
use crate::scenario::old_names;
use crate::scenario::quantity::{SIZE_MAX, cpu_millis, mebibytes};
use crate::scenario::supply::RegistryFaultKind;
use crate::scenario::workload::{PodFailureAction, PodReplacement, PullPolicy};

/// What a text can be read as.
pub(crate) trait Read {
    /// What comes out.
    type Value;

    /// Reads it, or says what is wrong and what to do.
    fn read(text: &str) -> Result<Self::Value, String>;

    /// What editors are told of it.
    fn schema() -> Schema;
}

/// A value that has a name.
pub(crate) trait Named: Copy {
    /// What the names name.
    const WHAT: &'static str;

    /// All of them.
    fn all() -> Vec<(String, Self)>;

    /// What a name is called now, if it has changed.
    fn today(name: &str) -> &str {
        name
    }
}

impl<T: Named> Read for T {
    type Value = T;

    fn read(text: &str) -> Result<T, String> {
        let all = T::all();
        let found = all.iter().find(|(name, _)| name == T::today(text));
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
            format!(
                "unknown {} `{text}`: {}",
                T::WHAT,
                suggest::hint(text, &names)
            )
        })
    }

    fn schema() -> Schema {
        let names: Vec<String> = T::all().into_iter().map(|(name, _)| name).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}

macro_rules! named {
    ($($type:ty, $what:literal: $($value:ident = $name:literal),+;)+) => {$(
        impl Named for $type {
            const WHAT: &'static str = $what;

            fn all() -> Vec<(String, Self)> {
                vec![$(($name.to_owned(), Self::$value)),+]
            }
        }
    )+};
}

named! {
    Runtime, "runtime":
        Containerd2 = "containerd-2", Containerd17 = "containerd-1.7", Containerd16 = "containerd-1.6",
        Crio = "cri-o";
    QueueOrder, "order": Fifo = "Fifo", Priority = "Priority";
    RestartPolicy, "restart policy": Always = "Always", OnFailure = "OnFailure", Never = "Never";
    PullPolicy, "pull policy": Always = "Always", IfNotPresent = "IfNotPresent", Never = "Never";
    PodFailureAction, "action":
        FailJob = "FailJob", FailIndex = "FailIndex", Ignore = "Ignore", Count = "Count";
    PodReplacement, "pod replacement policy":
        TerminatingOrFailed = "TerminatingOrFailed", Failed = "Failed";
    Mode, "mode": Enforce = "enforce", Warn = "warn", Off = "off";
    Write, "way to fail a pod":
        Durable = "Durable", StatusOnly = "StatusOnly", ActiveDeadline = "ActiveDeadline";
    WriteFault, "write fault": Conflict = "Conflict", Failed = "Failed", LostAnswer = "LostAnswer";
    Phase, "phase": Pending = "Pending", Running = "Running", Succeeded = "Succeeded", Failed = "Failed";
    JobOutcome, "outcome":
        Complete = "Complete", Failed = "Failed", Active = "Active", Suspended = "Suspended";
}

impl Named for Cause {
    const WHAT: &'static str = "cause";

    /// No verdict is ever for a cause that is no failure.
    fn all() -> Vec<(String, Self)> {
        let failures = Self::ALL.into_iter().filter(|cause| cause.is_failure());
        failures.map(|cause| (cause.to_string(), cause)).collect()
    }
}

impl Named for PullError {
    const WHAT: &'static str = "error";

    /// No registry throttles kubelets: they do that themselves.
    fn all() -> Vec<(String, Self)> {
        let of_pulls = Self::ALL
            .into_iter()
            .filter(|error| *error != Self::Throttled);
        of_pulls
            .map(|error| (format!("{error:?}"), error))
            .collect()
    }

    fn today(name: &str) -> &str {
        old_names::error(name)
    }
}

macro_rules! readers {
    ($($(#[$doc:meta])* $name:ident => $value:ty, |$text:ident| $read:expr, $schema:tt;)+) => {$(
        $(#[$doc])*
        pub(crate) enum $name {}

        impl Read for $name {
            type Value = $value;

            fn read($text: &str) -> Result<$value, String> {
                $read
            }

            fn schema() -> Schema {
                json_schema!($schema)
            }
        }
    )+};
}

readers! {
    /// A duration, zero among them.
    Time => Duration, |text| parse_duration(text).map_err(|error| error.to_string()),
        { "type": "string", "pattern": DURATION };
    /// A duration that is not zero.
    Span => Duration, |text| match Time::read(text)? {
        Duration::ZERO => Err(format!("`{text}` is no time at all: write more")),
        span => Ok(span),
    }, { "type": "string", "pattern": DURATION };
    /// A count of at least 1.
    Count => u32, |text| whole(text, 1, SIZE_MAX), { "type": "integer", "minimum": 1, "maximum": SIZE_MAX };
    /// A count that may be zero.
    Number => u32, |text| whole(text, 0, SIZE_MAX), { "type": "integer", "minimum": 0, "maximum": SIZE_MAX };
    /// How many times as long.
    Factor => u32, |text| whole(text, 2, RegistryFaultKind::FACTOR_MAX),
        { "type": "integer", "minimum": 2, "maximum": RegistryFaultKind::FACTOR_MAX };
    /// So many in a hundred.
    Percent => u8, |text| whole(text, 1, 100), { "type": "integer", "minimum": 1, "maximum": 100 };
    /// A container's exit code.
    ExitCode => i32, |text| whole(text, 0, 255), { "type": "integer", "minimum": 0, "maximum": 255 };
    /// A priority, as in Kubernetes.
    Priority => i32, |text| whole(text, i32::MIN, i32::MAX), { "type": "integer" };
    /// From which chance is drawn.
    Seed => u64, |text| whole(text, 0, u64::MAX), { "type": "integer", "minimum": 0 };
    /// `true` or `false`.
    Flag => bool, |text| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("`{text}` is neither `true` nor `false`")),
    }, { "type": "boolean" };
    /// CPUs, in thousandths.
    Cpu => u64, |text| cpu_millis(text), { "type": ["string", "number"] };
    /// Bytes, in MiB.
    Bytes => u64, |text| mebibytes(text), { "type": ["string", "integer"] };
    /// A name that becomes part of the names of Kubernetes' objects.
    Label => String, |text| if is_label(text) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{text}` is not a name: use lower-case letters, digits and `-`, at most 63, a letter or digit at both \
             ends"
        ))
    }, { "type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" };
    /// A text that is not empty.
    Word => String, |text| if text.trim().is_empty() {
        Err("this is empty: write a name".to_owned())
    } else {
        Ok(text.to_owned())
    }, { "type": "string", "minLength": 1 };
    /// Names of pods, or how many a Job has made.
    PodsOrCount => String, |text| Word::read(text), { "type": ["string", "integer"] };
    /// A condition on a figure.
    Metric => Condition, |text| Condition::parse(text).map_err(|error| error.to_string()),
        { "type": "string" };
    /// `true`, or what pulls are told of an image that is missing.
    Missing => PullError, |text| if text == "true" {
        Ok(PullError::ManifestNotFound)
    } else if text == "false" {
        Err("images exist unless you say otherwise: remove `missing`".to_owned())
    } else {
        PullError::read(text)
    }, { "anyOf": [{ "const": true }, (PullError::schema())] };
    /// Kubernetes' minor release.
    Release => u32, |text| release(text), { "type": ["string", "number"] };
}

/// The releases whose kubelets and controllers are modelled: since 1.27 kubelets can pull in parallel.
const RELEASES: RangeInclusive<u32> = 27..=36;
const DURATION: &str = "^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";

fn whole<T>(text: &str, min: T, max: T) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display + Copy,
{
    let number = text.parse::<T>().ok();
    let fits = number.filter(|number| min <= *number && *number <= max);
    fits.ok_or_else(|| {
        format!("`{text}` does not fit here: write a whole number from {min} to {max}")
    })
}

fn release(text: &str) -> Result<u32, String> {
    let minor = text.strip_prefix("1.").and_then(|minor| minor.parse().ok());
    minor.filter(|minor| RELEASES.contains(minor)).ok_or_else(|| {
        let (oldest, newest) = (RELEASES.start(), RELEASES.end());
        format!("unknown Kubernetes release `{text}`: 1.{oldest} to 1.{newest} are known, written as \"1.{newest}\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_errors_and_runtimes_are_those_of_serde() {
        for (name, error) in PullError::all() {
            assert_eq!(serde_json::json!(error), name.as_str());
        }
        for (name, runtime) in Runtime::all() {
            assert_eq!(serde_json::json!(runtime), name.as_str());
        }
    }
}
