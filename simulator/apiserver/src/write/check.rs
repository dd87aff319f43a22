//! Whether a write is meant for this object, and is of its kind.

use serde_json::Value;

use super::{Writing, version};
use crate::rules;
use crate::status::{Failure, FieldError};
use crate::store::Key;
use crate::types;
use crate::value::{items, text};

impl Writing<'_> {
    /// Whether this is an object of this kind, with members of the right types.
    pub(super) fn check_types(&self, object: &Value) -> Result<(), Failure> {
        let version = text(object, "/apiVersion");
        let expected = self.resource.api_version();
        if self.resource.custom && ![expected.as_str(), ""].contains(&version) {
            let message = format!(
                "the API version in the data ({version}) does not match the expected API version ({expected})"
            );
            return Err(Failure::bad_request(message));
        }
        types::check_kind(self.resource, object).map_err(|why| {
            let part = |pointer, missing: &str| match text(object, pointer) {
                "" => missing.to_owned(),
                found => found.to_owned(),
            };
            let kind = part("/kind", &self.resource.kind);
            let version = part("/apiVersion", &expected);
            let expected = &self.resource.kind;
            Failure::bad_request(format!(
                "{kind} in version \"{version}\" cannot be handled as a {expected}: {why}"
            ))
        })?;
        types::check(self.resource, object).map_err(|why| self.unread(&why))
    }

    /// Whether the object has the path's name.
    pub(super) fn check_name(&self, object: &Value) -> Result<(), Failure> {
        let expected = &self.key.name;
        let message = match text(object, "/metadata/name") {
            "" => format!(
                "the name of the object ({expected} based on URL) was undeterminable: name must be provided"
            ),
            name if name == expected => return Ok(()),
            name => format!(
                "the name of the object ({name}) does not match the name on the URL ({expected})"
            ),
        };
        Err(Failure::bad_request(message))
    }

    /// Whether the object is in the path's namespace, if it says one.
    pub(super) fn check_namespace(&self, object: &Value) -> Result<(), Failure> {
        let namespace = text(object, "/metadata/namespace");
        if self.resource.namespaced && !["", self.key.namespace.as_str()].contains(&namespace) {
            let message = "the namespace of the provided object does not match the namespace sent on the request";
            return Err(Failure::bad_request(message));
        }
        Ok(())
    }

    /// Whether what is applied is meant for this object.
    pub(super) fn check_applied(&self, config: &Value) -> Result<(), Failure> {
        let (version, kind) = (text(config, "/apiVersion"), text(config, "/kind"));
        if (version, kind)
            != (
                self.resource.api_version().as_str(),
                self.resource.kind.as_str(),
            )
        {
            let slash = if version.contains('/') { "" } else { "/" };
            let message = format!("invalid object type: {slash}{version}, Kind={kind}");
            return Err(Failure::bad_request(message));
        }
        types::check(self.resource, config).map_err(|why| self.unread(&why))?;
        if !items(config, "/metadata/managedFields").is_empty() {
            return Err(Failure::bad_request("metadata.managedFields must be nil"));
        }
        if text(config, "/metadata/name").is_empty() {
            return Ok(());
        }
        self.check_name(config)
    }

    /// An object that is not there has no uid.
    pub(super) fn check_nothing_is_meant(&self, config: &Value) -> Result<(), Failure> {
        let uid = text(config, "/metadata/uid");
        if uid.is_empty() {
            return Ok(());
        }
        let why = format!(
            "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        );
        Err(self.cannot(&self.resource.qualified(), &self.resource.plural, &why))
    }

    /// A replacement of some kinds has to say which version it replaces.
    pub(super) fn need_version(&self, object: &Value) -> Result<(), Failure> {
        if !rules::needs_version(self.resource) || !["", "0"].contains(&version(object)) {
            return Ok(());
        }
        // Kubernetes' own kinds and custom ones print the same number in two ways.
        let (zero, kind) = if self.resource.custom {
            ("0x0", &self.resource.kind)
        } else {
            ("0", &self.resource.plural)
        };
        let why = "must be specified for an update";
        let error = FieldError::invalid("metadata.resourceVersion", zero, why);
        Err(Failure::invalid(
            kind,
            &self.resource.group,
            &self.key.name,
            &[error],
        ))
    }

    /// A replacement that names another uid is meant for another object.
    pub(super) fn check_uid(&self, current: &Value, new: &Value) -> Result<(), Failure> {
        let (old, new) = (text(current, "/metadata/uid"), text(new, "/metadata/uid"));
        if new.is_empty() || new == old {
            return Ok(());
        }
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, AdditionalErrorMsg: Precondition \
             failed: UID in precondition: {new}, UID in object meta: {old}",
            self.place()
        );
        Err(self.cannot(&self.resource.qualified(), &self.resource.plural, &why))
    }

    pub(super) fn check_preconditions(
        &self,
        current: &Value,
        options: &Value,
    ) -> Result<(), Failure> {
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
            let kind = match self.resource.group.as_str() {
                "" => self.resource.kind.clone(),
                group => format!("{}.{group}", self.resource.kind),
            };
            return Err(self.cannot(&kind, &self.resource.kind, &why));
        }
        Ok(())
    }

    pub(super) fn need_namespace(&self) -> Result<(), Failure> {
        let namespace = Key::of("", "namespaces", "", &self.key.namespace);
        if self.key.namespace.is_empty() || self.store.get(&namespace).is_some() {
            return Ok(());
        }
        let message = format!("namespaces \"{}\" not found", self.key.namespace);
        let failure = Failure::new(404, "NotFound", message);
        Err(failure.about(&self.key.namespace, "", "namespaces"))
    }

    pub(super) fn unreadable(&self) -> impl FnOnce(&str) -> Failure + '_ {
        |why| self.unread(&format!("strict decoding error: {why}"))
    }

    pub(super) fn unread(&self, why: &str) -> Failure {
        let (kind, version) = (&self.resource.kind, &self.resource.version);
        Failure::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"
        ))
    }

    /// Where etcd would have the object.
    pub(super) fn place(&self) -> String {
        let Key {
            namespace, name, ..
        } = &self.key;
        let group = if self.resource.custom {
            format!("{}/", self.resource.group)
        } else {
            String::new()
        };
        let namespace = if namespace.is_empty() {
            String::new()
        } else {
            format!("{namespace}/")
        };
        format!(
            "/registry/{group}{}/{namespace}{name}",
            self.resource.plural
        )
    }

    pub(super) fn cannot(&self, what: &str, kind: &str, why: &str) -> Failure {
        let name = &self.key.name;
        let message = format!("Operation cannot be fulfilled on {what} \"{name}\": {why}");
        Failure::new(409, "Conflict", message).about(name, &self.resource.group, kind)
    }

    pub(super) fn invalid(&self, errors: &[FieldError]) -> Failure {
        let (kind, group) = (&self.resource.kind, self.resource.storage_group());
        Failure::invalid(kind, group, &self.key.name, errors)
    }

    pub(super) fn not_found(&self) -> Failure {
        Failure::not_found(self.resource, &self.key.name)
    }
}

/// A patch that does not give an object; `shown` is the patch or what came of it, in quotes.
pub(super) fn unpatchable(shown: String) -> impl Fn(&str) -> Failure {
    move |why| {
        let error = FieldError::invalid("patch", &shown, why);
        Failure::invalid("", "", "", &[error])
    }
}

/// What is applied has fields that there are not.
pub(super) fn undeclared(config: &Value, unknown: &[String]) -> Failure {
    let name = text(config, "/metadata/name");
    let (version, kind) = (text(config, "/apiVersion"), text(config, "/kind"));
    let fields = unknown.iter();
    let fields: Vec<String> = fields
        .map(|field| format!(".{field}: field not declared in schema"))
        .collect();
    let slash = if version.contains('/') { "" } else { "/" };
    let message = format!(
        "failed to create typed patch object (/{name}; {slash}{version}, Kind={kind}): {}",
        fields.join(", ")
    );
    Failure::new(500, "", message)
}
