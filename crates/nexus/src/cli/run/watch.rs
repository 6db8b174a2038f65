//! `nexus run watch`: a run as it goes on.

use std::io::{self, IsTerminal};
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::error::Error;

use crate::client::Client;
use crate::output::{HEAD_LINES, Output};

/// How often the run is looked at.
const EVERY: Duration = Duration::from_millis(500);

/// Lines of the history on one page of a terminal.
const LINES_MAX: usize = 24;

/// Shows a run until it has ended: one page that changes on a terminal, elsewhere each new event as a line.
pub(super) async fn watch(client: &Client, run: &str, output: Output) -> Result<(), Error> {
    if output.is_json() || !io::stdout().is_terminal() {
        return super::follow::follow(client, run, output).await;
    }
    let address = super::message::address(run, None);
    loop {
        // Waiting for the end is left to the server: an answer comes at once when there is one.
        let mut wait = address.clone();
        wait.insert("wait_ms".into(), u64::try_from(EVERY.as_millis()).unwrap_or(0).into());
        let view = client.verb("run.show", Json::Object(wait)).await?;
        let history = client.verb("run.history", Json::Object(address.clone())).await?;
        output.page(&page(&view, &history, output));
        if !matches!(view.get("status").and_then(Json::as_str), Some("running" | "paused")) {
            return Ok(());
        }
    }
}

fn page(view: &Json, history: &Json, output: Output) -> String {
    let text = |it: &Json, name: &str| match it.get(name) {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let mut lines = output.timeline_lines(history);
    let head: Vec<String> = lines.drain(..lines.len().min(HEAD_LINES)).collect();
    let hidden = lines.len().saturating_sub(LINES_MAX);
    let mut page = head;
    if hidden > 0 {
        page.push(format!("      .. {hidden} earlier events"));
    }
    page.extend(lines.drain(hidden..));
    let list = |name: &str| view.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
    let pending = list("pending");
    if !pending.is_empty() {
        page.push(String::new());
    }
    for it in &pending {
        let attempt = text(it, "attempt");
        let attempt =
            if attempt.is_empty() || attempt == "1" { String::new() } else { format!(" attempt {attempt}") };
        let failure = it.get("last_failure").filter(|it| !it.is_null()).map(super::told);
        let failure = failure.map(|it| format!(" · {it}")).unwrap_or_default();
        page.push(format!("  pending  {} {}{attempt}{failure}", text(it, "kind"), text(it, "name")));
    }
    for it in &list("waits") {
        page.push(format!("  waits    for {} at {}", text(it, "for"), text(it, "at")));
    }
    for (name, value) in
        [("result", view.get("result")), ("failure", view.get("failure")), ("blocked", view.get("blocked"))]
    {
        if let Some(value) = value.filter(|it| !it.is_null()) {
            let told = if name == "result" { value.to_string() } else { super::told(value) };
            page.push(format!("  {name:<8} {told}"));
        }
    }
    page.join("\n")
}
