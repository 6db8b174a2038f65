//! Nexus calls by namespace and workflow: the newest form needs an endpoint and a service, which are made up.
//!
//! One namespace is served by one file, whichever files of a project call it: the one that has its block, else the first
//! that calls it. What the others call is known here as [`Neighbours`].

use std::collections::{BTreeMap, BTreeSet};

use super::Parser;
use super::placement::is_name;
use crate::text::diagnostic::{Diagnostic, Edit};
use crate::text::source::{Span, offset};
use crate::twf::ast::{Definition, Unit};

/// A call `nexus "namespace" workflow W`.
pub(super) struct OldNexusCall {
    /// From `nexus` to the name of the workflow.
    pub span: Span,
    /// The namespace.
    pub namespace: String,
    /// The workflow.
    pub workflow: String,
}

/// What stands behind the calls into one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::twf) struct Behind {
    pub(in crate::twf) endpoint: String,
    pub(in crate::twf) service: String,
    pub(in crate::twf) worker: String,
    /// The workflows that are called.
    pub(in crate::twf) workflows: BTreeSet<String>,
    /// Whether the file that is being read declares all that.
    pub(in crate::twf) is_declared_here: bool,
}

impl Behind {
    /// Names after the namespace that nothing has yet.
    pub(in crate::twf) fn new(namespace: &str, taken: &BTreeSet<&str>) -> Behind {
        let stem = camel(namespace);
        Behind {
            endpoint: fresh(&format!("{stem}Endpoint"), taken),
            service: fresh(&format!("{stem}Workflows"), taken),
            worker: fresh(&format!("{stem}Worker"), taken),
            workflows: BTreeSet::new(),
            is_declared_here: true,
        }
    }
}

/// What the other files of a project mean for the older spellings of one.
#[derive(Debug, Default)]
pub(in crate::twf) struct Neighbours {
    /// By the namespaces that files call by name; a file that stands alone finds its own.
    pub(in crate::twf) behind: BTreeMap<String, Behind>,
    /// The namespaces that other files have blocks of.
    pub(in crate::twf) namespaces: BTreeSet<String>,
    /// The workflows that files define.
    pub(in crate::twf) workflows: BTreeSet<String>,
}

impl Neighbours {
    /// A file that stands alone.
    pub(super) const NONE: Neighbours =
        Neighbours { behind: BTreeMap::new(), namespaces: BTreeSet::new(), workflows: BTreeSet::new() };
}

