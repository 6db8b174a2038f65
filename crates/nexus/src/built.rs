//! From a project to what can be served: a definition, activities, and everything that was noticed on the way.

use std::path::PathBuf;
use std::sync::Arc;

use nexus_engine::Definition;
use nexus_gateway::McpPrompt;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_lang::text::diagnostic::{Diagnostic, Severity};
use nexus_lang::text::render;
use nexus_lang::text::source::{SourceId, Sources, Span, offset};
use nexus_lang::twf::check::suppress::hide;
use nexus_sandbox::Sandbox;

use crate::activities::Bindings;
use crate::activities::lints::{self, Finding};
use crate::activities::scripts::{self, ScriptError};
use crate::config::FILE;
use crate::config::origin::path_of;
use crate::config::reading::Reading;
use crate::project::Project;
use crate::prompts;
use crate::services;

/// The findings about a project's files, and the files they point into.
#[derive(Debug)]
pub struct Report {
    /// Every file that a finding may point into.
    pub sources: Sources,
    /// The findings, in order of files and positions.
    pub diagnostics: Vec<Diagnostic>,
    /// Files beside those of the project that scripts read or looked for.
    pub inputs: Vec<PathBuf>,
}

/// A project that can be served.
#[derive(Debug)]
pub struct Built {
    /// Its workflows.
    pub definition: Arc<Definition>,
    /// Its activities.
    pub bindings: Bindings,
    /// Its prompts.
    pub prompts: Vec<McpPrompt>,
}

impl Report {
    /// How many findings have this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    /// The findings as an error for callers who cannot see the report itself.
    pub fn to_error(&self) -> Error {
        let errors = self.diagnostics.iter().filter(|found| found.severity == Severity::Error);
        let count = self.count(Severity::Error);
        let plural = if count == 1 { "" } else { "s" };
        let mut error = Error::new(&code::PROJECT_INVALID, format!("the project has {count} error{plural}"))
            .help("`nexus check` shows them with their lines");
        for found in errors {
            let place = found.span.map(|span| self.sources.locate(span).to_string()).unwrap_or_default();
            error = error.fault(place, format!("{} [{}]", found.message, found.code));
        }
        error
    }

    /// The findings of these severities for people, with the lines they are about.
    pub fn render(&self, fits: impl Fn(Severity) -> bool, color: bool) -> Vec<String> {
        let shown = self.diagnostics.iter().filter(|found| fits(found.severity));
        shown.map(|found| render::terminal(found, &self.sources, color)).collect()
    }
}

/// Compiles a project's workflows, and its scripts when there is a sandbox for that. What is built is absent when
/// there are errors.
pub async fn build(project: &Project, sandbox: Option<&Sandbox>, lenient: bool) -> (Option<Built>, Report) {
    let (definition, mut sources, mut diagnostics) = project.compile(lenient);
    let mut configured = project.config_errors(definition.as_deref());
    let (mut bindings, mut inputs) = (Bindings::default(), Vec::new());
    if let Some(sandbox) = sandbox {
        let declared = definition.as_ref().map(|definition| scripts::declared(&definition.program));
        let compiled = Bindings::compile(project, sandbox, declared.as_ref()).await;
        let (functions, is_complete) = (compiled.functions, compiled.errors.is_empty());
        (bindings, inputs) = (compiled.bindings, compiled.inputs);
        for error in compiled.errors {
            diagnostics.push(script_diagnostic(&mut sources, project, &error));
        }
        if let Some(definition) = &definition {
            bindings.learn_parameters(&definition.program);
            for found in lints::findings(project, &definition.program, &bindings, &functions) {
                diagnostics.push(finding_diagnostic(&mut sources, project, &found));
            }
            // A file that cannot be read may well have what is missing.
            if is_complete {
                configured.extend(services::unbound(&project.config, |name| bindings.has(name)));
                let mut unbound = unbound(definition, &bindings);
                hide(&mut unbound, &sources);
                diagnostics.extend(unbound);
            }
        }
    }
    let unwritten = services::hide(&mut diagnostics, &sources);
    configured.extend(unwritten.filter(|_| configured.is_empty()));
    diagnostics.extend(config_diagnostics(&mut sources, project, &configured));
    let (prompts, findings) = prompts::read(&project.prompts);
    diagnostics.extend(findings.iter().map(|found| finding_diagnostic(&mut sources, project, found)));
    diagnostics.sort_by_key(|found| (found.span.map(|span| (span.source, span.start)), found.code));
    let report = Report { sources, diagnostics, inputs };
    let built = definition.filter(|_| report.count(Severity::Error) == 0);
    (built.map(|definition| Built { definition, bindings, prompts }), report)
}

