//! What a message carries: bytes, and the headers that say what they are.

use http::HeaderMap;
use serde_json::Value;

use crate::Fields;
use crate::fields::lossless;

/// Headers that begin like those of a payload and say nothing about it: the first two are of the transport, the others tell
/// browsers what a page may do, and servers put them on every answer.
const OTHERS: [&str; 4] =
    ["content-length", "content-encoding", "content-security-policy", "content-security-policy-report-only"];

/// A payload. All `Content-*` headers travel with it, but for those that are not about it (`Content-Length`,
/// `Content-Encoding`, `Content-Security-Policy`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// The headers, by their names in lower case: `content-type`, and whatever else says what the bytes are.
    pub headers: Fields,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Why a payload is no JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotJson {
    /// It says that it is something else.
    #[error("the content is {0:?}, and not application/json")]
    Type(String),
    /// It says that it is JSON, and is not.
    #[error("the content is no JSON: {0}")]
    Syntax(String),
}

impl Content {
    /// Null: no bytes, and no word about them.
    pub fn null() -> Content {
        Content::default()
    }

    /// A value as JSON. Null is [`Content::null`].
    pub fn json(value: &Value) -> Content {
        match value {
            Value::Null => Content::null(),
            some => Content::typed("application/json", some.to_string().into_bytes()),
        }
    }

    /// Bytes as they are.
    pub fn bytes(bytes: Vec<u8>) -> Content {
        Content::typed("application/octet-stream", bytes)
    }

    /// Bytes of a media type.
    pub fn typed(media_type: &str, bytes: Vec<u8>) -> Content {
        Content { headers: [("content-type".to_owned(), media_type.to_owned())].into(), bytes }
    }

    /// The media type, as it was said.
    pub fn media_type(&self) -> Option<&str> {
        self.headers.get("content-type").map(String::as_str)
    }

    /// The value, when the content is JSON, or nothing.
    pub fn to_json(&self) -> Result<Value, NotJson> {
        let Some(media_type) = self.media_type() else {
            return if self.bytes.is_empty() { Ok(Value::Null) } else { Err(NotJson::Type(String::new())) };
        };
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        // With parameters it is something else: a protocol buffer in JSON, for example.
        if !essence.eq_ignore_ascii_case("application/json") || media_type.contains("message-type") {
            return Err(NotJson::Type(media_type.to_owned()));
        }
        serde_json::from_slice(&self.bytes).map_err(|error| NotJson::Syntax(error.to_string()))
    }

    /// The content of a message with these headers.
    pub(crate) fn of(headers: &HeaderMap, bytes: Vec<u8>) -> Content {
        let kept = |name: &str| name.starts_with("content-") && !OTHERS.contains(&name);
        let kept = headers.iter().filter(|(name, _)| kept(name.as_str()));
        let headers = kept.map(|(name, value)| (name.as_str().to_owned(), lossless(value))).collect();
        Content { headers, bytes }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_read_as_it_was_written_and_null_is_nothing() {
        for value in [json!(null), json!({ "a": [1, "x", null] }), json!("text"), json!(false), json!(0.1)] {
            let content = Content::json(&value);
            assert_eq!(content.to_json(), Ok(value.clone()));
            assert_eq!(content.media_type().is_none(), value.is_null());
        }
        assert_eq!(Content::json(&json!(null)), Content::null());
    }

    #[test]
    fn a_payload_has_only_the_headers_that_are_about_it() {
        let mut headers = HeaderMap::new();
        for name in OTHERS.into_iter().chain(["content-type", "content-language", "x-content"]) {
            headers.insert(name, http::HeaderValue::from_static("v"));
        }
        let content = Content::of(&headers, Vec::new());
        assert_eq!(content.headers.keys().collect::<Vec<_>>(), ["content-language", "content-type"]);
    }

    #[test]
    fn what_is_something_else_is_no_json() {
        let proto = "application/json; format=protobuf; message-type=\"a.B\"";
        for media_type in ["application/octet-stream", "text/plain", "", "application/jsonx", proto] {
            let content = Content::typed(media_type, b"1".to_vec());
            assert_eq!(content.to_json(), Err(NotJson::Type(media_type.to_owned())));
        }
        assert!(matches!(
            Content::typed("application/json", b"{".to_vec()).to_json(),
            Err(NotJson::Syntax(_))
        ));
        assert!(matches!(Content::typed("application/json", Vec::new()).to_json(), Err(NotJson::Syntax(_))));
        let untyped = Content { bytes: b"1".to_vec(), ..Content::null() };
        assert!(untyped.to_json().is_err(), "bytes without a word about them are not guessed at");
        assert_eq!(Content::typed("Application/JSON; charset=utf-8", b"1".to_vec()).to_json(), Ok(json!(1)));
    }
}
