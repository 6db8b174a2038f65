//! What stands between two tokens of a line.

use crate::twf::parser::TokenRole;
use crate::twf::token::TokenKind;

/// A token of a line as it is written out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'t> {
    /// What it is.
    pub kind: TokenKind,
    /// How it stands to its neighbours.
    pub role: TokenRole,
    /// Its text.
    pub text: &'t str,
    /// First byte of it in the file.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// Whether a blank stands between two tokens of which the second is not verbatim.
pub(super) fn blank_between(left: &Piece<'_>, right: &Piece<'_>) -> bool {
    if left.kind.closer().is_some() || right.kind.is_closer() {
        return false;
    }
    if matches!(right.role, TokenRole::Tight) || matches!(left.role, TokenRole::Prefix | TokenRole::Split) {
        return false;
    }
    if would_merge(left.kind, right.kind) {
        return true;
    }
    let joins_both = |kind| matches!(kind, TokenKind::Dot | TokenKind::OptDot | TokenKind::DotDot);
    let joins_left = matches!(right.kind, TokenKind::Comma | TokenKind::Colon | TokenKind::Question);
    !(joins_both(left.kind) || joins_both(right.kind) || joins_left || left.kind == TokenKind::At)
}

/// Symbols that would be read as another one without a blank between them.
fn would_merge(left: TokenKind, right: TokenKind) -> bool {
    match left {
        TokenKind::DotDot | TokenKind::Dot => {
            matches!(right, TokenKind::Ellipsis | TokenKind::DotDot | TokenKind::Dot)
        }
        TokenKind::Question => matches!(
            right,
            TokenKind::Question
                | TokenKind::Coalesce
                | TokenKind::Dot
                | TokenKind::OptDot
                | TokenKind::DotDot
        ),
        TokenKind::Number => matches!(right, TokenKind::Number | TokenKind::Name),
        _ => false,
    }
}
