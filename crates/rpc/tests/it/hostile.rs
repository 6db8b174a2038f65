//! Whatever strangers send is read or refused, and nothing of it is mistaken for a part that it is not.

use http::{HeaderName, HeaderValue, Method, Request, Response};
use nexus_rpc::{CancelRequest, Completion, Content, Route, StartAnswer, StartRequest, Unwritable};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

/// Headers that mean something, and one that does not.
const NAMES: [&str; 14] = [
    "content-type",
    "content-length",
    "nexus-callback-token",
    "nexus-link",
    "nexus-operation-close-time",
    "nexus-operation-start-time",
    "nexus-operation-state",
    "nexus-operation-token",
    "nexus-request-id",
    "nexus-request-retryable",
    "operation-timeout",
    "request-timeout",
    "temporal-nexus-failure-support",
    "x-other",
];

/// Values: what is expected somewhere, and what is expected nowhere.
fn value() -> impl Strategy<Value = HeaderValue> {
    let known =
        prop::sample::select(vec!["succeeded", "failed", "5m", "1e9999s", "<a>; type=\"b\"", "<", "true"]);
    prop_oneof![known.prop_map(|text| text.as_bytes().to_vec()), vec(any::<u8>(), 0..24)]
        .prop_filter_map("no header", |bytes| HeaderValue::from_bytes(&bytes).ok())
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, HeaderValue)>> {
    vec((prop::sample::select(NAMES.to_vec()), value()), 0..6)
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        json!({ "token": "t", "state": "running" }),
        json!({ "message": 1 }),
        json!({ "message": "m", "metadata": { "type": "nexus.OperationError" }, "details": { "state": 7 } }),
        json!({ "message": "m", "metadata": { "type": "nexus.HandlerError" }, "details": { "type": "ODD" } }),
        json!({ "cause": { "cause": {} } }),
    ];
    let known: Vec<Vec<u8>> = known.iter().map(|it| it.to_string().into_bytes()).collect();
    prop_oneof![prop::sample::select(known), vec(any::<u8>(), 0..60)]
}

proptest! {
    #[test]
    fn requests_are_read_or_refused(
        path in "(/[ -~&&[^#?<>\"{}|\\\\^` ]]{0,12}){0,6}(\\?[a-z=&%]{0,12})?",
        told in headers(),
        body in body(),
    ) {
        let Ok(mut request) = Request::builder().method(Method::POST).uri(path).body(body) else { return Ok(()) };
        for (name, value) in told {
            request.headers_mut().append(HeaderName::from_static(name), value);
        }
        let (parts, body) = request.into_parts();
        if let Ok(route) = Route::of(&parts, "") {
            let _ = CancelRequest::from_http(&route, &parts);
            let _ = StartRequest::from_http(&route, &parts, body.clone());
        }
        let _ = Completion::from_http(&parts, body);
    }

    #[test]
    fn answers_are_read_or_are_errors_of_whoever_gave_them(
        status in 100..1_000_u16,
        told in headers(),
        body in body(),
    ) {
        let mut response = Response::builder().status(status).body(body).unwrap();
        for (name, value) in told {
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
        let (parts, body) = response.into_parts();
        let _ = CancelRequest::answer(&parts, &body);
        let _ = Completion::answer(&parts, &body);
        if let Ok(answer) = StartAnswer::from_http(&parts, body) {
            prop_assert!([200, 201, 424].contains(&status), "{answer:?}");
        }
    }
}

#[test]
fn a_header_that_means_something_is_not_smuggled_in_among_the_others() {
    for name in ["Nexus-Request-Id", "nexus-callback-x", "Content-Type", "operation-timeout", "nexus-link"] {
        let mut call = StartRequest::new("S", "O", Content::null());
        call.headers.insert(name.to_owned(), "x".to_owned());
        assert_eq!(call.to_http("https://a/").unwrap_err(), Unwritable::Header(name.to_owned()));
    }
    let mut call = StartRequest::new("S", "O", Content::null());
    call.headers.insert("x-a".to_owned(), "1\r\nnexus-request-id: 2".to_owned());
    assert!(matches!(call.to_http("https://a/"), Err(Unwritable::Header(_))));
}
