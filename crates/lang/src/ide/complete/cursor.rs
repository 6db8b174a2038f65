//! Where the cursor stands: the word before it, the line before that, the blocks around it.

use super::place::Around;
use super::{Item, ItemKind};
use crate::ide::Analysis;
use crate::ide::file::{File, is_layout};
use crate::ide::layout::column_of;
use crate::text::source::{SourceId, Span, offset};
use crate::twf::ast::Definition;
use crate::twf::token::{Token, TokenKind};

/// A place where something is about to be written.
pub(super) struct Cursor<'a> {
    pub(super) analysis: &'a Analysis,
    pub(super) file: &'a File,
    /// The word that has been begun.
    pub(super) word: Span,
    /// The tokens of the line before that word.
    pub(super) line: Vec<Token>,
    /// What the line stands in, from the outermost.
    pub(super) around: Vec<Around>,
    /// The definition that encloses the line.
    pub(super) definition: Option<(usize, &'a Definition)>,
}

impl<'a> Cursor<'a> {
    /// Nothing in comments and texts, where nothing can be proposed.
    pub(super) fn new(analysis: &'a Analysis, id: SourceId, byte: u32) -> Option<Cursor<'a>> {
        let file = analysis.file(id)?;
        let byte = byte.min(offset(file.text.len()));
        if file.comment_at(byte).is_some() || in_text(file, byte) {
            return None;
        }
        let before = file.text.get(..byte as usize)?;
        let name = before.bytes().rev().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let word = file.span(byte - offset(name), byte);
        let tokens = file.tokens_before(word.start);
        let line = line_before(tokens);
        let head = line.first().map_or(word.start, |token| token.start);
        let column = column_of(&file.text, head);
        let blocks = file.layout.enclosing(&file.text, head, column);
        let mut around: Vec<Around> =
            blocks.into_iter().map(|it| Around::new(file, it.head, it.head_end)).collect();
        let above = tokens.get(..tokens.len() - line.len())?;
        around.extend(Cursor::unfinished(file, above, (head, column), around.last()));
        let definition = around.first().and_then(|it| file.definition_at(it.head));
        Some(Cursor { analysis, file, word, line, around, definition })
    }

    /// The line above, when this one is indented under it and would be its first.
    fn unfinished(
        file: &File,
        tokens: &[Token],
        (head, column): (u32, u32),
        innermost: Option<&Around>,
    ) -> Option<Around> {
        let ended = tokens.iter().rposition(|it| !is_layout(it.kind))?;
        let above = line_before(tokens.get(..=ended)?);
        let (first, last) = (above.first()?, above.last()?);
        let is_under = column_of(&file.text, first.start) < column && first.start < head;
        let is_known = innermost.is_some_and(|it| it.head >= first.start);
        (is_under && !is_known).then(|| Around::new(file, first.start, last.end))
    }

    /// The text of a token of the line, counted from its end: 0 is right before the word.
    pub(super) fn back(&self, at: usize) -> &'a str {
        let token = self.line.len().checked_sub(at + 1).and_then(|at| self.line.get(at));
        token.map_or("", |token| self.file.word(token))
    }

    /// The text of a token of the line, counted from its start.
    pub(super) fn nth(&self, at: usize) -> &'a str {
        self.line.get(at).map_or("", |token| self.file.word(token))
    }

    /// Whether something that could be called follows already, so that no arguments are proposed.
    pub(super) fn has_arguments(&self) -> bool {
        let rest = self.file.text.get(self.word.end as usize..).unwrap_or("");
        rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').starts_with('(')
    }

    /// A proposal that inserts its label.
    pub(super) fn item(&self, label: &str, kind: ItemKind) -> Item {
        Item {
            label: label.to_string(),
            kind,
            detail: String::new(),
            doc: String::new(),
            insert: label.to_string(),
            is_snippet: false,
            replace: self.word,
            rank: 5,
        }
    }
}

/// The tokens of the last line of some.
fn line_before(tokens: &[Token]) -> Vec<Token> {
    let from = tokens.iter().rposition(|it| is_layout(it.kind)).map_or(0, |at| at + 1);
    tokens.get(from..).unwrap_or(&[]).to_vec()
}

/// Whether a byte stands inside of a string, open ones included.
fn in_text(file: &File, byte: u32) -> bool {
    let ahead = file.tokens.partition_point(|it| it.start < byte);
    let token = ahead.checked_sub(1).and_then(|at| file.tokens.get(at));
    token.is_some_and(|it| {
        let is_closed = file.word(it).len() > 1 && file.word(it).ends_with(['"', '\'']);
        it.kind == TokenKind::Str && (byte < it.end || !is_closed && byte == it.end)
    })
}
