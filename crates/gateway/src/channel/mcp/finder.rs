//! Tools that find tools: what a client gets in the place of more tools than it can look through.

use std::cmp::Reverse;
use std::sync::Arc;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, json};

use crate::channel::mcp::tools::ToolSet;
use crate::limits::{MCP_FOUND_MAX, MCP_SEARCH_BYTES_MAX};

/// Finds tools by words.
pub(super) const SEARCH: &str = "search_tools";
/// Shows a tool.
pub(super) const DESCRIBE: &str = "describe_tool";
/// Calls a tool.
pub(super) const EXECUTE: &str = "execute_tool";

/// How many tools a search finds unless it says otherwise.
const FOUND_DEFAULT: usize = 10;

/// The three tools.
pub(super) fn tools(count: usize) -> [Tool; 3] {
    let reads =
        || ToolAnnotations::new().read_only(true).destructive(false).idempotent(true).open_world(false);
    let calls = ToolAnnotations::new().read_only(false).destructive(true).idempotent(false).open_world(true);
    let search = json!({
        "query": { "type": "string", "maxLength": MCP_SEARCH_BYTES_MAX, "description": "words; every tool when empty" },
        "limit": { "type": "integer", "minimum": 1, "maximum": MCP_FOUND_MAX, "default": FOUND_DEFAULT },
    });
    let name = json!({ "type": "string", "description": "the tool's name, as search_tools gives it" });
    let arguments = json!({ "type": "object", "description": "what its inputSchema asks for" });
    [
        tool(
            SEARCH,
            format!("Finds tools by words. There are {count}, too many to list."),
            &search,
            &["query"],
        )
        .with_title("Find tools")
        .with_annotations(reads()),
        tool(DESCRIBE, "Shows a tool with its schemas.".into(), &json!({ "name": name }), &["name"])
            .with_title("Describe a tool")
            .with_annotations(reads()),
        tool(
            EXECUTE,
            "Calls a tool. Look at it with describe_tool first.".into(),
            &json!({ "name": name, "arguments": arguments }),
            &["name"],
        )
        .with_title("Call a tool")
        .with_annotations(calls),
    ]
}

fn tool(name: &'static str, description: String, properties: &Json, required: &[&str]) -> Tool {
    let schema = json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    });
    let schema = schema.as_object().cloned().unwrap_or_default();
    Tool::new(name, description, Arc::new(schema))
}

/// The answer of one of them, when the name is one of theirs and it does not call a tool.
pub(super) fn answer(
    set: &ToolSet,
    name: &str,
    arguments: &Map<String, Json>,
) -> Option<Result<Json, Error>> {
    match name {
        SEARCH => Some(search(set, arguments)),
        DESCRIBE => Some(describe(set, arguments)),
        _ => None,
    }
}

fn search(set: &ToolSet, arguments: &Map<String, Json>) -> Result<Json, Error> {
    let query = arguments.get("query").map_or(Some(""), Json::as_str);
    let query = query.filter(|query| query.len() <= MCP_SEARCH_BYTES_MAX).ok_or_else(|| {
        let why = format!("words, at most {MCP_SEARCH_BYTES_MAX} bytes of them");
        Error::new(&code::INPUT_INVALID, "the question is none").fault("/query", why)
    })?;
    let limit = arguments.get("limit").and_then(Json::as_u64).and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(FOUND_DEFAULT).clamp(1, MCP_FOUND_MAX);
    let query = query.to_lowercase();
    let words: Vec<&str> = query.split_whitespace().collect();
    let mut found: Vec<(u32, &Tool)> = set.all().iter().map(|tool| (score(tool, &words), tool)).collect();
    found.retain(|(score, _)| *score > 0 || words.is_empty());
    found.sort_by_key(|(score, _)| Reverse(*score));
    let total = found.len();
    let shown: Vec<Json> = found.into_iter().take(limit).map(|(_, tool)| brief(tool)).collect();
    Ok(json!({ "tools": shown, "total": total }))
}

/// How well a tool fits: names count most, then titles, then descriptions.
fn score(tool: &Tool, words: &[&str]) -> u32 {
    let name = tool.name.to_lowercase();
    let title = tool.title.as_deref().unwrap_or_default().to_lowercase();
    let description = tool.description.as_deref().unwrap_or_default().to_lowercase();
    let of_word = |word: &&str| {
        if name == **word {
            16
        } else if name.contains(*word) {
            8
        } else if title.contains(*word) {
            4
        } else {
            u32::from(description.contains(*word))
        }
    };
    words.iter().map(of_word).sum()
}

fn brief(tool: &Tool) -> Json {
    let description = tool.description.as_deref().unwrap_or_default();
    let first = description.lines().next().unwrap_or_default();
    json!({ "name": tool.name, "title": tool.title, "description": first })
}

fn describe(set: &ToolSet, arguments: &Map<String, Json>) -> Result<Json, Error> {
    let name = arguments.get("name").and_then(Json::as_str).unwrap_or_default();
    let callable = set.find(name)?;
    let tool = set.of_operation(callable.target().name());
    let tool = tool.ok_or_else(|| Error::internal(format!("{name} is a tool without a description")))?;
    serde_json::to_value(tool).map_err(|error| Error::internal(error.to_string()))
}
