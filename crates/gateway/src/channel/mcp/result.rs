//! Tool results: the only place where an [`Error`] becomes an MCP answer.

use std::fmt::Write;

use nexus_kernel::Json;
use nexus_kernel::call::{Answer, RunAnswer};
use nexus_kernel::error::Error;
use rmcp::model::{CallToolResult, ContentBlock, MetaObject};
use serde_json::json;

use crate::channel::cached;
use crate::channel::mcp::ask::Asked;
use crate::problem;

/// The `_meta` key of what a client wants of kept answers, and of how a result came about.
pub(super) const CACHE: &str = "nexus/cache";

/// The result of a tool call.
pub(crate) fn render(answer: Result<Answer, Error>, is_wrapped: bool, request_id: &str) -> CallToolResult {
    match answer {
        Ok(Answer { run: Some(run), .. }) if run.status.is_open() => still_running(&run, None),
        Ok(Answer { output, cached, .. }) => {
            let content = if is_wrapped { json!({ "result": output }) } else { output };
            let mut result = CallToolResult::structured(content);
            result.meta = cached.map(|cached| {
                let mut meta = MetaObject::new();
                meta.insert(CACHE.to_owned(), cached::to_json(cached));
                meta
            });
            result
        }
        Err(error) => failed(&error, request_id),
    }
}

/// A handle rather than an error: an agent that believes the call failed would start the work a second time.
pub(crate) fn still_running(run: &RunAnswer, asked: Option<&Asked>) -> CallToolResult {
    let mut text = format!(
        "{} goes on as {}. Ask run_result with this run_id for its result; do not call the tool again.",
        run.workflow, run.run_id
    );
    let mut handle = json!({
        "run_id": run.run_id.as_str(),
        "workflow_id": run.workflow_id.as_str(),
        "status": run.status.as_str(),
    });
    if let Some(asked) = asked {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{} Send it with run_signal.", asked.message());
        if let Some(fields) = handle.as_object_mut() {
            fields.insert("waits_for_signals".into(), json!(asked.names()));
        }
    }
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(handle);
    result
}

fn failed(error: &Error, request_id: &str) -> CallToolResult {
    let mut result = CallToolResult::error(vec![ContentBlock::text(told(error))]);
    let details = problem::details(error, error.code().http, request_id);
    result.structured_content = Some(Json::Object(details));
    result
}

/// The error in words, for clients that show an agent the text only.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    for fault in error.faults() {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{}: {}", fault.at, fault.message);
    }
    if let Some(failure) = error.failure_ref() {
        let _ = write!(text, "\n{failure}");
    }
    if let Some(run) = error.run_id() {
        let _ = write!(text, "\nrun: {run}");
    }
    if let Some(help) = error.help_text() {
        let _ = write!(text, "\nhelp: {help}");
    }
    text
}
