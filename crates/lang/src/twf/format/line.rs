//! One line of the grammar, which may take several lines of the file: from its tokens to text.

use std::borrow::Cow;

use super::spacing::{Piece, blank_between};
use super::{INDENT, WIDTH_MAX, comment};
use crate::twf::parser::{TokenRole, push_gap};
use crate::twf::token::TokenKind;

/// Brackets are broken to this depth; what nests deeper cannot be read by the parser either.
const DEPTH_MAX: usize = 100;

/// A comment of a line, by the token it stands behind.
pub(super) struct LineComment<'t> {
    /// Index of the piece before it.
    pub after: usize,
    /// Its text in the file.
    pub text: &'t str,
    /// Whether it has a line of its own.
    pub own_line: bool,
}

/// The tokens of a line with what is known about ranges of them.
pub(super) struct Line<'t> {
    file: &'t str,
    pieces: &'t [Piece<'t>],
    /// In the order of their places.
    comments: &'t [LineComment<'t>],
    /// Columns of all pieces before each one, with the blanks before them.
    widths: Vec<usize>,
    /// For each piece, how many comments stand behind pieces before it.
    comments_before: Vec<usize>,
    /// For each opening bracket, its closing one.
    closers: Vec<Option<usize>>,
    out: String,
    column: usize,
    /// A new line with so many blanks is due before the next token.
    pending: Option<usize>,
    next_comment: usize,
}

/// Writes a line that is indented by so many blanks, without its newline.
pub(super) fn layout<'t>(
    file: &'t str,
    pieces: &'t [Piece<'t>],
    comments: &'t [LineComment<'t>],
    indent: usize,
) -> String {
    let mut line = Line {
        file,
        pieces,
        comments,
        widths: Vec::with_capacity(pieces.len() + 1),
        comments_before: Vec::new(),
        closers: Vec::new(),
        out: " ".repeat(indent),
        column: indent,
        pending: None,
        next_comment: 0,
    };
    line.measure();
    if !line.fits(0, pieces.len(), 0) {
        line.pair();
    }
    line.segment(&Segment { from: 0, to: pieces.len(), indent, tail: 0, depth: 0 });
    line.out
}

/// A range of pieces that is laid out together.
struct Segment {
    from: usize,
    to: usize,
    /// Blanks of the line it began in.
    indent: usize,
    /// Columns that must follow it on its last line.
    tail: usize,
    /// How many broken brackets it stands in.
    depth: usize,
}

