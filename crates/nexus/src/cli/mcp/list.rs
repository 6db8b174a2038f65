//! `nexus mcp list`: the tools that agents see.

use nexus_gateway::mcp_tools;
use nexus_kernel::Json;
use nexus_kernel::error::Error;
use serde_json::json;

use super::{ListArgs, bridge};
use crate::cli::Global;
use crate::client::Client;
use crate::node::{Node, Purpose};
use crate::output::{Output, plural};
use crate::project::Project;

/// Longest description in a table, in characters.
const DESCRIPTION_CHARS_MAX: usize = 60;

/// Prints a table, or the tools as the protocol has them.
pub(super) async fn list(global: &Global, args: ListArgs, output: Output) -> Result<(), Error> {
    let subset = args.subset.as_deref();
    let tools = match Client::server(global).await? {
        Some(server) => bridge::tools(&server, subset).await?,
        None => {
            let node = Node::open(Project::read(&global.project)?, Purpose::Read, output).await?;
            let listed = mcp_tools(node.pipeline(), node.mcp(), subset);
            node.stop().await?;
            listed?
        }
    };
    if output.is_json() {
        output.json(&json!({ "tools": tools }));
        return Ok(());
    }
    output.table(&["TOOL", "EFFECT", "WHAT IT DOES"], tools.iter().map(row).collect());
    output.note(&format!("{} for {}", plural(tools.len(), "tool"), whom(subset)));
    Ok(())
}

fn whom(subset: Option<&str>) -> String {
    subset.map_or_else(|| "every agent".to_owned(), |name| format!("agents at /mcp/{name}"))
}

fn row(tool: &Json) -> Vec<String> {
    let text = |pointer: &str| tool.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
    let hint =
        |name: &str| tool.pointer("/annotations").and_then(|it| it.get(name)?.as_bool()).unwrap_or(false);
    let effect = match (hint("readOnlyHint"), hint("openWorldHint")) {
        (true, _) => "looks",
        (false, true) => "starts a run",
        (false, false) => "changes",
    };
    let first = text("/description").lines().next().unwrap_or_default();
    let shown: String = if first.chars().count() > DESCRIPTION_CHARS_MAX {
        let short: String = first.chars().take(DESCRIPTION_CHARS_MAX - 1).collect();
        format!("{}…", short.trim_end())
    } else {
        first.to_owned()
    };
    vec![text("/name").to_owned(), effect.to_owned(), shown]
}
