//! Payloads of Nexus RPC as programs see them.
//!
//! JSON is itself and no content is null. Anything else is an object with the one member `$content`: its headers, and its
//! bytes in base64. A program passes it along as it is, and it becomes the same content again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nexus_kernel::Json;
use nexus_lang::twf::program::ParamInfo;
use nexus_rpc::Content;
use serde_json::json;

/// The member that stands for content which is no JSON.
const CONTENT: &str = "$content";

/// The type of what is JSON and nothing more.
const JSON: &str = "application/json";

/// What a program sees of a payload. The error says why something that calls itself JSON is none.
pub(crate) fn to_json(content: &Content) -> Result<Json, String> {
    let is_json = content.headers.len() == 1 && content.media_type().is_some_and(|it| it.trim() == JSON);
    if is_json || (content.headers.is_empty() && content.bytes.is_empty()) {
        return content.to_json().map_err(|why| why.to_string());
    }
    Ok(json!({ CONTENT: { "headers": content.headers, "base64": STANDARD.encode(&content.bytes) } }))
}

/// The payload of a program's value.
pub(crate) fn of_json(value: &Json) -> Content {
    as_content(value).unwrap_or_else(|| Content::json(value))
}

/// The input of an operation that takes one value of any kind: a payload which is a list or an empty object is that value, and
/// not the arguments by position or by name, as it would be read otherwise.
pub(crate) fn whole(parameters: &[ParamInfo], input: Json) -> Json {
    let is_read_otherwise = input.is_array() || input.as_object().is_some_and(serde_json::Map::is_empty);
    match parameters {
        [only] if is_read_otherwise && only.type_text == "any" => json!({ only.name.as_str(): input }),
        _ => input,
    }
}

fn as_content(value: &Json) -> Option<Content> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    let content = fields.get(CONTENT)?;
    let headers = content.get("headers")?.as_object()?.iter();
    let headers = headers.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    // Only headers that say what the bytes are: a program writes no others.
    let headers: std::collections::BTreeMap<String, String> = headers.collect::<Option<_>>()?;
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
            assert_eq!(of_json(&to_json(&content).unwrap()), content);
        }
    }

    #[test]
    fn one_value_of_any_kind_is_never_taken_apart() {
        let parameter = |name: &str, kind: &str| ParamInfo {
            name: name.into(),
            type_text: kind.into(),
            required: true,
            default: None,
        };
        let any = [parameter("a", "any")];
        assert_eq!(whole(&any, json!([1])), json!({ "a": [1] }));
        assert_eq!(whole(&any, json!({})), json!({ "a": {} }));
        for value in [json!({ "a": 1 }), json!({ "b": 1 }), json!(1), Json::Null] {
            assert_eq!(whole(&any, value.clone()), value);
        }
        assert_eq!(whole(&[parameter("a", "int")], json!([1])), json!([1]));
        assert_eq!(whole(&[parameter("a", "any"), parameter("b", "any")], json!([1, 2])), json!([1, 2]));
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
            assert_eq!(of_json(&value), Content::json(&value), "{value}");
        }
        let broken = Content::typed("application/json", b"{".to_vec());
        assert!(to_json(&broken).is_err());
    }
}
