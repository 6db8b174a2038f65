//! What an editor shows about the name under the pointer.

use super::Analysis;
use super::names::Name;
use super::show::Shown;
use super::symbol::Symbol;
use super::vocabulary;
use crate::text::source::{SourceId, Span};
use crate::twf::token::TokenKind;

/// What is shown about a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hover {
    /// What it is about.
    pub span: Span,
    /// Markdown.
    pub markdown: String,
}

impl Analysis {
    /// What is known about the name or word at a byte.
    pub fn hover(&self, id: SourceId, byte: u32) -> Option<Hover> {
        let file = self.file(id)?;
        if file.comment_at(byte).is_some() {
            return None;
        }
        let symbols = self.symbols_at(id, byte);
        if !symbols.is_empty() {
            let shown: Vec<String> = symbols.iter().filter_map(|(_, it)| self.known(it)).collect();
            let span = symbols.first()?.0.span;
            return (!shown.is_empty()).then(|| Hover { span, markdown: shown.join("\n\n---\n\n") });
        }
        self.member_hover(id, byte).or_else(|| self.word_hover(id, byte))
    }

    /// A field that nobody declared, with the type that was seen in it.
    fn member_hover(&self, id: SourceId, byte: u32) -> Option<Hover> {
        let file = self.file(id)?;
        let it = file.names_at(byte).into_iter().find(|it| it.name == Name::Member)?;
        let ty = self.member_type(file, it)?;
        let shown = Shown { code: format!("{}: {ty}", it.text), ..Shown::default() };
        Some(Hover { span: it.span, markdown: shown.markdown() })
    }

    fn known(&self, symbol: &Symbol) -> Option<String> {
        let shown = self.show(symbol).or_else(|| missing(symbol))?;
        Some(shown.markdown())
    }

    /// Keywords and built-in types.
    fn word_hover(&self, id: SourceId, byte: u32) -> Option<Hover> {
        let file = self.file(id)?;
        let from = file.line_start(byte);
        let token = file
            .tokens_in(from, byte.saturating_add(1))
            .filter(|it| it.kind == TokenKind::Name && it.start <= byte && byte <= it.end)
            .last()?;
        let word = file.word(token);
        let span = file.span(token.start, token.end);
        if !file.names_at(byte).is_empty() {
            return None;
        }
        let shown = match (vocabulary::keyword(word), primitive(word)) {
            (Some((code, doc)), _) => {
                Shown { code: code.to_string(), doc: doc.to_string(), notes: Vec::new() }
            }
            (None, Some(doc)) => Shown { code: word.to_string(), doc: doc.to_string(), notes: Vec::new() },
            (None, None) => return None,
        };
        Some(Hover { span, markdown: shown.markdown() })
    }
}

/// A label without a `type` block says so; whatever else is missing has its diagnostic.
fn missing(symbol: &Symbol) -> Option<Shown> {
    match symbol {
        Symbol::Type(name) => Some(Shown {
            code: format!("type {name}"),
            doc: "Declared nowhere: any value fits.".to_string(),
            notes: Vec::new(),
        }),
        _ => None,
    }
}

/// What a built-in type holds.
pub(super) fn primitive(name: &str) -> Option<&'static str> {
    Some(match name {
        "any" => "Any value.",
        "bool" => "`true` or `false`.",
        "bytes" => "Bytes, as base64 text in JSON.",
        "decimal" => "An exact decimal number, as text in JSON: safe for money.",
        "duration" => "A length of time such as `30s`, `5m`, `1h30m`.",
        "int" => "A whole number of 64 bits.",
        "string" => "Text.",
        "timestamp" | "time" => "A moment, as RFC 3339 text in JSON.",
        _ => return None,
    })
}
