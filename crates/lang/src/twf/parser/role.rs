//! What the parser knows about single tokens that their kind does not tell: how a formatter sets them.

use super::{Neighbours, Parsed, Parser};
use crate::text::source::SourceId;
use crate::twf::lexer::Comment;
use crate::twf::token::{Token, TokenKind};

/// How a token stands to its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// As its kind says.
    Plain,
    /// No blank before it: the bracket of a call, an index, a constructor, type arguments.
    Tight,
    /// No blank after it: a sign or `!`.
    Prefix,
    /// It belongs to what stands before it as it is written: opaque text, a name of the deployment.
    Verbatim,
    /// A comma before a closing bracket.
    Trailing,
    /// `<-` inside an expression: a comparison with a negative operand.
    Split,
    /// An operator that a long expression may be broken before; lower ones bind weaker.
    Operator(u8),
}

/// A file as tokens with their roles, and the tree they were read into.
pub(crate) struct Marked {
    /// Tokens in order.
    pub tokens: Vec<Token>,
    /// The role of each token.
    pub roles: Vec<Role>,
    /// Comments in order.
    pub comments: Vec<Comment>,
    /// Tree and diagnostics.
    pub parsed: Parsed,
}

/// Reads a file and keeps what the parser learns about its tokens.
pub(crate) fn parse_marked(source: SourceId, text: &str) -> Marked {
    let mut parser = Parser::new(source, text, 0);
    parser.roles = vec![Role::Plain; parser.tokens.len()];
    // As the lexer made them: the parser may cut one in two.
    let tokens = parser.tokens.clone();
    let unit = parser.unit();
    parser.place_all(&unit, &Neighbours::NONE);
    let roles = std::mem::take(&mut parser.roles);
    let comments = std::mem::take(&mut parser.comments);
    let parsed = Parsed { unit, diagnostics: parser.finish() };
    Marked { tokens, roles, comments, parsed }
}

impl Parser<'_> {
    /// Notes the role of a token, when roles are wanted at all.
    pub(super) fn mark(&mut self, at: usize, role: Role) {
        if let Some(slot) = self.roles.get_mut(at) {
            *slot = role;
        }
    }

    /// Notes that the next token follows the one before it without a blank.
    pub(super) fn mark_tight(&mut self) {
        self.mark(self.at, Role::Tight);
    }

    /// Notes that the tokens from one to the last one taken are kept as they are written.
    pub(super) fn mark_verbatim(&mut self, start: usize) {
        self.mark(start, Role::Plain);
        for at in start + 1..self.at {
            self.mark(at, Role::Verbatim);
        }
    }

    /// Takes a comma between items; one before the closing bracket has no meaning.
    pub(super) fn comma(&mut self) -> bool {
        let found = self.eat(TokenKind::Comma);
        if found && self.kind().is_closer() {
            self.mark(self.at - 1, Role::Trailing);
        }
        found
    }

    /// The text of the tokens from one to the last one taken: as written, except that lines and comments
    /// between them count as a blank.
    pub(super) fn words_since(&self, start: usize) -> String {
        let mut out = String::new();
        let mut end = None;
        for token in self.tokens.iter().take(self.at).skip(start) {
            if let Some(end) = end {
                push_gap(&mut out, self.text.get(end as usize..token.start as usize).unwrap_or(""));
            }
            out.push_str(self.text_of(*token));
            end = Some(token.end);
        }
        out
    }
}

/// What stands between two tokens that are kept as they are written: blanks as blanks, anything else as one.
pub(crate) fn push_gap(out: &mut String, gap: &str) {
    if gap.contains(['\n', '#']) {
        out.push(' ');
    } else {
        out.extend(gap.chars().map(|_| ' '));
    }
}
