//! Workflow files read together as one design, whatever is wrong with them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nexus_kernel::Json;
use nexus_kernel::error::Error;
use nexus_lang::text::diagnostic::{Diagnostic, Severity};
use nexus_lang::text::source::{SourceId, Sources};
use nexus_lang::twf::check::{CheckOptions, KnownEndpoints, ParsedUnit, diagnose};
use nexus_lang::twf::envelope::{self, Payload};
use nexus_lang::twf::parser::{Parsed, parse};

use crate::cli::Global;
use crate::project::{Project, SourceFile, twf_files};
use crate::services;

/// Files that were read.
#[derive(Debug)]
pub struct Design {
    /// Their texts.
    pub sources: Sources,
    /// What the parser and the checks noticed, in order.
    pub diagnostics: Vec<Diagnostic>,
    parsed: Vec<(SourceId, Parsed)>,
}

impl Design {
    /// Reads `.twf` files, projects, and all `.twf` files under other folders.
    pub fn read(paths: &[PathBuf], lenient: bool) -> Result<Design, Error> {
        let mut sources = Sources::new();
        let mut seen = BTreeSet::new();
        let mut endpoints = KnownEndpoints::default();
        for part in paths.iter().map(|path| Part::read(path)).collect::<Result<Vec<_>, _>>()? {
            for file in part.files.into_iter().filter(|file| seen.insert(file.path.clone())) {
                sources.add(&file.path, &file.text);
            }
            endpoints.extend(part.endpoints);
        }
        Ok(Design::of(sources, CheckOptions { lenient, endpoints: &endpoints }))
    }

    /// Reads the paths of a command line, or the project when there are none.
    pub fn of_paths(global: &Global, paths: &[PathBuf]) -> Result<Design, Error> {
        let paths = if paths.is_empty() { std::slice::from_ref(&global.project) } else { paths };
        Design::read(paths, false)
    }

    /// Parses and checks files.
    pub fn of(sources: Sources, options: CheckOptions<'_>) -> Design {
        let parsed: Vec<_> = sources.iter().map(|(id, source)| (id, parse(id, &source.text))).collect();
        let mut diagnostics = diagnose(&parsed, &sources, options);
        // What is wrong with services of the configuration is no matter of the notation.
        drop(services::hide(&mut diagnostics, &sources));
        Design { sources, diagnostics, parsed }
    }

    /// The trees.
    pub fn units(&self) -> Vec<ParsedUnit<'_>> {
        self.parsed
            .iter()
            .map(|(source, parsed)| ParsedUnit { source: *source, unit: &parsed.unit })
            .collect()
    }

    /// A JSON form of the public tool.
    pub fn envelope(&self, payload: Payload) -> Json {
        let units = self.units();
        let design =
            envelope::Design { units: &units, sources: &self.sources, diagnostics: &self.diagnostics };
        envelope::envelope(&design, payload)
    }

    /// Whether the text of some file could not be read.
    pub fn is_broken(&self) -> bool {
        self.diagnostics.iter().any(|it| it.is_error() && matches!(it.code, "LEX" | "SYNTAX"))
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|it| it.severity == Severity::Error).count()
    }
}

/// What a path brings along.
struct Part {
    files: Vec<SourceFile>,
    endpoints: KnownEndpoints,
}

impl Part {
    fn read(path: &Path) -> Result<Part, Error> {
        if path.is_dir() && !Project::is_at(path) {
            return Ok(Part { files: twf_files(path)?, endpoints: KnownEndpoints::default() });
        }
        let project = Project::read(path)?;
        let (endpoints, services) = (project.config.known_endpoints(), services::file(&project));
        let files = shown(path, project.workflows).into_iter().chain(services).collect();
        Ok(Part { files, endpoints })
    }
}

/// The files of a project, shown as from its folder's path, so that a terminal can open them.
fn shown(path: &Path, files: Vec<SourceFile>) -> Vec<SourceFile> {
    let shown = |file: SourceFile| {
        let path = if path.is_file() { PathBuf::from(&file.path) } else { path.join(&file.path) };
        let path = path.strip_prefix(".").unwrap_or(&path).display().to_string();
        SourceFile { path, text: file.text }
    };
    files.into_iter().map(shown).collect()
}
