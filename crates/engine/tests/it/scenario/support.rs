//! Runs texts and tells what came of them in lines.

use nexus_engine::scenario::{Options, Report, run_text};

/// The reports of a file's scenarios, counting what ran.
pub(crate) fn reports(program: &str, scenarios: &str) -> Vec<Report> {
    let options = Options { coverage: true, transitions_max: 4_000, ..Options::default() };
    run_text(("w.twf", program), ("w.test.yaml", scenarios), &options)
        .map_err(|error| error.to_string())
        .unwrap()
}

/// Everything that was not as expected, in lines; empty when all was.
pub(crate) fn findings(program: &str, scenarios: &str) -> String {
    let mut lines = Vec::new();
    for report in reports(program, scenarios) {
        for finding in &report.findings {
            lines.push(format!("{}: {}: {}", report.name, finding.at, finding.message));
            lines.extend(finding.details.iter().map(|detail| format!("  {detail}")));
            lines.extend(finding.cause.iter().map(|cause| format!("  --> {cause}")));
        }
    }
    lines.join("\n")
}

/// What is wrong with a file.
pub(crate) fn problems(program: &str, scenarios: &str) -> String {
    let ran = run_text(("w.twf", program), ("w.test.yaml", scenarios), &Options::default());
    ran.map_or_else(|error| error.to_string(), |reports| format!("{} scenarios ran", reports.len()))
}
