//! Tool results: the only place where an [`Error`] becomes an MCP answer.

use std::fmt::Write;

use nexus_kernel::Json;
use nexus_kernel::call::{Answer, RunAnswer};
use nexus_kernel::error::Error;
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::json;

use crate::problem;

/// The result of a tool call.
pub(crate) fn render(answer: Result<Answer, Error>, is_wrapped: bool, request_id: &str) -> CallToolResult {
    match answer {
        Ok(Answer { run: Some(run), .. }) if run.status.is_open() => still_running(&run),
        Ok(answer) if is_wrapped => CallToolResult::structured(json!({ "result": answer.output })),
        Ok(answer) => CallToolResult::structured(answer.output),
        Err(error) => failed(&error, request_id),
    }
}

/// A handle rather than an error: an agent that believes the call failed would start the work a second time.
fn still_running(run: &RunAnswer) -> CallToolResult {
    let text = format!(
        "{} goes on as {}. Ask run_show with this run_id and wait_ms for its result; do not call the tool again.",
        run.workflow, run.run_id
    );
    let handle = json!({
        "run_id": run.run_id.as_str(),
        "workflow_id": run.workflow_id.as_str(),
        "status": run.status.as_str(),
    });
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
