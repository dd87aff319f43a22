//! DELETE: at once, or after a while.

use std::time::Duration;

use pullstop_core::time::Timestamp;
use serde_json::{Value, json};

use super::{Writing, Written};
use crate::admission;
use crate::clock;
use crate::rules;
use crate::status::Failure;
use crate::store::Write;
use crate::value::{items, text};

impl Writing<'_> {
    /// DELETE: at once, or after a while for what has to shut down. `options` is null if there are none.
    pub(crate) fn delete(self, options: &Value) -> Result<Written, Failure> {
        let asked = options["gracePeriodSeconds"].as_i64();
        let asked = asked.or(self.query.grace_period_seconds);
        let policy = match text(options, "/propagationPolicy") {
            "" => self.query.propagation_policy.as_str(),
            policy => policy,
        };
        let policy = match policy {
            // A Job's pods stay unless somebody says otherwise (`DefaultGarbageCollectionPolicy` in
            // `pkg/registry/batch/job/strategy.go`).
            "" if self.has_dependents() && self.resource.plural == "jobs" => "Orphan",
            policy => policy,
        };
        admission::check_deletion(self.store.admission(), self.resource, &self.key.name)?;
        let somebody_waits = self.has_dependents();
        let mut told = Value::Null;
        let mut gone = false;
        self.write(|current| {
            let current = current.ok_or_else(|| self.not_found())?;
            self.check_preconditions(current, options)?;
            let marked = self.marked(current, asked, policy);
            told.clone_from(&marked);
            // Where nobody deletes what depends on it, nobody would take these finalizers away.
            let waits = items(&marked, "/metadata/finalizers").iter();
            let mut waits = waits.filter(|one| {
                somebody_waits
                    || !["foregroundDeletion", "orphan"]
                        .map(Value::from)
                        .contains(one)
            });
            gone = marked["metadata"]["deletionGracePeriodSeconds"] == 0 && waits.next().is_none();
            Ok(if gone {
                Write::Delete
            } else if marked == **current {
                Write::Keep
            } else {
                Write::Put(marked)
            })
        })
        .map(|written| self.take_version(&mut told, &written))?;
        let bare = items(&told, "/metadata/finalizers").is_empty();
        if gone && bare && !self.resource.is_core("pods") {
            let uid = told["metadata"]["uid"].clone();
            return Ok(self.deleted(&uid));
        }
        Ok(self.written(200, &told, Vec::new()))
    }

    /// Whether somebody looks after what depends on the object: in a simulated cluster, what makes pods does.
    fn has_dependents(&self) -> bool {
        let makers = [("batch", "jobs"), ("apps", "replicasets")];
        let this = (self.resource.group.as_str(), self.resource.plural.as_str());
        self.store.admission().is_some() && makers.contains(&this)
    }

    /// The object with the mark of its deletion; what is marked already may only be given less time.
    fn marked(&self, current: &Value, asked: Option<i64>, policy: &str) -> Value {
        let mut object = current.clone();
        let had = current["metadata"]["deletionGracePeriodSeconds"].as_i64();
        let now = self.store.clock().now();
        let metadata = &mut object["metadata"];
        let (from, grace) = match (had, asked) {
            (Some(had), Some(asked)) if asked < had => {
                let until = clock::moment(text(metadata, "/deletionTimestamp")).unwrap_or(now);
                (
                    Timestamp::from_millis(
                        until.as_millis().saturating_sub(had.unsigned_abs() * 1000),
                    ),
                    asked,
                )
            }
            (Some(_), _) => return object,
            (None, _) => (now, rules::grace_seconds(self.resource, current, asked)),
        };
        let until = from.after(Duration::from_secs(grace.unsigned_abs()));
        metadata["deletionTimestamp"] = clock::text(until).into();
        metadata["deletionGracePeriodSeconds"] = grace.into();
        if let Some(generation) = metadata["generation"].as_u64().filter(|_| had.is_none()) {
            metadata["generation"] = (generation + 1).into();
        }
        let finalizer = match policy {
            "Foreground" => "foregroundDeletion",
            "Orphan" => "orphan",
            _ => return object,
        };
        let mut finalizers = items(metadata, "/finalizers").to_vec();
        if !finalizers.contains(&finalizer.into()) {
            finalizers.push(finalizer.into());
        }
        metadata["finalizers"] = finalizers.into();
        object
    }

    fn take_version(&self, object: &mut Value, written: &Value) {
        if !self.query.is_dry_run() && !written.is_null() {
            object["metadata"]["resourceVersion"] = written["metadata"]["resourceVersion"].clone();
        }
    }

    fn deleted(&self, uid: &Value) -> Written {
        let mut details = json!({"name": self.key.name, "kind": self.resource.plural, "uid": uid});
        if !self.resource.group.is_empty() {
            details["group"] = self.resource.group.as_str().into();
        }
        Written {
            code: 200,
            object: json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                "details": details,
            }),
            warnings: Vec::new(),
        }
    }
}
