//! Spans as OTLP 1.x has them in JSON: ids in hexadecimal digits, 64-bit numbers as texts.

use nexus_kernel::Json;
use nexus_kernel::port::span::{Span, SpanKind};
use nexus_kernel::time::Timestamp;
use serde_json::{Map, json};

/// The status of a span that failed.
const FAILED: u8 = 2;

/// The flag that says that the other flags of a span are those of its trace.
const IS_SAMPLED: u8 = 1;

/// The body of a message to the collector.
pub(super) fn request(resource: &[(String, String)], spans: &[Span]) -> String {
    json!({ "resourceSpans": [{
        "resource": { "attributes": resource.iter().map(|(key, value)| attribute(key, value)).collect::<Json>() },
        "scopeSpans": [{
            "scope": { "name": "nexus", "version": env!("CARGO_PKG_VERSION") },
            "spans": spans.iter().map(span).collect::<Json>(),
        }],
    }] })
    .to_string()
}

fn span(span: &Span) -> Json {
    let mut fields = Map::new();
    let mut add = |name: &str, value: Json| fields.insert(name.to_owned(), value);
    add("traceId", span.context.trace.to_string().into());
    add("spanId", span.context.span.to_string().into());
    if let Some(parent) = span.parent {
        add("parentSpanId", parent.to_string().into());
    }
    if let Some(state) = &span.context.state {
        add("traceState", state.as_ref().into());
    }
    add("flags", IS_SAMPLED.into());
    add("name", span.name.as_str().into());
    add("kind", kind(span.kind).into());
    add("startTimeUnixNano", nanos(span.started).into());
    add("endTimeUnixNano", nanos(span.ended).into());
    let attributes = span.attributes.iter().map(|(key, value)| attribute(key, value));
    let failed = span.failed.as_deref();
    add("attributes", attributes.chain(failed.map(|code| attribute("error.type", code))).collect());
    if failed.is_some() {
        add("status", json!({ "code": FAILED }));
    }
    Json::Object(fields)
}

fn attribute(key: &str, value: &str) -> Json {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn kind(kind: SpanKind) -> u8 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

fn nanos(at: Timestamp) -> String {
    format!("{}000", at.micros().max(0))
}

#[cfg(test)]
mod tests {
    use nexus_kernel::trace::TraceContext;

    use super::*;

    #[test]
    fn the_sent_form_is_that_of_the_protocol() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = TraceContext::parse(parent, Some("a=1")).unwrap();
        let sent = Span {
            name: "run Checkout".to_owned(),
            kind: SpanKind::Consumer,
            parent: Some(context.span),
            context,
            started: Timestamp::from_millis(1_700_000_000_123),
            ended: Timestamp::from_millis(1_700_000_001_000),
            attributes: vec![("nexus.run_id", "run_1".to_owned())],
            failed: Some("NX-2001".to_owned()),
        };
        let resource = [("service.name".to_owned(), "shop".to_owned())];
        let body: Json = serde_json::from_str(&request(&resource, &[sent])).unwrap();
        let spans = &body["resourceSpans"][0]["scopeSpans"][0]["spans"];
        assert_eq!(body["resourceSpans"][0]["resource"]["attributes"][0]["value"]["stringValue"], "shop");
        insta::assert_json_snapshot!(spans, @r#"
        [
          {
            "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
            "spanId": "00f067aa0ba902b7",
            "parentSpanId": "00f067aa0ba902b7",
            "traceState": "a=1",
            "flags": 1,
            "name": "run Checkout",
            "kind": 5,
            "startTimeUnixNano": "1700000000123000000",
            "endTimeUnixNano": "1700000001000000000",
            "attributes": [
              {
                "key": "nexus.run_id",
                "value": {
                  "stringValue": "run_1"
                }
              },
              {
                "key": "error.type",
                "value": {
                  "stringValue": "NX-2001"
                }
              }
            ],
            "status": {
              "code": 2
            }
          }
        ]
        "#);
    }
}
