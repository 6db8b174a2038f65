//! Reports of older and of our own spellings.

use super::Parser;
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::twf::ast::{OptionEntry, OptionValue};

impl Parser<'_> {
    /// An older spelling with the text that replaces it.
    pub(super) fn legacy(&mut self, span: Span, what: &str, replacement: &str) {
        let help = if replacement.is_empty() {
            "leave it out: it has no effect".to_string()
        } else {
            format!("write `{replacement}`")
        };
        let diagnostic = Diagnostic::info("LEGACY_SYNTAX", span, format!("{what} is an older spelling"))
            .help(help)
            .fix(span, replacement, "use the newest spelling");
        self.report(diagnostic);
    }

    /// A form that the published language does not have.
    pub(super) fn extension(&mut self, span: Span, what: &str) {
        let message = format!("{what} is an extension of the published language");
        self.report(Diagnostic::info("EXTENSION_SYNTAX", span, message));
    }

    /// The blanks before the first token of the line that holds a byte.
    pub(super) fn indent_of(&self, at: u32) -> &str {
        let before = self.text.get(..at.saturating_sub(self.base) as usize).unwrap_or("");
        let line = before.rfind('\n').map_or(before, |newline| before.get(newline + 1..).unwrap_or(""));
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        line.get(..blanks).unwrap_or("")
    }

    /// `options:` and its entries as lines under a call that is indented by `indent`.
    pub(super) fn options_as_block(&self, entries: &[OptionEntry], indent: &str) -> String {
        let step = if indent.starts_with('\t') { "\t" } else { "    " };
        let head = format!("{indent}{step}");
        format!("\n{head}options:{}", self.entries_as_lines(entries, &head, step))
    }

    fn entries_as_lines(&self, entries: &[OptionEntry], outer: &str, step: &str) -> String {
        let indent = format!("{outer}{step}");
        let line = |entry: &OptionEntry| match &entry.value {
            OptionValue::Expr(value) => format!("\n{indent}{}: {}", entry.key.name, self.slice(value.span)),
            OptionValue::Block(inner) => {
                format!("\n{indent}{}:{}", entry.key.name, self.entries_as_lines(inner, &indent, step))
            }
        };
        entries.iter().map(line).collect()
    }
}