impl Line<'_> {
    fn measure(&mut self) {
        let mut total = 0;
        for (at, piece) in self.pieces.iter().enumerate() {
            self.widths.push(total);
            total += self.gap(at).chars().count() + piece_text(piece).chars().count();
        }
        self.widths.push(total);
        let mut seen = 0;
        for at in 0..=self.pieces.len() {
            while self.comments.get(seen).is_some_and(|comment| comment.after < at) {
                seen += 1;
            }
            self.comments_before.push(seen);
        }
    }

    /// Finds the closing bracket of each opening one; those in opaque text are text. A closer of another kind ends
    /// the brackets inside of its own, as the lexer has it.
    fn pair(&mut self) {
        self.closers = vec![None; self.pieces.len()];
        let mut open: Vec<(usize, TokenKind)> = Vec::new();
        for (at, piece) in self.pieces.iter().enumerate() {
            if self.is_opaque(at) {
                continue;
            }
            if let Some(closer) = piece.kind.closer() {
                open.push((at, closer));
            } else if piece.kind.is_closer() && open.iter().any(|(_, closer)| *closer == piece.kind) {
                while let Some((opener, closer)) = open.pop() {
                    if closer == piece.kind {
                        if let Some(slot) = self.closers.get_mut(opener) {
                            *slot = Some(at);
                        }
                        break;
                    }
                }
            }
        }
    }

    /// Whether a piece is part of text that stays as it is: broken inside, it would not stay.
    fn is_opaque(&self, at: usize) -> bool {
        let is_verbatim = |at: usize| self.pieces.get(at).is_some_and(|it| it.role == TokenRole::Verbatim);
        is_verbatim(at) || is_verbatim(at + 1)
    }

    /// What stands before a piece when both stand on one line.
    fn gap(&self, at: usize) -> Cow<'static, str> {
        let pair = at.checked_sub(1).and_then(|left| self.pieces.get(left)).zip(self.pieces.get(at));
        let Some((left, right)) = pair else { return Cow::Borrowed("") };
        if right.role == TokenRole::Verbatim {
            let mut out = String::new();
            push_gap(&mut out, self.file.get(left.end..right.start).unwrap_or(""));
            return Cow::Owned(out);
        }
        Cow::Borrowed(if blank_between(left, right) { " " } else { "" })
    }

    fn width(&self, from: usize, to: usize) -> usize {
        let at = |index: usize| self.widths.get(index).copied().unwrap_or(0);
        at(to).saturating_sub(at(from))
    }

    /// Whether a comment stands between the first and the last piece of a range.
    fn has_comment(&self, from: usize, to: usize) -> bool {
        let before = |at: usize| self.comments_before.get(at).copied().unwrap_or(0);
        to > from && before(to - 1) > before(from)
    }

    /// The column at which a range would end on one line, with what must follow it there.
    fn column_after(&self, from: usize, to: usize, tail: usize) -> usize {
        let (start, gap) = match self.pending {
            Some(indent) => (indent, self.gap(from).len()),
            None => (self.column, 0),
        };
        start + self.width(from, to) - gap + tail
    }

    fn fits(&self, from: usize, to: usize, tail: usize) -> bool {
        !self.has_comment(from, to) && self.column_after(from, to, tail) <= WIDTH_MAX
    }

    fn segment(&mut self, it: &Segment) {
        if it.from >= it.to {
            return;
        }
        if it.depth < DEPTH_MAX && !self.fits(it.from, it.to, it.tail) {
            let operators = if it.depth > 0 { self.operators(it) } else { Vec::new() };
            if !operators.is_empty() {
                return self.operands(it, &operators);
            }
            if let Some((opener, closer)) = self.bracket(it) {
                return self.broken(it, opener, closer);
            }
        }
        // Without a bracket that may be broken, only a comment makes a line of several: inside opaque text. Its other
        // lines stand deeper, or they would be taken for statements.
        let indent = if it.depth == 0 { it.indent + INDENT } else { it.indent };
        for at in it.from..it.to {
            self.piece(at, indent);
        }
    }

    /// Pieces of a range outside of brackets that begin in it.
    fn top_level(&self, from: usize, to: usize) -> impl Iterator<Item = usize> {
        let mut at = from;
        std::iter::from_fn(move || {
            let here = at;
            at = self.closers.get(here).copied().flatten().unwrap_or(here) + 1;
            (here < to).then_some(here)
        })
    }

    /// The operators of a range that bind weakest, when it may be broken before them.
    fn operators(&self, it: &Segment) -> Vec<usize> {
        let level = |at: usize| match self.pieces.get(at).map(|piece| piece.role) {
            Some(TokenRole::Operator(level)) => Some(level),
            _ => None,
        };
        let weakest = self.top_level(it.from + 1, it.to).filter_map(level).min();
        let is_weakest = |at: &usize| weakest.is_some() && level(*at) == weakest;
        self.top_level(it.from + 1, it.to).filter(is_weakest).collect()
    }

    fn operands(&mut self, it: &Segment, operators: &[usize]) {
        let ends = operators.iter().copied().chain([it.to]);
        let mut from = it.from;
        for to in ends {
            let tail = if to == it.to { it.tail } else { 0 };
            if from > it.from {
                self.break_line(it.indent);
                // The operator itself must not be found again.
                self.piece(from, it.indent);
                self.segment(&Segment { from: from + 1, to, tail, ..*it });
            } else {
                self.segment(&Segment { from, to, tail, ..*it });
            }
            from = to;
        }
    }

    /// The bracket to break: the first that holds a comment, else the widest that holds anything.
    fn bracket(&self, it: &Segment) -> Option<(usize, usize)> {
        let brackets = || {
            let top = self.top_level(it.from, it.to);
            top.filter_map(|opener| Some((opener, self.closers.get(opener).copied().flatten()?)))
                .filter(|(opener, closer)| *closer < it.to && opener + 1 < *closer)
        };
        let commented = brackets().find(|(opener, closer)| self.has_comment(*opener, closer + 1));
        if commented.is_some() || self.column_after(it.from, it.to, it.tail) <= WIDTH_MAX {
            return commented;
        }
        let widest = brackets().map(|(opener, closer)| self.width(opener, closer)).max()?;
        brackets().find(|(opener, closer)| self.width(*opener, *closer) == widest)
    }

    fn broken(&mut self, it: &Segment, opener: usize, closer: usize) {
        self.segment(&Segment { to: opener, tail: 1, ..*it });
        self.piece(opener, it.indent);
        if self.is_hugged(opener, closer) {
            let tail = 1 + self.width(closer + 1, it.to) + it.tail;
            self.segment(&Segment { from: opener + 1, to: closer, tail, depth: it.depth + 1, ..*it });
        } else {
            self.items(it, opener, closer);
            self.break_line(it.indent);
        }
        self.piece(closer, it.indent);
        self.segment(&Segment { from: closer + 1, ..*it });
    }

    /// Whether all that a bracket holds is another one, perhaps with a name before it: `f(T{..})` is broken as one.
    fn is_hugged(&self, opener: usize, closer: usize) -> bool {
        const NAME_PIECES_MAX: usize = 4;
        let is_name = |at: &usize| {
            let kind = self.pieces.get(*at).map(|piece| piece.kind);
            matches!(kind, Some(TokenKind::Name | TokenKind::Dot | TokenKind::Colon)) && !self.is_opaque(*at)
        };
        let names = (opener + 1..closer).take_while(is_name).count();
        let inner = opener + 1 + names;
        let is_whole = self.closers.get(inner).copied().flatten() == Some(closer - 1) && inner + 2 < closer;
        is_whole
            && names <= NAME_PIECES_MAX
            && !self.has_comment(opener, inner + 1)
            && !self.has_comment(closer - 1, closer + 1)
    }

    /// What a bracket holds, one item a line.
    fn items(&mut self, it: &Segment, opener: usize, closer: usize) {
        let indent = it.indent + INDENT;
        let mut from = opener + 1;
        let commas: Vec<usize> = self.top_level(from, closer).filter(|at| self.is_comma(*at)).collect();
        for comma in commas {
            self.break_line(indent);
            self.segment(&Segment { from, to: comma, indent, tail: 1, depth: it.depth + 1 });
            self.piece(comma, indent);
            from = comma + 1;
        }
        self.break_line(indent);
        self.segment(&Segment { from, to: closer, indent, tail: 0, depth: it.depth + 1 });
    }

    fn is_comma(&self, at: usize) -> bool {
        self.pieces.get(at).is_some_and(|it| it.kind == TokenKind::Comma) && !self.is_opaque(at)
    }

    fn break_line(&mut self, indent: usize) {
        self.pending = Some(indent);
    }

    /// One token with the comments behind it.
    fn piece(&mut self, at: usize, indent: usize) {
        let Some(piece) = self.pieces.get(at) else { return };
        if let Some(indent) = self.pending.take() {
            self.new_line(indent);
        } else {
            let gap = self.gap(at);
            self.push(&gap);
        }
        self.push(piece_text(piece));
        while let Some(found) = self.comments.get(self.next_comment).filter(|it| it.after == at) {
            self.next_comment += 1;
            if found.own_line || self.pending.is_some() {
                self.new_line(indent);
            } else {
                self.push("  ");
            }
            self.push(&comment::text(found.text));
            self.pending = Some(indent);
        }
    }

    fn new_line(&mut self, indent: usize) {
        self.out.push('\n');
        self.column = 0;
        self.push(&" ".repeat(indent));
    }

    fn push(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }
}

/// A comparison with a negative operand that was read as one token is written as the two that it is.
fn piece_text<'t>(piece: &Piece<'t>) -> &'t str {
    if piece.role == TokenRole::Split { "< -" } else { piece.text }
}
