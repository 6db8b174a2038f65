//! Whatever callers and handlers may say to each other.

use std::time::{Duration, UNIX_EPOCH};

use nexus_rpc::{
    Callback, CancelRequest, Completion, Content, End, Failure, Fields, HandlerError, HandlerErrorKind, Link,
    OperationError, Outcome, StartAnswer, StartRequest,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

/// A name of a service or an operation. Dots alone mean something else in a path.
fn name() -> impl Strategy<Value = String> {
    let any = prop_oneof!["[a-zA-Z][a-zA-Z0-9]{0,12}", "[ -~]{1,20}", "\\PC{1,20}"];
    any.prop_filter("dots", |name| ![".", ".."].contains(&name.as_str()))
}

/// What fits into a header and means nothing to it.
fn field() -> impl Strategy<Value = String> {
    "[!-~]([ -~]{0,20}[!-~])?"
}

fn fields() -> impl Strategy<Value = Fields> {
    btree_map("x-[a-z0-9-]{1,10}", field(), 0..3)
}

fn link() -> impl Strategy<Value = Link> {
    let url = "(https?://[a-z]{1,8}|temporal:)/[a-zA-Z0-9/=&?%;:_.-]{0,24}";
    (url, "[a-zA-Z][a-zA-Z0-9_./]{0,20}").prop_map(|(url, kind)| Link { url, kind })
}

fn links() -> impl Strategy<Value = Vec<Link>> {
    vec(link(), 0..3)
}

fn content() -> impl Strategy<Value = Content> {
    let described = (btree_map("content-[a-b]{1,8}", field(), 0..3), vec(any::<u8>(), 0..80));
    prop_oneof![
        Just(Content::null()),
        "\\PC{0,20}".prop_map(|text| Content::json(&json!({ "text": text }))),
        vec(any::<u8>(), 0..80).prop_map(Content::bytes),
        described.prop_map(|(headers, bytes)| Content { headers, bytes }),
    ]
}

/// Whole milliseconds, which is how exact time limits are.
fn limit() -> impl Strategy<Value = Option<Duration>> {
    option::of((1..10_000_000_u64).prop_map(Duration::from_millis))
}

fn failure() -> impl Strategy<Value = Failure> {
    let alone =
        ("\\PC{0,20}", "\\PC{0,20}", btree_map("[a-z]{1,6}", "\\PC{0,8}", 0..3), any::<Option<i64>>());
    let alone = alone.prop_map(|(message, stack_trace, metadata, number)| Failure {
        message,
        stack_trace,
        metadata,
        details: number.map_or(serde_json::Value::Null, |number| json!({ "number": number })),
        cause: None,
    });
    alone.prop_recursive(3, 4, 1, |cause| {
        ("\\PC{0,20}", cause)
            .prop_map(|(message, cause)| Failure { cause: Some(Box::new(cause)), ..Failure::new(message) })
    })
}

fn ended() -> impl Strategy<Value = OperationError> {
    let end = prop_oneof![Just(End::Failed), Just(End::Canceled)];
    (end, "\\PC{1,20}", "\\PC{0,20}", option::of(failure())).prop_map(|(end, message, stack_trace, cause)| {
        OperationError { stack_trace, cause: cause.map(Box::new), ..OperationError::new(end, message) }
    })
}

/// Any error of a handler.
pub(crate) fn refusal() -> impl Strategy<Value = HandlerError> {
    use HandlerErrorKind::{
        BadRequest, Conflict, Internal, NotFound, NotImplemented, RequestTimeout, ResourceExhausted,
        Unauthenticated, Unauthorized, Unavailable, UpstreamTimeout,
    };
    let known = prop::sample::select(vec![
        BadRequest,
        Conflict,
        Internal,
        NotFound,
        NotImplemented,
        RequestTimeout,
        ResourceExhausted,
        Unauthenticated,
        Unauthorized,
        Unavailable,
        UpstreamTimeout,
    ]);
    (known, "\\PC{1,20}", any::<Option<bool>>(), option::of(failure())).prop_map(
        |(kind, message, retryable, cause)| HandlerError {
            retryable,
            cause: cause.map(Box::new),
            ..HandlerError::new(kind, message)
        },
    )
}

/// Any request to start an operation.
pub(crate) fn start() -> impl Strategy<Value = StartRequest> {
    let callback = ("https://[a-z]{1,8}/[ -~]{0,20}", btree_map("[a-z][a-z0-9-]{0,10}", field(), 0..3));
    let callback = callback.prop_map(|(url, headers)| Callback { url, headers });
    let named = (name(), name(), option::of(field()), option::of(callback));
    (named, limit(), limit(), links(), fields(), content()).prop_map(
        |(
            (service, operation, request_id, callback),
            operation_timeout,
            request_timeout,
            links,
            headers,
            content,
        )| {
            StartRequest {
                request_id,
                callback,
                operation_timeout,
                request_timeout,
                links,
                headers,
                ..StartRequest::new(service, operation, content)
            }
        },
    )
}

/// Any answer to one.
pub(crate) fn answer() -> impl Strategy<Value = StartAnswer> {
    prop_oneof![
        (content(), links()).prop_map(|(content, links)| StartAnswer::Done { content, links }),
        ("\\PC{1,20}", links()).prop_map(|(token, links)| StartAnswer::Started { token, links }),
        ended().prop_map(StartAnswer::Ended),
    ]
}

/// Any request to end an operation early.
pub(crate) fn cancel() -> impl Strategy<Value = CancelRequest> {
    (name(), name(), field(), limit(), fields()).prop_map(
        |(service, operation, token, request_timeout, headers)| CancelRequest {
            service,
            operation,
            token,
            request_timeout,
            headers,
        },
    )
}

/// Any completion.
pub(crate) fn completion() -> impl Strategy<Value = Completion> {
    let outcome = prop_oneof![content().prop_map(Outcome::Done), ended().prop_map(Outcome::Ended)];
    let started = option::of((0..4_000_000_000_u64).prop_map(Duration::from_secs));
    let closed = option::of((0..4_000_000_000_000_u64).prop_map(Duration::from_millis));
    (option::of(field()), started, closed, links(), fields(), outcome).prop_map(
        |(token, started, closed, links, headers, outcome)| Completion {
            token,
            started: started.map(|after| UNIX_EPOCH + after),
            closed: closed.map(|after| UNIX_EPOCH + after),
            links,
            headers,
            outcome,
        },
    )
}
