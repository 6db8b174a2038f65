//! A program and its scenarios as texts: what a page that shows both is checked with.

use std::fmt;

use crate::Definition;
use nexus_lang::text::diagnostic::Severity;
use nexus_lang::text::render;
use nexus_lang::text::source::Sources;

use crate::scenario::file::parse;
use crate::scenario::problem::Problem;
use crate::scenario::report::Report;
use crate::scenario::run::{Options, run};
use crate::scenario::validate::validate;

/// Why scenarios could not be run at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextError {
    /// The program has errors, each as it is shown on a terminal.
    Program(Vec<String>),
    /// The scenarios have.
    Scenario(Vec<Problem>),
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = match self {
            TextError::Program(errors) => errors.clone(),
            TextError::Scenario(problems) => problems
                .iter()
                .map(|problem| match &problem.help {
                    Some(help) => format!("{problem}; {help}"),
                    None => problem.to_string(),
                })
                .collect(),
        };
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for TextError {}

/// Compiles a program of one file, reads its scenarios and runs them. Both texts come with the path that messages
/// show.
pub fn run_text(
    program: (&str, &str),
    scenarios: (&str, &str),
    options: &Options<'_>,
) -> Result<Vec<Report>, TextError> {
    run_files(&[(program.0.to_owned(), program.1.to_owned())], scenarios, options)
}

/// The same for a program of several files, each with its path.
pub fn run_files(
    program: &[(String, String)],
    scenarios: (&str, &str),
    options: &Options<'_>,
) -> Result<Vec<Report>, TextError> {
    let mut sources = Sources::new();
    for (path, text) in program {
        sources.add(path, text);
    }
    let (definition, sources, diagnostics) = Definition::compile(sources, false);
    let definition = definition.ok_or_else(|| {
        let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error);
        TextError::Program(errors.map(|found| render::terminal(found, &sources, false)).collect())
    })?;
    let scenarios = parse(scenarios.0, scenarios.1).map_err(TextError::Scenario)?;
    let problems: Vec<Problem> =
        scenarios.iter().flat_map(|scenario| validate(scenario, &definition.program)).collect();
    if !problems.is_empty() {
        return Err(TextError::Scenario(problems));
    }
    Ok(scenarios.iter().map(|scenario| run(&definition, scenario, options)).collect())
}
