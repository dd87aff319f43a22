//! Writes: create, update, patch, delete.

mod check;
mod delete;

use std::sync::Arc;

use serde_json::Value;

use self::check::{undeclared, unpatchable};
use super::admission;
use super::clock;
use super::convert;
use super::job;
use super::metadata;
use super::patch::{self, Manager, Patch};
use super::query::{Query, no_version};
use super::resources::Resource;
use super::rules;
use super::schema;
use super::status::Failure;
use super::store::{Key, Store, Write};
use super::types;
use super::value::{bytes, go, items, members, set, text};

/// One write, and all that it needs to know.
pub(crate) struct Writing<'a> {
    pub(crate) store: &'a Store,
    pub(crate) resource: &'a Resource,
    pub(crate) key: Key,
    pub(crate) subresource: &'a str,
    pub(crate) query: &'a Query,
    pub(crate) user: &'a str,
}

/// What was written.
pub(crate) struct Written {
    /// 200 or 201.
    pub(crate) code: u16,
    pub(crate) object: Value,
    /// `Warning` headers.
    pub(crate) warnings: Vec<String>,
}

impl Writing<'_> {
    /// POST: a new object. Its name comes from the object.
    pub(crate) fn create(mut self, mut object: Value) -> Result<Written, Failure> {
        self.take_identity(&mut object)?;
        let (object, mut warnings) = self.without_unknown(object, self.unreadable())?;
        if !version(&object).is_empty() {
            let message = "resourceVersion should not be set on objects to be created";
            return Err(Failure::new(500, "", message));
        }
        let mut object = convert::stored(self.resource, object);
        rules::prepare_new(self.resource, &mut object, &self.now());
        rules::check_new(self.resource, &self.key, &object)?;
        self.need_namespace()?;
        let warned = admission::check_new(self.store.admission(), self.resource, &object)?;
        warnings.extend(warned);
        let uid = self.uid_of_new();
        let written = self.write(|current| match current {
            Some(_) => Err(Failure::already_exists(self.resource, &self.key.name)),
            None => Ok(Write::Put(self.born(object, &uid))),
        })?;
        Ok(self.written(201, &written, warnings))
    }

    /// PUT: the object in place of the one that is there.
    pub(crate) fn update(mut self, mut object: Value) -> Result<Written, Failure> {
        self.check_types(&object)?;
        self.check_name(&object)?;
        self.take_identity(&mut object)?;
        let (object, warnings) = self.without_unknown(object, self.unreadable())?;
        let mut object = convert::stored(self.resource, object);
        let mut code = 200;
        let now = self.now();
        let written = self.write(|current| {
            let Some(current) = current else {
                if !rules::may_create_by_update(self.resource) || !self.subresource.is_empty() {
                    return Err(self.not_found());
                }
                code = 201;
                rules::prepare_new(self.resource, &mut object, &now);
                rules::check_new(self.resource, &self.key, &object)?;
                return Ok(Write::Put(self.born(object, "")));
            };
            self.check_uid(current, &object)?;
            self.need_version(&object)?;
            self.replace(current, object)
        })?;
        Ok(self.written(code, &written, warnings))
    }

    /// PATCH.
    pub(crate) fn patch(self, patch: &Patch) -> Result<Written, Failure> {
        if let Patch::Apply(config) = patch {
            return self.apply(config);
        }
        let mut patch = patch.clone();
        let mut warnings = Vec::new();
        if let Patch::Strategic(value) = &mut patch {
            let refusal = unpatchable(format!("\"{}\"", go(value)));
            (*value, warnings) = self.without_unknown(value.take(), |why: &str| {
                refusal(&format!("strict decoding error: {why}"))
            })?;
        }
        let written = self.write(|current| {
            let current = current.ok_or_else(|| self.not_found())?;
            let served = convert::served(self.resource, current);
            let patched = patch.patched(&served)?;
            // What refusals show is written only for them: it is as large as the object.
            let shown = || {
                if let Patch::Strategic(patch) = &patch {
                    return format!("\"{}\"", go(patch));
                }
                let whole = patch.patched(&served).unwrap_or_default();
                Value::from(whole.to_string()).to_string()
            };
            let (patched, unknown) = self.without_unknown(patched, |why: &str| {
                unpatchable(shown())(&format!("strict decoding error: {why}"))
            })?;
            warnings.extend(unknown);
            let checked = types::check_kind(self.resource, &patched);
            let checked = checked.and_then(|()| types::check(self.resource, &patched));
            checked.map_err(|why| match (&patch, why.rsplit_once(" of type ")) {
                // These patches are merged without a look at the text.
                (Patch::Strategic(_), Some((_, wanted))) => {
                    unpatchable(shown())(&format!("unrecognized type: {wanted}"))
                }
                _ => unpatchable(shown())(&why),
            })?;
            self.check_name(&patched)?;
            self.check_namespace(&patched)?;
            self.replace(current, convert::stored(self.resource, patched))
        })?;
        Ok(self.written(200, &written, warnings))
    }

    /// PATCH with all that a manager wants.
    fn apply(self, config: &Value) -> Result<Written, Failure> {
        self.check_applied(config)?;
        let mut config = config.clone();
        let unknown = schema::take_unknown(self.resource, &mut config);
        if !unknown.is_empty() {
            return Err(undeclared(&config, &unknown));
        }
        let now = self.now();
        let manager = Manager {
            name: &self.query.field_manager,
            subresource: self.subresource,
            force: self.query.force,
            time: &now,
        };
        let mut code = 200;
        let mut warnings = Vec::new();
        let uid = self.uid_of_new();
        let written = self.write(|current| {
            let Some(current) = current else {
                if !self.subresource.is_empty() {
                    return Err(self.not_found());
                }
                self.check_nothing_is_meant(&config)?;
                code = 201;
                let object = patch::apply(&Value::Null, &config, manager)?;
                let mut object = convert::stored(self.resource, object);
                rules::prepare_new(self.resource, &mut object, &now);
                rules::check_new(self.resource, &self.key, &object)?;
                members(&mut object["metadata"])
                    .insert("name".to_owned(), self.key.name.as_str().into());
                warnings = admission::check_new(self.store.admission(), self.resource, &object)?;
                return Ok(Write::Put(self.born(object, &uid)));
            };
            let served = convert::served(self.resource, current);
            let mut applied = patch::apply(&served, &config, manager)?;
            for member in ["uid", "resourceVersion"] {
                if let Some(meant) = config["metadata"].get(member) {
                    applied["metadata"][member] = meant.clone();
                }
            }
            self.replace(current, convert::stored(self.resource, applied))
        })?;
        Ok(self.written(code, &written, warnings))
    }

    /// A Job's selector and labels have its uid in them.
    fn uid_of_new(&self) -> String {
        if self.resource.plural == "jobs" && !self.resource.custom && !self.query.is_dry_run() {
            self.store.new_uid()
        } else {
            String::new()
        }
    }

    /// The new object in place of the old one, with what this write may not change put back.
    fn replace(&self, current: &Arc<Value>, mut new: Value) -> Result<Write, Failure> {
        // Zero is any version, as nothing is.
        let wanted = match version(&new) {
            "" => 0,
            text => text
                .parse::<u64>()
                .map_err(|_| Failure::new(500, "", no_version(text)))?,
        };
        if wanted > 0 && wanted.to_string() != version(current) {
            return Err(Failure::conflict(self.resource, &self.key.name));
        }
        let mut errors = Vec::new();
        if let Some(error) = metadata::check_deletion(current, &new) {
            errors.extend([error.clone(), error]);
        }
        rules::prepare_change(self.resource, self.subresource, current, &mut new);
        admission::check_change(self.store.admission(), self.resource, &new)?;
        let wrong = rules::check_change(self.resource, self.subresource, current, &new);
        errors.extend(wrong);
        if !errors.is_empty() {
            return Err(self.invalid(&errors));
        }
        if new == **current {
            return Ok(Write::Keep);
        }
        let finished = !new["metadata"]["deletionTimestamp"].is_null()
            && items(&new, "/metadata/finalizers").is_empty()
            && !items(current, "/metadata/finalizers").is_empty();
        // A pod that still has to shut down is its kubelet's.
        if finished && new["metadata"]["deletionGracePeriodSeconds"] == 0 {
            return Ok(Write::Finish(new));
        }
        Ok(Write::Put(new))
    }

    /// Carries the write out, or only looks what would come of it.
    fn write(
        &self,
        decide: impl FnOnce(Option<&Arc<Value>>) -> Result<Write, Failure>,
    ) -> Result<Arc<Value>, Failure> {
        if self.query.is_dry_run() {
            let current = self.store.get(&self.key);
            return Ok(match decide(current.as_ref())? {
                Write::Put(object) | Write::Finish(object) => Arc::new(object),
                Write::Keep | Write::Delete => current.unwrap_or_default(),
            });
        }
        let fits = |write| match &write {
            Write::Put(object) if bytes(object) > STORED_BYTES_MAX => {
                Err(Failure::new(500, "", "etcdserver: request is too large"))
            }
            _ => Ok(write),
        };
        let decide = |current: Option<&Arc<Value>>| decide(current).and_then(fits);
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
        self.check_types(object)?;
        let (api_version, kind) = (self.resource.api_version(), &self.resource.kind);
        set(object, "apiVersion", Some(api_version.into()));
        set(object, "kind", Some(kind.as_str().into()));
        self.check_namespace(object)?;
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

    /// A new object, with what the store would give it: for those who only look what would come of it.
    fn born(&self, mut object: Value, uid: &str) -> Value {
        if !uid.is_empty() {
            members(&mut object["metadata"]).insert("uid".to_owned(), uid.into());
            job::select_pods(&mut object, uid);
        }
        if self.query.is_dry_run() {
            let metadata = members(&mut object["metadata"]);
            metadata.insert("uid".to_owned(), NO_UID.into());
            metadata.insert("creationTimestamp".to_owned(), self.now().into());
            if self.resource.namespaced {
                metadata.insert("namespace".to_owned(), self.key.namespace.as_str().into());
            }
        }
        object
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

    /// Takes unknown fields out, and warns or refuses, as the query says.
    fn without_unknown(
        &self,
        mut value: Value,
        refusal: impl FnOnce(&str) -> Failure,
    ) -> Result<(Value, Vec<String>), Failure> {
        let unknown = schema::take_unknown(self.resource, &mut value).into_iter();
        let warnings: Vec<String> = unknown.map(|f| format!("unknown field \"{f}\"")).collect();
        match self.query.field_validation.as_str() {
            "Strict" if !warnings.is_empty() => Err(refusal(&warnings.join(", "))),
            "Ignore" => Ok((value, Vec::new())),
            _ => Ok((value, warnings)),
        }
    }

    fn now(&self) -> String {
        clock::text(self.store.clock().now())
    }
}

/// How large an object may grow, by however many patches: what etcd takes (`--max-request-bytes`).
const STORED_BYTES_MAX: usize = 1_572_864;

/// The uid of what is not stored.
const NO_UID: &str = "00000000-0000-4000-8000-ffffffffffff";

fn version(object: &Value) -> &str {
    text(object, "/metadata/resourceVersion")
}
