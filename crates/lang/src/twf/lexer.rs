//! From text to tokens: lines, indentation, brackets, comments.
//!
//! Lines count by their indentation, as in Python, except inside brackets, where newlines mean nothing. The
//! lexer never fails: what it cannot read becomes [`TokenKind::Unknown`], what it must report becomes a `LEX`
//! diagnostic.

mod indent;
mod scan;

use crate::text::diagnostic::Diagnostic;
use crate::text::source::{SourceId, Span, offset};
use crate::twf::token::{Token, TokenKind, begins_line};
use indent::Indent;
pub(crate) use indent::width as blanks_width;
pub(crate) use scan::UNITS;

/// A comment without meaning to the grammar; documentation and pragmas are read from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comment {
    /// From `#` to the last character of the line.
    pub span: Span,
    /// Whether nothing but blanks stands before it.
    pub own_line: bool,
}

/// The tokens of a file and what stands between them.
#[derive(Debug, Clone, Default)]
pub struct Lexed {
    /// Tokens in order; the last is [`TokenKind::End`].
    pub tokens: Vec<Token>,
    /// Comments in order.
    pub comments: Vec<Comment>,
    /// `LEX` errors in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a file into tokens, in time linear in its length.
pub fn lex(source: SourceId, text: &str) -> Lexed {
    let mut lexer = Lexer {
        source,
        text,
        at: 0,
        // Files have a token for every four or five bytes.
        out: Lexed { tokens: Vec::with_capacity(text.len() / 4), ..Lexed::default() },
        indent: Indent::default(),
        brackets: Vec::new(),
        open: [0; 3],
    };
    if u32::try_from(text.len()).is_ok() {
        lexer.run();
    } else {
        lexer.error(0, 0, "this file is larger than 4 GiB");
        lexer.push(TokenKind::End, 0);
    }
    lexer.out.diagnostics.sort_by_key(|it| it.span.map(|span| span.start));
    lexer.out
}

struct Lexer<'t> {
    source: SourceId,
    text: &'t str,
    at: usize,
    out: Lexed,
    indent: Indent,
    /// Open brackets with their places.
    brackets: Vec<(TokenKind, usize)>,
    /// How many brackets of each kind are open, so that a wrong closer is judged without a search.
    open: [usize; 3],
}

