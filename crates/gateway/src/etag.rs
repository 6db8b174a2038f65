//! Entity tags: a client that has an answer already is told so instead of getting it again (RFC 9110, 8.8.3 and 13.1.2).

use std::fmt::Write as _;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};

use crate::limits::ETAG_BYTES_MAX;
use crate::problem::Problem;
use nexus_kernel::error::Error;

/// Gives an answer to a GET its tag, and takes its body away when the client has it. Streams and large bodies stay as
/// they are: a tag would need them whole.
pub(crate) async fn apply(response: Response, if_none_match: Option<&HeaderValue>) -> Response {
    let is_known = response.body().size_hint().exact().is_some_and(|bytes| bytes <= ETAG_BYTES_MAX);
    if response.status() != StatusCode::OK || !is_known || response.headers().contains_key(header::ETAG) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::try_from(ETAG_BYTES_MAX).unwrap_or(usize::MAX)).await else {
        return Problem::from(Error::internal("an answer could not be read")).into_response();
    };
    let tag = tag_of(&bytes);
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, value);
    }
    if if_none_match.is_some_and(|given| names(given, &tag)) {
        return not_modified(&parts.headers);
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// Weak, because the same answer may be sent compressed.
fn tag_of(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    let mut tag = "W/\"".to_owned();
    for byte in hash.as_ref().iter().take(12) {
        let _ = write!(tag, "{byte:02x}"); // a string takes everything
    }
    tag.push('"');
    tag
}

/// Whether the client's list has the tag, weakly compared.
fn names(given: &HeaderValue, tag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let given = given.to_str().unwrap_or_default();
    given.trim() == "*" || given.split(',').any(|one| bare(one) == bare(tag))
}

fn not_modified(headers: &HeaderMap) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    for name in [header::ETAG, header::CACHE_CONTROL, header::VARY, header::LOCATION] {
        if let Some(value) = headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list() {
        let tag = tag_of(b"{}");
        assert!(tag.starts_with("W/\"") && tag.len() == 28);
        let given = |text: &str| HeaderValue::from_str(text).unwrap();
        assert!(names(&given(&tag), &tag));
        assert!(names(&given("*"), &tag));
        assert!(names(&given(&format!("\"x\", {}", tag.trim_start_matches("W/"))), &tag));
        assert!(!names(&given("\"x\""), &tag));
        assert_ne!(tag, tag_of(b"{ }"));
    }
}
