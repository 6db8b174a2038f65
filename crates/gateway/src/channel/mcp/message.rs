//! Messages as they come in: read by the one reader of JSON before the protocol's own sees them, which keeps the last of
//! two members of one name and says nothing to what it cannot read.
//!
//! The protocol wants every request answered, so whoever sent something unreadable is told, with the id when there is one.

use axum::http::StatusCode;
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::json as reader;
use rmcp::ErrorData;
use rmcp::model::ErrorCode;
use serde::Deserialize;
use serde_json::json;

use crate::channel::mcp::refused;
use crate::limits::{BODY_BYTES_MAX, MCP_ID_BYTES_MAX};

/// The number of JSON-RPC for what is no JSON.
const PARSE_ERROR: i64 = -32_700;

/// The number of JSON-RPC for what is no request, or too large for one.
const INVALID_REQUEST: i64 = -32_600;

/// The methods of requests to a server, in all revisions.
const METHODS: [&str; 17] = [
    "completion/complete",
    "initialize",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "server/discover",
    "subscriptions/listen",
    "tasks/cancel",
    "tasks/get",
    "tasks/update",
    "tools/call",
    "tools/list",
];

/// Why a message is not taken, as its sender is told.
#[derive(Debug)]
pub struct Unreadable {
    /// The status where there is one.
    pub(crate) status: StatusCode,
    /// The answer of JSON-RPC.
    pub answer: Json,
}

impl Unreadable {
    fn new(status: StatusCode, number: i64, id: Option<Json>, error: &Error) -> Unreadable {
        let mut data = json!({ "code": error.code().id });
        if let (Some(fields), Some(help)) = (data.as_object_mut(), error.help_text()) {
            fields.insert("help".to_owned(), help.into());
        }
        let error = json!({ "code": number, "message": error.message(), "data": data });
        let mut answer = json!({ "jsonrpc": "2.0", "error": error });
        // Without an id the protocol leaves the member out.
        if let (Some(fields), Some(id)) = (answer.as_object_mut(), id) {
            fields.insert("id".to_owned(), id);
        }
        Unreadable { status, answer }
    }

    /// A message that did not come in whole.
    pub(crate) fn not_taken(status: StatusCode, error: &Error) -> Unreadable {
        Unreadable::new(status, INVALID_REQUEST, None, error)
    }

    /// A message that is larger than messages may be.
    pub fn too_large() -> Unreadable {
        let error =
            Error::new(&code::TOO_LARGE, format!("the message is larger than {BODY_BYTES_MAX} bytes"));
        let error = error.help("store large data elsewhere and pass a reference to it");
        Unreadable::not_taken(StatusCode::PAYLOAD_TOO_LARGE, &error)
    }

    /// JSON that is no message.
    pub(crate) fn no_message(message: &Json) -> Unreadable {
        let error = Error::new(&code::BAD_REQUEST, "that is no message of JSON-RPC 2.0")
            .help("a message is one object with `jsonrpc`, and `method`, `result` or `error`");
        let id = message.get("id").filter(|id| is_id(id)).cloned();
        Unreadable::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, id, &error)
    }
}

/// Reads a message.
///
/// # Errors
///
/// What its sender is told instead.
pub fn read(bytes: &[u8]) -> Result<Json, Unreadable> {
    let message = reader::read(bytes).map_err(|error| {
        let error = Error::new(&code::BAD_REQUEST, format!("the message cannot be read as JSON: {error}"));
        Unreadable::new(StatusCode::BAD_REQUEST, PARSE_ERROR, id_of(bytes), &error)
    })?;
    if message.is_object() { Ok(message) } else { Err(Unreadable::no_message(&message)) }
}

/// Why a request that is one of JSON-RPC is none of the protocol: its method is unknown, or its params do not fit.
pub(crate) fn misunderstood(method: &str, params: Option<&Json>) -> ErrorData {
    if !METHODS.contains(&method) {
        return ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method.to_owned(), None);
    }
    let arguments = params.and_then(|params| params.get("arguments"));
    let error = match arguments {
        Some(arguments) if !arguments.is_object() && !arguments.is_null() => {
            Error::new(&code::INPUT_INVALID, "the arguments are no object")
                .help("an input is an object with the parameters by name")
        }
        _ => Error::new(&code::BAD_REQUEST, format!("the params do not fit {method}"))
            .help("the specification of MCP lists what a method takes"),
    };
    refused(&error)
}

/// The method of a message; nothing for an answer.
pub(crate) fn method_of(message: &Json) -> &str {
    message.get("method").and_then(Json::as_str).unwrap_or_default()
}

/// The id of a message that cannot be read as a whole, when that much of it can be.
fn id_of(bytes: &[u8]) -> Option<Json> {
    #[derive(Deserialize)]
    struct Head {
        id: Json,
    }
    serde_json::from_slice::<Head>(bytes).ok().map(|head| head.id).filter(is_id)
}

fn is_id(id: &Json) -> bool {
    match id {
        Json::String(text) => text.len() <= MCP_ID_BYTES_MAX,
        Json::Number(number) => number.is_i64() || number.is_u64(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(text: &str) -> (i64, Json) {
        let answer = read(text.as_bytes()).unwrap_err().answer;
        assert!(answer["error"]["data"]["code"].is_string(), "{answer}");
        (answer["error"]["code"].as_i64().unwrap(), answer["id"].clone())
    }

    #[test]
    fn whoever_sends_what_cannot_be_read_is_told_by_id() {
        assert_eq!(told(r#"{"id":7,"method":"x","params":{"a":1,"a":2}}"#), (PARSE_ERROR, json!(7)));
        assert_eq!(told(r#"{"id":"a","params":{"a":1e999}}"#), (PARSE_ERROR, json!("a")));
        for nobody in [r#"{"id":1,"id":2}"#, "{", "", "\u{feff}{\"id\":1}", r#"{"id":{},"a":1,"a":1}"#] {
            assert_eq!(told(nobody), (PARSE_ERROR, Json::Null), "{nobody}");
        }
        assert_eq!(told("[]"), (INVALID_REQUEST, Json::Null));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
