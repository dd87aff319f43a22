//! Writes: create, update, patch, delete.

use std::sync::Arc;

use serde_json::{Value, json};

use super::clock;
use super::convert;
use super::patch::{self, Manager, Patch};
use super::query::Query;
use super::resources::Resource;
use super::rules;
use super::schema;
use super::status::{Failure, FieldError};
use super::store::{Key, Store, Write};
use super::value::{go, items, members, set, text};

/// One write, and all that it needs to know.
pub(super) struct Writing<'a> {
    pub(super) store: &'a Store,
    pub(super) resource: &'a Resource,
    pub(super) key: Key,
    pub(super) subresource: &'a str,
    pub(super) query: &'a Query,
    pub(super) user: &'a str,
}

/// What was written.
pub(super) struct Written {
    /// 200 or 201.
    pub(super) code: u16,
    pub(super) object: Value,
    /// `Warning` headers.
    pub(super) warnings: Vec<String>,
}

impl Writing<'_> {
    /// POST: a new object. Its name comes from the object.
    pub(super) fn create(mut self, mut object: Value) -> Result<Written, Failure> {
        self.take_identity(&mut object)?;
        let (object, warnings) = self.without_unknown(object, self.unknown_in_object())?;
        let mut object = convert::stored(self.resource, object);
        rules::prepare_new(self.resource, &mut object, &self.now());
        rules::check_new(self.resource, &self.key, &object)?;
        self.need_namespace()?;
        let written = self.write(|current| match current {
            Some(_) => Err(Failure::already_exists(self.resource, &self.key.name)),
            None => Ok(Write::Put(object)),
        })?;
        Ok(self.written(201, &written, warnings))
    }

    /// PUT: the object in place of the one that is there.
    pub(super) fn update(mut self, mut object: Value) -> Result<Written, Failure> {
        rules::check_shape(self.resource, &object)?;
        let named = text(&object, "/metadata/name");
        if named != self.key.name {
            let message = format!(
                "the name of the object ({named}) does not match the name on the URL ({})",
                self.key.name
            );
            return Err(Failure::bad_request(message));
        }
        self.take_identity(&mut object)?;
        let (object, warnings) = self.without_unknown(object, self.unknown_in_object())?;
        let object = convert::stored(self.resource, object);
        let written = self.write(|current| {
            let current = current.ok_or_else(|| self.not_found())?;
            self.check_uid(current, &object)?;
            if rules::needs_version(self.resource) && version(&object).is_empty() {
                let error = FieldError::invalid(
                    "metadata.resourceVersion",
                    "0x0",
                    "must be specified for an update",
                );
                return Err(self.invalid(&[error]));
            }
            self.replace(current, object)
        })?;
        Ok(self.written(200, &written, warnings))
    }

    /// PATCH.
    pub(super) fn patch(self, patch: &Patch) -> Result<Written, Failure> {
        if let Patch::Apply(config) = patch {
            return self.apply(config);
        }
        let mut patch = patch.clone();
        let mut warnings = Vec::new();
        if let Patch::Merge(value) | Patch::Strategic(value) = &mut patch {
            let shown = go(value);
            let refusal = move |why: &str| {
                let why = format!("strict decoding error: {why}");
                let error = FieldError::invalid("patch", &format!("\"{shown}\""), &why);
                Failure::invalid("", "", "", &[error])
            };
            (*value, warnings) = self.without_unknown(value.take(), refusal)?;
        }
        let written = self.write(|current| {
            let current = current.ok_or_else(|| self.not_found())?;
            let served = convert::served(self.resource, current);
            let patched = patch.patched(&served)?;
            self.replace(current, convert::stored(self.resource, patched))
        })?;
        Ok(self.written(200, &written, warnings))
    }

    /// PATCH with all that a manager wants.
    fn apply(self, config: &Value) -> Result<Written, Failure> {
        if self.query.field_manager.is_empty() {
            let error = FieldError::required("fieldManager", "is required for apply patch");
            return Err(Failure::invalid(
                "PatchOptions",
                "meta.k8s.io",
                "",
                &[error],
            ));
        }
        rules::check_shape(self.resource, config)?;
        let (config, warnings) = self.without_unknown(config.clone(), self.unknown_in_object())?;
        let now = self.now();
        let manager = Manager {
            name: &self.query.field_manager,
            subresource: self.subresource,
            force: self.query.force,
            time: &now,
        };
        let mut code = 200;
        let written = self.write(|current| {
            let Some(current) = current else {
                if !self.subresource.is_empty() {
                    return Err(self.not_found());
                }
                code = 201;
                let object = patch::apply(&Value::Null, &config, manager)?;
                let mut object = convert::stored(self.resource, object);
                rules::prepare_new(self.resource, &mut object, &now);
                rules::check_new(self.resource, &self.key, &object)?;
                return Ok(Write::Put(object));
            };
            let served = convert::served(self.resource, current);
            let applied = patch::apply(&served, &config, manager)?;
            self.replace(current, convert::stored(self.resource, applied))
        })?;
        Ok(self.written(code, &written, warnings))
    }

    /// DELETE: at once, or after a while for what has to shut down. `options` is null if there are none.
    pub(super) fn delete(self, options: &Value) -> Result<Written, Failure> {
        let grace = self.query.grace_period_seconds;
        let grace = options["gracePeriodSeconds"].as_u64().or(grace);
        let mut before = Value::Null;
        let written = self.write(|current| {
            let current = current.ok_or_else(|| self.not_found())?;
            self.check_preconditions(current, options)?;
            before = Value::clone(current);
            let grace = rules::grace_seconds(self.resource, current, grace);
            let finalizers = items(current, "/metadata/finalizers");
            if grace == 0 && finalizers.is_empty() {
                return Ok(Write::Delete);
            }
            if !current["metadata"]["deletionTimestamp"].is_null() {
                return Ok(Write::Keep);
            }
            Ok(Write::Put(self.marked_for_deletion(current, grace)))
        })?;
        let gone = self.store.get(&self.key).is_none();
        if gone && !self.resource.is_core("pods") {
            let uid = before["metadata"]["uid"].clone();
            return Ok(self.deleted(&uid));
        }
        Ok(self.written(200, &written, Vec::new()))
    }

    fn marked_for_deletion(&self, current: &Value, grace_seconds: u64) -> Value {
        let mut object = current.clone();
        let until = std::time::Duration::from_secs(grace_seconds);
        let at = self.store.clock().now().after(until);
        let metadata = &mut object["metadata"];
        metadata["deletionTimestamp"] = clock::text(at).into();
        metadata["deletionGracePeriodSeconds"] = grace_seconds.into();
        if let Some(generation) = metadata["generation"].as_u64() {
            metadata["generation"] = (generation + 1).into();
        }
        object
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

    /// The new object in place of the old one, with what this write may not change put back.
    fn replace(&self, current: &Arc<Value>, mut new: Value) -> Result<Write, Failure> {
        rules::check_shape(self.resource, &new)?;
        let wanted = version(&new);
        if !wanted.is_empty() && wanted != version(current) {
            return Err(Failure::conflict(self.resource, &self.key.name));
        }
        rules::prepare_change(self.resource, self.subresource, current, &mut new);
        let errors = rules::check_change(self.resource, self.subresource, current, &new);
        if !errors.is_empty() {
            return Err(self.invalid(&errors));
        }
        if new == **current {
            return Ok(Write::Keep);
        }
        let finished = !new["metadata"]["deletionTimestamp"].is_null()
            && items(&new, "/metadata/finalizers").is_empty()
            && !items(current, "/metadata/finalizers").is_empty();
        if finished && !self.resource.is_core("pods") {
            return Ok(Write::Delete);
        }
        Ok(Write::Put(new))
    }

    /// Carries the write out, or only looks what would come of it.
    fn write(
        &self,
        decide: impl FnOnce(Option<&Arc<Value>>) -> Result<Write, Failure>,
    ) -> Result<Arc<Value>, Failure> {
        if self.query.dry_run {
            let current = self.store.get(&self.key);
            return Ok(match decide(current.as_ref())? {
                Write::Put(object) => Arc::new(object),
                Write::Keep | Write::Delete => current.unwrap_or_default(),
            });
        }
        let written = self.store.write(&self.key, self.user, decide)?;
        Ok(written.unwrap_or_default())
    }

    fn written(&self, code: u16, object: &Value, warnings: Vec<String>) -> Written {
        Written {
            code,
            object: convert::served(self.resource, object),
            warnings,
        }
    }

    /// Takes the name, if the path has none, and checks that the namespace is the path's.
    fn take_identity(&mut self, object: &mut Value) -> Result<(), Failure> {
        rules::check_shape(self.resource, object)?;
        let (api_version, kind) = (self.resource.api_version(), &self.resource.kind);
        let said = (text(object, "/apiVersion"), text(object, "/kind"));
        if said != (api_version.as_str(), kind.as_str()) && said != ("", "") {
            let message = format!(
                "the API version in the data ({}, Kind={}) does not match the expected API version ({api_version}, Kind={kind})",
                said.0, said.1
            );
            return Err(Failure::bad_request(message));
        }
        set(object, "apiVersion", Some(api_version.into()));
        set(object, "kind", Some(kind.as_str().into()));
        let namespace = text(object, "/metadata/namespace");
        if self.resource.namespaced && !["", self.key.namespace.as_str()].contains(&namespace) {
            let message = "the namespace of the provided object does not match the namespace sent on the request";
            return Err(Failure::bad_request(message));
        }
        if self.key.name.is_empty() {
            self.key.name = self.name_of(object);
        }
        let metadata = members(&mut object["metadata"]);
        metadata.insert("name".to_owned(), self.key.name.as_str().into());
        if self.resource.namespaced {
            metadata.insert("namespace".to_owned(), self.key.namespace.as_str().into());
        }
        Ok(())
    }

    /// The object's name, or one that begins as it asks for.
    fn name_of(&self, object: &Value) -> String {
        match text(object, "/metadata/name") {
            "" => match text(object, "/metadata/generateName") {
                "" => String::new(),
                prefix => format!("{prefix}{:05x}", self.store.version() + 1),
            },
            name => name.to_owned(),
        }
    }

    fn need_namespace(&self) -> Result<(), Failure> {
        let namespace = Key::of("", "namespaces", "", &self.key.namespace);
        if self.key.namespace.is_empty() || self.store.get(&namespace).is_some() {
            return Ok(());
        }
        let message = format!("namespaces \"{}\" not found", self.key.namespace);
        let failure = Failure::new(404, "NotFound", message);
        Err(failure.about(&self.key.namespace, "", "namespaces"))
    }

    /// Takes unknown fields out, and warns or refuses, as the query says.
    fn without_unknown(
        &self,
        mut value: Value,
        refusal: impl FnOnce(&str) -> Failure,
    ) -> Result<(Value, Vec<String>), Failure> {
        if !self.resource.is_core("pods") {
            return Ok((value, Vec::new()));
        }
        let unknown = schema::take_unknown(&mut value).into_iter();
        let warnings: Vec<String> = unknown.map(|f| format!("unknown field \"{f}\"")).collect();
        match self.query.field_validation.as_str() {
            "Strict" if !warnings.is_empty() => Err(refusal(&warnings.join(", "))),
            "Ignore" => Ok((value, Vec::new())),
            _ => Ok((value, warnings)),
        }
    }

    fn unknown_in_object(&self) -> impl FnOnce(&str) -> Failure + use<> {
        let (kind, version) = (self.resource.kind.clone(), self.resource.version.clone());
        move |why| {
            Failure::bad_request(format!(
                "{kind} in version \"{version}\" cannot be handled as a {kind}: strict decoding error: {why}"
            ))
        }
    }

    /// A replacement that names another uid is meant for another object.
    fn check_uid(&self, current: &Value, new: &Value) -> Result<(), Failure> {
        let (old, new) = (text(current, "/metadata/uid"), text(new, "/metadata/uid"));
        if new.is_empty() || new == old {
            return Ok(());
        }
        let why =
            format!("Precondition failed: UID in precondition: {new}, UID in object meta: {old}");
        Err(self.cannot(&self.resource.qualified(), &self.resource.plural, &why))
    }

    fn check_preconditions(&self, current: &Value, options: &Value) -> Result<(), Failure> {
        for (member, name) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
            let wanted = text(&options["preconditions"], &format!("/{member}"));
            let found = text(&current["metadata"], &format!("/{member}"));
            if wanted.is_empty() || wanted == found {
                continue;
            }
            let why = format!(
                "the {name} in the precondition ({wanted}) does not match the {name} in record ({found}). \
                 The object might have been {}",
                if member == "uid" {
                    "deleted and then recreated"
                } else {
                    "modified"
                }
            );
            return Err(self.cannot(&self.resource.kind, &self.resource.kind, &why));
        }
        Ok(())
    }

    fn cannot(&self, what: &str, kind: &str, why: &str) -> Failure {
        let name = &self.key.name;
        let message = format!("Operation cannot be fulfilled on {what} \"{name}\": {why}");
        Failure::new(409, "Conflict", message).about(name, &self.resource.group, kind)
    }

    fn invalid(&self, errors: &[FieldError]) -> Failure {
        let (kind, group) = (&self.resource.kind, &self.resource.group);
        Failure::invalid(kind, group, &self.key.name, errors)
    }

    fn not_found(&self) -> Failure {
        Failure::not_found(self.resource, &self.key.name)
    }

    fn now(&self) -> String {
        clock::text(self.store.clock().now())
    }
}

fn version(object: &Value) -> &str {
    text(object, "/metadata/resourceVersion")
}
