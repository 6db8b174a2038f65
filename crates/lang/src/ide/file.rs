//! One file as the language server keeps it: everything that depends on its own text only.

use std::sync::Arc;

use super::layout::Layout;
use super::names::{Occurrence, collect};
use crate::text::source::{Source, SourceId, Span};
use crate::twf::ast::Definition;
use crate::twf::lexer::{Comment, lex};
use crate::twf::parser::{Parsed, parse};
use crate::twf::token::{Token, TokenKind};

/// A file that has been read.
#[derive(Debug)]
pub struct File {
    /// Its id, which its spans carry.
    pub source: SourceId,
    /// Its path.
    pub path: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
    /// Its tree and what is wrong with its text.
    pub parsed: Parsed,
    /// Its tokens.
    pub tokens: Vec<Token>,
    /// Its comments.
    pub comments: Vec<Comment>,
    /// Its blocks.
    pub layout: Layout,
    /// Every name in it, by place.
    pub names: Vec<Occurrence>,
}

impl File {
    /// Reads a file, in time linear in its length.
    pub fn new(id: SourceId, source: &Source) -> File {
        let text = source.text.clone();
        let parsed = parse(id, &text);
        let lexed = lex(id, &text);
        let names = collect(&parsed.unit, &text);
        let layout = Layout::new(&lexed.tokens);
        let (tokens, comments) = (lexed.tokens, lexed.comments);
        File { source: id, path: source.path.clone(), text, parsed, tokens, comments, layout, names }
    }

    /// A span of this file.
    pub fn span(&self, start: u32, end: u32) -> Span {
        Span { source: self.source, start, end }
    }

    /// The text of a span of this file.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// The names that touch a byte, the narrowest first; of two that meet there, the one that begins.
    pub fn names_at(&self, byte: u32) -> Vec<&Occurrence> {
        let ahead = self.names.partition_point(|it| it.span.start <= byte);
        let before = self.names.iter().take(ahead).rev().take(NAMES_AROUND);
        let mut found: Vec<&Occurrence> = before.filter(|it| byte <= it.span.end).collect();
        found.sort_by_key(|it| (it.span.end == byte && it.span.start < byte, it.span.end - it.span.start));
        found
    }

    /// The definition that a byte stands in, with its number.
    pub fn definition_at(&self, byte: u32) -> Option<(usize, &Definition)> {
        let definitions = self.parsed.unit.definitions.iter().enumerate();
        let mut inside = definitions.filter(|(_, it)| {
            let span = header(it);
            span.start <= byte && byte <= self.layout.end_of(span.start, span.end)
        });
        inside.next()
    }

    /// The header of a definition and everything under it.
    pub fn extent(&self, header: Span) -> Span {
        Span { end: self.layout.end_of(header.start, header.end), ..header }
    }

    /// The tokens that begin in a range of bytes, without layout.
    pub fn tokens_in(&self, start: u32, end: u32) -> impl Iterator<Item = &Token> {
        let from = self.tokens.partition_point(|it| it.start < start);
        let ahead = self.tokens.iter().skip(from).take_while(move |it| it.start < end);
        ahead.filter(|it| !is_layout(it.kind))
    }

    /// The tokens that begin before a byte. The end of the line that the byte stands on is not among them: lines end
    /// with their last token, and the byte may stand behind it.
    pub fn tokens_before(&self, byte: u32) -> &[Token] {
        let mut ahead = self.tokens.partition_point(|it| it.start < byte);
        let ends_here = |at: usize| {
            self.tokens.get(at).is_some_and(|it| {
                let rest = self.text.get(it.start as usize..byte as usize).unwrap_or("\n");
                it.kind == TokenKind::Newline && !rest.contains('\n')
            })
        };
        while ahead > 0 && ends_here(ahead - 1) {
            ahead -= 1;
        }
        self.tokens.get(..ahead).unwrap_or(&[])
    }

    /// What a Nexus call on a line of tokens names behind its endpoint, dots included; nothing when there is none.
    pub fn nexus_words<'t>(&'t self, line: &'t [Token]) -> Option<Vec<&'t str>> {
        let at = line.iter().rposition(|it| self.word(it) == "nexus")?;
        let mut end = line.get(at + 1)?.start;
        let rest = line.get(at + 1..)?.iter().skip_while(|it| {
            // The name of an endpoint may be of several tokens, with nothing between them.
            let is_endpoint = it.start == end;
            end = it.end;
            is_endpoint
        });
        Some(rest.map(|it| self.word(it)).collect())
    }

    /// The text of a token.
    pub fn word(&self, token: &Token) -> &str {
        self.text.get(token.start as usize..token.end as usize).unwrap_or("")
    }

    /// The comment that a byte stands in.
    pub fn comment_at(&self, byte: u32) -> Option<&Comment> {
        let ahead = self.comments.partition_point(|it| it.span.start < byte);
        self.comments.get(ahead.checked_sub(1)?).filter(|it| self.line_end(it.span.start) >= byte)
    }

    /// The end of the line that a byte stands on, its line break left out.
    pub fn line_end(&self, byte: u32) -> u32 {
        let rest = self.text.get(byte as usize..).unwrap_or("");
        byte + crate::text::source::offset(rest.find('\n').unwrap_or(rest.len()))
    }

    /// The start of the line that a byte stands on.
    pub fn line_start(&self, byte: u32) -> u32 {
        byte - super::layout::column_of(&self.text, byte)
    }
}

/// Names are short and hardly ever overlap: those that touch a byte are among the last few that begin before it.
const NAMES_AROUND: usize = 8;

/// Whether a token has no text.
pub fn is_layout(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent | TokenKind::End)
}

/// The header line of a definition.
pub fn header(definition: &Definition) -> Span {
    match definition {
        Definition::Workflow(it) => it.span,
        Definition::Activity(it) => it.span,
        Definition::Worker(it) => it.span,
        Definition::Namespace(it) => it.span,
        Definition::Service(it) => it.span,
        Definition::Endpoint(it) => it.span,
        Definition::Type(it) => it.span,
    }
}
