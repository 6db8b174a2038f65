//! "Format document": the canonical layout, as changes of the lines that differ.

use super::Analysis;
use super::actions::smallest;
use crate::text::diagnostic::Edit;
use crate::text::source::{SourceId, Span, offset};
use crate::twf::format::format;

impl Analysis {
    /// The changes that bring a file into the canonical layout; nothing when its text has errors that leave doubt about
    /// what was meant.
    pub fn format(&self, id: SourceId) -> Option<Vec<Edit>> {
        let file = self.file(id)?;
        let new = format(&file.text).ok()?;
        let whole = file.span(0, offset(file.text.len()));
        Some(line_edits(whole, &file.text, &new))
    }
}

/// Changes line by line where both texts have as many lines, else one change of everything between the lines that
/// they share at both ends.
fn line_edits(whole: Span, old: &str, new: &str) -> Vec<Edit> {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    if before.len() != after.len() {
        return smallest(whole, old, new).into_iter().collect();
    }
    let mut at = 0;
    let mut edits = Vec::new();
    for (line, wanted) in before.into_iter().zip(after) {
        let span = Span { start: offset(at), end: offset(at + line.len()), ..whole };
        at += line.len();
        edits.extend(smallest(span, line, wanted).map(|edit| Edit {
            span: Span { start: span.start + edit.span.start, end: span.start + edit.span.end, ..whole },
            ..edit
        }));
    }
    edits
}