/// An activity that is declared and called but has no function: its tasks would wait for ever.
fn unbound(definition: &Definition, bindings: &Bindings) -> Vec<Diagnostic> {
    let missing = definition.program.activities().filter(|activity| !bindings.has(&activity.name));
    missing
        .map(|activity| {
            let name = &activity.name;
            Diagnostic::warning(
                "UNBOUND_ACTIVITY",
                activity.span,
                format!("nobody implements activity {name}"),
            )
            .help(format!("export a function {name} from a file in activities/"))
        })
        .collect()
}

/// What `nexus.toml` says and the files do not allow, at its lines.
fn config_diagnostics(sources: &mut Sources, project: &Project, errors: &[Error]) -> Vec<Diagnostic> {
    if errors.is_empty() {
        return Vec::new();
    }
    let text = std::fs::read_to_string(project.root.join(FILE)).unwrap_or_default();
    let origins = Reading::of(&text).origins;
    let source = sources.add(FILE, &text);
    let told = errors.iter().map(|error| {
        let at = error.faults().first().and_then(|fault| fault.at.strip_prefix(FILE)?.strip_prefix(": "));
        let (line, column) = at.and_then(|at| origins.nearest(&path_of(at))).unwrap_or((1, 1));
        let span = span_at(source, &text, (line, column));
        let found = Diagnostic::error("CONFIGURATION", span, error.message().to_owned());
        found.help(error.help_text().unwrap_or_default().to_owned())
    });
    told.collect()
}

fn finding_diagnostic(sources: &mut Sources, project: &Project, found: &Finding) -> Diagnostic {
    let Finding { code, severity, place, message, help } = found;
    let span = span_in(sources, project, (&place.file, place.line, place.column));
    let told = match severity {
        Severity::Info => Diagnostic::info(code, span, message.clone()),
        Severity::Error => Diagnostic::error(code, span, message.clone()),
        Severity::Warning => Diagnostic::warning(code, span, message.clone()),
    };
    told.help(help.clone())
}

fn script_diagnostic(sources: &mut Sources, project: &Project, error: &ScriptError) -> Diagnostic {
    let span = span_in(sources, project, (&error.file, error.line, error.column));
    let found = Diagnostic::error("SCRIPT", span, error.message.clone());
    match &error.help {
        Some(help) => found.help(help.clone()),
        None => found,
    }
}

/// The character at a place of a file that need not be among the project's own.
fn span_in(sources: &mut Sources, project: &Project, (file, line, column): (&str, u32, u32)) -> Span {
    // What is imported from elsewhere was not read with the project.
    let mut own = project.activities.iter().chain(&project.prompts);
    let known = own.find(|known| known.path == file).map(|known| known.text.clone());
    let text = known.or_else(|| std::fs::read_to_string(project.root.join(file)).ok()).unwrap_or_default();
    let text = text.as_str();
    let source = sources.add(file, text);
    span_at(source, text, (line as usize, column as usize))
}

fn span_at(source: SourceId, text: &str, (line, column): (usize, usize)) -> Span {
    let start = byte_of(text, line, column);
    let end = text.get(start..).and_then(|rest| rest.chars().next()).map_or(start, |c| start + c.len_utf8());
    Span { source, start: offset(start), end: offset(end) }
}

/// The byte of a line and column, both from 1, columns in characters.
fn byte_of(text: &str, line: usize, column: usize) -> usize {
    let line_start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(line_start..).unwrap_or("");
    let within = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
    (line_start + within).min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_become_bytes() {
        assert_eq!(byte_of("ab\ncd", 1, 1), 0);
        assert_eq!(byte_of("äb\ncd", 1, 2), 2);
        assert_eq!(byte_of("ab\ncd", 2, 2), 4);
        assert_eq!(byte_of("ab\ncd", 9, 9), 5);
    }
}
