//! What older files say elsewhere and newer ones in a `namespace` block: endpoints, workers, services made up for Nexus
//! calls by namespace and workflow. The changes are worked out when the whole file has been read.

use std::collections::{BTreeMap, BTreeSet};

use super::Parser;
use super::cursor::deployment_name_length;
use super::legacy::{insertion, step};
use crate::text::diagnostic::{Diagnostic, Edit};
use crate::text::source::{Span, offset};
use crate::twf::ast::{Definition, Ident, Unit};

/// Something that belongs into a namespace.
pub(super) struct Placement {
    /// The namespace.
    pub namespace: String,
    /// Lines to put into it, without indentation of the block.
    pub lines: Vec<String>,
    /// Other changes that belong to it.
    pub edits: Vec<Edit>,
    /// Where a new `namespace` block goes when the file has none: it replaces this.
    pub home: Span,
    /// What to report.
    pub diagnostic: Diagnostic,
}

/// A call `nexus "namespace" workflow W`.
pub(super) struct OldNexusCall {
    /// From `nexus` to the name of the workflow.
    pub span: Span,
    /// The namespace.
    pub namespace: String,
    /// The workflow.
    pub workflow: String,
}

/// A `namespace` block of the file.
pub(super) struct Block {
    /// Its name.
    pub name: String,
    /// Where its last line ends.
    pub end: u32,
    /// The indentation of its lines.
    pub indent: String,
}

impl Parser<'_> {
    /// Reports what belongs into namespaces. Two things for one new namespace are moved one after the other.
    pub(super) fn place_all(&mut self, unit: &Unit) {
        let mut made = BTreeSet::new();
        for placement in std::mem::take(&mut self.placements) {
            let is_known = self.namespaces.iter().any(|it| it.name == placement.namespace);
            let can_move =
                is_name(&placement.namespace) && (is_known || made.insert(placement.namespace.clone()));
            let diagnostic = placement.diagnostic;
            if can_move {
                let mut edits = placement.edits;
                edits.extend(self.place(&placement.namespace, &placement.lines, placement.home));
                self.report(diagnostic.fix_all(edits, "move it into its namespace"));
            } else {
                self.report(diagnostic);
            }
        }
        self.old_nexus_calls(unit);
    }

    /// Lines at the end of a namespace of the file, or as a new one.
    fn place(&self, namespace: &str, lines: &[String], home: Span) -> Vec<Edit> {
        let known = self.namespaces.iter().find(|it| it.name == namespace);
        let Some(block) = known else {
            let body: String = lines.iter().flat_map(|line| ["    ", line, "\n"]).collect();
            let is_insertion = home.start == home.end;
            let text = format!("namespace {namespace}:\n{body}");
            let text = if is_insertion { format!("{text}\n") } else { text.trim_end().to_string() };
            return self.replace(home, &text);
        };
        let indent = &block.indent;
        let style = |line: &String| line.replace("    ", step(indent));
        let text: Vec<String> = lines.iter().map(|line| format!("\n{indent}{}", style(line))).collect();
        let mut edits = vec![insertion(home, block.end, text.concat())];
        if home.start < home.end {
            edits.push(self.remove_lines(home));
        }
        edits
    }

    /// Gives the Nexus calls by namespace and workflow an endpoint, a service and a worker for each namespace.
    fn old_nexus_calls(&mut self, unit: &Unit) {
        let calls = std::mem::take(&mut self.old_nexus);
        let mut by_namespace: BTreeMap<&str, Vec<&OldNexusCall>> = BTreeMap::new();
        for call in &calls {
            by_namespace.entry(call.namespace.as_str()).or_default().push(call);
        }
        let names: BTreeSet<&str> = unit.definitions.iter().map(name_of).collect();
        for (namespace, calls) in by_namespace {
            let fix = is_name(namespace).then(|| self.nexus_fix(namespace, &calls, unit, &names));
            let mut fix = fix;
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

    fn nexus_fix(
        &self,
        namespace: &str,
        calls: &[&OldNexusCall],
        unit: &Unit,
        names: &BTreeSet<&str>,
    ) -> Vec<Edit> {
        let stem = camel(namespace);
        let service = fresh(&format!("{stem}Workflows"), names);
        let worker = fresh(&format!("{stem}Worker"), names);
        let endpoint = fresh(&format!("{stem}Endpoint"), names);
        let mut edits: Vec<Edit> = Vec::new();
        for call in calls {
            edits.extend(self.replace(call.span, &format!("nexus {endpoint} {service}.{}", call.workflow)));
        }
        let workflows: BTreeSet<&str> = calls.iter().map(|call| call.workflow.as_str()).collect();
        let operations: String =
            workflows.iter().flat_map(|it| ["    async ", it, " workflow ", it, "\n"]).collect();
        let is_here = |name: &&&str| unit.definitions.iter().any(|it| is_workflow(it, name));
        let registered: String =
            workflows.iter().filter(is_here).flat_map(|it| ["    workflow ", it, "\n"]).collect();
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

fn name_of(definition: &Definition) -> &str {
    let ident: &Ident = match definition {
        Definition::Workflow(it) => &it.name,
        Definition::Activity(it) => &it.name,
        Definition::Worker(it) => &it.name,
        Definition::Namespace(it) => &it.name,
        Definition::Service(it) => &it.name,
        Definition::Endpoint(it) => &it.name,
        Definition::Type(it) => &it.name,
    };
    &ident.name
}

/// Whether a text can name something of the deployment.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && deployment_name_length(text) == text.len()
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
