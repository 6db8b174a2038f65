//! What older files say elsewhere and newer ones in a `namespace` block: endpoints, workers. The changes are worked out
//! when the whole file has been read.

use std::collections::BTreeSet;

use super::Parser;
use super::cursor::deployment_name_length;
use super::legacy::{insertion, step};
use super::old_nexus::Neighbours;
use crate::text::diagnostic::{Diagnostic, Edit};
use crate::text::source::Span;
use crate::twf::ast::Unit;

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
    pub(super) fn place_all(&mut self, unit: &Unit, neighbours: &Neighbours) {
        let mut made = BTreeSet::new();
        for placement in std::mem::take(&mut self.placements) {
            let is_known = self.namespaces.iter().any(|it| it.name == placement.namespace);
            let can_move = is_name(&placement.namespace)
                && (is_known
                    || (!neighbours.namespaces.contains(&placement.namespace)
                        && made.insert(placement.namespace.clone())));
            let diagnostic = placement.diagnostic;
            if can_move {
                let mut edits = placement.edits;
                edits.extend(self.place(&placement.namespace, &placement.lines, placement.home));
                self.report(diagnostic.fix_all(edits, "move it into its namespace"));
            } else {
                self.report(diagnostic);
            }
        }
        self.old_nexus_calls(unit, neighbours);
    }

    /// Lines at the end of a namespace of the file, or as a new one.
    pub(super) fn place(&self, namespace: &str, lines: &[String], home: Span) -> Vec<Edit> {
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
}

/// Whether a text can name something of the deployment.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && deployment_name_length(text) == text.len()
}
