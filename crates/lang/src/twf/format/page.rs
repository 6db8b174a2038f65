//! A whole file: its lines, the comments between them, and blank lines.

use super::line::{LineComment, layout};
use super::spacing::Piece;
use super::{INDENT, comment};
use crate::twf::lexer::{Comment, blanks_width};
use crate::twf::parser::{Marked, TokenRole};
use crate::twf::token::{Token, TokenKind};

/// Writes a file whose tokens are known.
pub(super) fn page(text: &str, marked: &Marked) -> String {
    let mut page = Page {
        text,
        marked,
        next_comment: 0,
        columns: Vec::new(),
        out: String::with_capacity(text.len() + text.len() / 8),
        end: 0,
        above: Above::Start,
        last: (0, false),
        part: false,
    };
    page.fill();
    page.out
}

/// What was written last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Above {
    /// Nothing.
    Start,
    /// A comment on a line of its own, at some level.
    Comment(usize),
    /// A line at some level.
    Line(usize, LineKind),
}

/// How lines of the first level stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineKind {
    /// An import, or a message of the first dialect declared without a body: such lines may stand together.
    Single,
    /// `package`.
    Package,
    /// `@name`, which belongs to the next line.
    Annotation,
    /// The header of a block.
    Header,
    /// Any other.
    Other,
}

struct Page<'m> {
    text: &'m str,
    marked: &'m Marked,
    next_comment: usize,
    /// Columns of the open blocks, as the file has them.
    columns: Vec<usize>,
    out: String,
    /// One past the last byte of the file that has been written out.
    end: usize,
    above: Above,
    /// The level of the last line of code, and whether a block may follow it.
    last: (usize, bool),
    /// Whether a blank line is due, so that the comment above does not document what follows.
    part: bool,
}

impl<'m> Page<'m> {
    fn fill(&mut self) {
        let mut at = 0;
        let mut depth = 0;
        while let Some(token) = self.marked.tokens.get(at) {
            match token.kind {
                TokenKind::Indent => depth += 1,
                TokenKind::Dedent => depth -= usize::from(depth > 0),
                TokenKind::Newline => {}
                TokenKind::End => break,
                _ => {
                    let end = self.line_end(at);
                    self.line(at, end, depth);
                    self.columns.truncate(depth);
                    self.columns.push(self.column_of(token.start as usize));
                    at = end;
                    continue;
                }
            }
            at += 1;
        }
        self.comments_up_to(self.text.len(), 0, None);
    }

    /// The index of the token that ends the line of a token.
    fn line_end(&self, at: usize) -> usize {
        let rest = self.marked.tokens.iter().skip(at);
        at + rest.take_while(|it| !matches!(it.kind, TokenKind::Newline | TokenKind::End)).count()
    }

    /// Columns before a byte in its line.
    fn column_of(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or("");
        let line = before.rfind('\n').map_or(before, |newline| before.get(newline + 1..).unwrap_or(""));
        blanks_width(line) as usize
    }

    fn line(&mut self, from: usize, to: usize, depth: usize) {
        let tokens = self.marked.tokens.get(from..to).unwrap_or(&[]);
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return };
        let kind = self.kind_of(tokens);
        self.comments_up_to(first.start as usize, depth, Some(kind));
        self.separate(first.start as usize, depth, Some(kind));
        let mut pieces = Vec::with_capacity(tokens.len());
        let mut comments = Vec::new();
        for (at, token) in (from..).zip(tokens) {
            self.comments_inside(token.start as usize, pieces.len(), &mut comments);
            let role = self.marked.roles.get(at).copied().unwrap_or(TokenRole::Plain);
            if role == TokenRole::Trailing {
                continue;
            }
            // A comment before a comma stands behind it: a comma begins no line.
            if token.kind == TokenKind::Comma {
                let moved = comments
                    .iter_mut()
                    .rev()
                    .take_while(|it: &&mut LineComment<'_>| it.after + 1 == pieces.len());
                moved.for_each(|it| it.after += 1);
            }
            pieces.push(self.piece(token, role));
        }
        self.end = last.end as usize;
        self.comment_behind(pieces.len(), &mut comments);
        self.out.push_str(&layout(self.text, &pieces, &comments, depth * INDENT));
        self.out.push('\n');
        self.above = Above::Line(depth, kind);
        self.last = (depth, kind == LineKind::Header);
    }

