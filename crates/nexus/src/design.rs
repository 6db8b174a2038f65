//! Workflow files read together as one design, whatever is wrong with them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nexus_kernel::Json;
use nexus_kernel::error::Error;
use nexus_lang::text::diagnostic::{Diagnostic, Severity};
use nexus_lang::text::source::{SourceId, Sources};
use nexus_lang::twf::check::{CheckOptions, ParsedUnit, diagnose};
use nexus_lang::twf::envelope::{self, Payload};
use nexus_lang::twf::parser::{Parsed, parse};

use crate::cli::Global;
use crate::project::{Project, SourceFile, twf_files};

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
    pub fn read(paths: &[PathBuf], options: CheckOptions) -> Result<Design, Error> {
        let mut sources = Sources::new();
        let mut seen = BTreeSet::new();
        for file in paths.iter().map(|path| files(path)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten()
        {
            if seen.insert(file.path.clone()) {
                sources.add(&file.path, &file.text);
            }
        }
        Ok(Design::of(sources, options))
    }

    /// Reads the paths of a command line, or the project when there are none.
    pub fn of_paths(global: &Global, paths: &[PathBuf]) -> Result<Design, Error> {
        let paths = if paths.is_empty() { std::slice::from_ref(&global.project) } else { paths };
        Design::read(paths, CheckOptions::default())
    }

    /// Parses and checks files.
    pub fn of(sources: Sources, options: CheckOptions) -> Design {
        let parsed: Vec<_> = sources.iter().map(|(id, source)| (id, parse(id, &source.text))).collect();
        let diagnostics = diagnose(&parsed, &sources, options);
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

/// The files of a path. Those of a project are shown as from its folder's path, so that a terminal can open them.
fn files(path: &Path) -> Result<Vec<SourceFile>, Error> {
    if path.is_dir() && !Project::is_at(path) {
        return twf_files(path);
    }
    let project = Project::read(path)?;
    let shown = |file: SourceFile| {
        let path = if path.is_file() { PathBuf::from(&file.path) } else { path.join(&file.path) };
        let path = path.strip_prefix(".").unwrap_or(&path).display().to_string();
        SourceFile { path, text: file.text }
    };
    Ok(project.workflows.into_iter().map(shown).collect())
}
