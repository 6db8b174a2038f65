//! Imports: qualifiers without one, imports without use, packages that are not there.

use std::collections::BTreeSet;

use super::Checker;
use super::call::is_reserved;
use super::index::File;
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::text::suggest::propose;
use crate::twf::ast::{Callee, Definition, Ident, QName, ServiceOperation, Unit};

impl<'a> Checker<'a> {
    /// Keeps the qualifier of a call for when its whole file has been seen.
    pub(super) fn note_qualifier(&mut self, file: usize, callee: &'a Callee) {
        match callee {
            Callee::Activity(name) if is_reserved(name) => {}
            Callee::Activity(name) | Callee::Workflow(name) | Callee::Nexus { service: name, .. } => {
                self.qualifiers.extend(name.package.as_ref().map(|package| (file, package)));
            }
            Callee::NexusWorkflow { .. } => {}
        }
    }

    /// Judges the imports of all files once every call has been seen.
    pub(super) fn imports(&mut self) {
        let index = self.index;
        let mut called = std::mem::take(&mut self.qualifiers);
        called.sort_by_key(|(file, package)| (*file, package.span.start));
        let mut rest = called.as_slice();
        for (at, file) in index.files.iter().enumerate() {
            let (here, later) = rest.split_at(rest.partition_point(|(file, _)| *file <= at));
            rest = later;
            let named = qualified(file.unit).into_iter().filter_map(|name| name.package.as_ref());
            self.imports_of(file, here.iter().map(|(_, package)| *package).chain(named));
        }
    }

    fn imports_of(&mut self, file: &File<'a>, qualifiers: impl Iterator<Item = &'a Ident>) {
        let mut used = BTreeSet::new();
        for package in qualifiers {
            if file.imports.iter().any(|it| it.alias == package.name) {
                used.insert(package.name.as_str());
                continue;
            }
            let known = file.imports.iter().map(|it| it.alias);
            let message = format!("`{}` is not imported", package.name);
            let diagnostic = Diagnostic::error("QUALIFIED_REF_WITHOUT_IMPORT", package.span, message)
                .help(format!("write `import \"path/{}\"` at the head of the file", package.name));
            self.report(propose(diagnostic, package.span, &package.name, known));
        }
        for imported in &file.imports {
            let path = &imported.import.path;
            if imported.packages.is_empty() {
                let message =
                    format!("no package `{path}` is among the files; references to it are not checked");
                self.report(Diagnostic::warning("UNRESOLVED_IMPORT", imported.import.span, message));
            }
            // What an unknown package offers, nobody can use; that it is unknown has been said.
            if !imported.packages.is_empty() && !used.contains(imported.alias) {
                let message = format!("the import `{path}` is not used");
                let span = imported.import.span;
                let found = Diagnostic::warning("UNUSED_IMPORT", span, message).help("remove the line");
                let line = self.line_after(span).map(|after| Span { end: after.start, ..span });
                self.report(found.fix(line.unwrap_or(span), "", "remove the import"));
            }
        }
    }
}

/// The references of a file outside of bodies that may carry a qualifier.
fn qualified(unit: &Unit) -> Vec<&QName> {
    let mut all = Vec::new();
    for definition in &unit.definitions {
        match definition {
            Definition::Worker(it) => {
                all.extend(it.workflows.iter().chain(&it.activities).chain(&it.services));
            }
            Definition::Service(it) => {
                all.extend(it.operations.iter().filter_map(|operation| match operation {
                    ServiceOperation::Async { workflow, .. } => Some(workflow),
                    ServiceOperation::Sync { .. } => None,
                }));
            }
            _ => {}
        }
    }
    all
}
