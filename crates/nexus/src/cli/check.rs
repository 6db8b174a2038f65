//! `nexus check`: every error of a project's files, without running anything.

mod fix;
mod runs;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_lang::text::diagnostic::Severity;
use nexus_lang::text::render;
use nexus_lang::twf::check::harden;
use nexus_lang::twf::envelope::Payload;
use serde_json::json;

use crate::activities;
use crate::built::{Report, build};
use crate::cli::rewrite::Mode;
use crate::cli::{Format, Global};
use crate::design::Design;
use crate::output::{Output, plural};
use crate::project::Project;

/// Flags.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Project folders or .twf files; the project in this folder when none is given
    paths: Vec<PathBuf>,
    /// Names that refer to nothing are warnings: for sketches and fragments
    #[arg(long)]
    lenient: bool,
    /// Show remarks too, such as spellings that have a newer form
    #[arg(long)]
    info: bool,
    /// Make the changes that findings offer and that are sure, then check again
    #[arg(long)]
    fix: bool,
    /// With --fix: show the changes and make none
    #[arg(long, requires = "fix")]
    diff: bool,
    /// Replay the histories of open runs on the files: which could go on with them, and where others would differ
    #[arg(long)]
    runs: bool,
    /// With --runs: try runs that keep their version, too
    #[arg(long, requires = "runs")]
    pinned: bool,
    /// Which spellings are right
    #[arg(long, value_enum, default_value_t = Dialect::Any)]
    dialect: Dialect,
}

/// Which spellings of the language are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// Older spellings and extensions of the published language are remarks.
    Any,
    /// They are errors.
    Strict,
}

/// Checks each path as a project of its own.
pub async fn check(global: &Global, args: &CheckArgs, output: Output) -> Result<(), Error> {
    let paths = if args.paths.is_empty() { vec![global.project.clone()] } else { args.paths.clone() };
    let sandbox = activities::checking()?;
    if global.format == Format::TwfJson {
        return envelope(&paths, args.lenient, output);
    }
    let mut errors = 0;
    let mut found = Vec::new();
    for path in &paths {
        let mut project = Project::read(path)?;
        if args.fix {
            fix::fix(path, &mut project, (args.lenient, args.info), Mode::of(false, args.diff), output)?;
        }
        let (_, mut report) = build(&project, Some(&sandbox), args.lenient).await;
        if args.dialect == Dialect::Strict {
            harden(&mut report.diagnostics);
        }
        errors += report.count(Severity::Error);
        if output.is_json() {
            found.extend(report.diagnostics.iter().map(|one| render::json(one, &report.sources)));
        } else if output.is_github() {
            annotate(&report, args.info, output);
        } else {
            print(&report, args.info, &project, output);
        }
    }
    let tried =
        if args.runs && errors == 0 { Some(runs::check(global, &paths, args.pinned).await?) } else { None };
    if output.is_json() {
        output.json(&json!({ "errors": errors, "diagnostics": found, "runs": tried }));
    } else if let Some(tried) = &tried {
        runs::print(tried, output);
    }
    outcome(errors)
}

/// The public tool knows the notation only, so scripts and bindings are not looked at.
fn envelope(paths: &[PathBuf], lenient: bool, output: Output) -> Result<(), Error> {
    let design = Design::read(paths, lenient)?;
    output.json(&design.envelope(Payload::Check));
    outcome(design.errors())
}

fn outcome(errors: usize) -> Result<(), Error> {
    if errors == 0 {
        return Ok(());
    }
    Err(Error::new(&code::PROJECT_INVALID, plural(errors, "error")).help("mend the lines above"))
}

/// One line for each finding, to standard output, where GitHub reads it.
fn annotate(report: &Report, with_info: bool, output: Output) {
    let fits = |severity| with_info || severity != Severity::Info;
    for found in report.diagnostics.iter().filter(|found| fits(found.severity)) {
        output.text(&render::github(found, &report.sources));
    }
}

fn print(report: &Report, with_info: bool, project: &Project, output: Output) {
    for text in report.render(|severity| with_info || severity != Severity::Info, output.has_color()) {
        output.note(&text);
    }
    if report.count(Severity::Error) == 0 {
        let (files, warnings) = (project.workflows.len(), report.count(Severity::Warning));
        output.text(&format!(
            "{}: {}, no errors, {}",
            project.root.display(),
            plural(files, "workflow file"),
            plural(warnings, "warning")
        ));
    }
}
