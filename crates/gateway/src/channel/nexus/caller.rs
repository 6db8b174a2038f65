//! In whose name a request of Nexus RPC is made.
//!
//! A caller may say which namespace they call for; whether they may is for the pipeline to find out, like with every other
//! call. Which run they are is believed only when another server has signed it, in the very token that let the request in.

use std::sync::Arc;

use axum::http::{HeaderMap, request::Parts};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexus_kernel::Json;
use nexus_kernel::call::{ActingRun, Caller, Proof};

use crate::identity::{CALLER_HEADER, CALLER_NAMESPACE_HEADER};

/// What is known of a caller beside who they are.
pub(super) struct Named {
    /// The namespace that they call for.
    pub(super) namespace: Option<String>,
    /// The run that calls.
    pub(super) acting: Option<Arc<ActingRun>>,
}

/// What a request says of its caller.
pub(super) fn of(parts: &Parts) -> Named {
    let told = text(&parts.headers, CALLER_NAMESPACE_HEADER);
    let proof = parts.extensions.get::<Caller>().map(|caller| &caller.proof);
    let claims = matches!(proof, Some(Proof::Token { .. })).then(|| signed(&parts.headers)).flatten();
    let Some(claims) = claims else { return Named { namespace: told, acting: None } };
    let claim = |name: &str| claims.get(name).and_then(Json::as_str).map(str::to_owned);
    let acting = claim("workflow_id").zip(claim("run_id"));
    let acting = acting.map(|(workflow_id, run_id)| Arc::new(ActingRun { workflow_id, run_id }));
    // What is signed is not overruled by what is only said.
    Named { namespace: claim("namespace").or(told), acting }
}

/// The claims of the token that let the request in, when another server has made it. It was checked at the door.
fn signed(headers: &HeaderMap) -> Option<Json> {
    if headers.contains_key(axum::http::header::AUTHORIZATION) {
        return None;
    }
    let token = text(headers, CALLER_HEADER)?;
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
