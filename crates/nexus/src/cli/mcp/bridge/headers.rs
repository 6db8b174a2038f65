//! The headers in which HTTP repeats what a message says.

use nexus_kernel::Json;
use reqwest::RequestBuilder;

/// Where a message of the newer revisions says which one it is.
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// Headers of one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Headers(Vec<(&'static str, String)>);

/// What a message says of itself.
pub(super) fn of(message: &Json) -> Headers {
    let mut headers = Vec::new();
    let parameter = |name: &str| message.get("params")?.get(name);
    let version = parameter("_meta").and_then(|meta| meta.get(VERSION)?.as_str());
    let Some(version) = version else { return Headers(headers) };
    headers.push(("mcp-protocol-version", version.to_owned()));
    if let Some(method) = message.get("method").and_then(Json::as_str) {
        headers.push(("mcp-method", method.to_owned()));
        let name = name_key(method).and_then(|key| parameter(key)?.as_str());
        headers.extend(name.map(|name| ("mcp-name", header_value(name))));
    }
    Headers(headers)
}

/// The parameter that names what a method is about.
fn name_key(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some("taskId"),
        _ => None,
    }
}

impl Headers {
    /// For a message that says nothing: the session and the version of the conversation.
    pub(super) fn or_conversation(mut self, session: Option<String>, version: Option<String>) -> Headers {
        if self.0.is_empty() {
            self.0.extend(
                version.filter(|_| session.is_some()).map(|version| ("mcp-protocol-version", version)),
            );
            self.0.extend(session.map(|session| ("mcp-session-id", session)));
        }
        self
    }

    /// Puts them on a request.
    pub(super) fn add(self, request: RequestBuilder) -> RequestBuilder {
        self.0.into_iter().fold(request, |request, (name, value)| request.header(name, value))
    }
}

/// A value that a header can carry: as it is, or in base64 as the protocol has it.
fn header_value(text: &str) -> String {
    let is_plain = text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) && text.trim() == text;
    if is_plain && !text.starts_with("=?base64?") {
        return text.to_owned();
    }
    format!("=?base64?{}?=", base64(text.as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4_u32 {
            let index = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or(0);
            let letter = LETTERS.get(index).copied().unwrap_or(b'=');
            text.push(if place as usize <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn newer_messages_name_their_method_and_thing() {
        let message = json!({
            "method": "tools/call",
            "params": { "name": "Größe", "_meta": { VERSION: "2026-07-28" } },
        });
        let expected = [
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", "=?base64?R3LDtsOfZQ==?="),
        ];
        let expected = expected.map(|(name, value)| (name, value.to_owned())).to_vec();
        assert_eq!(of(&message), Headers(expected));
    }

    #[test]
    fn older_messages_belong_to_a_session() {
        let message = json!({ "method": "tools/list" });
        let headers = of(&message).or_conversation(Some("s".into()), Some("2025-06-18".into()));
        assert_eq!(headers.0.len(), 2);
        assert_eq!(of(&message).or_conversation(None, Some("2025-06-18".into())), Headers::default());
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        for (text, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }
}
