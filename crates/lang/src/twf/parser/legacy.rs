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

    /// An older spelling whose replacement takes more than one change of the text.
    pub(super) fn legacy_note(&mut self, span: Span, what: &str, help: &str) {
        let message = format!("{what} is an older spelling");
        self.report(Diagnostic::info("LEGACY_SYNTAX", span, message).help(help));
    }

    /// `options:` and its entries as lines under a call that is indented by `indent`.
    pub(super) fn options_under(&self, entries: &[OptionEntry], indent: &str) -> String {
        let head = format!("{indent}{}", step(indent));
        format!("\n{head}{}", self.options_at("options", entries, &head))
    }

    /// `word:` and its entries as lines, for a line that is indented by `indent`.
    pub(super) fn options_at(&self, word: &str, entries: &[OptionEntry], indent: &str) -> String {
        let inner = format!("{indent}{}", step(indent));
        let line = |entry: &OptionEntry| match &entry.value {
            OptionValue::Expr(value) => format!("\n{inner}{}: {}", entry.key.name, self.slice(value.span)),
            OptionValue::Block(block) => {
                format!("\n{inner}{}", self.options_at(&entry.key.name, block, &inner))
            }
        };
        format!("{word}:{}", entries.iter().map(line).collect::<String>())
    }
}

/// One level of indentation in the style of the file.
pub(super) fn step(indent: &str) -> &'static str {
    if indent.starts_with('\t') { "\t" } else { "    " }
}
