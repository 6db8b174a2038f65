//! What people and programs see of scenarios.

use std::fmt::Write as _;
use std::time::Duration;

use nexus_engine::scenario::coverage::{Coverage, percent};
use nexus_engine::scenario::junit::lines;
use nexus_engine::scenario::{Report, Scenario, spoken};
use nexus_kernel::Json;
use serde_json::json;

use crate::output::{Output, plural};

const GREEN: &str = "\u{1b}[32m";
const RED: &str = "\u{1b}[1;31m";
const DIM: &str = "\u{1b}[2m";
const RESET: &str = "\u{1b}[0m";

/// Widest name that the columns after it stay aligned for.
const NAME_CHARS_MAX: usize = 60;

/// The scenarios without what comes of them.
pub(super) fn list(scenarios: &[&Scenario], output: Output) {
    let place = |it: &Scenario| format!("{}:{}", it.path, it.place.line);
    if output.is_json() {
        let shown =
            scenarios.iter().map(|it| json!({ "name": it.name, "workflow": it.workflow.1, "at": place(it) }));
        return output.json(&json!({ "scenarios": shown.collect::<Json>() }));
    }
    let rows = scenarios.iter().map(|it| vec![it.name.clone(), it.workflow.1.clone(), place(it)]);
    output.table(&["SCENARIO", "WORKFLOW", "AT"], rows.collect());
}

/// Every scenario in a line under its file, what is not as expected below it, and a summary.
pub(super) fn reports(reports: &[Report], color: bool) -> String {
    let width = reports.iter().map(|it| it.name.chars().count()).max().unwrap_or(0).min(NAME_CHARS_MAX);
    let mut text = String::new();
    let mut file = "";
    for report in reports {
        // Writing to a string cannot fail.
        if report.path != file {
            let lead = if file.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{lead}{}", report.path);
            file = &report.path;
        }
        let _ = writeln!(text, "{}", line(report, width, color));
        for finding in &report.findings {
            for line in lines(finding) {
                let _ = writeln!(text, "          {line}");
            }
        }
    }
    let _ = write!(text, "\n{}", summary(reports, color));
    text
}

fn painted(color: bool, code: &str, text: &str) -> String {
    if color { format!("{code}{text}{RESET}") } else { text.to_owned() }
}

fn line(report: &Report, width: usize, color: bool) -> String {
    let verdict =
        if report.is_ok() { painted(color, GREEN, "ok    ") } else { painted(color, RED, "FAILED") };
    let mut facts = vec![spoken(report.virtual_time), plural(report.events, "event")];
    if report.runs > 1 {
        facts.push(plural(report.runs, "run"));
    }
    match report.replays {
        Some(replays) if replays.is_sample() => facts.push(format!(
            "{} ({} of {} followed to the end)",
            plural(replays.cuts, "replay"),
            replays.followed,
            replays.tasks
        )),
        Some(replays) => facts.push(plural(replays.cuts, "replay")),
        None => facts.push("not replayed".to_owned()),
    }
    let facts = painted(color, DIM, &facts.join(" · "));
    format!("  {verdict}  {:width$}  {facts}", report.name)
}

fn summary(reports: &[Report], color: bool) -> String {
    let failed = reports.iter().filter(|report| !report.is_ok()).count();
    let passed = reports.len() - failed;
    let time: Duration = reports.iter().map(|report| report.virtual_time).sum();
    let events = reports.iter().map(|report| report.events).sum();
    let cuts = reports.iter().filter_map(|report| report.replays).map(|replays| replays.cuts).sum();
    let mut parts = vec![plural(reports.len(), "scenario"), painted(color, GREEN, &format!("{passed} ok"))];
    if failed > 0 {
        parts.push(painted(color, RED, &format!("{failed} failed")));
    }
    parts.push(format!("{} of virtual time", spoken(time)));
    parts.push(plural(events, "event"));
    parts.push(plural(cuts, "kill-and-replay"));
    parts.join(" · ")
}

/// A table of files, and below it what was not reached.
pub(super) fn coverage(coverage: &Coverage) -> String {
    let width = coverage.files.iter().map(|file| file.path.chars().count()).max().unwrap_or(0).max(5);
    let mut text = format!("{:width$}  {:>18}  {:>18}  MISSED LINES\n", "FILE", "LINES", "BRANCHES");
    let row = |name: &str, lines: String, branches: String, missed: String| {
        format!("{name:width$}  {lines:>18}  {branches:>18}  {missed}").trim_end().to_owned() + "\n"
    };
    for file in &coverage.files {
        let (lines, branches) = (percent(file.line_share()), percent(file.branch_share()));
        text.push_str(&row(&file.path, lines, branches, file.missed_lines()));
    }
    let (lines, branches) = coverage.total();
    text.push_str(&row("total", percent(lines), percent(branches), String::new()));
    for file in &coverage.files {
        for branch in file.missed_branches() {
            let _ = writeln!(text, "  never: {}:{} {}", file.path, branch.line, branch.what);
        }
    }
    text
}

/// Everything for programs.
pub(super) fn json(reports: &[Report], coverage: Option<&Coverage>) -> Json {
    let failed = reports.iter().filter(|report| !report.is_ok()).count();
    let shown = reports.iter().map(|report| {
        let findings = report.findings.iter().map(|finding| {
            json!({
                "at": finding.at,
                "message": finding.message,
                "details": finding.details,
                "cause": finding.cause,
            })
        });
        json!({
            "name": report.name,
            "workflow": report.workflow,
            "at": format!("{}:{}", report.path, report.line),
            "ok": report.is_ok(),
            "findings": findings.collect::<Json>(),
            "virtual_ms": u64::try_from(report.virtual_time.as_millis()).unwrap_or(u64::MAX),
            "runs": report.runs,
            "events": report.events,
            "replays": report.replays.map(|replays| json!({
                "cuts": replays.cuts, "tasks": replays.tasks, "followed": replays.followed,
            })),
        })
    });
    let mut value = json!({
        "scenarios": shown.collect::<Json>(),
        "passed": reports.len() - failed,
        "failed": failed,
    });
    if let (Some(fields), Some(coverage)) = (value.as_object_mut(), coverage) {
        fields.insert("coverage".to_owned(), coverage.to_json());
    }
    value
}
