//! The tokens of TWF and its words.

use std::fmt;

/// What a token is. Words are all [`TokenKind::Name`]: which of them are keywords depends on where they
/// stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Letter or `_`, then letters, digits, `_`.
    Name,
    /// Digits with `_`, fraction and exponent.
    Number,
    /// A number with a unit, also compound: `1h30m`.
    Duration,
    /// A string on one line, in double or single quotes.
    Str,
    /// End of a line that holds tokens, outside of brackets.
    Newline,
    /// The line is indented deeper than the one before.
    Indent,
    /// A block ends.
    Dedent,
    /// End of the text; always the last token.
    End,
    /// `(`.
    OpenParen,
    /// `)`.
    CloseParen,
    /// `[`.
    OpenBracket,
    /// `]`.
    CloseBracket,
    /// `{`.
    OpenBrace,
    /// `}`.
    CloseBrace,
    /// `->`.
    Arrow,
    /// `<-`.
    BackArrow,
    /// `=>`.
    FatArrow,
    /// `.`.
    Dot,
    /// `..`.
    DotDot,
    /// `...`.
    Ellipsis,
    /// `?.`.
    OptDot,
    /// `:`.
    Colon,
    /// `,`.
    Comma,
    /// `@`.
    At,
    /// `=`.
    Assign,
    /// `+=`.
    AddAssign,
    /// `-=`.
    SubAssign,
    /// `*=`.
    MulAssign,
    /// `/=`.
    DivAssign,
    /// `==`.
    EqEq,
    /// `!=`.
    NotEq,
    /// `<`.
    Lt,
    /// `<=`.
    Le,
    /// `>`.
    Gt,
    /// `>=`.
    Ge,
    /// `+`.
    Plus,
    /// `-`.
    Minus,
    /// `*`.
    Star,
    /// `/`.
    Slash,
    /// `//`.
    SlashSlash,
    /// `%`.
    Percent,
    /// `??`.
    Coalesce,
    /// `?`.
    Question,
    /// `!`.
    Bang,
    /// `&&`.
    AndAnd,
    /// `||`.
    OrOr,
    /// Anything else; legal in comments and strings only.
    Unknown,
}

/// Operators and punctuation by spelling, longer ones before their prefixes.
pub(crate) const SYMBOLS: &[(&str, TokenKind)] = &[
    ("...", TokenKind::Ellipsis),
    ("->", TokenKind::Arrow),
    ("<-", TokenKind::BackArrow),
    ("=>", TokenKind::FatArrow),
    ("..", TokenKind::DotDot),
    ("?.", TokenKind::OptDot),
    ("??", TokenKind::Coalesce),
    ("+=", TokenKind::AddAssign),
    ("-=", TokenKind::SubAssign),
    ("*=", TokenKind::MulAssign),
    ("/=", TokenKind::DivAssign),
    ("==", TokenKind::EqEq),
    ("!=", TokenKind::NotEq),
    ("<=", TokenKind::Le),
    (">=", TokenKind::Ge),
    ("//", TokenKind::SlashSlash),
    ("&&", TokenKind::AndAnd),
    ("||", TokenKind::OrOr),
    ("(", TokenKind::OpenParen),
    (")", TokenKind::CloseParen),
    ("[", TokenKind::OpenBracket),
    ("]", TokenKind::CloseBracket),
    ("{", TokenKind::OpenBrace),
    ("}", TokenKind::CloseBrace),
    (".", TokenKind::Dot),
    (":", TokenKind::Colon),
    (",", TokenKind::Comma),
    ("@", TokenKind::At),
    ("=", TokenKind::Assign),
    ("<", TokenKind::Lt),
    (">", TokenKind::Gt),
    ("+", TokenKind::Plus),
    ("-", TokenKind::Minus),
    ("*", TokenKind::Star),
    ("/", TokenKind::Slash),
    ("%", TokenKind::Percent),
    ("?", TokenKind::Question),
    ("!", TokenKind::Bang),
];

impl TokenKind {
    /// The bracket that closes this one.
    pub(crate) fn closer(self) -> Option<TokenKind> {
        match self {
            TokenKind::OpenParen => Some(TokenKind::CloseParen),
            TokenKind::OpenBracket => Some(TokenKind::CloseBracket),
            TokenKind::OpenBrace => Some(TokenKind::CloseBrace),
            _ => None,
        }
    }

    /// Whether this closes a bracket.
    pub(crate) fn is_closer(self) -> bool {
        matches!(self, TokenKind::CloseParen | TokenKind::CloseBracket | TokenKind::CloseBrace)
    }

    /// `=` and the compound forms.
    pub(crate) fn is_assignment(self) -> bool {
        matches!(
            self,
            TokenKind::Assign
                | TokenKind::AddAssign
                | TokenKind::SubAssign
                | TokenKind::MulAssign
                | TokenKind::DivAssign
        )
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            TokenKind::Name => "a name",
            TokenKind::Number => "a number",
            TokenKind::Duration => "a duration",
            TokenKind::Str => "a string",
            TokenKind::Newline => "the end of the line",
            TokenKind::Indent => "an indented block",
            TokenKind::Dedent => "the end of the block",
            TokenKind::End => "the end of the file",
            TokenKind::Unknown => "a character",
            symbol => {
                let spelling = SYMBOLS.iter().find(|(_, kind)| kind == symbol).map_or("", |(text, _)| text);
                return write!(f, "`{spelling}`");
            }
        };
        f.write_str(word)
    }
}

/// A token with its place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// First byte.
    pub start: u32,
    /// One past the last byte; layout tokens are empty.
    pub end: u32,
}

/// Words that are never names of definitions, messages, conditions, promises.
pub const KEYWORDS: &[&str] = &[
    "package",
    "import",
    "as",
    "workflow",
    "activity",
    "worker",
    "namespace",
    "task_queue",
    "signal",
    "query",
    "update",
    "detach",
    "nexus",
    "sync",
    "async",
    "promise",
    "condition",
    "set",
    "unset",
    "state",
    "timer",
    "options",
    "await",
    "all",
    "one",
    "switch",
    "case",
    "if",
    "else",
    "for",
    "in",
    "close",
    "complete",
    "fail",
    "return",
    "continue_as_new",
    "break",
    "continue",
];

/// Whether a word can never name a definition.
pub fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

/// Words that begin a line so surely that an open bracket before them was forgotten.
pub(crate) fn begins_line(word: &str) -> bool {
    matches!(
        word,
        "workflow"
            | "activity"
            | "worker"
            | "namespace"
            | "nexus"
            | "nexus_service"
            | "nexus_endpoint"
            | "signal"
            | "query"
            | "update"
            | "detach"
            | "spawn"
            | "promise"
            | "await"
            | "switch"
            | "if"
            | "for"
            | "close"
            | "return"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_symbols_come_before_their_prefixes() {
        for (at, (text, _)) in SYMBOLS.iter().enumerate() {
            let hidden = SYMBOLS[..at].iter().any(|(earlier, _)| text.starts_with(earlier));
            assert!(!hidden, "{text} can never be read");
        }
    }

    #[test]
    fn every_kind_can_be_named_in_a_message() {
        assert_eq!(TokenKind::Arrow.to_string(), "`->`");
        assert_eq!(TokenKind::Newline.to_string(), "the end of the line");
        assert!(SYMBOLS.iter().all(|(text, kind)| kind.to_string() == format!("`{text}`")));
    }
}
