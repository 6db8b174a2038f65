//! `nexus test`: the scenarios of a project, played on virtual time.

mod find;
mod show;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use nexus_engine::Definition;
use nexus_engine::scenario::coverage::{Coverage, coverage};
use nexus_engine::scenario::{Options, Problem, Report, Scenario, junit, run, validate};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_lang::twf::machine::Trace;

use crate::activities;
use crate::built::build;
use crate::cli::Global;
use crate::output::Output;
use crate::project::Project;

/// Flags.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Project folders or *.test.yaml files; the project in this folder when none is given
    paths: Vec<PathBuf>,
    /// Only scenarios whose name, workflow or file contains this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// List the scenarios without running them
    #[arg(long)]
    list: bool,
    /// Show which lines and branches of the workflows were reached
    #[arg(long)]
    coverage: bool,
    /// How to print coverage
    #[arg(long, value_enum, value_name = "FORMAT", requires = "coverage", default_value_t = CoverageFormat::Table)]
    coverage_format: CoverageFormat,
    /// Write coverage to this file instead of printing it
    #[arg(long, value_name = "FILE", requires = "coverage")]
    coverage_out: Option<PathBuf>,
    /// Write the results for a build server to this file, as `JUnit` XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Do not kill and replay the runs
    #[arg(long)]
    no_replay: bool,
    /// What becomes of a run whose program cannot go on
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = PanicPolicy::Block)]
    panic: PanicPolicy,
    /// Use this seed in place of those of the scenarios
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// How coverage is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CoverageFormat {
    /// A table, and the lines that were not reached.
    Table,
    /// For programs.
    Json,
    /// A tracefile of lcov.
    Lcov,
}

/// What a mistake in a program does to its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PanicPolicy {
    /// The run stays open until a corrected definition is deployed, as on a server.
    Block,
    /// The run fails, so that its callers hear of it.
    Fail,
}

/// A project, its scenarios, and what came of them.
struct Suite {
    project: Project,
    definition: Arc<Definition>,
    scenarios: Vec<Scenario>,
}

/// Runs the scenarios of each project in turn.
pub async fn test(global: &Global, args: &TestArgs, output: Output) -> Result<(), Error> {
    let mut suites = Vec::new();
    for (root, files) in find::by_project(&args.paths, &global.project)? {
        suites.push(read(&root, files, args, output).await?);
    }
    if args.list {
        let all: Vec<&Scenario> = suites.iter().flat_map(|suite| &suite.scenarios).collect();
        show::list(&all, output);
        return Ok(());
    }
    let (mut reports, mut covered) = (Vec::new(), Coverage::default());
    for suite in &suites {
        let (ran, reached) = play(suite, args).await?;
        covered.files.extend(reached.files);
        reports.extend(ran);
    }
    conclude(args, &reports, &covered, output)
}

/// Reads a project and its scenario files. Anything wrong with either is an error before anything runs.
async fn read(root: &Path, files: Vec<PathBuf>, args: &TestArgs, output: Output) -> Result<Suite, Error> {
    let project = Project::read(root)?;
    let (built, report) = build(&project, None, false).await;
    let definition = built.map(|built| built.definition).ok_or_else(|| {
        if !output.is_json() {
            for text in report
                .render(|found| found == nexus_lang::text::diagnostic::Severity::Error, output.has_color())
            {
                output.note(&text);
            }
        }
        report.to_error()
    })?;
    let mut scenarios = Vec::new();
    let mut problems: Vec<Problem> = Vec::new();
    for file in files {
        let text = find::text(&file)?;
        match nexus_engine::scenario::parse(&find::shown(&file), &text) {
            Ok(read) => scenarios.extend(read),
            Err(found) => problems.extend(found),
        }
    }
    problems.extend(scenarios.iter().flat_map(|scenario| validate(scenario, &definition.program)));
    if !problems.is_empty() {
        return Err(invalid(&problems));
    }
    let wanted = args.filter.as_deref().unwrap_or_default();
    let fits = |it: &Scenario| [&it.name, &it.workflow.1, &it.path].iter().any(|text| text.contains(wanted));
    scenarios.retain(fits);
    if scenarios.is_empty() {
        return Err(nothing(root, args));
    }
    Ok(Suite { project, definition, scenarios })
}

fn invalid(problems: &[Problem]) -> Error {
    let count = problems.len();
    let plural = if count == 1 { "" } else { "s" };
    let mut error = Error::new(&code::TEST_INVALID, format!("the scenario files have {count} error{plural}"));
    for problem in problems {
        let help = problem.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        error = error.fault(problem.at(), format!("{}{help}", problem.message));
    }
    error.help("nothing was run; docs/testing.md lists every key")
}

fn nothing(root: &Path, args: &TestArgs) -> Error {
    match &args.filter {
        Some(filter) => {
            Error::new(&code::TEST_MISSING, format!("no scenario of {} has {filter:?}", root.display()))
                .help("`nexus test --list` shows them all")
        }
        None => Error::new(&code::TEST_MISSING, format!("{} has no scenarios", root.display()))
            .help("write one into tests/NAME.test.yaml; docs/testing.md shows how"),
    }
}

/// Runs the scenarios of one project, in the order of their files.
async fn play(suite: &Suite, args: &TestArgs) -> Result<(Vec<Report>, Coverage), Error> {
    let Suite { project, definition, scenarios } = suite;
    let options = Options {
        replay: !args.no_replay,
        seed: args.seed,
        coverage: args.coverage,
        panic_fails: matches!(args.panic, PanicPolicy::Fail),
        ..Options::default()
    };
    let mut traces: BTreeMap<String, Trace> = BTreeMap::new();
    let mut reports = Vec::with_capacity(scenarios.len());
    for scenario in scenarios {
        let mut report = if scenario.needs_real_activities() {
            let real = activities::one_by_one(project).await?;
            let call = |task| real.call(task);
            run(definition, scenario, &Options { real: Some(&call), ..options })
        } else {
            run(definition, scenario, &options)
        };
        for (workflow, trace) in std::mem::take(&mut report.traces) {
            traces.entry(workflow).or_default().add(&trace);
        }
        reports.push(report);
    }
    let covered = if args.coverage { coverage(definition, &traces) } else { Coverage::default() };
    Ok((reports, covered))
}

/// Shows and writes what came of it.
fn conclude(args: &TestArgs, reports: &[Report], covered: &Coverage, output: Output) -> Result<(), Error> {
    if let Some(path) = &args.junit {
        find::write(path, &junit::junit(reports))?;
    }
    let covered = args.coverage.then_some(covered);
    let rendered = covered.map(|covered| match args.coverage_format {
        CoverageFormat::Table => show::coverage(covered),
        CoverageFormat::Json => serde_json::to_string_pretty(&covered.to_json()).unwrap_or_default(),
        CoverageFormat::Lcov => covered.to_lcov(),
    });
    let printed = match (&args.coverage_out, rendered) {
        (Some(path), Some(text)) => find::write(path, &text).map(|()| None)?,
        (_, rendered) => rendered,
    };
    if output.is_json() {
        output.json(&show::json(reports, covered));
    } else {
        output.text(&show::reports(reports, output.has_color()));
        if let Some(text) = printed {
            output.text(&format!("\n{text}"));
        }
    }
    let failed = reports.iter().filter(|report| !report.is_ok()).count();
    if failed == 0 {
        return Ok(());
    }
    Err(Error::new(&code::TEST_FAILED, format!("{failed} of {} scenarios failed", reports.len()))
        .help("each line above says what was expected and which statement brought it about"))
}
