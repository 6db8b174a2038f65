//! Reports as `JUnit` XML, which build servers read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::scenario::report::{Finding, Report};

/// One suite for each file, one case for each scenario. Times are virtual, in seconds.
pub fn junit(reports: &[Report]) -> String {
    let mut suites: BTreeMap<&str, Vec<&Report>> = BTreeMap::new();
    for report in reports {
        suites.entry(&report.path).or_default().push(report);
    }
    let failed = reports.iter().filter(|report| !report.is_ok()).count();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "<testsuites name=\"nexus test\" tests=\"{}\" failures=\"{failed}\" errors=\"0\">",
        reports.len()
    );
    for (path, reports) in suites {
        suite(&mut text, path, &reports);
    }
    text.push_str("</testsuites>\n");
    text
}

fn suite(text: &mut String, path: &str, reports: &[&Report]) {
    let failed = reports.iter().filter(|report| !report.is_ok()).count();
    let time: Duration = reports.iter().map(|report| report.virtual_time).sum();
    let (tests, time) = (reports.len(), time.as_secs_f64());
    let _ = writeln!(
        text,
        "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\" time=\"{time:.3}\">",
        escaped(path)
    );
    for report in reports {
        let _ = write!(
            text,
            "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{}\" time=\"{:.3}\"",
            escaped(&report.name),
            escaped(&report.workflow),
            escaped(path),
            report.line,
            report.virtual_time.as_secs_f64()
        );
        if report.is_ok() {
            text.push_str("/>\n");
            continue;
        }
        text.push_str(">\n");
        failure(text, &report.findings);
        text.push_str("    </testcase>\n");
    }
    text.push_str("  </testsuite>\n");
}

/// A case has one failure; all findings are in it.
fn failure(text: &mut String, findings: &[Finding]) {
    let message = findings.first().map(|finding| escaped(&finding.message)).unwrap_or_default();
    let _ = write!(text, "      <failure message=\"{message}\" type=\"expectation\">");
    for finding in findings {
        for line in lines(finding) {
            let _ = writeln!(text, "{}", escaped(&line));
        }
    }
    text.push_str("</failure>\n");
}

/// A finding line by line: what, where, details, and the statement that brought it about.
pub fn lines(finding: &Finding) -> Vec<String> {
    let mut lines = vec![format!("{}: {}", finding.at, finding.message)];
    lines.extend(finding.details.iter().map(|detail| format!("    {detail}")));
    lines.extend(finding.cause.iter().map(|cause| format!("    brought about at {cause}")));
    lines
}

/// Text as XML 1.0 can hold it: what it cannot hold becomes a replacement character.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_and_cases_add_up_and_texts_are_escaped() {
        let report = |name: &str, findings: Vec<Finding>| Report {
            name: name.into(),
            path: "tests/a.test.yaml".into(),
            line: 3,
            workflow: "W".into(),
            findings,
            virtual_time: Duration::from_millis(1_500),
            runs: 1,
            events: 4,
            replays: None,
            traces: BTreeMap::new(),
        };
        let mut finding = Finding::new("tests/a.test.yaml:4:1", "x < \"y\" & z\u{1}");
        finding.details = vec!["expected 1, found <2>".into()];
        finding.cause = Some("w.twf:5:5".into());
        let reports = [report("fine", Vec::new()), report("a <b>", vec![finding])];
        insta::assert_snapshot!(junit(&reports));
    }
}
