//! From a request to its answer.

use std::sync::Arc;

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body as HttpBody, Bytes};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::watch;

use super::answer::{answer, injected, refused, told, whole, words};
use super::asked::{Asked, object, options};
use super::auth::Auth;
use super::body::{Body, Cut};
use super::faults::{Fault, Faults, Plan};
use super::form::{Answer, Form};
use super::patch::Patch;
use super::query::Query;
use super::request::Attributes;
use super::resources::{self, Resource};
use super::status::Failure;
use super::store::{Key, Store};
use super::watch::Watch;
use super::write::Writing;
use super::{admin, below, clock, convert, discovery, gate, list, openapi};

/// The largest body that is read, as in the API server.
const BODY_MAX_BYTES: usize = 3 << 20;

/// The API without a socket: requests in, answers out. Copies are handles to the same.
#[derive(Clone, Debug)]
pub struct Api {
    store: Store,
    pub(super) faults: Faults,
    auth: Arc<Auth>,
    /// Says true when all watches are to end.
    stop: watch::Receiver<bool>,
    /// Whether only clients on this machine reach it.
    is_local: bool,
}

/// What has become of a request that may also go unanswered.
type Outcome = Result<Response<Body>, Cut>;

impl Api {
    /// An API over this store.
    pub fn new(store: Store, auth: Auth, faults: Faults) -> Self {
        Self {
            store,
            faults,
            auth: Arc::new(auth),
            stop: watch::Sender::new(false).subscribe(),
            is_local: false,
        }
    }

    /// The same, with watches that end when `stop` says true.
    pub(super) fn until(self, stop: watch::Receiver<bool>) -> Self {
        Self { stop, ..self }
    }

    /// The same, for clients on this machine alone.
    pub(super) fn only_local(self, is_local: bool) -> Self {
        Self { is_local, ..self }
    }

