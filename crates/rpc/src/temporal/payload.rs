//! Payloads of Temporal as values, and back.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::content::Content;

const BYTES: &str = "application/octet-stream";

/// A payload as a value. What its encoding is unknown of stays as it is.
pub(super) fn to_value(payload: &Value) -> Value {
    content(payload).and_then(|content| content.to_value().ok()).unwrap_or_else(|| payload.clone())
}

fn content(payload: &Value) -> Option<Content> {
    let metadata = payload.get("metadata")?.as_object()?;
    let read = |name: &str| String::from_utf8(decoded(metadata.get(name)?)?).ok();
    let bytes = payload.get("data").map_or(Some(Vec::new()), decoded)?;
    let message = || read("messageType").filter(|name| !name.contains(['"', '\\']));
    match read("encoding")?.as_str() {
        "binary/null" => Some(Content::null()),
        "json/plain" => Some(Content::typed("application/json", bytes)),
        "binary/plain" => Some(Content::bytes(bytes)),
        "json/protobuf" => {
            let kind = format!("application/json; format=protobuf; message-type=\"{}\"", message()?);
            Some(Content::typed(&kind, bytes))
        }
        "binary/protobuf" => {
            Some(Content::typed(&format!("application/x-protobuf; message-type=\"{}\"", message()?), bytes))
        }
        _ => None,
    }
}

/// A value as a payload.
pub(super) fn of_value(value: &Value) -> Value {
    let content = Content::of_value(value);
    match (content.media_type(), content.headers.len()) {
        (None, 0) => payload("binary/null", None, &content.bytes),
        (Some(BYTES), 1) => payload("binary/plain", None, &content.bytes),
        (Some(kind), 1) => match proto(kind) {
            Some((encoding, message)) => payload(encoding, Some(message), &content.bytes),
            None => payload("json/plain", None, value.to_string().as_bytes()),
        },
        _ => payload("json/plain", None, value.to_string().as_bytes()),
    }
}

/// The encoding and the message of a media type of protocol buffers.
fn proto(kind: &str) -> Option<(&'static str, &str)> {
    let (before, message) = kind.strip_suffix('"')?.split_once("; message-type=\"")?;
    match before {
        "application/json; format=protobuf" => Some(("json/protobuf", message)),
        "application/x-protobuf" => Some(("binary/protobuf", message)),
        _ => None,
    }
}

fn payload(encoding: &str, message: Option<&str>, bytes: &[u8]) -> Value {
    let message = message.map(|message| ("messageType", message));
    let metadata = [("encoding", encoding)].into_iter().chain(message);
    let metadata: BTreeMap<_, _> = metadata.map(|(name, text)| (name, STANDARD.encode(text))).collect();
    if bytes.is_empty() {
        return json!({ "metadata": metadata });
    }
    json!({ "metadata": metadata, "data": STANDARD.encode(bytes) })
}

fn decoded(value: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(value.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back() {
        let contents = [
            Content::bytes(vec![0, 255]),
            Content::bytes(Vec::new()),
            Content::typed("application/json; format=protobuf; message-type=\"a.B\"", b"{}".to_vec()),
            Content::typed("application/x-protobuf; message-type=\"a.B\"", vec![8, 1]),
            Content::typed("text/plain", b"x".to_vec()),
        ];
        let values = contents.map(|content| content.to_value().unwrap());
        for value in [json!(null), json!("text"), json!({ "a": [1, null] })].into_iter().chain(values) {
            assert_eq!(to_value(&of_value(&value)), value);
        }
    }

    #[test]
    fn what_is_unknown_stays_as_it_is() {
        for payload in [
            json!(null),
            json!({}),
            json!({ "metadata": { "encoding": STANDARD.encode("binary/encrypted") }, "data": "AAEC" }),
            json!({ "metadata": { "encoding": STANDARD.encode("json/plain") }, "data": STANDARD.encode("{") }),
            json!({ "metadata": { "encoding": "!" }, "data": "AAEC" }),
        ] {
            assert_eq!(to_value(&payload), payload);
        }
    }
}
