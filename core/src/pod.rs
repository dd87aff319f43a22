//! A pod as the core sees it: a borrowed snapshot of the few fields that decisions need.
//!
//! The reader of pods (a watch, a recording, a simulation) lends a [`PodSnapshot`]; nothing of a healthy one is
//! kept. With the feature `wire`, [`crate::wire`] makes snapshots from the JSON that Kubernetes writes.

use std::fmt;
use std::sync::Arc;

use crate::history::Memory;
pub use crate::overrides::Overrides;
use crate::time::Timestamp;

/// One observation of a pod.
#[derive(Clone, Debug)]
pub struct PodSnapshot<'a> {
    /// `metadata.uid`: tells a pod from a later one of the same name.
    pub uid: &'a str,
    /// `metadata.namespace`.
    pub namespace: &'a str,
    /// `metadata.name`.
    pub name: &'a str,
    /// `metadata.resourceVersion`: later observations of a pod have higher ones.
    pub resource_version: ResourceVersion,
    /// `metadata.creationTimestamp`: no memory of an earlier failure can be true.
    pub created_at: Option<Timestamp>,
    /// Whether `metadata.deletionTimestamp` is set: the pod is going anyway.
    pub deleting: bool,
    /// The owner that controls the pod, if any.
    pub owner: Option<Owner<'a>>,
    /// `spec.restartPolicy`.
    pub restart_policy: RestartPolicy,
    /// `spec.nodeName`, once scheduled.
    pub node: Option<&'a str>,
    /// `status.phase`.
    pub phase: Phase,
    /// Whether the kubelet has taken a terminal phase over: condition `Ready` has reason `PodFailed` or
    /// `PodCompleted` (`pkg/kubelet/status/generate.go`).
    pub kubelet_agreed: bool,
    /// What the pod asks for, or what it belongs to asks for on its behalf.
    pub overrides: Overrides,
    /// Init containers and sidecars in their order, then main and ephemeral containers.
    pub containers: &'a [ContainerSnapshot<'a>],
    /// The references of the pod's image volumes. A volume's failed pull shows as a container's, under its image.
    pub image_volumes: &'a [&'a str],
}

/// One container of a [`PodSnapshot`].
#[derive(Clone, Copy, Debug)]
pub struct ContainerSnapshot<'a> {
    /// What kind of container it is.
    pub kind: ContainerKind,
    /// Its name, unique within the pod.
    pub name: &'a str,
    /// The image that the pod's **spec** asks for; the status may still speak of an earlier one.
    pub image: &'a str,
    /// `state` of its status.
    pub state: ContainerState<'a>,
    /// `restartCount`.
    pub restart_count: u32,
    /// Whether `lastState` shows that it has run.
    pub ran: bool,
    /// What an earlier run of the engine asked to remember about it ([`crate::engine::Effect::Remember`]).
    pub memory: Option<&'a Memory>,
}

/// The kinds of containers, which differ in what else is tried while one of them fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerKind {
    /// Runs to completion before the next starts: while it fails, nothing behind it is pulled.
    Init,
    /// An init container with `restartPolicy: Always`: nothing behind it is pulled until it has started once; while it
    /// fails later, the others go on.
    Sidecar,
    /// `spec.containers`.
    Main,
    /// `spec.ephemeralContainers`: for debugging, never a reason to fail a pod.
    Ephemeral,
}

/// `state` of a container's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerState<'a> {
    /// The kubelet has published no status yet.
    Unreported,
    /// Waiting, for this reason.
    Waiting {
        /// `reason`, such as `ErrImagePull`.
        reason: &'a str,
        /// `message`, with the error's text.
        message: &'a str,
    },
    /// Running.
    Running,
    /// Ended, whatever the exit code.
    Terminated,
}

/// The waiting reasons that concern images, and those that tell that the image is there.
///
/// `pkg/kubelet/images/types.go`, `staging/src/k8s.io/cri-api/pkg/errors`, `pkg/kubelet/kuberuntime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitingReason {
    /// The last pull failed; shown for one or two syncs.
    ErrImagePull,
    /// As `ErrImagePull`, from runtimes that tell an unavailable registry apart.
    RegistryUnavailable,
    /// As `ErrImagePull`, from runtimes that tell a rejected signature apart.
    SignatureValidationFailed,
    /// Between two pulls.
    ImagePullBackOff,
    /// The name cannot be parsed; nothing is pulled.
    InvalidImageName,
    /// The image is absent and must not be pulled.
    ErrImageNeverPull,
    /// The runtime could not be asked whether it has the image.
    ImageInspectError,
    /// Nothing published yet, or the first pull runs, or the kubelet has restarted.
    ContainerCreating,
    /// As `ContainerCreating`, in pods that have init containers.
    PodInitializing,
    /// The image was there and something later went wrong: `CreateContainerError` and the like.
    BeyondPull,
}

impl WaitingReason {
    /// The reason of this name; reasons that say nothing about images are `None`.
    pub fn parse(reason: &str) -> Option<Self> {
        Some(match reason {
            "ContainerCreating" => Self::ContainerCreating,
            "PodInitializing" => Self::PodInitializing,
            "ErrImagePull" => Self::ErrImagePull,
            "ImagePullBackOff" => Self::ImagePullBackOff,
            "InvalidImageName" => Self::InvalidImageName,
            "ErrImageNeverPull" => Self::ErrImageNeverPull,
            "ImageInspectError" => Self::ImageInspectError,
            "RegistryUnavailable" => Self::RegistryUnavailable,
            "SignatureValidationFailed" => Self::SignatureValidationFailed,
            "CreateContainerConfigError"
            | "CreateContainerError"
            | "PreCreateHookError"
            | "PreStartHookError"
            | "PostStartHookError"
            | "RunContainerError" => Self::BeyondPull,
            _ => return None,
        })
    }