    /// Answers a request.
    ///
    /// # Errors
    /// If the connection is to be closed without an answer, as an injected fault asks for.
    pub async fn answer<B>(&self, request: Request<B>) -> Outcome
    where
        B: HttpBody<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut answer = self.answer_undated(request).await?;
        // The cluster's time, which may be another than the machine's.
        let date = clock::http_date(self.store.clock().now());
        if let Some(Ok(date)) = date.as_deref().map(HeaderValue::from_str) {
            answer.headers_mut().insert(header::DATE, date);
        }
        Ok(answer)
    }

    async fn answer_undated<B>(&self, request: Request<B>) -> Outcome
    where
        B: HttpBody<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let asked = match self.read(request).await {
            Ok(asked) => asked,
            Err(failure) => return Ok(refused(&failure)),
        };
        let plan = self.faults.due(&asked.attributes);
        if !plan.delay.is_zero() {
            tokio::time::sleep(plan.delay).await;
        }
        match plan.instead {
            Some(Fault::Status {
                code,
                retry_after_seconds,
            }) => return Ok(refused(&injected(code, retry_after_seconds))),
            Some(Fault::Silent) if asked.attributes.verb == "watch" => {
                return Ok(answer(StatusCode::OK, Body::Silent));
            }
            Some(Fault::Silent) => std::future::pending().await,
            Some(_) => return Err(Cut),
            None => {}
        }
        let answered = self.carry_out(&asked, &plan).await;
        if plan.lose_answer {
            return Err(Cut);
        }
        Ok(answered.unwrap_or_else(|failure| refused(&failure)))
    }

    /// Reads all of a request, and finds out who asks; both may be refused.
    async fn read<B>(&self, request: Request<B>) -> Result<Asked, Failure>
    where
        B: HttpBody<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        gate::check(&head.headers, self.is_local)?;
        let text = |name: HeaderName| {
            let value = head.headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let token = head
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok());
        let user = self.auth.user(token)?;
        let query = Query::parse(head.uri.query().unwrap_or_default())?;
        let parsed = Attributes::parse(&head.method, head.uri.path(), query.watch);
        let attributes = Attributes {
            user,
            ..parsed.ok_or_else(Failure::method_not_allowed)?
        };
        let body = Limited::new(body, BODY_MAX_BYTES)
            .collect()
            .await
            .map_err(|_| {
                let message = format!("Request entity too large: limit is {BODY_MAX_BYTES}");
                Failure::new(413, "RequestEntityTooLarge", message)
            })?;
        let content_type = text(header::CONTENT_TYPE);
        Ok(Asked {
            attributes,
            query,
            accept: text(header::ACCEPT),
            content_type: content_type
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned(),
            body: body.to_bytes(),
            head: head.method == Method::HEAD,
        })
    }

    async fn carry_out(&self, asked: &Asked, plan: &Plan) -> Result<Response<Body>, Failure> {
        let request = &asked.attributes;
        self.auth.check(request)?;
        if request.resource.is_empty() {
            return self.other(asked);
        }
        let (group, version) = (&request.group, &request.version);
        let found = self
            .store
            .resource_at(group, version, &request.resource)
            .filter(|resource| is_served(resource, request));
        let Some(resource) = found else {
            return nowhere(Some(group));
        };
        if below::is_here(&resource, &request.subresource) && is_allowed(&resource, request) {
            return below::answer(&resource, asked, self.writing(&resource, asked));
        }
        if asked.head || !is_allowed(&resource, request) {
            return Err(Failure::method_not_allowed());
        }
        match request.verb {
            "list" => self.list(&resource, asked, plan).await,
            "watch" => self.watch(&resource, asked, plan),
            "get" => self.get(&resource, asked, plan).await,
            "deletecollection" => self.delete_all(&resource, asked).await,
            _ => self.write(&resource, asked),
        }
    }

    /// Paths that are no resources.
    fn other(&self, asked: &Asked) -> Result<Response<Body>, Failure> {
        let path = asked.attributes.path.as_str();
        if let Some(health) = discovery::health(path, asked.query.verbose) {
            return Ok(words(StatusCode::OK, health));
        }
        if path.starts_with(admin::ROOT) {
            gate::check_admin(asked.attributes.verb, &asked.content_type)?;
            let verb = asked.attributes.verb;
            let answer = admin::answer(&self.store, &self.faults, verb, path, &asked.body);
            return answer.map(|answer| whole(200, &answer));
        }
        if let Some(document) = openapi::at(&self.store, path) {
            return Ok(whole(200, &document));
        }
        let place = path.trim_end_matches('/');
        let Some((found, aggregated)) = discovery::at(&self.store, place, &asked.accept) else {
            let of_group = path.starts_with("/api/") || path.starts_with("/apis/");
            return nowhere(of_group.then_some(asked.attributes.group.as_str()));
        };
        if place == "/version" && asked.attributes.verb != "list" {
            return Err(Failure::method_not_allowed());
        }
        if !aggregated {
            Form::of(&asked.accept, "", Answer::Object)?;
        }
        let mut answer = whole(200, &found);
        if aggregated {
            let headers = answer.headers_mut();
            let aggregated = HeaderValue::from_static(discovery::AGGREGATED);
            headers.insert(header::CONTENT_TYPE, aggregated);
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public"));
        }
        Ok(answer)
    }

    async fn list(
        &self,
        resource: &Resource,
        asked: &Asked,
        plan: &Plan,
    ) -> Result<Response<Body>, Failure> {
        let form = Form::of(&asked.accept, &asked.query.include_object, Answer::List)?;
        asked.query.check_list()?;
        let namespace = &asked.attributes.namespace;
        let page = list::list(
            &self.store,
            resource,
            namespace,
            &asked.query,
            plan.stale_by,
        )
        .await?;
        form.fits(resource, Answer::List)?;
        Ok(whole(
            200,
            &form.list(resource, page, self.store.clock().now()),
        ))
    }

    fn watch(
        &self,
        resource: &Resource,
        asked: &Asked,
        plan: &Plan,
    ) -> Result<Response<Body>, Failure> {
        let form = Form::of(&asked.accept, &asked.query.include_object, Answer::Stream)?;
        asked.query.check_list()?;
        let watch = Watch::new(
            &self.store,
            resource,
            &asked.attributes.namespace,
            asked.query.clone(),
            form,
            plan.stream,
        )?;
        let (lines, body) = Body::stream();
        tokio::spawn(watch.run(lines, self.stop.clone()));
        Ok(answer(StatusCode::OK, body))
    }

    async fn get(
        &self,
        resource: &Resource,
        asked: &Asked,
        plan: &Plan,
    ) -> Result<Response<Body>, Failure> {
        let form = Form::of(&asked.accept, &asked.query.include_object, Answer::Object)?;
        if let Some(version) = asked.query.version()? {
            list::reached(&self.store, version, asked.query.timeout).await?;
        }
        let key = key(resource, &asked.attributes);
        let found = if plan.stale_by > 0 {
            let then = self.store.version().saturating_sub(plan.stale_by);
            let objects = self.store.objects_at(&key, then);
            objects.ok().and_then(|objects| objects.get(&key).cloned())
        } else {
            self.store.get(&key)
        };
        let found = found.ok_or_else(|| Failure::not_found(resource, &key.name))?;
        let served = convert::served(resource, &found);
        form.fits(resource, Answer::Object)?;
        Ok(whole(
            200,
            &form.object(resource, served, self.store.clock().now()),
        ))
    }

    fn write(&self, resource: &Resource, asked: &Asked) -> Result<Response<Body>, Failure> {
        let request = &asked.attributes;
        if resource.plural.starts_with("selfsubject") {
            let (user, review) = (&request.user, object(resource, asked)?);
            let review = match resource.plural.as_str() {
                "selfsubjectaccessreviews" => self.auth.review(user, review)?,
                "selfsubjectrulesreviews" => self.auth.rules(user, review)?,
                _ => Auth::who_am_i(user, review),
            };
            return Ok(whole(201, &review));
        }
        let form = Form::of(&asked.accept, &asked.query.include_object, Answer::Object)?;
        let writing = self.writing(resource, asked);
        let written = match request.verb {
            "create" => {
                asked.query.check_write("create", false)?;
                writing.create(object(resource, asked)?)
            }
            "update" => {
                asked.query.check_write("update", false)?;
                writing.update(object(resource, asked)?)
            }
            "patch" => writing.patch(&self.patch(resource, asked)?),
            _ => writing.delete(&options(asked)?),
        }?;
        let now = self.store.clock().now();
        let shown = if written.object["kind"] == resource.kind.as_str() {
            form.object(resource, written.object.clone(), now)
        } else {
            written.object.clone()
        };
        Ok(told(&written, &shown))
    }

    /// Reads a patch. What it is for has to be there before its body is looked at.
    fn patch(&self, resource: &Resource, asked: &Asked) -> Result<Patch, Failure> {
        let content_type = asked.content_type.as_str();
        Patch::is_known(resource, content_type)?;
        let applies = Patch::applies(content_type);
        asked.query.check_write("patch", applies)?;
        let key = key(resource, &asked.attributes);
        if !applies && self.store.get(&key).is_none() {
            return Err(Failure::not_found(resource, &key.name));
        }
        Patch::parse(content_type, &asked.body)
    }

    /// Deletes what a list with the same query would show.
    async fn delete_all(
        &self,
        resource: &Resource,
        asked: &Asked,
    ) -> Result<Response<Body>, Failure> {
        let namespace = &asked.attributes.namespace;
        let options = options(asked)?;
        asked.query.check_list()?;
        let page = list::list(&self.store, resource, namespace, &asked.query, 0).await?;
        for object in &page.objects {
            let of = |member: &str| object["metadata"][member].as_str().unwrap_or_default();
            let mut writing = self.writing(resource, asked);
            of("namespace").clone_into(&mut writing.key.namespace);
            of("name").clone_into(&mut writing.key.name);
            match writing.delete(&options) {
                // Somebody else was faster.
                Err(failure) if failure.code != 404 => return Err(failure),
                _ => {}
            }
        }
        let now = self.store.clock().now();
        Ok(whole(200, &Form::Objects.list(resource, page, now)))
    }

    fn writing<'a>(&'a self, resource: &'a Resource, asked: &'a Asked) -> Writing<'a> {
        Writing {
            store: &self.store,
            resource,
            key: key(resource, &asked.attributes),
            subresource: &asked.attributes.subresource,
            query: &asked.query,
            user: &asked.attributes.user,
        }
    }
}

