//! What can be folded away, and what a growing selection takes in. Both are read from the layout alone.

use super::Analysis;
use super::file::{File, is_layout};
use crate::text::source::{SourceId, Span, offset};
use crate::twf::token::TokenKind;

/// What a fold hides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoldKind {
    /// A block or a bracket.
    Code,
    /// Comments.
    Comment,
    /// Imports.
    Imports,
}

/// What can be folded away: from the end of its first line to its own end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fold {
    /// All of it, first line included; always several lines.
    pub span: Span,
    /// What it hides.
    pub kind: FoldKind,
}

impl Analysis {
    /// The folds of a file, outer ones before those in them.
    pub fn folds(&self, id: SourceId) -> Vec<Fold> {
        let (Some(file), Some(source)) = (self.file(id), self.sources().get(id)) else { return Vec::new() };
        let mut folds: Vec<Fold> = file
            .layout
            .blocks()
            .iter()
            .map(|block| Fold { span: file.span(block.head, block.end), kind: FoldKind::Code })
            .collect();
        let brackets = brackets(file).into_iter();
        folds.extend(brackets.map(|span| Fold { span, kind: FoldKind::Code }));
        folds.extend(comments(file).map(|span| Fold { span, kind: FoldKind::Comment }));
        folds.extend(imports(file).map(|span| Fold { span, kind: FoldKind::Imports }));
        folds.retain(|fold| source.line_of(fold.span.start) < source.line_of(fold.span.end));
        folds.sort_by_key(|fold| (fold.span.start, std::cmp::Reverse(fold.span.end)));
        // Two folds of one line could not be told apart.
        folds.dedup_by_key(|fold| source.line_of(fold.span.start));
        folds
    }

    /// What a selection at a byte grows to, from the word to the whole file.
    pub fn selections(&self, id: SourceId, byte: u32) -> Vec<Span> {
        let Some(file) = self.file(id) else { return Vec::new() };
        let mut spans: Vec<Span> = Vec::new();
        let around = |span: &Span| span.start <= byte && byte <= span.end;
        let tokens = file.tokens.iter().filter(|it| !is_layout(it.kind));
        spans.extend(tokens.map(|it| file.span(it.start, it.end)).filter(around));
        spans.extend(file.names_at(byte).into_iter().map(|it| it.span));
        for span in brackets(file).into_iter().filter(around) {
            spans.push(file.span(span.start + 1, span.end.saturating_sub(1).max(span.start + 1)));
            spans.push(span);
        }
        let (start, end) = (file.line_start(byte), file.line_end(byte));
        let line = file.text.get(start as usize..end as usize).unwrap_or("");
        let indent = offset(line.len() - line.trim_start().len());
        spans.push(file.span(start + indent.min(end - start), start + offset(line.trim_end().len())));
        for block in file.layout.blocks() {
            spans.push(file.span(block.start, block.end));
            spans.push(file.span(block.head, block.end));
        }
        spans.push(file.span(0, offset(file.text.len())));
        spans.retain(around);
        nested(spans)
    }
}

/// Those of some spans that contain each other, from the smallest.
fn nested(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| (span.end - span.start, span.start));
    let mut chain: Vec<Span> = Vec::new();
    for span in spans {
        let grows = chain.last().is_none_or(|inner| {
            span.start <= inner.start
                && inner.end <= span.end
                && (span.start, span.end) != (inner.start, inner.end)
        });
        if grows {
            chain.push(span);
        }
    }
    chain
}

/// The brackets of a file with what is in them, by where they begin.
fn brackets(file: &File) -> Vec<Span> {
    let mut open = Vec::new();
    let mut found = Vec::new();
    for token in &file.tokens {
        if token.kind.closer().is_some() {
            open.push((token.kind, token.start));
        } else if token.kind.is_closer() {
            while let Some((kind, start)) = open.pop() {
                if kind.closer() == Some(token.kind) {
                    found.push(file.span(start, token.end));
                    break;
                }
            }
        } else if token.kind == TokenKind::Newline {
            open.clear();
        }
    }
    found
}

/// Comments on neighbouring lines, taken together.
fn comments(file: &File) -> impl Iterator<Item = Span> {
    let mut groups: Vec<Span> = Vec::new();
    for comment in file.comments.iter().filter(|it| it.own_line) {
        let gap =
            |last: &Span| file.text.get(last.end as usize..comment.span.start as usize).unwrap_or("\n\n");
        match groups.last_mut() {
            Some(last) if gap(last).matches('\n').count() == 1 => last.end = comment.span.end,
            _ => groups.push(comment.span),
        }
    }
    groups.into_iter()
}

fn imports(file: &File) -> impl Iterator<Item = Span> {
    let imports = &file.parsed.unit.imports;
    imports.first().zip(imports.last()).map(|(first, last)| first.span.to(last.span)).into_iter()
}
