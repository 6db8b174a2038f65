//! Requests of Nexus RPC as the inputs of verbs.

use nexus_kernel::Json;
use nexus_rpc::{CancelRequest, Completion, HandlerError, HandlerErrorKind, Link, Outcome, StartRequest};
use serde_json::{Map, json};

/// What a path is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// Completions.
    Callback,
    /// The services behind an endpoint.
    Endpoint {
        /// Its name or id; a namespace and a queue with a slash between them mean an endpoint that leads there.
        name: String,
        /// The path that operations are below.
        prefix: &'a str,
    },
}

/// What a path is for; nothing for one that is nowhere.
pub(crate) fn place(path: &str) -> Option<Place<'_>> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        ["nexus", "callback"] | ["namespaces", _, "nexus", "callback"] => Some(Place::Callback),
        ["nexus", "endpoints", endpoint, "services", _, ..] => {
            Some(Place::Endpoint { name: decoded(endpoint)?, prefix: before(path, 4) })
        }
        ["namespaces", namespace, "task-queues", queue, "nexus-services", _, ..] => {
            let name = format!("{}/{}", decoded(namespace)?, decoded(queue)?);
            Some(Place::Endpoint { name, prefix: before(path, 5) })
        }
        _ => None,
    }
}

/// A path up to so many segments.
fn before(path: &str, segments: usize) -> &str {
    let end = path.match_indices('/').nth(segments).map_or(path.len(), |(at, _)| at);
    path.get(..end).unwrap_or(path)
}

fn decoded(segment: &str) -> Option<String> {
    nexus_rpc::unsegment(segment).filter(|name| !name.is_empty())
}

/// The answer to a path that is nowhere.
pub(crate) fn nowhere() -> HandlerError {
    HandlerError::new(HandlerErrorKind::NotFound, "there is nothing at this path")
}

/// The input of `operation.start`.
pub(crate) fn start(
    endpoint: &str,
    namespace: Option<&str>,
    request: StartRequest,
) -> Result<Json, HandlerError> {
    let input = request.content.to_value().map_err(|why| HandlerError::bad_request(why.to_string()))?;
    let callback = request.callback.map(|it| json!({ "url": it.url, "headers": it.headers }));
    let timeout = request.operation_timeout.map(|limit| format!("{}ms", limit.as_millis()));
    Ok(given(json!({
        "endpoint": endpoint,
        "service": request.service,
        "operation": request.operation,
        "input": input,
        "namespace": namespace,
        "request_id": request.request_id,
        "timeout": timeout,
        "callback": callback,
        "links": links(&request.links),
        "promise": true,
    })))
}

/// The input of `operation.request-cancel`.
pub(crate) fn cancel(endpoint: &str, namespace: Option<&str>, request: &CancelRequest) -> Json {
    given(json!({
        "endpoint": endpoint,
        "service": request.service,
        "operation": request.operation,
        "namespace": namespace,
        "token": request.token,
    }))
}

/// The input of `operation.deliver`.
pub(crate) fn completion(completion: Completion) -> Result<Json, HandlerError> {
    let (result, failure) = match &completion.outcome {
        Outcome::Done(content) => {
            let result = content.to_value().map_err(|why| HandlerError::bad_request(why.to_string()))?;
            (result, None)
        }
        Outcome::Ended(error) => {
            (Json::Null, serde_json::from_slice::<Json>(&error.to_failure().to_json()).ok())
        }
    };
    Ok(given(json!({
        "headers": completion.headers,
        "token": completion.token,
        "links": links(&completion.links),
        "result": result,
        "failure": failure,
    })))
}

fn links(links: &[Link]) -> Vec<Json> {
    links.iter().map(|link| json!({ "url": link.url, "type": link.kind })).collect()
}

/// An input without what was not given.
fn given(input: Json) -> Json {
    match input {
        Json::Object(fields) => {
            fields.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(name: &str, prefix: &'static str) -> Place<'static> {
        Place::Endpoint { name: name.to_owned(), prefix }
    }

    #[test]
    fn paths_lead_to_endpoints_queues_and_callbacks() {
        assert_eq!(
            place("/nexus/endpoints/billing/services/S/O"),
            Some(endpoint("billing", "/nexus/endpoints/billing/services"))
        );
        assert_eq!(
            place("/nexus/endpoints/a%2Fb/services/S%2F1/O/cancel"),
            Some(endpoint("a/b", "/nexus/endpoints/a%2Fb/services"))
        );
        assert_eq!(
            place("/namespaces/bank/task-queues/q%201/nexus-services/S/O"),
            Some(endpoint("bank/q 1", "/namespaces/bank/task-queues/q%201/nexus-services"))
        );
        assert_eq!(place("/nexus/callback"), Some(Place::Callback));
        assert_eq!(place("/namespaces/shop/nexus/callback"), Some(Place::Callback));
    }

    #[test]
    fn other_paths_are_nowhere() {
        for path in [
            "/nexus",
            "/nexus/endpoints",
            "/nexus/endpoints/billing",
            "/nexus/endpoints/billing/services",
            "/nexus/endpoints//services/S/O",
            "/nexus/endpoints/%FF/services/S/O",
            "/namespaces/bank/nexus/call",
            "/namespaces/bank/task-queues/q/services/S/O",
        ] {
            assert_eq!(place(path), None, "{path}");
        }
    }
}