/// A path that leads nowhere: Kubernetes' own groups say so with a `Status`, all others in words.
fn nowhere(group: Option<&str>) -> Result<Response<Body>, Failure> {
    if group.is_some_and(resources::is_built_in) {
        return Err(Failure::unknown_resource());
    }
    Ok(words(StatusCode::NOT_FOUND, "404 page not found\n"))
}

/// Whether there is something at the path: in its namespace, and below its objects.
fn is_served(resource: &Resource, request: &Attributes) -> bool {
    let named = !request.name.is_empty();
    let own_namespace = resource.is_core("namespaces");
    let placed = resource.namespaced != request.namespace.is_empty()
        || own_namespace
        || resource.namespaced && !named;
    let below = match request.subresource.as_str() {
        "" => true,
        "status" => resource.has_status() && named,
        other => below::is_here(resource, other) && named,
    };
    placed && below
}

/// Whether the verb is one of the path's.
fn is_allowed(resource: &Resource, request: &Attributes) -> bool {
    let verb = request.verb;
    let here = match (request.name.as_str(), request.subresource.as_str()) {
        ("", _) if resource.namespaced && request.namespace.is_empty() => verb != "create",
        ("", _) => true,
        (_, "") => verb != "create",
        (_, below) => {
            let mut subs = resource.subresources.iter().filter(|sub| sub.name == below);
            return subs.any(|sub| sub.verbs.iter().any(|one| one == verb));
        }
    };
    let of_objects = ["update", "patch"].contains(&verb);
    here && resource.verbs.iter().any(|one| *one == verb)
        && (!of_objects || !request.name.is_empty())
}

fn key(resource: &Resource, request: &Attributes) -> Key {
    let namespace = if resource.namespaced {
        &request.namespace
    } else {
        ""
    };
    Key::of(
        resource.storage_group(),
        &resource.plural,
        namespace,
        &request.name,
    )
}