impl Lexer<'_> {
    fn run(&mut self) {
        if self.text.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
        }
        while self.at < self.text.len() {
            self.line();
        }
        self.close_brackets();
        let end = self.text.len();
        for _ in 0..self.indent.close() {
            self.push(TokenKind::Dedent, end);
        }
        self.push(TokenKind::End, end);
    }

    /// One line of the file with its newline.
    fn line(&mut self) {
        let start = self.at;
        self.skip_blanks();
        match self.peek() {
            None => {}
            Some(b'\n') => self.at += 1,
            Some(b'#') => self.comment(true),
            Some(_) => {
                if !self.brackets.is_empty() && self.bracket_was_forgotten(start) {
                    self.close_brackets();
                }
                if self.brackets.is_empty() {
                    self.indentation(start);
                }
                self.rest_of_line();
            }
        }
    }

    fn rest_of_line(&mut self) {
        loop {
            self.skip_blanks();
            match self.peek() {
                None => break,
                Some(b'\n') => {
                    self.at += 1;
                    break;
                }
                Some(b'#') => self.comment(false),
                Some(_) => self.token(),
            }
        }
        if self.brackets.is_empty() {
            self.newline();
        }
    }

    /// Ends a line right after its last token, so that an error there points at the code and not behind a
    /// comment.
    fn newline(&mut self) {
        let end = self.out.tokens.last().map_or(0, |token| token.end as usize);
        self.push(TokenKind::Newline, end);
    }

    fn token(&mut self) {
        let start = self.at;
        let (kind, length) = scan::token(self.text.get(start..).unwrap_or(""));
        self.at += length.max(1);
        if kind == TokenKind::Str && !scan::is_closed(self.text.get(start..self.at).unwrap_or("")) {
            self.error(start, self.at, "this string is not closed on its line");
        }
        self.out.tokens.push(Token { kind, start: offset(start), end: offset(self.at) });
        if kind.closer().is_some() {
            self.open_bracket(kind, start);
        } else if kind.is_closer() {
            self.close_bracket(kind);
        }
    }

    fn open_bracket(&mut self, kind: TokenKind, start: usize) {
        self.brackets.push((kind, start));
        self.count(kind, true);
    }

    /// Pops to the bracket that this one closes; a closer of nothing is left for the parser to report.
    fn close_bracket(&mut self, closer: TokenKind) {
        let is_open = bracket_index(closer).and_then(|at| self.open.get(at)).is_some_and(|count| *count > 0);
        while is_open && let Some((kind, _)) = self.brackets.pop() {
            self.count(kind, false);
            if kind.closer() == Some(closer) {
                return;
            }
        }
    }

    fn count(&mut self, kind: TokenKind, opened: bool) {
        if let Some(count) = bracket_index(kind).and_then(|at| self.open.get_mut(at)) {
            *count = if opened { *count + 1 } else { count.saturating_sub(1) };
        }
    }

    /// Inside brackets a line that stands no deeper than the statement's first and begins like a statement
    /// shows that the bracket was forgotten; reading on would swallow the rest of the file.
    fn bracket_was_forgotten(&self, line_start: usize) -> bool {
        let blanks = self.text.get(line_start..self.at).unwrap_or("");
        if indent::width(blanks) > self.indent.current() {
            return false;
        }
        let rest = self.text.get(self.at..).unwrap_or("");
        let word_end = rest.bytes().position(|b| !scan::in_name(b)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(word_end);
        let argument = after.trim_start_matches([' ', '\t']);
        if word_end > 0 && is_assignment(argument) {
            return true;
        }
        let fits = argument.len() < after.len()
            && argument.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '"' | '('));
        fits && begins_line(word)
    }

    fn close_brackets(&mut self) {
        if let Some((kind, start)) = self.brackets.first().copied() {
            self.error(start, start + 1, &format!("this {kind} is never closed"));
            self.brackets.clear();
            self.open = [0; 3];
            self.newline();
        }
    }

    fn indentation(&mut self, line_start: usize) {
        let blanks = self.text.get(line_start..self.at).unwrap_or("");
        let change = self.indent.line(blanks);
        for _ in 0..change.dedents {
            self.push(TokenKind::Dedent, self.at);
        }
        if change.indent {
            self.push(TokenKind::Indent, self.at);
        }
        if change.mixed {
            self.error(line_start, self.at, "tabs and spaces are mixed in the indentation of this file");
        } else if change.inconsistent {
            self.error(
                line_start,
                self.at,
                "inconsistent indentation: this line closes a block to a level that was never opened",
            );
        }
    }

    fn comment(&mut self, own_line: bool) {
        let rest = self.text.get(self.at..).unwrap_or("");
        let length = rest.find('\n').unwrap_or(rest.len());
        let shown = rest.get(..length).unwrap_or("").trim_end().len();
        let span = self.span(self.at, self.at + shown);
        self.out.comments.push(Comment { span, own_line });
        self.at += length;
    }

    fn skip_blanks(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or(&[]);
        self.at += rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | 0x0c)).count();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn push(&mut self, kind: TokenKind, at: usize) {
        self.out.tokens.push(Token { kind, start: offset(at), end: offset(at) });
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span { source: self.source, start: offset(start), end: offset(end) }
    }

    fn error(&mut self, start: usize, end: usize, message: &str) {
        let span = self.span(start, end);
        self.out.diagnostics.push(Diagnostic::error("LEX", span, message));
    }
}

/// Arguments are named with a colon, so `=` inside brackets belongs to a new statement.
fn is_assignment(rest: &str) -> bool {
    rest.strip_prefix('=').is_some_and(|tail| !tail.starts_with(['=', '>']))
}

fn bracket_index(kind: TokenKind) -> Option<usize> {
    match kind {
        TokenKind::OpenParen | TokenKind::CloseParen => Some(0),
        TokenKind::OpenBracket | TokenKind::CloseBracket => Some(1),
        TokenKind::OpenBrace | TokenKind::CloseBrace => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
