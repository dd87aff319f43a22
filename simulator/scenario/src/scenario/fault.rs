//! Faults of the cluster and of the enforcer, and what people do by hand. Faults of a registry are in `supply`.

use std::fmt;
use std::time::Duration;

use pullstop_core::time::Human;

/// Something that happens at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub at: Duration,
    /// What.
    pub what: FaultKind,
}

/// What can happen. `pods`, `nodes` and `images` are names, or patterns with `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Kubelets are killed and come back after a while: back-off, error texts and event counters are lost.
    KubeletRestart {
        /// Whose.
        nodes: String,
        /// How long they are away.
        down_for: Duration,
    },
    /// No pod sandbox can be created.
    SandboxFault {
        /// Where.
        nodes: String,
        /// For how long.
        lasts: Duration,
    },
    /// Images that no container uses are removed from nodes, or all of that name if a container ran already.
    ImageGarbage {
        /// Where.
        nodes: String,
        /// Which.
        images: String,
    },
    /// An image is loaded onto nodes by hand.
    ImageLoaded {
        /// Where.
        nodes: String,
        /// Which; a name.
        image: String,
    },
    /// A user edits the image of a live pod.
    EditImage {
        /// Whose.
        pods: String,
        /// Of which container.
        container: String,
        /// The new image.
        image: String,
    },
    /// A user deletes pods.
    DeletePods {
        /// Which.
        pods: String,
    },
    /// A user sets `phase: Failed`.
    FailPods {
        /// Which.
        pods: String,
        /// How.
        how: Write,
    },
    /// The enforcer's watch breaks; it lists again afterwards.
    WatchGap {
        /// For how long.
        lasts: Duration,
    },
    /// The enforcer is killed and started again.
    EnforcerRestart {
        /// How long it is away.
        down_for: Duration,
    },
    /// The API server takes longer for everything that the enforcer asks or sees.
    ApiSlow {
        /// For how long.
        lasts: Duration,
        /// How much longer it takes.
        by: Duration,
    },
    /// The enforcer's writes fail.
    WriteFault {
        /// For how long.
        lasts: Duration,
        /// How.
        how: WriteFault,
        /// How many in a hundred.
        percent: u8,
    },
    /// Every event of the enforcer's watch comes twice.
    DuplicateEvents {
        /// For how long.
        lasts: Duration,
    },
}

/// The ways to set `phase: Failed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Status and an annotation in one patch: the kubelet keeps it.
    Durable,
    /// The status only: the kubelet may put the pod back.
    StatusOnly,
    /// `spec.activeDeadlineSeconds: 1`: the kubelet fails the pod itself.
    ActiveDeadline,
}

/// How a write can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteFault {
    /// 409, as if the pod had changed.
    Conflict,
    /// An error; nothing was stored.
    Failed,
    /// It was stored, but the answer is lost.
    LostAnswer,
}

/// In words: what happens, where, and for how long.
impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KubeletRestart { nodes, down_for } => {
                write!(
                    f,
                    "kubelets of {nodes} are killed and back after {}",
                    Human(*down_for)
                )
            }
            Self::SandboxFault { nodes, lasts } => {
                write!(
                    f,
                    "no pod sandbox can be created on {nodes} for {}",
                    Human(*lasts)
                )
            }
            Self::ImageGarbage { nodes, images } => {
                write!(f, "unused images {images} are removed from {nodes}")
            }
            Self::ImageLoaded { nodes, image } => write!(f, "{image} is loaded onto {nodes}"),
            Self::EditImage {
                pods,
                container,
                image,
            } => write!(f, "the image of {container} of {pods} is edited to {image}"),
            Self::DeletePods { pods } => write!(f, "{pods} are deleted by hand"),
            Self::FailPods { pods, how } => {
                let how = match how {
                    Write::Durable => "durably",
                    Write::StatusOnly => "in their status only",
                    Write::ActiveDeadline => "by activeDeadlineSeconds",
                };
                write!(f, "{pods} are failed by hand, {how}")
            }
            Self::WatchGap { lasts } => {
                write!(f, "the enforcer's watch is broken for {}", Human(*lasts))
            }
            Self::EnforcerRestart { down_for } => {
                write!(
                    f,
                    "the enforcer is killed and back after {}",
                    Human(*down_for)
                )
            }
            Self::ApiSlow { lasts, by } => {
                let (lasts, by) = (Human(*lasts), Human(*by));
                write!(f, "the API server takes {by} longer for {lasts}")
            }
            Self::WriteFault {
                lasts,
                how,
                percent,
            } => {
                let how = match how {
                    WriteFault::Conflict => "meet conflicts",
                    WriteFault::Failed => "fail",
                    WriteFault::LostAnswer => "lose their answer",
                };
                write!(
                    f,
                    "{percent} % of the enforcer's writes {how} for {}",
                    Human(*lasts)
                )
            }
            Self::DuplicateEvents { lasts } => {
                write!(
                    f,
                    "the enforcer sees every event twice for {}",
                    Human(*lasts)
                )
            }
        }
    }
}
