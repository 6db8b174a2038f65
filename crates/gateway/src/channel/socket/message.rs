//! Messages of a WebSocket: JSON objects, one in each text frame.
//!
//! A client sends `{id, method, params}` and gets `{id, result}` or `{id, error: {code, message, data}}`. The codes are
//! those of JSON-RPC 2.0; `data` is the problem document that REST would answer with. What nobody asked for comes as
//! `{event, data}`.

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::json as reader;
use nexus_kernel::suggest;
use serde_json::{Map, json};

use crate::limits::SOCKET_ID_BYTES_MAX;
use crate::problem;

/// Members that a request may have. The version of JSON-RPC may be said, and says nothing.
const MEMBERS: [&str; 4] = ["id", "method", "params", "jsonrpc"];

/// What a client calls one of its requests: a text or a whole number, as JSON writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Id(String);

impl Id {
    /// Reads an id.
    pub(crate) fn of(id: &Json) -> Result<Id, Error> {
        let is_whole = id.as_i64().is_some() || id.as_u64().is_some();
        let text = id.to_string();
        if (id.is_string() || is_whole) && text.len() <= SOCKET_ID_BYTES_MAX {
            return Ok(Id(text));
        }
        Err(bad("an id is a text or a whole number")
            .help(format!("give each request an `id` of its own, of at most {SOCKET_ID_BYTES_MAX} bytes")))
    }

    /// The id as a JSON value.
    pub(crate) fn to_json(&self) -> Json {
        // It was written by the same writer.
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// A request of a client.
#[derive(Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) id: Id,
    pub(crate) method: String,
    pub(crate) params: Map<String, Json>,
}

/// A message that is no request: the id, when it has one that can be answered to, and what is wrong.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) id: Option<Id>,
    pub(crate) code: i64,
    pub(crate) error: Error,
}

/// Codes of JSON-RPC 2.0, and that of the Language Server Protocol for what its caller has withdrawn.
pub(crate) mod number {
    /// The message is no JSON.
    pub(crate) const PARSE: i64 = -32_700;
    /// The message is no request.
    pub(crate) const INVALID_REQUEST: i64 = -32_600;
    /// There is no such method.
    pub(crate) const METHOD_UNKNOWN: i64 = -32_601;
    /// The params, or the input of an operation, do not fit.
    pub(crate) const INVALID_PARAMS: i64 = -32_602;
    /// A fault of ours.
    pub(crate) const INTERNAL: i64 = -32_603;
    /// Everything else that an operation can fail with.
    pub(crate) const FAILED: i64 = -32_000;
    /// The client has withdrawn the call.
    pub(crate) const WITHDRAWN: i64 = -32_800;
}

impl Request {
    /// Reads a message.
    pub(crate) fn read(text: &str) -> Result<Request, Unreadable> {
        let unreadable = |id: Option<Id>, code: i64, error: Error| Unreadable { id, code, error };
        let message = reader::read(text.as_bytes()).map_err(|error| {
            let error = bad(format!("the message cannot be read as JSON: {error}"));
            unreadable(None, number::PARSE, error)
        })?;
        let Json::Object(mut members) = message else {
            let error = bad("a message is a JSON object with the members id, method and params");
            return Err(unreadable(None, number::INVALID_REQUEST, error));
        };
        let id = members.get("id").unwrap_or(&Json::Null);
        let id = Id::of(id).map_err(|error| unreadable(None, number::INVALID_REQUEST, error))?;
        if let Some(unknown) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            let error = bad(format!("a request has no member {unknown:?}"));
            let error = match suggest::nearest(unknown, MEMBERS) {
                Some(near) => error.help(format!("did you mean {near:?}?")),
                None => error.help("what a method takes goes into `params`"),
            };
            return Err(unreadable(Some(id), number::INVALID_REQUEST, error));
        }
        let params = match members.shift_remove("params") {
            None | Some(Json::Null) => Map::new(),
            Some(Json::Object(params)) => params,
            Some(_) => {
                return Err(unreadable(Some(id), number::INVALID_PARAMS, bad("params are a JSON object")));
            }
        };
        match members.shift_remove("method") {
            Some(Json::String(method)) => Ok(Request { id, method, params }),
            _ => Err(unreadable(Some(id), number::INVALID_REQUEST, bad("the request names no method"))),
        }
    }
}

/// The answer to a request that was carried out.
pub(crate) fn result(id: &Id, result: &Json) -> String {
    json!({ "id": id.to_json(), "result": result }).to_string()
}

