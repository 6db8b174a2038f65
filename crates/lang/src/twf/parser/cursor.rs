//! Looking at tokens and taking them.

use super::{Broken, Parse, Parser};
use crate::text::diagnostic::Diagnostic;
use crate::text::source::{Span, offset};
use crate::text::suggest::nearest;
use crate::twf::ast::Ident;
use crate::twf::token::{Token, TokenKind, is_keyword};

impl<'t> Parser<'t> {
    /// The token `ahead` of the next one; beyond the text always [`TokenKind::End`].
    pub(super) fn token(&self, ahead: usize) -> Token {
        let end = offset(self.text.len());
        let end = Token { kind: TokenKind::End, start: end, end };
        self.tokens.get(self.at.saturating_add(ahead)).copied().unwrap_or(end)
    }

    pub(super) fn kind(&self) -> TokenKind {
        self.token(0).kind
    }

    pub(super) fn nth(&self, ahead: usize) -> TokenKind {
        self.token(ahead).kind
    }

    pub(super) fn at(&self, kind: TokenKind) -> bool {
        self.kind() == kind
    }

    /// The text of a token, empty for layout.
    pub(super) fn text_of(&self, token: Token) -> &'t str {
        self.text.get(token.start as usize..token.end as usize).unwrap_or("")
    }

    /// The next token as a word; empty when it is none.
    pub(super) fn word(&self) -> &'t str {
        self.nth_word(0)
    }

    pub(super) fn nth_word(&self, ahead: usize) -> &'t str {
        let token = self.token(ahead);
        if token.kind == TokenKind::Name { self.text_of(token) } else { "" }
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        self.word() == word
    }

    /// Whether the next tokens are these, words given by spelling before `then`.
    pub(super) fn at_word_then(&self, word: &str, then: TokenKind) -> bool {
        self.at_word(word) && self.nth(1) == then
    }

    pub(super) fn bump(&mut self) -> Token {
        let token = self.token(0);
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        token
    }

    pub(super) fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.at(kind);
        if found {
            self.bump();
        }
        found
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.bump();
        }
        found
    }

    /// Takes a token of this kind or reports what stands there instead.
    pub(super) fn expect(&mut self, kind: TokenKind, after: &str) -> Parse<Token> {
        if self.at(kind) { Ok(self.bump()) } else { Err(self.unexpected(&kind.to_string(), after)) }
    }

    pub(super) fn expect_word(&mut self, word: &str, after: &str) -> Parse<Token> {
        if self.at_word(word) { Ok(self.bump()) } else { Err(self.unexpected(&format!("`{word}`"), after)) }
    }

    /// Takes the end of a line.
    pub(super) fn end_of_line(&mut self) -> Parse<()> {
        if self.eat(TokenKind::Newline) || self.at(TokenKind::End) {
            return Ok(());
        }
        Err(self.unexpected("the end of the line", ""))
    }

    /// Any word as a name, keywords included: a parameter may be called `state`.
    pub(super) fn any_name(&mut self, what: &str) -> Parse<Ident> {
        if !self.at(TokenKind::Name) {
            return Err(self.unexpected(what, ""));
        }
        let token = self.bump();
        Ok(Ident { name: self.text_of(token).into(), span: self.span_of(token) })
    }

    /// A name that others refer to, so no keyword.
    pub(super) fn new_name(&mut self, what: &str) -> Parse<Ident> {
        if is_keyword(self.word()) {
            let message = format!("`{}` is a keyword and cannot be {what}", self.word());
            return Err(self.syntax(self.next_span(), message));
        }
        self.any_name(what)
    }

    /// A name of the deployment, whose tail may hold `-` and `{param}` holes.
    ///
    /// The lexer cannot know where such a name stands, so it is read from the text and its tokens are
    /// skipped.
    pub(super) fn deployment_name(&mut self, what: &str) -> Parse<Ident> {
        if !self.at(TokenKind::Name) {
            return Err(self.unexpected(what, ""));
        }
        let first = self.at;
        let start = self.token(0).start as usize;
        let length = deployment_name_length(self.text.get(start..).unwrap_or(""));
        let end = offset(start + length);
        while self.token(0).start < end && !matches!(self.kind(), TokenKind::Newline | TokenKind::End) {
            self.bump();
        }
        self.mark_verbatim(first);
        let name = self.text.get(start..start + length).unwrap_or("").into();
        Ok(Ident { name, span: self.span(offset(start), end) })
    }

    pub(super) fn span(&self, start: u32, end: u32) -> Span {
        Span {
            source: self.source,
            start: start.saturating_add(self.base),
            end: end.saturating_add(self.base),
        }
    }

    pub(super) fn span_of(&self, token: Token) -> Span {
        self.span(token.start, token.end)
    }

    pub(super) fn next_span(&self) -> Span {
        self.span_of(self.token(0))
    }

    /// From a token that was next earlier to the last one taken.
    pub(super) fn span_since(&self, start: usize) -> Span {
        let first = self.tokens.get(start).map_or(0, |token| token.start);
        let last = self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(first, |token| token.end);
        self.span(first, last.max(first))
    }

    /// The text of a span made by this parser.
    pub(super) fn slice(&self, span: Span) -> &'t str {
        let (start, end) = (span.start.saturating_sub(self.base), span.end.saturating_sub(self.base));
        self.text.get(start as usize..end as usize).unwrap_or("")
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        if self.quiet == 0 {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Reports a `SYNTAX` error, unless an earlier error on the same line has already explained it.
    pub(super) fn syntax(&mut self, span: Span, message: impl Into<String>) -> Broken {
        self.syntax_help(span, message, None)
    }

    pub(super) fn syntax_help(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Broken {
        let first = self.lex_errors.partition_point(|at| *at < self.line_start);
        let end = span.end.saturating_sub(self.base);
        let is_explained = self.lex_errors.get(first).is_some_and(|at| *at <= end);
        if !is_explained && self.reported_line != Some(self.line_start) {
            self.reported_line = Some(self.line_start);
            self.report(Diagnostic::error("SYNTAX", span, message).help_if(help));
        }
        Broken
    }

    /// "expected X after Y, found Z" at the next token.
    pub(super) fn unexpected(&mut self, wanted: &str, after: &str) -> Broken {
        let after = if after.is_empty() { String::new() } else { format!(" after {after}") };
        let message = format!("expected {wanted}{after}, found {}", self.found());
        self.syntax_help(self.next_span(), message, self.spaced_duration())
    }

    /// What to write instead of `24 hours`, when that is what stands here.
    fn spaced_duration(&self) -> Option<String> {
        let number = self.at.checked_sub(1).and_then(|at| self.tokens.get(at))?;
        let unit = match self.word() {
            "ms" | "millisecond" | "milliseconds" => "ms",
            "s" | "sec" | "secs" | "second" | "seconds" => "s",
            "m" | "min" | "mins" | "minute" | "minutes" => "m",
            "h" | "hr" | "hrs" | "hour" | "hours" => "h",
            "d" | "day" | "days" => "d",
            "w" | "week" | "weeks" => "w",
            _ => return None,
        };
        let is_number = number.kind == TokenKind::Number;
        is_number.then(|| format!("a duration is one word: `{}{unit}`", self.text_of(*number)))
    }

    /// The next token as a message shows it.
    pub(super) fn found(&self) -> String {
        let token = self.token(0);
        let text = self.text_of(token);
        match token.kind {
            TokenKind::Name | TokenKind::Number | TokenKind::Duration | TokenKind::Unknown => {
                format!("`{}`", shorten(text))
            }
            kind => kind.to_string(),
        }
    }

    /// "did you mean" for a word of the grammar.
    pub(super) fn suggest(&self, words: &[&'static str]) -> Option<String> {
        nearest(self.word(), words.iter().copied()).map(|word| format!("did you mean `{word}`?"))
    }

    /// Runs a production one level deeper, or reports that the text nests too deeply.
    pub(super) fn nested<T>(&mut self, production: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.nesting >= super::NESTING_MAX {
            let message = format!("nested too deeply: {} levels at most", super::NESTING_MAX);
            return Err(self.syntax(self.next_span(), message));
        }
        self.nesting += 1;
        let result = production(self);
        self.nesting -= 1;
        result
    }
}

/// A word of the text, cut to what a message can hold.
fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    match text.char_indices().nth(CHARS_MAX) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or("")),
        None => text.to_string(),
    }
}

pub(super) fn deployment_name_length(rest: &str) -> usize {
    let mut at = 0;
    loop {
        let tail = rest.get(at..).unwrap_or("");
        let step = match tail.as_bytes().first() {
            Some(b) if b.is_ascii_alphanumeric() || *b == b'_' => 1,
            Some(b'-') if !tail.starts_with("->") && at > 0 => 1,
            Some(b'{') => hole_length(tail),
            _ => 0,
        };
        if step == 0 {
            return at;
        }
        at += step;
    }
}

/// Length of `{name}`, zero when it is something else.
fn hole_length(tail: &str) -> usize {
    let name = tail.bytes().skip(1).take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    if name > 0 && tail.as_bytes().get(name + 1) == Some(&b'}') { name + 2 } else { 0 }
}
