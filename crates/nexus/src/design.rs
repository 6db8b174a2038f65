//! Workflow files read together as one design, whatever is wrong with them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nexus_kernel::Json;
use nexus_kernel::error::Error;
use nexus_lang::text::diagnostic::{Diagnostic, Severity, sort};
use nexus_lang::text::source::{SourceId, Sources};
use nexus_lang::twf::ast::Unit;
use nexus_lang::twf::check::{CheckOptions, ParsedUnit, check};
use nexus_lang::twf::envelope::{self, Payload};
use nexus_lang::twf::parser::parse;

use crate::project::{Project, SourceFile, twf_files};

/// Files that were read.
#[derive(Debug)]
pub struct Design {
    /// Their texts.
    pub sources: Sources,
    /// What the parser and the checks noticed, in order.
    pub diagnostics: Vec<Diagnostic>,
    units: Vec<(SourceId, Unit)>,
}

impl Design {
    /// Reads `.twf` files, projects, and all `.twf` files under other folders.
    pub fn read(paths: &[PathBuf]) -> Result<Design, Error> {
        let mut sources = Sources::new();
        let mut seen = BTreeSet::new();
        for file in paths.iter().map(|path| files(path)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten()
        {
            if seen.insert(file.path.clone()) {
                sources.add(&file.path, &file.text);
            }
        }
        Ok(Design::of(sources))
    }

    /// Parses and checks files.
    pub fn of(sources: Sources) -> Design {
        let mut diagnostics = Vec::new();
        let mut units = Vec::new();
        for (id, source) in sources.iter() {
            let parsed = parse(id, &source.text);
            diagnostics.extend(parsed.diagnostics);
            units.push((id, parsed.unit));
        }
        let mut design = Design { sources, diagnostics, units };
        let found = check(&design.units(), &design.sources, CheckOptions::default());
        design.diagnostics.extend(found);
        sort(&mut design.diagnostics);
        design
    }

    /// The trees.
    pub fn units(&self) -> Vec<ParsedUnit<'_>> {
        self.units.iter().map(|(source, unit)| ParsedUnit { source: *source, unit }).collect()
    }

    /// A JSON form of the public tool.
    pub fn envelope(&self, payload: Payload) -> Json {
        let units = self.units();
        let design =
            envelope::Design { units: &units, sources: &self.sources, diagnostics: &self.diagnostics };
        envelope::envelope(&design, payload)
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
