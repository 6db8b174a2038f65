//! `nexus run show --follow-links`: one timeline of a run and of those that Nexus operations link it to.

use std::collections::BTreeSet;

use nexus_kernel::Json;
use nexus_kernel::error::Error;
use serde_json::json;

use super::address;
use crate::client::Client;
use crate::output::Output;
use crate::output::linked::{Elsewhere, Linked};

/// Most runs that are followed.
const RUNS_MAX: usize = 50;

/// Fetches what is linked, and shows it.
pub(super) async fn show(client: &Client, run: &str, output: Output) -> Result<(), Error> {
    let first = client.verb("run.history", Json::Object(address(run, None))).await?;
    let mut linked = Linked::default();
    let mut seen: BTreeSet<String> =
        first.get("run_id").and_then(Json::as_str).map(str::to_owned).into_iter().collect();
    let mut waiting = vec![first];
    while let Some(history) = waiting.pop() {
        for next in neighbours(&history, &mut linked) {
            if seen.len() >= RUNS_MAX || !seen.insert(next.clone()) {
                continue;
            }
            match client.verb("run.history", json!({ "run_id": next })).await {
                Ok(found) => waiting.push(found),
                // Another team's run is followed as far as one may look.
                Err(error) => linked.hidden.push(Elsewhere { what: next, why: error.message().to_owned() }),
            }
        }
        linked.histories.push(history);
    }
    if output.is_json() {
        output.json(&linked.to_json());
    } else {
        output.linked(&linked);
    }
    Ok(())
}

/// The runs that a history is linked to: who carries its operations out, and who called it. What is carried out on another
/// server is only noted.
fn neighbours(history: &Json, linked: &mut Linked) -> Vec<String> {
    let mut found = Vec::new();
    for event in history.get("events").and_then(Json::as_array).into_iter().flatten() {
        let text = |pointer: &str| event.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
        match text("/type").as_deref() {
            Some("NexusOperationStarted") => match (text("/run"), text("/token")) {
                (Some(run), _) => found.push(run),
                (None, token) => {
                    let links = event.get("links").and_then(Json::as_array).into_iter().flatten();
                    let links: Vec<_> = links.filter_map(|link| link.get("url")?.as_str()).collect();
                    let what = if links.is_empty() { token.unwrap_or_default() } else { links.join(" ") };
                    linked.hidden.push(Elsewhere { what, why: "it is carried out elsewhere".to_owned() });
                }
            },
            Some("WorkflowExecutionStarted") if text("/origin/kind").as_deref() == Some("nexus") => {
                found.extend(text("/origin/run"));
            }
            _ => {}
        }
    }
    found
}
