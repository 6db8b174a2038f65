//! Payloads as values of JSON, whatever they are, for whoever keeps nothing else.
//!
//! JSON is itself and no content is null. Anything else is an object with the one member `$content`: its headers, and its
//! bytes in base64. Whoever passes it along as it is sends the same content again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::Fields;
use crate::content::{Content, NotJson};

/// The member that stands for content which is no JSON.
const CONTENT: &str = "$content";

/// The type of what is JSON and nothing more.
const JSON: &str = "application/json";

impl Content {
    /// The payload as a value. The error says why something that calls itself JSON is none.
    pub fn to_value(&self) -> Result<Value, NotJson> {
        let is_json = self.headers.len() == 1 && self.media_type().is_some_and(|it| it.trim() == JSON);
        if is_json || (self.headers.is_empty() && self.bytes.is_empty()) {
            return self.to_json();
        }
        Ok(json!({ CONTENT: { "headers": self.headers, "base64": STANDARD.encode(&self.bytes) } }))
    }

    /// The payload of a value.
    pub fn of_value(value: &Value) -> Content {
        as_content(value).unwrap_or_else(|| Content::json(value))
    }
}

fn as_content(value: &Value) -> Option<Content> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    let content = fields.get(CONTENT)?;
    let headers = content.get("headers")?.as_object()?.iter();
    let headers = headers.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    // Only headers that say what the bytes are: whoever keeps values writes no others.
    let headers: Fields = headers.collect::<Option<_>>()?;
    let fits = headers.keys().all(|name| name.starts_with("content-") && name != "content-length");
    let bytes = STANDARD.decode(content.get("base64")?.as_str()?).ok()?;
    fits.then_some(Content { headers, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_content_comes_back_as_it_was() {
        for content in [
            Content::null(),
            Content::json(&json!({ "cents": 1200 })),
            Content::bytes(vec![0, 1, 255]),
            Content::bytes(Vec::new()),
            Content::typed("application/json; format=protobuf; message-type=\"a.B\"", b"{}".to_vec()),
            Content::typed("application/x-protobuf; message-type=\"a.B\"", vec![8, 1]),
            Content { headers: [("content-language".into(), "de".into())].into(), bytes: b"x".to_vec() },
        ] {
            assert_eq!(Content::of_value(&content.to_value().unwrap()), content);
        }
    }

    #[test]
    fn what_only_looks_like_content_is_a_value() {
        for value in [
            json!({ "$content": 1 }),
            json!({ "$content": { "headers": {}, "base64": "!" } }),
            json!({ "$content": { "headers": { "host": "a" }, "base64": "" } }),
            json!({ "$content": { "headers": { "content-length": "9" }, "base64": "" } }),
            json!({ "$content": { "headers": {}, "base64": "" }, "more": 1 }),
        ] {
            assert_eq!(Content::of_value(&value), Content::json(&value), "{value}");
        }
        let broken = Content::typed("application/json", b"{".to_vec());
        assert!(broken.to_value().is_err());
    }
}
