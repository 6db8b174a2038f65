//! The headers of a trace on requests to others.

use nexus_kernel::trace::TraceContext;
use reqwest::RequestBuilder;

/// A request that says which trace it is part of.
pub(crate) fn onto(request: RequestBuilder, trace: &TraceContext) -> RequestBuilder {
    let request = request.header("traceparent", trace.parent());
    match &trace.state {
        Some(state) => request.header("tracestate", state.as_ref()),
        None => request,
    }
}
