//! Request bodies: bounded in size and time, and read as JSON that leaves no room for two meanings.

use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use futures::StreamExt;
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::Clock;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Map;

use crate::limits::{BODY_DISCARD_BYTES_MAX, BODY_SECONDS_MAX};
use crate::problem::Problem;

/// Reads a body whole, or refuses it for its size or slowness.
pub(crate) async fn read(body: Body, bytes_max: usize, clock: &dyn Clock) -> Result<Vec<u8>, Problem> {
    let deadline = clock.sleep_until(clock.now().plus(Duration::from_secs(BODY_SECONDS_MAX)));
    tokio::select! {
        biased;
        read = collect(body, bytes_max) => read,
        () = deadline => Err(too_slow()),
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

fn too_slow() -> Problem {
    let message = format!("the body did not arrive within {BODY_SECONDS_MAX} s");
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
    strict(bytes).map_err(|error| {
        Error::new(&code::BAD_REQUEST, format!("the body cannot be read as JSON: {error}")).into()
    })
}

/// Reads JSON in which no object has two members of one name.
pub(crate) fn strict(bytes: &[u8]) -> Result<Json, serde_json::Error> {
    serde_json::from_slice::<Strict>(bytes).map(|Strict(value)| value)
}

/// A JSON value without duplicate keys. Parsers differ in which of two they keep; we keep neither.
struct Strict(Json);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Strict, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(de::Error::custom(format_args!("the key {key:?} appears twice")));
            }
            let Strict(value) = entries.next_value()?;
            object.insert(key, value);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn duplicate_keys_are_refused_at_any_depth() {
        assert!(parse(br#"{"a":[{"b":1,"b":2}]}"#).is_err());
        assert!(parse(br#"{"a":{"b":1},"b":1}"#).is_ok());
    }

    #[test]
    fn nothing_is_an_empty_object() {
        assert_eq!(parse(b" \n").unwrap(), serde_json::json!({}));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth| ["[".repeat(depth), "]".repeat(depth)].concat();
        assert!(parse(nested(100).as_bytes()).is_ok());
        assert!(parse(nested(100_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn strict_and_ordinary_reading_agree_where_both_read(text in r#"[\[\]{}",:0-9a-b. \\eu-]{0,30}"#) {
            if let Ok(strict) = parse(text.as_bytes()) && !text.trim().is_empty() {
                prop_assert_eq!(strict, serde_json::from_str::<Json>(&text).unwrap());
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
