//! The world for users outside of it: they see every change, write, and advance time.
//!
//! Nothing here is used in virtual time, where the world runs on its own.

use std::sync::Arc;

use pullstop_core::cause::Cause;
use pullstop_core::time::Timestamp;

use super::World;
use super::api::{Change, Patch};
use super::cluster::Cluster;
use super::control::{self, Control};
use super::enforcer::writes::failed_now;
use super::ids::{NodeId, PodId};
use super::pod::Names;
use crate::scenario::workload::PodTemplate;

impl World {
    /// From now on, changes are kept until they are taken.
    pub fn tell_outside(&mut self) {
        self.told_outside.get_or_insert_default();
    }

    /// What has changed since the last call, in order.
    pub fn take_changes(&mut self) -> Vec<Change> {
        self.told_outside
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// When something happens next, if nobody writes before.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.cluster.queue.next_at().filter(|at| *at <= self.end)
    }

    /// A client has written to a pod at `at`, before anything else that is due then. A pod that is gone is left alone.
    pub fn write(&mut self, at: Timestamp, pod: PodId, patch: Patch) {
        self.pass_to(at);
        // Without a version it is refused only if the pod is gone.
        let _ = self.cluster.api.patch(pod, None, patch);
        self.spread();
    }

    /// A client has created a pod, perhaps on a node of its choice.
    pub fn adopt_pod(
        &mut self,
        at: Timestamp,
        names: Names,
        template: PodTemplate,
        node: Option<NodeId>,
    ) -> PodId {
        self.pass_to(at);
        let template = Arc::new(template);
        let id = control::create_named(&mut self.cluster, &template, names, None, node);
        self.spread();
        id
    }

    /// A client has done something to the controllers' objects.
    pub fn order<T>(
        &mut self,
        at: Timestamp,
        what: impl FnOnce(&mut Control, &mut Cluster) -> T,
    ) -> T {
        self.pass_to(at);
        let done = what(&mut self.control, &mut self.cluster);
        self.spread();
        done
    }

    /// A client has removed a pod at once.
    pub fn remove(&mut self, at: Timestamp, pod: PodId) {
        self.pass_to(at);
        self.cluster.api.remove(pod);
        self.spread();
    }

    /// A client is about to fail a pod for this cause: what is true at that moment is noted, the first time.
    pub fn note_failed(&mut self, at: Timestamp, pod: PodId, cause: Cause) {
        self.pass_to(at);
        let Some(stored) = self.cluster.api.get(pod) else {
            return;
        };
        let failed = failed_now(&self.cluster, stored, cause);
        if let Some(truth) = self.cluster.truth.pod_mut(pod) {
            truth.failed.get_or_insert(failed);
        }
    }

    /// A client has warned of a pod for this cause.
    pub fn note_warned(&mut self, at: Timestamp, pod: PodId, cause: Cause) {
        self.pass_to(at);
        let now = self.cluster.now;
        if let Some(truth) = self.cluster.truth.pod_mut(pod) {
            truth.warned.get_or_insert((now, cause));
        }
    }

    /// Lets time pass, but not beyond what is still to happen: what those outside have written they wrote before that.
    pub fn pass_to(&mut self, at: Timestamp) {
        let at = self.next_at().map_or(at, |next| at.min(next)).min(self.end);
        self.cluster.now = self.cluster.now.max(at);
    }
}
