//! The canonical layout of a file: `nexus fmt`, and an editor's "format document".
//!
//! Two layouts of the same tokens and comments give the same text, except for what an author says with blank
//! lines. The rules:
//!
//! * UTF-8 without a byte order mark, lines that end in LF, four blanks a level, no blanks at the end of a line, one
//!   newline at the end of the file.
//! * One blank around operators and arrows, after commas and colons; none inside brackets, before the bracket of a
//!   call, around `.`, `?.` and `..`.
//! * A line of more than [`WIDTH_MAX`] columns is broken inside its widest bracket, one element a line; an element
//!   that is still too wide is broken before the operators `if else`, `??`, `or`, `and` that bind weakest in it, then
//!   inside its own widest bracket. A line that fits is joined, unless a comment stands in it. No comma stands before
//!   a closing bracket.
//! * One blank line between definitions; elsewhere as many as the author left, at most one, and none after a line
//!   that opens a block. Imports, and messages declared without a body, may stand together.
//! * Comments stay where they are: those on a line of their own at the level of the block they were written in, those
//!   behind code two blanks after it. `#x` becomes `# x`; `#!` stays.
//! * Strings, names of the deployment, and text that the language keeps without reading it stay as they are.

mod comment;
mod line;
mod page;
mod spacing;

use crate::text::diagnostic::Diagnostic;
use crate::text::source::SourceId;
use crate::twf::dump;
use crate::twf::parser::{Marked, parse_marked};

/// Columns of a line at most, where brackets allow to keep to it.
pub const WIDTH_MAX: usize = 100;

/// Blanks a level of indentation.
pub const INDENT: usize = 4;

/// Lays a file out. The result has the same tree and comments, and formatting it again changes nothing.
///
/// # Errors
///
/// The `LEX` and `SYNTAX` errors of the file: where it is not known what was meant, nothing is moved. Lines that are no
/// statements are kept as they are; where that cannot be done because brackets in them run on, they are errors too. Every
/// other finding leaves the layout alone.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let marked = parse_marked(SourceId(0), text);
    let mut found = marked.parsed.diagnostics.clone();
    found.retain(|it| is_serious(it) || it.code == "RAW_STATEMENT");
    if found.iter().any(is_serious) {
        found.retain(is_serious);
        return Err(found);
    }
    let page = page::page(text, &marked);
    if found.is_empty() || is_same(&marked, &page) { Ok(page) } else { Err(found) }
}

/// Whether a laid out file reads as it did before, and is laid out already.
fn is_same(before: &Marked, page: &str) -> bool {
    let after = parse_marked(SourceId(0), page);
    !after.parsed.diagnostics.iter().any(is_serious)
        && dump::unit(&after.parsed.unit) == dump::unit(&before.parsed.unit)
        && page::page(page, &after) == page
}

fn is_serious(it: &Diagnostic) -> bool {
    it.is_error() && matches!(it.code, "LEX" | "SYNTAX")
}

#[cfg(test)]
mod tests;
