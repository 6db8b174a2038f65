//! What people and programs see of a call.

use std::fmt::Write as _;

use nexus_kernel::Json;
use nexus_kernel::port::event::Publication;
use nexus_sandbox::{CallError, Invocation, Limits, LogLevel, LogLine, Profile, Stats};
use serde_json::json;

use crate::activities::local::Finished;
use crate::output::Output;

const BOLD: &str = "\u{1b}[1m";
const DIM: &str = "\u{1b}[2m";
const GREEN: &str = "\u{1b}[32m";
const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[33m";
const RESET: &str = "\u{1b}[0m";

/// A call that has ended.
pub(super) struct Ran {
    /// The function, for people.
    pub(super) shown: String,
    /// What was called, with its limits and grants.
    pub(super) invocation: Invocation,
    /// How it ended.
    pub(super) called: Result<Finished, CallError>,
    /// What it would have published.
    pub(super) events: Vec<Publication>,
    /// How long it took by the clock, in microseconds.
    pub(super) wall_us: u64,
    /// Where the time went.
    pub(super) profile: Profile,
    /// Whether to show all of that.
    pub(super) in_full: bool,
}

impl Ran {
    fn logs(&self) -> &[LogLine] {
        match &self.called {
            Ok(finished) => &finished.outcome.logs,
            Err(error) => &error.logs,
        }
    }

    fn stats(&self) -> Stats {
        match &self.called {
            Ok(finished) => finished.outcome.stats,
            Err(error) => *error.stats,
        }
    }
}

/// One object with everything.
pub(super) fn json(ran: &Ran) -> Json {
    let Ran { invocation, called, profile, .. } = ran;
    let mut all = json!({
        "function": format!("{}:{}", invocation.module.file(), invocation.export),
        "logs": ran.logs(),
        "events": ran.events.iter().map(event).collect::<Vec<_>>(),
        "host_calls": profile.calls,
        "used": ran.stats(),
        "wall_us": ran.wall_us,
        "limits": limits(&invocation.limits),
        "capabilities": capabilities(invocation),
    });
    let Some(object) = all.as_object_mut() else { return all };
    match called {
        Ok(finished) => {
            object.insert("result".to_owned(), finished.outcome.result.clone());
            object.insert("completes_later".to_owned(), Json::Bool(finished.later));
        }
        Err(error) => {
            object.insert(
                "error".to_owned(),
                json!({ "code": error.kind.code().id, "failure": error.kind.to_failure() }),
            );
        }
    }
    if ran.in_full {
        let compile_us = invocation.module.compile_cpu_us();
        object
            .insert("profile".to_owned(), json!({ "compile_cpu_us": compile_us, "phases": profile.phases }));
    }
    all
}

fn event(it: &Publication) -> Json {
    json!({ "type": it.kind, "id": it.id, "subject": it.subject, "data": it.data })
}

fn limits(limits: &Limits) -> Json {
    json!({
        "cpu_slice_ms_max": limits.cpu_slice_ms_max,
        "cpu_ms_max": limits.cpu_ms_max,
        "wall_ms_max": limits.wall_ms_max,
        "memory_bytes_max": limits.memory_bytes_max,
        "host_calls_max": limits.host_calls_max,
        "operations_max": limits.operations_max,
        "argument_bytes_max": limits.argument_bytes_max,
        "reply_bytes_max": limits.reply_bytes_max,
        "result_bytes_max": limits.result_bytes_max,
        "log_bytes_max": limits.log_bytes_max,
        "passed_bytes_max": limits.passed_bytes_max,
    })
}

fn capabilities(invocation: &Invocation) -> Vec<String> {
    invocation.capabilities.tokens().map(ToString::to_string).collect()
}

/// Everything but the result, for people.
pub(super) fn report(ran: &Ran, color: bool) -> String {
    let paint = Paint(color);
    let end = match &ran.called {
        Ok(finished) if finished.later => paint.with(YELLOW, "will be completed from outside"),
        Ok(_) => paint.with(GREEN, "ok"),
        Err(_) => paint.with(RED, "FAILED"),
    };
    // Writing to a string cannot fail.
    let mut text = format!("{}  {end}  {}\n", paint.with(BOLD, &ran.shown), time(ran.wall_us * 1_000));
    if !ran.logs().is_empty() {
        let _ = writeln!(text, "\n{}", paint.with(BOLD, "logs"));
    }
    for line in ran.logs() {
        let (color, level) = match line.level {
            LogLevel::Debug => (DIM, "debug"),
            LogLevel::Info => ("", "info"),
            LogLevel::Warn => (YELLOW, "warn"),
            LogLevel::Error => (RED, "error"),
        };
        let message = line.message.replace('\n', "\n         ");
        let _ = writeln!(text, "  {}  {message}", paint.with(color, &format!("{level:<5}")));
    }
    if !ran.events.is_empty() {
        let _ = writeln!(text, "\n{}", paint.with(BOLD, "events (not published)"));
    }
    for it in &ran.events {
        let subject = it.subject.as_deref().unwrap_or_default();
        let _ = writeln!(text, "  {}  {subject}  {}", it.kind, it.data);
    }
    if !ran.profile.calls.is_empty() {
        text.push('\n');
        text.push_str(&columns(
            paint,
            "host calls",
            &["count", "failed", "sent", "received", "time"],
            &calls(ran),
        ));
    }
    text.push('\n');
    text.push_str(&columns(paint, "used", &["", "limit"], &used(ran)));
    if ran.in_full {
        text.push('\n');
        text.push_str(&columns(paint, "profile", &["times", "processor", "clock"], &phases(ran)));
    }
    text
}

type Row = (String, Vec<String>);

fn calls(ran: &Ran) -> Vec<Row> {
    let row = |it: &nexus_sandbox::CallFigures| {
        let cells = [
            it.count.to_string(),
            it.failed.to_string(),
            bytes(it.sent_bytes),
            bytes(it.received_bytes),
            time(it.wall_us * 1_000),
        ];
        (it.name.clone(), cells.into())
    };
    ran.profile.calls.iter().map(row).collect()
}

fn used(ran: &Ran) -> Vec<Row> {
    let (stats, limits) = (ran.stats(), &ran.invocation.limits);
    let row = |name: &str, used: String, limit: String| (name.to_owned(), vec![used, limit]);
    let mut rows = vec![
        row("processor time", time(stats.cpu_us * 1_000), time(limits.cpu_ms_max * 1_000_000)),
        row("time", time(ran.wall_us * 1_000), time(limits.wall_ms_max * 1_000_000)),
        row("memory", bytes(stats.memory_bytes), bytes(limits.memory_bytes_max as u64)),
        row("host calls", stats.host_calls.to_string(), limits.host_calls_max.to_string()),
        row("bytes passed", bytes(stats.passed_bytes), bytes(limits.passed_bytes_max as u64)),
        row("segments", stats.slices.to_string(), String::new()),
    ];
    if stats.spills > 0 {
        rows.push(row("spills", stats.spills.to_string(), String::new()));
    }
    rows
}

fn phases(ran: &Ran) -> Vec<Row> {
    let compiled = ran.invocation.module.compile_cpu_us() * 1_000;
    let mut rows =
        vec![("compiling the file".to_owned(), vec!["1".to_owned(), time(compiled), String::new()])];
    for it in &ran.profile.phases {
        let cpu = if it.cpu_ns == 0 { String::new() } else { time(it.cpu_ns) };
        rows.push((it.phase.text().to_owned(), vec![it.times.to_string(), cpu, time(it.wall_us * 1_000)]));
    }
    rows
}

/// A title and headings over rows: names to the left, figures to the right, each column as wide as it must be.
fn columns(paint: Paint, title: &str, headings: &[&str], rows: &[Row]) -> String {
    let name_chars =
        rows.iter().map(|(name, _)| name.chars().count() + 2).max().unwrap_or(0).max(title.len());
    let width = |at: usize, heading: &str| {
        let cells = rows.iter().filter_map(|(_, cells)| cells.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(heading.len()) + 3
    };
    let widths: Vec<usize> = headings.iter().enumerate().map(|(at, heading)| width(at, heading)).collect();
    let mut text = paint.with(BOLD, &format!("{title:<name_chars$}"));
    let mut head = String::new();
    for (heading, width) in headings.iter().zip(&widths) {
        let _ = write!(head, "{heading:>width$}"); // writing to a string cannot fail
    }
    text.push_str(&paint.with(DIM, &head));
    text.push('\n');
    for (name, cells) in rows {
        let indented = name_chars - 2;
        let _ = write!(text, "  {name:<indented$}");
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(text, "{cell:>width$}");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// Rows of quantiles of times in microseconds.
pub(super) fn quantiles(rows: &[(&str, &[u64])]) -> String {
    let rows: Vec<Row> = rows
        .iter()
        .map(|(name, sorted)| ((*name).to_owned(), five(sorted).map(|us| time(us * 1_000)).into()))
        .collect();
    columns(Paint(false), "", &["min", "p50", "p90", "p99", "max"], &rows)
}

/// Least, middle, nine tenths, 99 hundredths, most.
pub(super) fn five(sorted: &[u64]) -> [u64; 5] {
    let last = sorted.len().saturating_sub(1);
    [0, 50, 90, 99, 100].map(|share| sorted.get((last * share).div_ceil(100)).copied().unwrap_or(0))
}

/// A time with three figures and a unit.
fn time(ns: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns")];
    let (size, unit) = UNITS.into_iter().find(|(size, _)| ns >= *size).unwrap_or((1, "ns"));
    figures(ns, size, unit)
}

fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")];
    let (size, unit) = UNITS.into_iter().find(|(size, _)| bytes >= *size).unwrap_or((1, "B"));
    figures(bytes, size, unit)
}

/// Whole numbers as they are, others with one place, or two when they are small.
fn figures(value: u64, size: u64, unit: &str) -> String {
    let hundredths = u128::from(value) * 100 / u128::from(size);
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    match (whole, rest) {
        (_, 0) | (100.., _) => format!("{whole} {unit}"),
        (10.., _) => format!("{whole}.{} {unit}", rest / 10),
        _ => format!("{whole}.{rest:02} {unit}"),
    }
}

#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 && !code.is_empty() { format!("{code}{text}{RESET}") } else { text.to_owned() }
    }
}

/// The functions of a project.
pub(super) fn list(functions: Vec<Invocation>, output: Output) {
    if output.is_json() {
        let one = |it: &Invocation| {
            json!({
                "name": it.export, "file": it.module.file(),
                "limits": limits(&it.limits), "capabilities": capabilities(it),
            })
        };
        return output.json(&json!({ "functions": functions.iter().map(one).collect::<Json>() }));
    }
    let row = |it: Invocation| {
        vec![
            it.export.clone(),
            it.module.file().to_owned(),
            time(it.limits.cpu_ms_max * 1_000_000),
            bytes(it.limits.memory_bytes_max as u64),
            it.limits.host_calls_max.to_string(),
            capabilities(&it).join(" "),
        ]
    };
    let headings = ["FUNCTION", "FILE", "PROCESSOR", "MEMORY", "HOST CALLS", "GRANTS"];
    output.table(&headings, functions.into_iter().map(row).collect());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_units() {
        assert_eq!(
            [0, 999, 1_500, 12_345, 200_000_000].map(time),
            ["0 ns", "999 ns", "1.50 us", "12.3 us", "200 ms"]
        );
        assert_eq!([0, 1_023, 1_536, 32 << 20].map(bytes), ["0 B", "1023 B", "1.50 KiB", "32 MiB"]);
    }

    #[test]
    fn quantiles_are_samples() {
        let samples: Vec<u64> = (1..=100).collect();
        assert_eq!(five(&samples), [1, 51, 91, 100, 100]);
        assert_eq!(five(&[7]), [7; 5]);
        assert_eq!(five(&[]), [0; 5]);
    }
}
