//! Workspaces for tests: files in one text, places marked in it.

use std::collections::BTreeMap;

use crate::ide::{Analysis, Workspace};
use crate::text::source::{SourceId, Span};

/// Files and the places marked `$0`, `$1` and so on in them.
pub(super) struct Fixture {
    pub(super) analysis: Analysis,
    marks: BTreeMap<char, (SourceId, u32)>,
}

impl Fixture {
    /// One file, or several, each after a line `//- path`.
    pub(super) fn new(text: &str) -> Fixture {
        let mut workspace = Workspace::default();
        let mut marks = BTreeMap::new();
        let text = if text.starts_with("//- ") { text.to_string() } else { format!("//- a.twf\n{text}") };
        for part in text.split("//- ").skip(1) {
            let (path, text) = part.split_once('\n').unwrap();
            let (text, found) = take_marks(text);
            let id = workspace.set(path.trim(), &text);
            marks.extend(found.into_iter().map(|(mark, at)| (mark, (id, at))));
        }
        let analysis = workspace.analysis();
        Fixture { analysis, marks }
    }

    /// The place of `$0`.
    pub(super) fn cursor(&self) -> (SourceId, u32) {
        self.mark('0')
    }

    pub(super) fn mark(&self, mark: char) -> (SourceId, u32) {
        self.marks[&mark]
    }

    /// A span as `path:line:column text`.
    pub(super) fn show(&self, span: Span) -> String {
        format!(
            "{} {}",
            self.analysis.sources().locate(span),
            self.analysis.slice(span).lines().next().unwrap_or("")
        )
    }

    pub(super) fn show_all(&self, spans: impl IntoIterator<Item = Span>) -> Vec<String> {
        spans.into_iter().map(|span| self.show(span)).collect()
    }
}

/// `$` and a digit is a mark when no word stands around it, as a hole of a snippet never does.
fn take_marks(text: &str) -> (String, Vec<(char, u32)>) {
    let mut out = String::new();
    let mut marks = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('$', Some(mark)) if mark.is_ascii_digit() => {
                marks.push((*mark, u32::try_from(out.len()).unwrap()));
                chars.next();
            }
            _ => out.push(c),
        }
    }
    (out, marks)
}
