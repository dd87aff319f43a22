//! Reads the Events of pods that were failing when first seen, and feeds them into the engine.

use std::sync::Arc;

use pullstop_core::engine::Input;
use pullstop_core::names::FAILED_CONDITION;
use pullstop_core::time::Timestamp;
use pullstop_core::wire::WirePod;
use pullstop_core::wire::timestamp;

use super::Driver;
use crate::pods::history::Past;

/// What was read of a pod's past.
#[derive(Debug)]
pub(super) struct Recalled {
    uid: String,
    created_at: Option<Timestamp>,
    met_at: Timestamp,
    /// Nothing if it could not be read.
    past: Option<Past>,
}

impl Driver {
    /// A pod is followed now that was not before, and may have been failing before. Whatever wrote a checkpoint has
    /// read its past.
    pub(super) fn recall(&mut self, pod: &WirePod) {
        let mut conditions = pod.status.conditions.iter();
        let is_remembered = conditions.any(|condition| condition.r#type == FAILED_CONDITION);
        let Some(historian) = self.historian.as_ref().filter(|_| !is_remembered) else {
            return;
        };
        let (historian, met_at) = (Arc::clone(historian), self.clock.now());
        let metadata = &pod.metadata;
        let (uid, namespace) = (metadata.uid.clone(), metadata.namespace.clone());
        let created_at = metadata
            .creation_timestamp
            .as_deref()
            .and_then(timestamp::parse);
        self.recalling.push(Box::pin(async move {
            let past = historian.past(&namespace, &uid).await;
            Recalled {
                uid,
                created_at,
                met_at,
                past,
            }
        }));
    }

    /// What was before a pod was seen is known now.
    pub(super) fn recollect(&mut self, recalled: &Recalled) {
        let now = self.clock.now();
        let Recalled {
            uid,
            created_at,
            met_at,
            past,
        } = recalled;
        let Some(past) = past else { return };
        let own = |servers| self.writer.api.time().own(servers);
        past.lend(*created_at, *met_at, own, |history| {
            self.engine.handle(now, Input::History { uid, history });
        });
    }
}