    /// Whether the kubelet does not even try to pull.
    pub const fn never_pulls(self) -> bool {
        matches!(self, Self::InvalidImageName | Self::ErrImageNeverPull)
    }

    /// What the reason tells about pulls.
    pub const fn kind(self) -> Option<WaitingKind> {
        match self {
            Self::ErrImagePull | Self::RegistryUnavailable | Self::SignatureValidationFailed => {
                Some(WaitingKind::Failed)
            }
            Self::ImagePullBackOff => Some(WaitingKind::BackingOff),
            Self::InvalidImageName | Self::ErrImageNeverPull | Self::ImageInspectError => {
                Some(WaitingKind::Constant)
            }
            Self::ContainerCreating | Self::PodInitializing | Self::BeyondPull => None,
        }
    }
}

/// The three ways in which a waiting reason tells of a failing image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitingKind {
    /// A pull has failed: entering this is one failure.
    Failed,
    /// The kubelet waits before the next pull.
    BackingOff,
    /// No pull was tried, and the status stays as it is while that is so.
    Constant,
}

/// `status.phase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "Kubernetes' own names")]
pub enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
    Unknown,
}

impl Phase {
    /// Whether the pod has ended.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }

    /// Kubernetes' name of the phase.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Unknown => "Unknown",
        }
    }
}

/// `spec.restartPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "Kubernetes' own names")]
pub enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

impl RestartPolicy {
    /// Kubernetes' name of the policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::OnFailure => "OnFailure",
            Self::Never => "Never",
        }
    }
}

/// The owner that controls a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    /// Its kind, such as `Job`.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// `metadata.resourceVersion`, which orders the observations of a pod.
///
/// Kubernetes documents them as decimal integers that may be compared (KEP-5504).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceVersion(
    /// The integer.
    pub u64,
);

impl fmt::Display for ResourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A pod's name and uid, cheap to clone: effects carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodRef {
    uid: Uid,
    names: Arc<str>,
    namespace_len: u32,
}

impl PodRef {
    /// The names of the pod in `snapshot`.
    pub fn new(snapshot: &PodSnapshot<'_>) -> Self {
        let namespace_len = u32::try_from(snapshot.namespace.len()).unwrap_or(0);
        let names = format!("{}/{}", snapshot.namespace, snapshot.name).into();
        Self {
            uid: Uid::new(snapshot.uid),
            names,
            namespace_len,
        }
    }

    /// `metadata.uid`.
    pub fn uid(&self) -> String {
        self.uid.to_string()
    }

    /// `metadata.namespace`.
    pub fn namespace(&self) -> &str {
        &self.names[..self.namespace_len as usize]
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        &self.names[self.namespace_len as usize + 1..]
    }

    pub(crate) fn has_uid(&self, uid: &str) -> bool {
        self.uid.is(uid)
    }
}

/// Prints `namespace/name`.
impl fmt::Display for PodRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names)
    }
}

/// A uid: 16 bytes if it is a UUID as Kubernetes writes it, else its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Uid {
    Uuid([u8; 16]),
    Text(Arc<str>),
}

impl Uid {
    pub(crate) fn new(text: &str) -> Self {
        parse_uuid(text).map_or_else(|| Self::Text(text.into()), Self::Uuid)
    }

    pub(crate) fn is(&self, text: &str) -> bool {
        match self {
            Self::Uuid(bytes) => parse_uuid(text).is_some_and(|parsed| parsed == *bytes),
            Self::Text(own) => **own == *text,
        }
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Uuid(bytes) => {
                f.write_str(str::from_utf8(&print_uuid(bytes)).unwrap_or_default())
            }
        }
    }
}

/// A UUID in lower case with hyphens. Without the formatter, since simulations print millions.
fn print_uuid(bytes: &[u8; 16]) -> [u8; 36] {
    let mut text = [b'-'; 36];
    let mut at = 0;
    for byte in bytes {
        if matches!(at, 8 | 13 | 18 | 23) {
            at += 1;
        }
        text[at] = HEX_DIGITS[usize::from(byte >> 4)];
        text[at + 1] = HEX_DIGITS[usize::from(byte & 0xF)];
        at += 2;
    }
    text
}

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The bytes of a UUID written in lower case with hyphens, the only form that prints back to the same text.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 16];
    let mut at = 0;
    for byte in &mut bytes {
        if matches!(at, 8 | 13 | 18 | 23) {
            if text[at] != b'-' {
                return None;
            }
            at += 1;
        }
        *byte = hex_digit(text[at])? << 4 | hex_digit(text[at + 1])?;
        at += 2;
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    /// The value of each digit; what is none has all bits set.
    static VALUES: [u8; 256] = {
        let mut values = [u8::MAX; 256];
        let mut value = 0;
        while value < 16 {
            values[HEX_DIGITS[value as usize] as usize] = value;
            value += 1;
        }
        values
    };
    match VALUES[usize::from(digit)] {
        u8::MAX => None,
        value => Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_print_back() {
        for text in [
            "25211a4d-4d58-4a9b-a33e-9a4ba10994e2",
            "UPPER",
            "",
            "not-a-uuid",
            "25211A4D-4d58-4a9b-a33e-9a4ba10994e2",
        ] {
            let uid = Uid::new(text);
            assert_eq!(uid.to_string(), text);
            assert!(uid.is(text));
            assert!(!uid.is("25211a4d-4d58-4a9b-a33e-9a4ba10994e3"));
        }
    }

    #[test]
    fn unknown_reasons_are_none() {
        assert_eq!(WaitingReason::parse("CrashLoopBackOff"), None);
        assert_eq!(
            WaitingReason::parse("failed to look up credentials: boom"),
            None
        );
    }
}
