//! What every word of a file is: colours that follow from meaning and not from spelling.

use super::Analysis;
use super::file::{File, is_layout};
use super::names::{Local, Name, Occurrence, PRIMITIVES, Role};
use crate::text::source::{SourceId, Span, offset};
use crate::twf::token::{KEYWORDS, Token, TokenKind};

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenType {
    /// A word of the grammar.
    Keyword,
    /// A comment.
    Comment,
    /// A text.
    String,
    /// A number or duration.
    Number,
    /// An operator or arrow.
    Operator,
    /// A workflow.
    Workflow,
    /// An activity, or a function of the language.
    Function,
    /// An operation of a service.
    Method,
    /// A service or endpoint.
    Service,
    /// A worker or namespace or package.
    Namespace,
    /// A type or label.
    Type,
    /// A signal, query or update.
    Event,
    /// A parameter.
    Parameter,
    /// A variable or promise.
    Variable,
    /// A field or the key of an option.
    Property,
    /// A condition.
    Condition,
    /// An annotation.
    Decorator,
}

/// What is special about a word, as bits.
pub mod modifier {
    /// The name is made known here.
    pub const DEFINITION: u32 = 1;
    /// The variable gets a value here.
    pub const MODIFICATION: u32 = 2;
    /// It belongs to the language.
    pub const LIBRARY: u32 = 4;
    /// It is a comment that documents a definition.
    pub const DOCUMENTATION: u32 = 8;
}

/// A coloured word; none reaches over the end of a line, and none overlaps another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coloured {
    /// Where.
    pub span: Span,
    /// What.
    pub ty: TokenType,
    /// Bits of [`modifier`].
    pub modifiers: u32,
}

/// Words that are keywords where they stand at the start of a line or behind certain others, and names elsewhere.
const SOFT: &[&str] = &[
    "type",
    "service",
    "endpoint",
    "default_options",
    "heartbeat",
    "true",
    "false",
    "null",
    "None",
    "and",
    "or",
    "not",
    "try",
    "catch",
    "finally",
    "raise",
    "reject",
    "cancel",
    "pass",
    "on_cancel",
    "validator",
    "external",
    "elif",
    "all_handlers_finished",
    "spawn",
    "child",
    "nexus_service",
    "nexus_endpoint",
    "operation",
    "async_complete",
];

impl Analysis {
    /// The words of a file, or of a part of it, by place.
    pub fn coloured(&self, id: SourceId, part: Option<Span>) -> Vec<Coloured> {
        let Some(file) = self.file(id) else { return Vec::new() };
        let whole = file.span(0, offset(file.text.len()));
        let part = part.unwrap_or(whole);
        let mut found: Vec<Coloured> = Vec::new();
        words(file, &mut found);
        let comments = file.comments.iter().map(|it| comment(file, it.span, it.own_line));
        found.extend(comments);
        found.sort_by_key(|it| it.span);
        found.retain(|it| it.span.start < part.end && part.start < it.span.end);
        found
    }
}

fn words(file: &File, found: &mut Vec<Coloured>) {
    let mut names = file.names.iter().peekable();
    let mut end = 0;
    let mut before: Option<&Token> = None;
    for token in file.tokens.iter().filter(|it| !is_layout(it.kind)) {
        // A name may be of several tokens; the narrower of two at one place is the one that is meant.
        if token.start < end {
            continue;
        }
        while names.next_if(|it| it.span.start < token.start).is_some() {}
        let mut name = None;
        while let Some(it) = names.next_if(|it| it.span.start == token.start) {
            name = name.or(Some(it));
        }
        let coloured = match name {
            Some(it) => Some(named(it)),
            None => plain(file, token, before),
        };
        if let Some(it) = coloured {
            end = it.span.end;
            found.push(it);
        }
        before = Some(token);
    }
}

/// A word that is no name, by its spelling and what stands before it.
fn plain(file: &File, token: &Token, before: Option<&Token>) -> Option<Coloured> {
    let span = file.span(token.start, token.end);
    let coloured = |ty| Some(Coloured { span, ty, modifiers: 0 });
    match token.kind {
        TokenKind::Str => coloured(TokenType::String),
        TokenKind::Number | TokenKind::Duration => coloured(TokenType::Number),
        TokenKind::Name => {
            let word = file.word(token);
            let is_member = before.is_some_and(|it| matches!(it.kind, TokenKind::Dot | TokenKind::OptDot));
            if is_member {
                return coloured(TokenType::Property);
            }
            if PRIMITIVES.contains(&word) && word != "null" {
                return Some(Coloured { span, ty: TokenType::Type, modifiers: modifier::LIBRARY });
            }
            let is_keyword = KEYWORDS.contains(&word) || SOFT.contains(&word);
            coloured(if is_keyword { TokenType::Keyword } else { TokenType::Variable })
        }
        TokenKind::Unknown | TokenKind::Comma | TokenKind::Colon | TokenKind::Dot => None,
        kind if kind.closer().is_some() || kind.is_closer() => None,
        _ => coloured(TokenType::Operator),
    }
}

fn named(it: &Occurrence) -> Coloured {
    let ty = match &it.name {
        Name::Workflow(_) => TokenType::Workflow,
        Name::Activity(_) | Name::Function => TokenType::Function,
        Name::Operation(_) => TokenType::Method,
        Name::Service(_) | Name::Endpoint => TokenType::Service,
        Name::Worker | Name::Namespace | Name::Package => TokenType::Namespace,
        Name::Type => TokenType::Type,
        Name::Message(..) => TokenType::Event,
        Name::Local(_, _, Local::Parameter) | Name::Argument(_) => TokenType::Parameter,
        Name::Local(_, _, Local::Condition) => TokenType::Condition,
        Name::Local(..) | Name::Pseudo => TokenType::Variable,
        Name::Field(_) | Name::Member | Name::RunField | Name::Key(_) => TokenType::Property,
        Name::Annotation => TokenType::Decorator,
    };
    let role = match it.role {
        Role::Definition => modifier::DEFINITION,
        Role::Write => modifier::MODIFICATION,
        Role::Read => 0,
    };
    let is_of_language = matches!(it.name, Name::Function | Name::RunField | Name::Pseudo);
    let library = if is_of_language { modifier::LIBRARY } else { 0 };
    Coloured { span: it.span, ty, modifiers: role | library }
}

fn comment(file: &File, span: Span, own_line: bool) -> Coloured {
    // A comment right above a definition is its documentation.
    let below = file.line_end(span.end).saturating_add(1);
    let next = file.text.get(below as usize..).unwrap_or("").trim_start();
    let documents = ["workflow ", "activity ", "nexus ", "type ", "signal ", "query ", "update "];
    let is_doc = own_line && documents.iter().any(|word| next.starts_with(word));
    let modifiers = if is_doc { modifier::DOCUMENTATION } else { 0 };
    Coloured { span, ty: TokenType::Comment, modifiers }
}
