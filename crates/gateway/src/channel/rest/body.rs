//! Request bodies: bounded in size and time, and read as JSON that leaves no room for two meanings.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use futures::StreamExt;
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::json;
use nexus_kernel::port::clock::Clock;
use serde_json::Map;

use crate::limits::BODY_DISCARD_BYTES_MAX;
use crate::problem::Problem;

/// How much of a body, and how long, is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The largest body that is taken.
    pub(crate) bytes_max: usize,
    /// How long it may take to arrive.
    pub(crate) time_max: Duration,
}

/// Reads a body whole, or refuses it for its size or slowness.
pub(crate) async fn read(body: Body, bounds: Bounds, clock: &dyn Clock) -> Result<Vec<u8>, Problem> {
    let deadline = clock.sleep_until(clock.now().plus(bounds.time_max));
    tokio::select! {
        biased;
        read = collect(body, bounds.bytes_max) => read,
        () = deadline => Err(too_slow(bounds.time_max)),
    }
}

async fn collect(body: Body, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut discarded = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| bad(format!("the body broke off: {error}")))?;
        if discarded == 0 && bytes.len() + chunk.len() <= bytes_max {
            bytes.extend_from_slice(&chunk);
            continue;
        }
        bytes = Vec::new();
        discarded += chunk.len();
        if discarded > BODY_DISCARD_BYTES_MAX {
            break;
        }
    }
    if discarded == 0 { Ok(bytes) } else { Err(too_large(bytes_max)) }
}

fn too_large(bytes_max: usize) -> Problem {
    Error::new(&code::TOO_LARGE, format!("the body is larger than {bytes_max} bytes"))
        .help("store large data elsewhere and pass a reference to it")
        .into()
}

fn too_slow(most: Duration) -> Problem {
    let message = format!("the body did not arrive within {} s", most.as_secs_f64());
    Problem::with_status(StatusCode::REQUEST_TIMEOUT, Error::new(&code::BAD_REQUEST, message))
}

fn bad(message: String) -> Problem {
    Error::new(&code::BAD_REQUEST, message).into()
}

/// Refuses bodies that say they are something other than JSON. Saying nothing is fine.
pub(crate) fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(given) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let given = given.to_str().unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    let error = Error::new(&code::BAD_REQUEST, format!("bodies of type {given:?} are not understood"));
    let error = error.help("send JSON with the header `Content-Type: application/json`");
    Err(Problem::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, error))
}

/// Parses a body. An empty one is an empty object, so that `curl -X POST` starts a workflow without input.
pub(crate) fn parse(bytes: &[u8]) -> Result<Json, Problem> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Json::Object(Map::new()));
    }
    json::read(bytes).map_err(|error| {
        Error::new(&code::BAD_REQUEST, format!("the body cannot be read as JSON: {error}")).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_an_empty_object() {
        assert_eq!(parse(b" \n").unwrap(), serde_json::json!({}));
    }
}
