//! Traces: every call has a place in one, when its caller has begun one or spans are kept here.

use std::sync::Arc;

use axum::http::HeaderMap;
use nexus_kernel::port::rng::Rng;
use nexus_kernel::port::span::{NoSpans, SharedSpans, root};
use nexus_kernel::trace::{SpanId, TraceContext, TraceIds};

/// Where spans go, and where their ids come from. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Traces {
    pub(crate) spans: SharedSpans,
    ids: Arc<TraceIds>,
}

impl Traces {
    /// Spans go nowhere.
    pub(crate) fn new(rng: &dyn Rng) -> Traces {
        Traces { spans: Arc::new(NoSpans), ids: Arc::new(TraceIds::new(rng)) }
    }

    /// The same ids, and spans go here.
    pub(crate) fn to(self, spans: SharedSpans) -> Traces {
        Traces { spans, ..self }
    }

    /// Where a call stands: below its caller, at the beginning of a trace, or in none. And what it stands below.
    pub(crate) fn begin(&self, given: Option<TraceContext>) -> (Option<TraceContext>, Option<SpanId>) {
        let is_on = self.spans.is_on();
        match given {
            // Others may keep spans although nobody does here: what they have sent is passed on as it is.
            Some(given) if !is_on => (Some(given), None),
            Some(given) => {
                let is_sampled = self.spans.continues(&given);
                let own = TraceContext { span: self.ids.span(), is_sampled, ..given.clone() };
                (Some(own), Some(given.span))
            }
            None if is_on => {
                let trace = self.ids.trace();
                let is_sampled = self.spans.samples(trace);
                (Some(TraceContext { trace, span: self.ids.span(), is_sampled, state: None }), None)
            }
            None => (None, None),
        }
    }
}

impl Traces {
    /// The trace that begins with something of this name, when spans are kept.
    pub(crate) fn of_name(&self, name: &str) -> Option<TraceContext> {
        root(&*self.spans, name)
    }
}

/// The context in the head of a request. A parent that comes twice is none; states that come apart are one.
pub(crate) fn of_headers(headers: &HeaderMap) -> Option<TraceContext> {
    let mut parents = headers.get_all("traceparent").iter();
    let (Some(parent), None) = (parents.next(), parents.next()) else { return None };
    let states: Vec<&str> = headers.get_all("tracestate").iter().filter_map(|it| it.to_str().ok()).collect();
    let state = (!states.is_empty()).then(|| states.join(","));
    TraceContext::parse(parent.to_str().ok()?, state.as_deref())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn headers_are_read_as_the_recommendation_says() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut headers = HeaderMap::new();
        assert_eq!(of_headers(&headers), None);
        let mut add = |name: &'static str, value: &'static str| {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            of_headers(&headers)
        };
        assert_eq!(add("traceparent", parent).unwrap().parent(), parent);
        assert_eq!(add("tracestate", "a=1").unwrap().state.as_deref(), Some("a=1"));
        assert_eq!(add("tracestate", "b=2").unwrap().state.as_deref(), Some("a=1,b=2"));
        assert_eq!(add("traceparent", parent), None);
    }
}
