//! Imports: qualifiers without one, imports without use, packages that are not there.

use std::collections::BTreeSet;

use super::call::is_reserved;
use super::index::File;
use super::{Checker, walk};
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::text::suggest::propose;
use crate::twf::ast::{Callee, Definition, QName, ServiceOperation, Stmt, Unit};

impl<'a> Checker<'a> {
    pub(super) fn imports(&mut self) {
        let index = self.index;
        for file in &index.files {
            self.imports_of(file);
        }
    }

    fn imports_of(&mut self, file: &File<'a>) {
        let mut used = BTreeSet::new();
        for name in qualified(file.unit) {
            let Some(package) = &name.package else { continue };
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

/// All references of a file that may carry a qualifier.
fn qualified(unit: &Unit) -> Vec<&QName> {
    let mut all = Vec::new();
    for definition in &unit.definitions {
        match definition {
            Definition::Workflow(it) => {
                in_block(&it.body, &mut all);
                it.handlers.iter().for_each(|handler| in_block(&handler.body, &mut all));
                it.on_cancel.iter().for_each(|block| in_block(block, &mut all));
            }
            Definition::Worker(it) => {
                all.extend(it.workflows.iter().chain(&it.activities).chain(&it.services));
            }
            Definition::Service(it) => {
                for operation in &it.operations {
                    match operation {
                        ServiceOperation::Async { workflow, .. } => all.push(workflow),
                        ServiceOperation::Sync { body, .. } => {
                            if let Some(block) = body {
                                in_block(block, &mut all);
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }
    all
}

fn in_block<'a>(block: &'a [Stmt], all: &mut Vec<&'a QName>) {
    walk::each(block, &mut |stmt| {
        for (call, _) in walk::calls(stmt) {
            match &call.callee {
                Callee::Activity(name) if is_reserved(name) => {}
                Callee::Activity(name) | Callee::Workflow(name) | Callee::Nexus { service: name, .. } => {
                    all.push(name);
                }
                Callee::NexusWorkflow { .. } => {}
            }
        }
    });
}
