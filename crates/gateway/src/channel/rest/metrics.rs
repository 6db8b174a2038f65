//! `GET /metrics`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use nexus_kernel::access::{Act, Action};
use nexus_kernel::call::Caller;
use nexus_kernel::code;
use nexus_kernel::error::Error;

use crate::channel::rest::Rest;
use crate::channel::rest::request::RestRequest;
use crate::metrics::Format;
use crate::problem::Problem;

/// Everything that is counted, as it is now. It writes no line into the log: it is asked for all the time.
pub(crate) async fn show(State(rest): State<Arc<Rest>>, request: RestRequest) -> Result<Response, Problem> {
    let accept = request.header("accept")?.unwrap_or_default();
    let caller = request.caller.clone();
    request.query.finish()?;
    if let Some(auth) = rest.pipeline.auth() {
        may_read(&auth.confirm(caller)?)?;
    }
    let format = Format::asked(&accept);
    let text = rest.pipeline.metrics().page().await.render(format);
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The figures are of all namespaces: whoever reaches one only may not see them.
fn may_read(caller: &Caller) -> Result<(), Error> {
    let reach = |resource| caller.grants.reach(Act { resource, action: Action::Read });
    if !reach("admin").is_nothing() || reach("metrics").is_everything() {
        return Ok(());
    }
    Err(Error::new(&code::FORBIDDEN, "you may not read the metrics")
        .help("it needs metrics:read in all namespaces, which the role `monitor` has, or admin:read"))
}
