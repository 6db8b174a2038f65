//! From tokens to the tree: recursive descent, one function per production of the grammar.
//!
//! Parsing never fails. A line that cannot be read becomes
//! [`StmtKind::Error`](crate::twf::ast::StmtKind::Error) with one diagnostic, and reading goes on with the
//! next line; a block whose header cannot be read is read all the same. Every older spelling is read into the
//! tree of its newest form and reported as `LEGACY_SYNTAX`.

mod attach;
mod await_one;
mod call;
mod control;
mod cursor;
mod definition;
mod expr;
mod head;
mod legacy;
mod line;
mod literal;
mod message;
mod old_call;
mod old_nexus;
mod options;
mod place;
mod placement;
mod recover;
mod role;
mod service;
mod statement;
mod topology;
mod types;
mod unit;
mod wait;

use crate::text::diagnostic::Diagnostic;
use crate::text::source::{SourceId, Span};
use crate::twf::ast::{Annotation, Expr, Handler, OptionEntry, Unit};
use crate::twf::lexer::{Comment, lex};
use crate::twf::token::Token;
use attach::Attachments;
use old_nexus::OldNexusCall;
pub(in crate::twf) use old_nexus::{Behind, Neighbours};
use place::Place;
use placement::{Block as NamespaceBlock, Placement};
use role::Role;
pub(crate) use role::{Marked, Role as TokenRole, parse_marked, push_gap};

/// How deep blocks, brackets, right operands and types may nest together. The tree is walked recursively by
/// everything after the parser, so this bounds the stack of all of them.
pub const NESTING_MAX: u32 = 80;

/// How high one expression may grow without brackets, for example by a chain of `+`.
pub const EXPRESSION_HEIGHT_MAX: u32 = 256;

/// A file as a tree, with what was wrong about its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The tree; lines that could not be read are left out or stand as errors in it.
    pub unit: Unit,
    /// `LEX`, `SYNTAX`, `RAW_STATEMENT`, `OPAQUE_TYPE`, `LEGACY_SYNTAX`, `EXTENSION_SYNTAX`, by place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a file. Any text gives a tree, in time linear in its length.
pub fn parse(source: SourceId, text: &str) -> Parsed {
    parse_among(source, text, &Neighbours::NONE)
}

/// Reads a file whose older Nexus calls are to be declared with those of others.
pub(in crate::twf) fn parse_among(source: SourceId, text: &str, neighbours: &Neighbours) -> Parsed {
    let mut parser = Parser::new(source, text, 0);
    let unit = parser.unit();
    parser.place_all(&unit, neighbours);
    let diagnostics = parser.finish();
    Parsed { unit, diagnostics }
}

/// Reads one expression that stands at byte `base` of a file, for example inside the braces of an
/// interpolated string.
pub fn parse_expression(source: SourceId, text: &str, base: u32) -> (Expr, Vec<Diagnostic>) {
    let mut parser = Parser::new(source, text, base);
    let expr = parser.lone_expression();
    let diagnostics = parser.finish();
    (expr, diagnostics)
}

/// The diagnostic has been given; the caller goes on with the next line.
#[derive(Debug)]
struct Broken;

type Parse<T> = Result<T, Broken>;

struct Parser<'t> {
    source: SourceId,
    text: &'t str,
    /// Where the text stands in its file.
    base: u32,
    tokens: Vec<Token>,
    comments: Vec<Comment>,
    at: usize,
    diagnostics: Vec<Diagnostic>,
    /// Places of the `LEX` errors, ascending: what follows from one of them is not reported again.
    lex_errors: Vec<u32>,
    /// Where the statement began that is being read.
    line_start: u32,
    /// The line whose `SYNTAX` error has been reported: one a line is enough, others follow from it.
    reported_line: Option<u32>,
    /// While positive, diagnostics are dropped: the header of this block could not be read.
    quiet: u32,
    nesting: u32,
    place: Place,
    /// Whether the head of the body that is being read has ended, so that a handler comes too late.
    late: Vec<Handler>,
    /// `options(..)` lines at the head of a body with no call after them: defaults of the definition.
    head_options: Vec<OptionEntry>,
    /// `signals:` lists of the first dialect.
    attachments: Attachments,
    /// What older files say outside of the `namespace` it belongs into.
    placements: Vec<Placement>,
    /// The `namespace` blocks read so far.
    namespaces: Vec<NamespaceBlock>,
    /// Nexus calls by namespace and workflow.
    old_nexus: Vec<OldNexusCall>,
    /// A role for each token; empty unless they are wanted.
    roles: Vec<Role>,
    /// Annotations of statements, in the order of the file.
    annotated: Vec<(Annotation, Span)>,
}

impl<'t> Parser<'t> {
    fn new(source: SourceId, text: &'t str, base: u32) -> Parser<'t> {
        let lexed = lex(source, text);
        let mut parser = Parser {
            source,
            text,
            base,
            tokens: lexed.tokens,
            comments: lexed.comments,
            at: 0,
            diagnostics: lexed.diagnostics,
            lex_errors: Vec::new(),
            line_start: 0,
            reported_line: None,
            quiet: 0,
            nesting: 0,
            place: Place::Workflow,
            late: Vec::new(),
            head_options: Vec::new(),
            attachments: Attachments::default(),
            placements: Vec::new(),
            namespaces: Vec::new(),
            old_nexus: Vec::new(),
            roles: Vec::new(),
            annotated: Vec::new(),
        };
        parser.lex_errors = parser.diagnostics.iter().filter_map(|it| Some(it.span?.start)).collect();
        for diagnostic in &mut parser.diagnostics {
            if let Some(span) = &mut diagnostic.span {
                *span = Span { start: span.start + base, end: span.end + base, ..*span };
            }
        }
        parser
    }

    fn finish(self) -> Vec<Diagnostic> {
        let mut diagnostics = self.diagnostics;
        crate::text::diagnostic::sort(&mut diagnostics);
        diagnostics
    }
}

#[cfg(test)]
mod tests;
