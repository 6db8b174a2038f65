//! Paths that operations declare for themselves: `GET /orders/{id}` calls a workflow.
//!
//! Input fields come from the path, from the query and from headers as the route says, and all others from the body. A
//! field has one place: what the path or a header gives, the body cannot give again. The answer is the output itself.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use nexus_kernel::Json;
use nexus_kernel::call::Wait;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::route::{HttpMethod, Route, Segment};
use serde_json::Map;

use crate::channel::browser::{self, Visit};
use crate::channel::rest::query::typed_for;
use crate::channel::rest::request::RestRequest;
use crate::channel::rest::{Rest, json, noted, prefer, runs, unknown_path};
use crate::pipeline::Target;
use crate::problem::Problem;

/// The routes of one state of the catalogue.
#[derive(Default)]
pub(crate) struct Routes {
    table: Mutex<Arc<Table>>,
}

#[derive(Default)]
struct Table {
    snapshot: Arc<Vec<Arc<Operation>>>,
    /// The more exact ones first.
    entries: Vec<(Route, Arc<Operation>)>,
}

impl Routes {
    /// The routes as they are now.
    fn table(&self, snapshot: Arc<Vec<Arc<Operation>>>) -> Arc<Table> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&table.snapshot, &snapshot) {
            *table = Arc::new(Table::of(snapshot));
        }
        Arc::clone(&table)
    }
}

impl Table {
    fn of(snapshot: Arc<Vec<Arc<Operation>>>) -> Table {
        let routes = |operation: &Arc<Operation>| {
            let all = operation.contract.routes.iter();
            all.map(|route| (route.clone(), Arc::clone(operation))).collect::<Vec<_>>()
        };
        let mut entries: Vec<_> = snapshot.iter().flat_map(routes).collect();
        // Literal before placeholder, segment by segment: `/orders/new` is not an order.
        entries.sort_by_key(|(route, _)| {
            route.segments.iter().map(|segment| matches!(segment, Segment::Field(_))).collect::<Vec<_>>()
        });
        Table { snapshot, entries }
    }

    /// The first route that a request is of, or the methods that its path has.
    fn find(
        &self,
        method: &Method,
        segments: &[&str],
    ) -> Result<(&Route, &Arc<Operation>), Vec<&'static str>> {
        let at_path = || self.entries.iter().filter(|(route, _)| route.matches(segments).is_some());
        let wanted = if method == Method::HEAD { "GET" } else { method.as_str() };
        let found = at_path().find(|(route, _)| route.method.as_str() == wanted);
        let (route, operation) = found.ok_or_else(|| {
            let mut methods: Vec<_> = at_path().map(|(route, _)| route.method.as_str()).collect();
            methods.sort_unstable();
            methods.dedup();
            methods
        })?;
        Ok((route, operation))
    }
}

/// What no route of Nexus itself has taken.
pub(crate) async fn call(State(rest): State<Arc<Rest>>, request: Request) -> Result<Response, Problem> {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let segments = decoded(uri.path())?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let table = rest.routes.table(rest.pipeline.catalogue().snapshot());
    let (route, operation) = match table.find(&method, &segments) {
        Ok(found) => found,
        Err(methods) if methods.is_empty() => return Err(unknown_path(&uri)),
        Err(methods) => return Ok(wrong_method(&method, &uri, &methods)),
    };
    // A link anywhere may lead a browser to this path: whoever is logged in there has not asked for more than a look.
    if request.extensions().get::<Visit>().is_some() && operation.effect != Effect::Read {
        return Err(browser::cross_site().into());
    }
    let headers = request.headers().clone();
    let mut request = RestRequest::from_request(request, &rest).await?;
    let wait = prefer::wait(&headers).unwrap_or(Wait::Done);
    let context = request.take_context(wait)?;
    let input = gather(route, operation, (&segments, &headers), request)?;
    let id = operation.id();
    let target = if operation.is_workflow() { Target::Workflow(&id) } else { Target::Verb(&id) };
    // A path of something that the caller may not know of is no path.
    if rest.pipeline.find(target, &context.caller).is_err() {
        return Err(unknown_path(&uri));
    }
    let answer = rest.pipeline.call(target, input, context).await?;
    if answer.run.as_ref().is_some_and(|run| run.status.is_open()) {
        return Ok(runs::answer(&answer));
    }
    let mut response = json(StatusCode::OK, &answer.output);
    if let Some(run) = &answer.run
        && let Ok(location) = HeaderValue::from_str(&runs::location(run))
    {
        response.headers_mut().insert(header::CONTENT_LOCATION, location);
    }
    Ok(noted(response, answer.replayed, answer.cached))
}

/// The path between its slashes, without escapes.
fn decoded(path: &str) -> Result<Vec<String>, Error> {
    let parts = path.strip_prefix('/').unwrap_or(path).split('/');
    parts.map(|part| percent_decoded(part).ok_or_else(not_utf8)).collect()
}

fn not_utf8() -> Error {
    Error::new(&code::BAD_REQUEST, "the path is not UTF-8")
}

fn percent_decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let value = digit(rest.next())? * 16 + digit(rest.next())?;
        bytes.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// The input, from wherever its fields are.
fn gather(
    route: &Route,
    operation: &Operation,
    (segments, headers): (&[&str], &HeaderMap),
    request: RestRequest,
) -> Result<Json, Problem> {
    let mut input = if route.method.has_body() { body(&request)? } else { Map::new() };
    let mut put = |field: &str, text: &str| {
        if input.contains_key(field) {
            return Err(Error::new(&code::BAD_REQUEST, format!("{field:?} is given twice"))
                .help(format!("{route} takes it from one place, which is not the body")));
        }
        input.insert(field.to_owned(), typed_for(&operation.input, field, text));
        Ok(())
    };
    for (field, text) in route.matches(segments).unwrap_or_default() {
        put(field, text)?;
    }
    for (name, field) in &route.headers {
        if let Some(text) = header_text(headers, name)? {
            put(field, &text)?;
        }
    }
    for (name, text) in request.query.into_pairs() {
        put(route.query.get(&name).unwrap_or(&name), &text)?;
    }
    Ok(Json::Object(input))
}

fn body(request: &RestRequest) -> Result<Map<String, Json>, Problem> {
    match request.json()? {
        Json::Object(fields) => Ok(fields),
        _ => Err(Error::new(&code::INPUT_INVALID, "the input is not a JSON object")
            .help("an input is an object with the parameters by name")
            .into()),
    }
}

fn header_text(headers: &HeaderMap, name: &str) -> Result<Option<String>, Error> {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { return Ok(None) };
    let Some(value) = headers.get(&name) else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes()).map(ToOwned::to_owned);
    text.map(Some).map_err(|_| Error::new(&code::BAD_REQUEST, format!("the header {name} is not UTF-8")))
}

fn wrong_method(method: &Method, uri: &Uri, methods: &[&'static str]) -> Response {
    let message = format!("{method} is not allowed on {}", uri.path());
    let error =
        Error::new(&code::METHOD_UNKNOWN, message).help("the Allow header lists the methods that are");
    let mut response = Problem::from(error).into_response();
    let mut allowed = methods.to_vec();
    if allowed.contains(&HttpMethod::Get.as_str()) {
        allowed.push("HEAD");
    }
    if let Ok(allowed) = HeaderValue::from_str(&allowed.join(", ")) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_once() {
        assert_eq!(percent_decoded("a%2Fb%20%C3%A9").unwrap(), "a/b é");
        assert_eq!(percent_decoded("%2525").unwrap(), "%25");
        for bad in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(percent_decoded(bad), None, "{bad}");
        }
    }
}
