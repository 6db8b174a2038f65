//! A history as a timeline: when, what, with which value, and at which line of the source.

use nexus_kernel::Json;
use nexus_kernel::time::Timestamp;

const DIM: &str = "\u{1b}[2m";
const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const CYAN: &str = "\u{1b}[36m";
const RESET: &str = "\u{1b}[0m";

/// Lines before the first event.
pub(crate) const HEAD_LINES: usize = 2;

/// Longest value shown, in characters.
const VALUE_CHARS_MAX: usize = 72;

/// The lines of a timeline. Where a history tells what an event changed and what the program waited for then, that
/// stands under it.
pub(super) fn lines(history: &Json, color: bool) -> Vec<String> {
    let mut lines = vec![head(history), String::new()];
    let start = start(history).unwrap_or(0);
    for event in events(history) {
        lines.push(line(event, start, color));
        lines.extend(under(event, color));
    }
    lines
}

/// Which run a history is of, and what has become of it.
pub(super) fn head(history: &Json) -> String {
    let text = |name: &str| history.get(name).and_then(Json::as_str).unwrap_or_default();
    format!("{} · {}/{} · {}", text("run_id"), text("namespace"), text("workflow_id"), text("status"))
}

/// The events of a history.
pub(super) fn events(history: &Json) -> &[Json] {
    history.get("events").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// When a run was started, in milliseconds.
pub(super) fn start(history: &Json) -> Option<i64> {
    let started = history.get("started_at").and_then(Json::as_str).and_then(Timestamp::parse);
    started.map(Timestamp::millis).or_else(|| events(history).first().and_then(millis))
}

/// What a task of the program changed, and where it then waited.
fn under(event: &Json, color: bool) -> Vec<String> {
    let (cyan, dim, reset) = if color { (CYAN, DIM, RESET) } else { ("", "", "") };
    let changes = event.get("changes").and_then(Json::as_object);
    let mut lines: Vec<String> = (changes.into_iter().flatten())
        .map(|(name, value)| format!("{:17}{cyan}{name} = {}{reset}", "", shorten(&value.to_string())))
        .collect();
    for wait in event.get("waits").and_then(Json::as_array).into_iter().flatten() {
        let text = |name: &str| wait.get(name).and_then(Json::as_str).unwrap_or_default();
        let source = shorten(text("source"));
        lines.push(format!("{:17}{dim}waits for {} at {}  {source}{reset}", "", text("for"), text("at")));
    }
    lines
}

pub(super) fn line(event: &Json, start: i64, color: bool) -> String {
    let field = |name: &str| event.get(name);
    let id = field("id").and_then(Json::as_u64).unwrap_or(0);
    let name = field("type").and_then(Json::as_str).unwrap_or("?");
    let after = millis(event).map_or_else(String::new, |at| offset(at - start));
    let place = field("at").and_then(Json::as_str).unwrap_or_default();
    let tint = match name {
        _ if !color => "",
        name if name.ends_with("Failed") || name.ends_with("TimedOut") => RED,
        name if name.ends_with("Completed") => GREEN,
        _ => "",
    };
    let reset = if tint.is_empty() { "" } else { RESET };
    let (dim, undim) = if color { (DIM, RESET) } else { ("", "") };
    let detail = detail(event);
    let row = format!("{id:>4}  {after:>9}  {tint}{name:<38}{reset} {detail:<40} {dim}{place}{undim}");
    row.trim_end().to_owned()
}

/// What an event is about, in a few words.
fn detail(event: &Json) -> String {
    let command = event.get("seq").and_then(Json::as_u64).map(|seq| format!("#{seq} ")).unwrap_or_default();
    let about = ["activity", "workflow", "operation", "reason", "name"]
        .iter()
        .find_map(|name| event.get(*name).and_then(Json::as_str))
        .map(ToOwned::to_owned)
        .or_else(|| event.pointer("/failure").map(failure))
        .or_else(|| event.get("result").map(value))
        .unwrap_or_default();
    let attempt = event.get("attempt").and_then(Json::as_u64).filter(|attempt| *attempt > 1);
    let attempt = attempt.map(|attempt| format!("attempt {attempt}")).unwrap_or_default();
    format!("{command}{about}{attempt}")
}

fn failure(failure: &Json) -> String {
    let mut root = failure;
    while let Some(cause) = root.get("cause") {
        root = cause;
    }
    let text = |name: &str| root.get(name).and_then(Json::as_str).unwrap_or_default();
    shorten(&format!("{}: {}", text("type"), text("message")))
}

fn value(value: &Json) -> String {
    if value.is_null() { String::new() } else { shorten(&value.to_string()) }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= VALUE_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(VALUE_CHARS_MAX - 1).chain(['…']).collect()
}

pub(super) fn millis(event: &Json) -> Option<i64> {
    let time = event.get("time").and_then(Json::as_str)?;
    Timestamp::parse(time).map(Timestamp::millis)
}

fn offset(millis: i64) -> String {
    match millis {
        ..10_000 => format!("+{millis} ms"),
        10_000..600_000 => format!("+{}.{} s", millis / 1_000, millis % 1_000 / 100),
        600_000.. => format!("+{} min", millis / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_event_has_its_time_and_line() {
        let history = json!({
            "run_id": "run_x", "namespace": "orders", "workflow_id": "o-1", "status": "completed",
            "events": [
                { "id": 1, "time": "2026-01-01T00:00:00.000Z", "type": "WorkflowExecutionStarted", "workflow": "W" },
                { "id": 2, "time": "2026-01-01T00:00:00.000Z", "type": "ActivityTaskScheduled", "seq": 1,
                  "activity": "Reserve", "at": "w.twf:3:5" },
                { "id": 3, "time": "2026-01-01T00:00:12.340Z", "type": "ActivityTaskFailed", "seq": 1,
                  "failure": { "type": "A", "message": "a", "cause": { "type": "B", "message": "b" } } },
            ],
        });
        insta::assert_snapshot!(lines(&history, false).join("\n"));
    }
}