impl Parser<'_> {
    /// Gives the Nexus calls by namespace and workflow an endpoint, a service and a worker for each namespace.
    pub(super) fn old_nexus_calls(&mut self, unit: &Unit, neighbours: &Neighbours) {
        let calls = std::mem::take(&mut self.old_nexus);
        let mut by_namespace: BTreeMap<&str, Vec<&OldNexusCall>> = BTreeMap::new();
        for call in &calls {
            by_namespace.entry(call.namespace.as_str()).or_default().push(call);
        }
        let names: BTreeSet<&str> = unit.definitions.iter().map(|it| it.name().name.as_str()).collect();
        for (namespace, behind) in &neighbours.behind {
            let is_called = by_namespace.contains_key(namespace.as_str());
            if behind.is_declared_here && !is_called && !names.contains(behind.service.as_str()) {
                self.serve_neighbours(namespace, behind, (unit, neighbours));
            }
        }
        for (namespace, calls) in by_namespace {
            let behind = neighbours.behind.get(namespace).cloned().unwrap_or_else(|| Behind {
                workflows: calls.iter().map(|call| call.workflow.clone()).collect(),
                ..Behind::new(namespace, &names)
            });
            let mut fix = is_name(namespace).then(|| {
                let mut edits = self.renamed(&calls, &behind);
                if behind.is_declared_here && !names.contains(behind.service.as_str()) {
                    edits.extend(self.declared(namespace, &behind, unit, neighbours));
                }
                edits
            });
            for call in calls {
                let help = format!(
                    "write `nexus ENDPOINT SERVICE.{}`, with a service and an endpoint in namespace `{namespace}`",
                    call.workflow
                );
                let message = "a Nexus call by namespace and workflow is an older spelling";
                let mut diagnostic = Diagnostic::info("LEGACY_SYNTAX", call.span, message).help(help);
                if let Some(edits) = fix.take() {
                    diagnostic = diagnostic
                        .fix_all(edits, format!("declare the service behind namespace `{namespace}`"));
                }
                self.report(diagnostic);
            }
        }
    }

    /// Declares what only other files call.
    fn serve_neighbours(
        &mut self,
        namespace: &str,
        behind: &Behind,
        (unit, neighbours): (&Unit, &Neighbours),
    ) {
        let end = offset(self.text.len());
        let message = format!("other files call namespace `{namespace}` by its name, an older spelling");
        let edits = self.declared(namespace, behind, unit, neighbours);
        let title = format!("declare the service behind namespace `{namespace}`");
        let found = Diagnostic::info("LEGACY_SYNTAX", self.span(end, end), message);
        self.report(found.fix_all(edits, title));
    }

    fn renamed(&self, calls: &[&OldNexusCall], behind: &Behind) -> Vec<Edit> {
        let Behind { endpoint, service, .. } = behind;
        let new = |call: &&OldNexusCall| {
            self.replace(call.span, &format!("nexus {endpoint} {service}.{}", call.workflow))
        };
        calls.iter().flat_map(new).collect()
    }

    /// The service and the worker at the end of the file, both and the endpoint in the namespace.
    fn declared(&self, namespace: &str, behind: &Behind, unit: &Unit, neighbours: &Neighbours) -> Vec<Edit> {
        let Behind { endpoint, service, worker, workflows, .. } = behind;
        let operations: String =
            workflows.iter().flat_map(|it| ["    async ", it, " workflow ", it, "\n"]).collect();
        let is_known = |name: &&String| {
            neighbours.workflows.contains(*name) || unit.definitions.iter().any(|it| is_workflow(it, name))
        };
        let registered: String =
            workflows.iter().filter(is_known).flat_map(|it| ["    workflow ", it, "\n"]).collect();
        let end = offset(self.text.len());
        let gap = if self.text.ends_with('\n') { "\n" } else { "\n\n" };
        let definitions = format!(
            "{gap}nexus service {service}:\n{operations}\nworker {worker}:\n{registered}    nexus service {service}\n"
        );
        let queue = format!("        task_queue: \"{namespace}\"");
        let options = "    options:".to_string();
        let lines = [
            format!("worker {worker}"),
            options.clone(),
            queue.clone(),
            format!("nexus endpoint {endpoint}"),
            options,
            queue,
        ];
        let home = self.span(end, end);
        let mut edits = Vec::new();
        for edit in self.place(namespace, &lines, home) {
            // A new block goes to the end of the file too: one change, for both begin at one place.
            let text = edit.replacement;
            if edit.span == home {
                edits.push(Edit { span: home, replacement: format!("{definitions}\n{}\n", text.trim_end()) });
            } else {
                edits.push(Edit { span: edit.span, replacement: text });
            }
        }
        if !edits.iter().any(|edit| edit.span == home) {
            edits.push(Edit { span: home, replacement: definitions });
        }
        edits
    }
}

fn is_workflow(definition: &Definition, name: &str) -> bool {
    matches!(definition, Definition::Workflow(it) if it.name.name == name)
}

/// `order-payments` as `OrderPayments`; holes of a template are left out.
fn camel(namespace: &str) -> String {
    let parts = namespace.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let upper = |part: &str| {
        let (first, rest) = part.split_at(1.min(part.len()));
        format!("{}{rest}", first.to_ascii_uppercase())
    };
    let name: String = parts.map(upper).collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("N{name}") }
}

/// A name that no definition of the file has.
fn fresh(name: &str, taken: &BTreeSet<&str>) -> String {
    if !taken.contains(name) {
        return name.to_string();
    }
    let numbered = (2_u64..).map(|number| format!("{name}{number}"));
    numbered.into_iter().find(|it| !taken.contains(it.as_str())).unwrap_or_default()
}
