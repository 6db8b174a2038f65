//! Options: blocks of `key: value`, and the bracketed form of older dialects.

use super::{Parse, Parser};
use crate::text::source::Span;
use crate::twf::ast::{Call, Expr, ExprKind, OptionEntry, OptionValue};
use crate::twf::token::TokenKind;

impl Parser<'_> {
    /// `':' NL IN option+ OUT`.
    pub(super) fn option_block(&mut self, what: &str) -> Vec<OptionEntry> {
        self.colon_line(what);
        self.option_lines(what)
    }

    /// `IN option+ OUT`.
    pub(super) fn option_lines(&mut self, what: &str) -> Vec<OptionEntry> {
        let mut entries = Vec::new();
        self.item_lines(what, &mut |p| {
            if p.at_word_then("options", TokenKind::OpenParen) {
                entries.extend(p.bracketed_options()?);
                return p.end_of_line();
            }
            let entry = p.option()?;
            entries.push(entry);
            Ok(())
        });
        entries
    }

    /// `key ':' ( value NL | NL IN option+ OUT )`.
    fn option(&mut self) -> Parse<OptionEntry> {
        let key = self.any_name("the name of an option")?;
        self.expect(TokenKind::Colon, "the name of an option")?;
        if self.at(TokenKind::Newline) || self.at(TokenKind::End) {
            self.end_of_line()?;
            let value = self.nested_option(&key.name);
            return Ok(OptionEntry { key, value });
        }
        let value = self.expr_to_line_end();
        self.note_value(&value);
        self.end_of_line()?;
        Ok(OptionEntry { key, value: into_option(value) })
    }

    /// A block of options, or a list written with a dash before each item.
    fn nested_option(&mut self, key: &str) -> OptionValue {
        if self.at(TokenKind::Indent) && self.nth(1) == TokenKind::Minus {
            let colon = self.at.saturating_sub(2);
            let list = self.dashed_list();
            let items = self.code_since(colon + 1);
            let text = format!(" {}", self.value_text(&list));
            let after = self.span_since(colon).start + 1;
            let edits = self.replace(Span { start: after, ..items }, &text);
            self.legacy_edits(items, "a list with dashes", &format!("write `{key}:{text}`"), edits);
            return OptionValue::Expr(list);
        }
        OptionValue::Block(self.option_lines(&format!("`{key}`")))
    }

    fn dashed_list(&mut self) -> Expr {
        let start = self.at + 1;
        let mut items = Vec::new();
        self.item_lines("the list", &mut |p| {
            p.expect(TokenKind::Minus, "the list")?;
            items.push(p.scalar());
            p.end_of_line()
        });
        // The dedent that ends the list belongs to the next line.
        let first = self.tokens.get(start).map_or(0, |token| token.start);
        let first = self.span(first, first);
        let span = items.last().map_or(first, |item: &Expr| first.to(item.span));
        Expr { kind: ExprKind::List(items), span }
    }

    /// The rest of the line as text, the way YAML reads a bare word: `payments-worker`.
    pub(super) fn scalar(&mut self) -> Expr {
        if self.at(TokenKind::Str) {
            return self.expr_to_line_end();
        }
        let start = self.at;
        while !matches!(self.kind(), TokenKind::Newline | TokenKind::End) {
            self.bump();
        }
        self.mark_verbatim(start);
        let span = if self.at > start { self.span_since(start) } else { self.next_span() };
        Expr { kind: ExprKind::Str(self.words_since(start).into()), span }
    }

    /// Values that the published language does not have are extensions.
    fn note_value(&mut self, value: &Expr) {
        if !is_published_value(value) {
            self.extension(value.span, "an expression as the value of an option");
        }
    }

    /// `'options' '(' inline_opt ( ',' inline_opt )* ')'`.
    pub(super) fn bracketed_options(&mut self) -> Parse<Vec<OptionEntry>> {
        self.bump();
        self.mark_tight();
        self.expect(TokenKind::OpenParen, "`options`")?;
        let mut entries = Vec::new();
        while !self.at(TokenKind::CloseParen) {
            let key = self.any_name("the name of an option")?;
            self.expect(TokenKind::Colon, "the name of an option")?;
            let value = self.expr()?;
            entries.push(OptionEntry { key, value: into_option(value) });
            if !self.comma() {
                break;
            }
        }
        self.expect(TokenKind::CloseParen, "the options")?;
        Ok(entries)
    }

    /// `( IN opts OUT )?` under a call; older: a line `options(..)` there.
    pub(super) fn under_call(&mut self, call: &mut Call) {
        call.options.extend(self.under());
    }

    /// The options under a line that has just ended, none when nothing is indented there.
    pub(super) fn under(&mut self) -> Vec<OptionEntry> {
        let mut entries = Vec::new();
        let is_options =
            self.nth_word(1) == "options" && matches!(self.nth(2), TokenKind::Colon | TokenKind::OpenParen);
        if !self.at(TokenKind::Indent) || !is_options {
            return entries;
        }
        self.item_lines("the call", &mut |p| {
            if p.at_word_then("options", TokenKind::Colon) {
                p.bump();
                entries.extend(p.option_block("`options`"));
                return Ok(());
            }
            if p.at_word_then("options", TokenKind::OpenParen) {
                return p.old_options_line(&mut entries);
            }
            Err(p.unexpected("`options:`", "a call"))
        });
        entries
    }

    fn old_options_line(&mut self, entries: &mut Vec<OptionEntry>) -> Parse<()> {
        let start = self.at;
        let found = self.bracketed_options()?;
        let span = self.span_since(start);
        self.end_of_line()?;
        let indent = self.indent_of(span.start).to_string();
        self.legacy(span, "`options(..)`", &self.options_at("options", &found, &indent));
        entries.extend(found);
        Ok(())
    }

    /// An expression that takes the rest of a line; one that cannot be read leaves the line readable.
    pub(super) fn expr_to_line_end(&mut self) -> Expr {
        let start = self.at;
        if let Ok(expr) = self.expr() {
            return expr;
        }
        while !matches!(self.kind(), TokenKind::Newline | TokenKind::End) {
            self.bump();
        }
        self.mark_verbatim(start);
        let span: Span = if self.at > start { self.span_since(start) } else { self.next_span() };
        Expr { kind: ExprKind::Error, span }
    }
}

/// A braced value is a block of options, with or without a label before it.
fn into_option(value: Expr) -> OptionValue {
    match value.kind {
        ExprKind::Object(_, fields) => {
            let entry = |(key, value)| OptionEntry { key, value: into_option(value) };
            OptionValue::Block(fields.into_iter().map(entry).collect())
        }
        _ => OptionValue::Expr(value),
    }
}

fn is_published_value(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::List(items) => items.iter().all(|item| matches!(item.kind, ExprKind::Str(_))),
        ExprKind::Neg(inner) => matches!(inner.kind, ExprKind::Int(_) | ExprKind::Decimal(_)),
        ExprKind::Str(_)
        | ExprKind::Int(_)
        | ExprKind::Decimal(_)
        | ExprKind::Duration(_)
        | ExprKind::Bool(_)
        | ExprKind::Name(_)
        | ExprKind::Object(..)
        | ExprKind::Error => true,
        _ => false,
    }
}
