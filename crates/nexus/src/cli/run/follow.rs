//! `nexus run history --follow`: each event as it happens.

use nexus_kernel::Json;
use nexus_kernel::error::Error;
use serde_json::{Map, json};

use crate::client::Client;
use crate::output::{HEAD_LINES, Output};

/// How long the server may keep a question that has no answer yet.
const WAIT_MS: u64 = 20_000;

/// Prints the events of a run until it has ended: lines for people, one JSON object a line for programs.
pub(super) async fn follow(client: &Client, run: &str, output: Output) -> Result<(), Error> {
    // Whichever run the id means now is the one that is followed to its end.
    let mut input = super::message::address(run, None);
    let mut seen = 0;
    loop {
        let news = client.verb("run.history", Json::Object(input)).await?;
        print(&news, seen == 0, output);
        seen = last(&news).unwrap_or(seen);
        let is_open = matches!(news.get("status").and_then(Json::as_str), Some("running" | "paused"));
        if !is_open {
            return Ok(());
        }
        let run = news.get("run_id").cloned().unwrap_or_default();
        let next = [("run_id", run), ("after", json!(seen)), ("wait_ms", json!(WAIT_MS))];
        input = next.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>();
    }
}

fn print(news: &Json, is_first: bool, output: Output) {
    if output.is_json() {
        return events(news).iter().for_each(|event| output.item(event));
    }
    let head = if is_first { 0 } else { HEAD_LINES };
    output.timeline_lines(news).iter().skip(head).for_each(|line| output.text(line));
}

fn events(news: &Json) -> &[Json] {
    news.get("events").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn last(news: &Json) -> Option<u64> {
    events(news).last()?.get("id")?.as_u64()
}
