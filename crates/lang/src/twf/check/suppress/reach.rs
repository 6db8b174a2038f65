//! The text that a comment is about.

use crate::text::source::{Span, offset};
use crate::twf::lexer::Comment;
use crate::twf::token::{Token, TokenKind};

/// Words that go on with the statement above them.
const CONTINUATIONS: &[&str] = &["else", "elif", "catch", "finally"];

/// The line that a comment ends, or the statement or definition below one that has a line of its own.
pub(super) fn of(comment: &Comment, tokens: &[Token], text: &str) -> Span {
    let at = tokens.partition_point(|token| token.start < comment.span.start);
    let (start, end) = if comment.own_line { below(at, tokens, text) } else { line(at, tokens, text) };
    Span { start, end, ..comment.span }
}

fn is_layout(token: &Token) -> bool {
    matches!(token.kind, TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent)
}

/// The line of text or, over several lines in brackets, the whole statement before the comment.
fn line(at: usize, tokens: &[Token], text: &str) -> (u32, u32) {
    // The end of the line may stand before its comment.
    let before = tokens.get(..at).unwrap_or(&[]);
    let last = before.iter().rposition(|token| !is_layout(token)).map_or(0, |last| last + 1);
    let before = before.get(..last).unwrap_or(&[]);
    let first = before.iter().rposition(is_layout).map_or(0, |layout| layout + 1);
    let after = tokens.get(last..).unwrap_or(&[]);
    let end = after.iter().find(|token| is_layout(token) || token.kind == TokenKind::End);
    let end = end.map_or_else(|| offset(text.len()), |token| token.start);
    (tokens.get(first).map_or(end, |token| token.start), end)
}

/// The statement or definition that begins at a token, with the blocks that belong to it.
fn below(at: usize, tokens: &[Token], text: &str) -> (u32, u32) {
    let rest = tokens.get(at..).unwrap_or(&[]);
    let skipped = rest.iter().take_while(|token| is_layout(token)).count();
    let Some(first) = rest.get(skipped) else { return (offset(text.len()), offset(text.len())) };
    let mut at = at + skipped;
    let mut end = first.end;
    loop {
        let is_annotation = tokens.get(at).is_some_and(|token| token.kind == TokenKind::At);
        (at, end) = statement(at, tokens, end);
        if !is_annotation && !goes_on(at, tokens, text) {
            return (first.start, end);
        }
    }
}

/// One line and the block under it. Gives the token after it and where its text ends.
fn statement(at: usize, tokens: &[Token], end: u32) -> (usize, u32) {
    let (mut at, mut end) = (at, end);
    let mut depth = 0_u32;
    let mut is_line_over = false;
    while let Some(token) = tokens.get(at) {
        match token.kind {
            TokenKind::End => break,
            TokenKind::Newline => is_line_over = true,
            TokenKind::Indent => depth += 1,
            TokenKind::Dedent if depth == 0 => break,
            TokenKind::Dedent => depth -= 1,
            _ if is_line_over && depth == 0 => break,
            _ => {
                end = token.end;
                // Inside of the block, the ends of its lines end nothing.
                is_line_over = depth == 0 && is_line_over;
            }
        }
        at += 1;
    }
    (at, end)
}

fn goes_on(at: usize, tokens: &[Token], text: &str) -> bool {
    let Some(token) = tokens.get(at).filter(|token| token.kind == TokenKind::Name) else { return false };
    text.get(token.start as usize..token.end as usize).is_some_and(|word| CONTINUATIONS.contains(&word))
}

/// The comment with the blanks before it, or with its whole line when nothing else stands there.
pub(super) fn removal(comment: &Comment, text: &str) -> Span {
    let before = text.get(..comment.span.start as usize).unwrap_or("");
    let start = offset(before.trim_end_matches([' ', '\t']).len());
    let after = text.get(comment.span.end as usize..).unwrap_or("");
    if !comment.own_line {
        return Span { start, ..comment.span };
    }
    let newline = if after.starts_with("\r\n") { 2 } else { usize::from(after.starts_with('\n')) };
    Span { start, end: comment.span.end.saturating_add(offset(newline)), ..comment.span }
}
