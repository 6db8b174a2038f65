//! Reports of older and of our own spellings, and the changes that make older ones new.

use super::Parser;
use crate::text::diagnostic::{Diagnostic, Edit};
use crate::text::source::{Span, offset};
use crate::twf::ast::{Expr, ExprKind, OptionEntry, OptionValue};
use crate::twf::token::TokenKind;

impl Parser<'_> {
    /// An older spelling with the text that replaces it.
    pub(super) fn legacy(&mut self, span: Span, what: &str, replacement: &str) {
        let help = if replacement.is_empty() {
            "leave it out: it has no effect".to_string()
        } else {
            format!("write `{replacement}`")
        };
        let edits = self.replace(span, replacement);
        self.legacy_edits(span, what, &help, edits);
    }

    /// An older spelling whose replacement takes more than one change of the text.
    pub(super) fn legacy_edits(&mut self, span: Span, what: &str, help: &str, edits: Vec<Edit>) {
        let message = format!("{what} is an older spelling");
        let diagnostic = Diagnostic::info("LEGACY_SYNTAX", span, message).help(help);
        self.report(diagnostic.fix_all(edits, "use the newest spelling"));
    }

    /// A form that the published language does not have.
    pub(super) fn extension(&mut self, span: Span, what: &str) {
        let message = format!("{what} is an extension of the published language");
        self.report(Diagnostic::info("EXTENSION_SYNTAX", span, message));
    }

    /// Replaces a place. Comments in it that the new text does not hold come to stand above its line.
    pub(super) fn replace(&self, span: Span, replacement: &str) -> Vec<Edit> {
        let lost = self.comments_in(span, |comment| !replacement.contains(comment));
        let place = Edit { span, replacement: replacement.to_string() };
        if lost.is_empty() {
            return vec![place];
        }
        let indent = self.indent_of(span.start);
        let above: String = lost.iter().flat_map(|comment| [indent, comment, "\n"]).collect();
        let start = self.line_start_of(span.start);
        if start == span.start {
            return vec![Edit { span, replacement: format!("{above}{replacement}") }];
        }
        vec![insertion(span, start, above), place]
    }

    /// Takes lines out as a whole, but for their comments.
    pub(super) fn remove_lines(&self, span: Span) -> Edit {
        let start = self.line_start_of(span.start);
        let mut end = self.line_end_of(span.end);
        let whole = Span { start, end, ..span };
        let indent = self.indent_of(span.start);
        let kept: Vec<String> =
            self.comments_in(whole, |_| true).iter().map(|it| format!("{indent}{it}")).collect();
        if kept.is_empty() {
            end = (end + 1).min(offset(self.text.len()).saturating_add(self.base));
        }
        Edit { span: Span { start, end, ..span }, replacement: kept.join("\n") }
    }

    /// Comments that begin in a place, for which `wanted` holds.
    pub(super) fn comments_in(&self, span: Span, wanted: impl Fn(&str) -> bool) -> Vec<&str> {
        let (start, end) = (span.start.saturating_sub(self.base), span.end.saturating_sub(self.base));
        let first = self.comments.partition_point(|it| it.span.start < start);
        let inside = self.comments.iter().skip(first).take_while(|it| it.span.start < end);
        let texts =
            inside.map(|it| self.text.get(it.span.start as usize..it.span.end as usize).unwrap_or(""));
        texts.filter(|text| wanted(text)).collect()
    }

    /// Indents the lines from one place to another by one more level.
    pub(super) fn deeper(&self, lines: Span) -> Vec<Edit> {
        let first = self.line_start_of(lines.start);
        let step = step(self.indent_of(lines.start));
        let mut at = first;
        let mut edits = Vec::new();
        for line in self.slice(Span { start: first, ..lines }).split_inclusive('\n') {
            if !line.trim().is_empty() {
                edits.push(insertion(lines, at, step.to_string()));
            }
            at += offset(line.len());
        }
        edits
    }

    /// Lines of options that stand where `options:` should stand above them.
    pub(super) fn under_options(&self, lines: Span) -> Vec<Edit> {
        let indent = self.indent_of(lines.start);
        let mut edits = self.deeper(lines);
        if let Some(first) = edits.first_mut() {
            first.replacement = format!("{indent}options:\n{}", first.replacement);
        }
        edits
    }

    /// Takes out the colon behind a place.
    pub(super) fn colon_after(&self, end: u32) -> Edit {
        let at = end.saturating_sub(self.base);
        let index = self.tokens.partition_point(|token| token.start < at);
        let colon = self.tokens.get(index).map_or_else(|| self.span(at, at), |token| self.span_of(*token));
        Edit { span: colon, replacement: String::new() }
    }

    /// From a token to the last one that has been taken and is no layout.
    pub(super) fn code_since(&self, start: usize) -> Span {
        let is_code = |kind| !matches!(kind, TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent);
        let taken = self.tokens.get(start..self.at).unwrap_or(&[]);
        let first = taken.iter().find(|it| is_code(it.kind)).map_or(0, |it| it.start);
        let last = taken.iter().rev().find(|it| is_code(it.kind)).map_or(first, |it| it.end);
        self.span(first, last)
    }

    /// The blanks before the first token of the line that holds a byte.
    pub(super) fn indent_of(&self, at: u32) -> &str {
        let start = self.line_start_of(at).saturating_sub(self.base) as usize;
        let line = self.text.get(start..at.saturating_sub(self.base) as usize).unwrap_or("");
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        line.get(..blanks).unwrap_or("")
    }

    /// Where the line of a byte begins.
    pub(super) fn line_start_of(&self, at: u32) -> u32 {
        let before = self.text.get(..at.saturating_sub(self.base) as usize).unwrap_or("");
        offset(before.rfind('\n').map_or(0, |newline| newline + 1)).saturating_add(self.base)
    }

    /// Where the line of a byte ends, before its newline.
    pub(super) fn line_end_of(&self, at: u32) -> u32 {
        let rest = self.text.get(at.saturating_sub(self.base) as usize..).unwrap_or("");
        at.saturating_add(offset(rest.find('\n').unwrap_or(rest.len())))
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
            OptionValue::Expr(value) => format!("\n{inner}{}: {}", entry.key.name, self.value_text(value)),
            OptionValue::Block(block) => {
                format!("\n{inner}{}", self.options_at(&entry.key.name, block, &inner))
            }
        };
        format!("{word}:{}", entries.iter().map(line).collect::<String>())
    }

    /// A value as text; bare words of YAML become strings.
    pub(super) fn value_text(&self, value: &Expr) -> String {
        let text = self.slice(value.span);
        match &value.kind {
            ExprKind::Str(bare) if !text.starts_with(['"', '\'']) => quoted(bare),
            ExprKind::List(items) if !text.starts_with(['[', '(']) => {
                let items: Vec<String> = items.iter().map(|item| self.value_text(item)).collect();
                format!("[{}]", items.join(", "))
            }
            _ => text.to_string(),
        }
    }
}

/// New text at a byte of the file of a span.
pub(super) fn insertion(file: Span, at: u32, replacement: String) -> Edit {
    Edit { span: Span { start: at, end: at, ..file }, replacement }
}

/// A text as a string of the language.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// One level of indentation in the style of the file.
pub(super) fn step(indent: &str) -> &'static str {
    if indent.starts_with('\t') { "\t" } else { "    " }
}