/// The answer to a request that was not; without an id when nobody can say to which.
pub(crate) fn failed(id: Option<&Id>, code: i64, error: &Error, request_id: &str) -> String {
    let data = problem::details(error, error.code().http, request_id);
    let error = json!({ "code": code, "message": error.message(), "data": data });
    json!({ "id": id.map(Id::to_json), "error": error }).to_string()
}

/// A message that nobody asked for.
pub(crate) fn push(event: &str, data: &Json) -> String {
    json!({ "event": event, "data": data }).to_string()
}

/// The number of an operation's error.
pub(crate) fn number_of(error: &Error) -> i64 {
    let code = error.code();
    if code == &code::INPUT_INVALID {
        number::INVALID_PARAMS
    } else if code == &code::INTERNAL {
        number::INTERNAL
    } else if code == &code::CALL_WITHDRAWN {
        number::WITHDRAWN
    } else {
        number::FAILED
    }
}

/// What a client got wrong.
pub(crate) fn bad(message: impl Into<String>) -> Error {
    Error::new(&code::BAD_REQUEST, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_is_an_id_a_method_and_params() {
        let read = |text| Request::read(text).unwrap();
        let ping = read(r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#);
        assert_eq!((ping.id.to_json(), ping.method.as_str(), ping.params.len()), (json!(7), "ping", 0));
        let call = read(r#"{"id":"a","method":"call","params":{"operation":"run.list"}}"#);
        assert_eq!((call.id.to_json(), &call.params["operation"]), (json!("a"), &json!("run.list")));
        assert_ne!(read(r#"{"id":"7","method":"ping"}"#).id, ping.id, "a text is no number");
    }

    #[test]
    fn what_is_no_request_is_told_with_the_id_it_has() {
        let deep = format!(r#"{{"id":1,"method":"call","params":{}{}}}"#, "[".repeat(300), "]".repeat(300));
        for (text, code, has_id) in [
            ("", number::PARSE, false),
            ("{", number::PARSE, false),
            (deep.as_str(), number::PARSE, false),
            (r#"{"id":1,"id":2,"method":"ping"}"#, number::PARSE, false),
            (r#"{"id":1,"method":"call","params":{"a":1,"a":2}}"#, number::PARSE, false),
            ("[]", number::INVALID_REQUEST, false),
            (r#"{"method":"ping"}"#, number::INVALID_REQUEST, false),
            (r#"{"id":null,"method":"ping"}"#, number::INVALID_REQUEST, false),
            (r#"{"id":1.5,"method":"ping"}"#, number::INVALID_REQUEST, false),
            (r#"{"id":{},"method":"ping"}"#, number::INVALID_REQUEST, false),
            (r#"{"id":1}"#, number::INVALID_REQUEST, true),
            (r#"{"id":1,"method":7}"#, number::INVALID_REQUEST, true),
            (r#"{"id":1,"method":"ping","parms":{}}"#, number::INVALID_REQUEST, true),
            (r#"{"id":1,"method":"ping","params":[1]}"#, number::INVALID_PARAMS, true),
        ] {
            let unreadable = Request::read(text).unwrap_err();
            assert_eq!((unreadable.code, unreadable.id.is_some()), (code, has_id), "{text}");
        }
        let mistyped = Request::read(r#"{"id":1,"method":"ping","parms":{}}"#).unwrap_err();
        assert_eq!(mistyped.error.help_text(), Some("did you mean \"params\"?"));
    }

    #[test]
    fn an_error_is_a_number_and_a_problem() {
        let error = Error::new(&code::WORKFLOW_UNKNOWN, "there is no workflow \"X\"").help("write one");
        let told: Json =
            serde_json::from_str(&failed(Some(&Id("7".into())), number::FAILED, &error, "req_1")).unwrap();
        insta::assert_json_snapshot!(told, @r#"
        {
          "id": 7,
          "error": {
            "code": -32000,
            "message": "there is no workflow \"X\"",
            "data": {
              "type": "/errors/NX-2002",
              "title": "there is no such workflow",
              "status": 404,
              "code": "NX-2002",
              "detail": "there is no workflow \"X\"",
              "help": "write one",
              "request_id": "req_1"
            }
          }
        }
        "#);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
            let _ = Request::read(&text);
        }

        #[test]
        fn ids_are_given_back_as_they_came(number: i64, text in "\\PC{0,20}") {
            for id in [json!(number), json!(text)] {
                prop_assert_eq!(Id::of(&id).unwrap().to_json(), id);
            }
        }
    }
}
