//! The parameters of the call that the cursor stands in.

use super::Analysis;
use super::file::File;
use super::names::{Name, Path};
use super::symbol::{Kind, Symbol};
use super::vocabulary;
use crate::text::source::SourceId;
use crate::twf::ast::Name as Text;
use crate::twf::token::{Token, TokenKind};

/// How a call is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHelp {
    /// The callee with its parameters.
    pub label: String,
    /// Where the parameters stand in the label, in bytes.
    pub params: Vec<(usize, usize)>,
    /// The parameter that is being written; past the end when there are too many arguments.
    pub active: usize,
    /// Markdown.
    pub doc: String,
}

impl Analysis {
    /// The call around a byte with the parameter that stands there.
    pub fn signature_help(&self, id: SourceId, byte: u32) -> Option<SignatureHelp> {
        let file = self.file(id)?;
        let (symbol, position, named) = self.call_at(file, byte)?;
        match &symbol {
            Symbol::Function(name) => {
                let function = vocabulary::function(name)?;
                let params: Vec<String> = function.params.iter().map(|it| (*it).to_string()).collect();
                let head = (function.name.to_string(), format!(" -> {}", function.result));
                Some(help(head, &params, position.min(params.len().saturating_sub(1)), function.doc))
            }
            _ => {
                let signature = self.signature(&symbol)?;
                let text = |param: &crate::twf::ast::Param| match &param.ty {
                    Some(ty) => format!("{}: {}", param.name.name, signature.file.slice(ty.span)),
                    None => param.name.name.to_string(),
                };
                let params: Vec<String> = signature.params.iter().map(text).collect();
                let by_name = |name: &String| signature.params.iter().position(|it| it.name.name == *name);
                let active = named.as_ref().and_then(by_name).unwrap_or(position);
                let results: Vec<&str> =
                    signature.result.iter().map(|ty| signature.file.slice(ty.span)).collect();
                let tail =
                    if results.is_empty() { String::new() } else { format!(" -> ({})", results.join(", ")) };
                let head = (format!("{} {}", symbol.word(), symbol.text()), tail);
                Some(help(head, &params, active, signature.doc))
            }
        }
    }

    /// What is called around a byte, the number of commas before it, and the name of the argument it stands in.
    pub(super) fn call_at(&self, file: &File, byte: u32) -> Option<(Symbol, usize, Option<String>)> {
        let before = file.tokens_before(byte);
        let (open, commas) = open_bracket(before)?;
        let callee = before.get(open.checked_sub(1)?)?;
        let first = before.get(open + 1 + after_last_comma(before.get(open + 1..)?));
        let colon = before.iter().rev().take_while(|it| it.kind != TokenKind::Comma);
        let is_named = first.is_some_and(|it| it.kind == TokenKind::Name)
            && colon.clone().any(|it| it.kind == TokenKind::Colon);
        let named = first.filter(|_| is_named).map(|it| file.word(it).to_string());
        let symbol = self.called(file, callee, before.get(..open)?)?;
        let is_method = matches!(symbol, Symbol::Function(_))
            && open
                .checked_sub(2)
                .and_then(|at| before.get(at))
                .is_some_and(|it| matches!(it.kind, TokenKind::Dot | TokenKind::OptDot));
        Some((symbol, commas + usize::from(is_method), named))
    }

    /// What a name before a bracket calls: from the tree where the line could be read, else from its words.
    fn called(&self, file: &File, callee: &Token, before: &[Token]) -> Option<Symbol> {
        if callee.kind != TokenKind::Name {
            return None;
        }
        let known = file.names_at(callee.start).into_iter().find(|it| it.span.start == callee.start);
        let known = known.filter(|it| !matches!(it.name, Name::Local(..) | Name::Member));
        if let Some(symbol) = known.and_then(|it| self.symbol(file, it)) {
            return Some(symbol);
        }
        let name: Text = file.word(callee).into();
        let words: Vec<&str> = before.iter().rev().take(7).map(|it| file.word(it)).collect();
        let path =
            |qualifier: Option<&str>| Path { qualifier: qualifier.map(Text::from), name: name.clone() };
        let table = self.table();
        let global = |kind, qualifier| Some(table.global(kind, &path(qualifier), file.source));
        match words.as_slice() {
            [_, "activity", ..] => global(Kind::Activity, None),
            [_, "workflow", ..] => global(Kind::Workflow, None),
            [_, ".", package, "activity", ..] => global(Kind::Activity, Some(package)),
            [_, ".", package, "workflow", ..] => global(Kind::Workflow, Some(package)),
            _ => self
                .operation_called(file, before)
                .or_else(|| vocabulary::function(&name).map(|it| Symbol::Function(it.name.into()))),
        }
    }
}

impl Analysis {
    /// The operation that a line ends with: `nexus Endpoint package.Service.Operation`.
    fn operation_called(&self, file: &File, before: &[Token]) -> Option<Symbol> {
        let from = before.iter().rposition(|it| super::file::is_layout(it.kind)).map_or(0, |at| at + 1);
        let (qualifier, service, name) = match file.nexus_words(before.get(from..)?)?.as_slice() {
            [service, ".", name] => (None, *service, *name),
            [package, ".", service, ".", name] => (Some(Text::from(*package)), *service, *name),
            _ => return None,
        };
        let service =
            self.table().global(Kind::Service, &Path { qualifier, name: service.into() }, file.source);
        Some(Symbol::Operation(Box::new(service), name.into()))
    }
}

/// The innermost round bracket that is open at the end of some tokens, and the commas behind it.
fn open_bracket(tokens: &[Token]) -> Option<(usize, usize)> {
    let (mut depth, mut commas) = (0_u32, 0);
    for (at, token) in tokens.iter().enumerate().rev() {
        match token.kind {
            kind if kind.is_closer() => depth += 1,
            kind if kind.closer().is_some() => {
                if depth > 0 {
                    depth -= 1;
                } else if kind == TokenKind::OpenParen {
                    return Some((at, commas));
                } else {
                    // Inside a list or object: its commas are no commas of the call.
                    commas = 0;
                }
            }
            TokenKind::Comma if depth == 0 => commas += 1,
            TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent => return None,
            _ => {}
        }
    }
    None
}

/// How many tokens stand before the argument that the last of them belongs to.
fn after_last_comma(tokens: &[Token]) -> usize {
    let mut depth = 0_u32;
    let mut from = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            kind if kind.closer().is_some() => depth += 1,
            kind if kind.is_closer() => depth = depth.saturating_sub(1),
            TokenKind::Comma if depth == 0 => from = at + 1,
            _ => {}
        }
    }
    from
}

fn help((head, tail): (String, String), params: &[String], active: usize, doc: &str) -> SignatureHelp {
    let mut label = format!("{head}(");
    let mut places = Vec::new();
    for (at, param) in params.iter().enumerate() {
        if at > 0 {
            label.push_str(", ");
        }
        places.push((label.len(), label.len() + param.len()));
        label.push_str(param);
    }
    label.push(')');
    label.push_str(&tail);
    SignatureHelp { label, params: places, active, doc: doc.to_string() }
}
