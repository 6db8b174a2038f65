//! `nexus run replay`: stepping through a run in time.

use std::io::{self, BufRead, IsTerminal};

use nexus_kernel::Json;
use nexus_kernel::error::Error;

use crate::client::Client;
use crate::output::Output;

/// Plays a run back: all of it, up to an event, or event by event with somebody at the keyboard.
pub(super) async fn replay(
    client: &Client,
    run: &str,
    (to, step): (Option<u64>, bool),
    output: Output,
) -> Result<(), Error> {
    let mut input = super::message::address(run, None);
    if let Some(to) = to {
        input.insert("to".into(), to.into());
    }
    let played = client.verb("run.replay", Json::Object(input)).await?;
    if output.is_json() {
        output.json(&played);
    } else if step && io::stdin().is_terminal() {
        let from = to.unwrap_or(1);
        stepping(client, run, from, output).await?;
    } else {
        output.timeline(&played);
        standing(&played, output);
    }
    Ok(())
}

/// How things stand at the end of what was played.
fn standing(played: &Json, output: Output) {
    let variables = played.get("variables").and_then(Json::as_object);
    let rows: Vec<Vec<String>> =
        variables.into_iter().flatten().map(|(name, value)| vec![name.clone(), value.to_string()]).collect();
    if !rows.is_empty() {
        output.text("");
        output.table(&["VARIABLE", "VALUE"], rows);
    }
    let text = |it: &Json, name: &str| it.get(name).and_then(Json::as_str).unwrap_or("-").to_owned();
    let waits = played.get("waits").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    if !waits.is_empty() {
        output.text("");
        let row = |it: &Json| vec![text(it, "at"), text(it, "for"), text(it, "source")];
        output.table(&["WAITS AT", "FOR", "LINE"], waits.iter().map(row).collect());
    }
    if let Some(stuck) = played.get("stuck") {
        output.note(&format!("the program goes no further: {}", super::told(stuck)));
    }
}

/// Shows one event after the other: Enter goes on, `b` back, a number there, `q` away.
async fn stepping(client: &Client, run: &str, from: u64, output: Output) -> Result<(), Error> {
    let mut input = super::message::address(run, None);
    let whole = client.verb("run.replay", Json::Object(input.clone())).await?;
    let last = whole.get("events").and_then(Json::as_array).map_or(0, Vec::len) as u64;
    let mut at = from.clamp(1, last.max(1));
    loop {
        input.insert("to".into(), at.into());
        let played = client.verb("run.replay", Json::Object(input.clone())).await?;
        output.page(&output.timeline_lines(&played).join("\n"));
        standing(&played, output);
        output.note(&format!("\nevent {at} of {last} · Enter: next, b: back, NUMBER: there, q: quit"));
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        at = match line.trim() {
            "q" => return Ok(()),
            _ if !matches!(read, Ok(1..)) => return Ok(()),
            "" | "n" => at + 1,
            "b" => at.saturating_sub(1),
            other => other.parse().unwrap_or(at),
        }
        .clamp(1, last.max(1));
    }
}