    fn piece(&self, token: &Token, role: TokenRole) -> Piece<'m> {
        let (start, end) = (token.start as usize, token.end as usize);
        Piece { kind: token.kind, role, text: self.text.get(start..end).unwrap_or(""), start, end }
    }

    fn kind_of(&self, tokens: &[Token]) -> LineKind {
        let opens = tokens.last().is_some_and(|token| token.kind == TokenKind::Colon);
        let first = tokens
            .first()
            .map_or("", |token| self.text.get(token.start as usize..token.end as usize).unwrap_or(""));
        match first {
            "import" => LineKind::Single,
            "signal" | "query" | "update" if !opens => LineKind::Single,
            "package" => LineKind::Package,
            "@" => LineKind::Annotation,
            _ if opens => LineKind::Header,
            _ => LineKind::Other,
        }
    }

    /// Comments between the tokens of a line, which stand in brackets.
    fn comments_inside(&mut self, before: usize, pieces: usize, out: &mut Vec<LineComment<'m>>) {
        while let Some(found) = self.upcoming(before) {
            out.push(self.line_comment(found, pieces));
        }
    }

    /// The comment behind the last token of a line.
    fn comment_behind(&mut self, pieces: usize, out: &mut Vec<LineComment<'m>>) {
        if let Some(found) = self.marked.comments.get(self.next_comment).copied()
            && !found.own_line
            && !self.text.get(self.end..found.span.start as usize).unwrap_or("\n").contains('\n')
        {
            self.next_comment += 1;
            self.end = found.span.end as usize;
            out.push(self.line_comment(found, pieces));
        }
    }

    fn line_comment(&self, found: Comment, pieces: usize) -> LineComment<'m> {
        LineComment { after: pieces.saturating_sub(1), text: self.slice(found), own_line: found.own_line }
    }

    fn slice(&self, it: Comment) -> &'m str {
        self.text.get(it.span.start as usize..it.span.end as usize).unwrap_or("")
    }

    /// Takes the next comment when it stands before a byte.
    fn upcoming(&mut self, before: usize) -> Option<Comment> {
        let found = self.marked.comments.get(self.next_comment).copied();
        let found = found.filter(|it| (it.span.start as usize) < before)?;
        self.next_comment += 1;
        Some(found)
    }

    /// Comments on lines of their own before a line of some depth.
    fn comments_up_to(&mut self, before: usize, next_depth: usize, next: Option<LineKind>) {
        let (above, opens) = self.last;
        let deepest = above + usize::from(opens);
        let column = if next.is_some() { self.column_of(before) } else { usize::MAX };
        while let Some(found) = self.upcoming(before) {
            let start = found.span.start as usize;
            let is_deeper = self.column_of(start) > column;
            let mut depth = next_depth;
            if next_depth <= above {
                // What was deeper than the next line stays deeper, or it would come to document that line.
                let lowest = (next_depth + usize::from(is_deeper)).min(deepest);
                depth = self.depth_of(start, lowest, deepest);
            }
            self.part &= !is_deeper;
            self.separate(start, depth, next);
            self.part = is_deeper && depth == next_depth;
            let text = comment::text(self.slice(found));
            self.out.push_str(&" ".repeat(depth * INDENT));
            self.out.push_str(&text);
            self.out.push('\n');
            self.end = found.span.end as usize;
            self.above = Above::Comment(depth);
        }
    }

    /// The block that a comment was written in, between that of the line after it and that of the line before it.
    fn depth_of(&self, start: usize, lowest: usize, deepest: usize) -> usize {
        let column = self.column_of(start);
        let open = self.columns.iter().filter(|it| **it <= column).count();
        let is_inside = open == self.columns.len() && self.columns.last().is_some_and(|it| *it < column);
        (open + usize::from(is_inside)).saturating_sub(1).clamp(lowest, deepest.max(lowest))
    }

    /// A blank line where one belongs before what begins at a byte.
    fn separate(&mut self, start: usize, depth: usize, next: Option<LineKind>) {
        let gap = self.text.get(self.end..start).unwrap_or("");
        let has_blank = gap.bytes().filter(|b| *b == b'\n').count() > 1;
        let is_due = match self.above {
            Above::Start | Above::Line(0, LineKind::Annotation) => false,
            Above::Comment(0) => has_blank,
            Above::Line(above, LineKind::Header) if depth > above => false,
            Above::Line(0, LineKind::Single) if next == Some(LineKind::Single) => has_blank,
            Above::Comment(_) | Above::Line(..) => has_blank || depth == 0,
        };
        if is_due || std::mem::take(&mut self.part) {
            self.out.push('\n');
        }
        self.part = false;
    }
}
