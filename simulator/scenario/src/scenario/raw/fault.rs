//! Faults as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::read::{Percent, Span, Time, Word};
use super::value::{At, Text};
use crate::scenario::fault::{Write, WriteFault};

/// Something that happens at a time: one kind. `pods`, `nodes` and `images` are names, or patterns with `*`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FaultSpec {
    /// When.
    pub(crate) at: Text<Time>,
    /// Kubelets are killed and come back.
    pub(crate) kubelet_restart: Option<At<NodesDown>>,
    /// No pod sandbox can be created.
    #[serde(alias = "sandboxTrouble")]
    pub(crate) sandbox_fault: Option<At<NodesFor>>,
    /// Images that no container uses are removed from nodes.
    pub(crate) image_garbage: Option<At<ImagesOnNodes>>,
    /// An image is loaded onto nodes by hand.
    pub(crate) image_loaded: Option<At<ImageOnNodes>>,
    /// A user edits the image of live pods.
    pub(crate) edit_image: Option<At<EditImage>>,
    /// A user deletes pods.
    pub(crate) delete_pods: Option<At<Pods>>,
    /// A user sets `phase: Failed`.
    pub(crate) fail_pods: Option<At<FailPods>>,
    /// The enforcer's watch breaks.
    pub(crate) watch_gap: Option<At<For>>,
    /// The enforcer is killed and started again.
    pub(crate) enforcer_restart: Option<At<Down>>,
    /// The API server takes longer for everything.
    pub(crate) api_slow: Option<At<ForBy>>,
    /// The enforcer's writes fail.
    #[serde(alias = "writeTrouble")]
    pub(crate) write_fault: Option<At<WritesFail>>,
    /// Every event of the enforcer's watch comes twice.
    pub(crate) duplicate_events: Option<At<For>>,
}

macro_rules! members {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub(crate) struct $name {
            $($(#[$field_doc])* pub(crate) $field: $type,)+
        }
    )+};
}

members! {
    /// Nodes, and for how long they are away.
    NodesDown {
        /// Where.
        nodes: Text<Word>,
        /// How long they are away.
        down_for: Text<Span>,
    }
    /// Nodes, and for how long.
    NodesFor {
        /// Where.
        nodes: Text<Word>,
        /// For how long.
        #[serde(rename = "for")]
        lasts: Text<Span>,
    }
    /// Images on nodes.
    ImagesOnNodes {
        /// Where.
        nodes: Text<Word>,
        /// Which.
        images: Text<Word>,
    }
    /// An image on nodes.
    ImageOnNodes {
        /// Where.
        nodes: Text<Word>,
        /// Which; a name.
        image: Text<Word>,
    }
    /// A new image.
    EditImage {
        /// Whose.
        pods: Text<Word>,
        /// Of which container; `main` by default.
        container: Option<Text<Word>>,
        /// The new image.
        image: Text<Word>,
    }
    /// Pods.
    Pods {
        /// Which.
        pods: Text<Word>,
    }
    /// Pods, and how they are failed.
    FailPods {
        /// Which.
        pods: Text<Word>,
        /// How; `Durable` by default.
        how: Option<Text<Write>>,
    }
    /// For how long.
    For {
        /// For how long.
        #[serde(rename = "for")]
        lasts: Text<Span>,
    }
    /// How long it is away.
    Down {
        /// How long it is away.
        down_for: Text<Span>,
    }
    /// For how long, and by how much.
    ForBy {
        /// For how long.
        #[serde(rename = "for")]
        lasts: Text<Span>,
        /// How much longer everything takes.
        by: Text<Span>,
    }
    /// For how long, and how.
    WritesFail {
        /// For how long.
        #[serde(rename = "for")]
        lasts: Text<Span>,
        /// How they fail.
        how: Text<WriteFault>,
        /// How many in a hundred; all by default.
        percent: Option<Text<Percent>>,
    }
}
