//! What goes wrong in a cluster, and what people do to it by hand.

use std::time::Duration;

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
    SandboxTrouble {
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
    /// Somebody edits the image of a live pod.
    EditImage {
        /// Whose.
        pods: String,
        /// Of which container.
        container: String,
        /// The new image.
        image: String,
    },
    /// Somebody deletes pods.
    DeletePods {
        /// Which.
        pods: String,
    },
    /// Somebody sets `phase: Failed`.
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
    WriteTrouble {
        /// For how long.
        lasts: Duration,
        /// How.
        how: WriteTrouble,
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
pub enum WriteTrouble {
    /// 409, as if the pod had changed.
    Conflict,
    /// An error; nothing was stored.
    Failed,
    /// It was stored, but the answer is lost.
    LostAnswer,
}
