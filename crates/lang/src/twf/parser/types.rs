//! Parameters, results, types.

use super::{Parse, Parser};
use crate::text::diagnostic::Diagnostic;
use crate::twf::ast::{Ident, Param, Type, TypeKind};
use crate::twf::token::TokenKind;

impl Parser<'_> {
    /// `'(' ( param ( ',' param )* )? ')'`. A parameter that cannot be read is reported and left out.
    pub(super) fn params(&mut self) -> Vec<Param> {
        let mut params = Vec::new();
        self.mark_tight();
        if self.expect(TokenKind::OpenParen, "the name").is_err() {
            self.skip_to_line_colon();
            return params;
        }
        while !matches!(self.kind(), TokenKind::CloseParen | TokenKind::Newline | TokenKind::End) {
            match self.param() {
                Ok(param) => params.push(param),
                Err(_) => self.skip_item(),
            }
            if !self.comma() && !self.at(TokenKind::CloseParen) {
                let _reported = self.unexpected("`,` or `)`", "a parameter");
                self.skip_item();
                self.eat(TokenKind::Comma);
                // A closer of another kind ends nothing here.
                if self.kind().is_closer() && !self.at(TokenKind::CloseParen) {
                    self.bump();
                }
            }
        }
        if self.expect(TokenKind::CloseParen, "the parameters").is_err() {
            self.skip_to_line_colon();
        }
        params
    }

    /// `NAME ( ':' type )? ( '=' expr )?`.
    fn param(&mut self) -> Parse<Param> {
        let name = self.any_name("the name of a parameter")?;
        let is_optional = self.at(TokenKind::Question);
        if is_optional {
            self.extension(self.next_span(), "an optional parameter");
            self.bump();
        }
        let stops = [TokenKind::Comma, TokenKind::CloseParen, TokenKind::Assign];
        let mut ty = if self.eat(TokenKind::Colon) { Some(self.type_(&stops)?) } else { None };
        if is_optional && let Some(inner) = ty.take() {
            let span = inner.span;
            ty = Some(Type { kind: TypeKind::Nullable(Box::new(inner)), span });
        }
        let default = if self.at(TokenKind::Assign) {
            self.extension(self.next_span(), "a default of a parameter");
            self.bump();
            Some(self.expr()?)
        } else {
            None
        };
        Ok(Param { name, ty, default })
    }

    /// `'->' ( '(' type ( ',' type )* ')' | type )`; empty when there is no arrow.
    pub(super) fn result_type(&mut self) -> Vec<Type> {
        if !self.eat(TokenKind::Arrow) {
            return Vec::new();
        }
        let read = if self.at(TokenKind::OpenParen) { self.result_list() } else { self.bare_result() };
        read.unwrap_or_else(|_| {
            self.skip_to_line_colon();
            Vec::new()
        })
    }

    fn result_list(&mut self) -> Parse<Vec<Type>> {
        self.bump();
        let mut types = Vec::new();
        while !self.at(TokenKind::CloseParen) {
            types.push(self.type_(&[TokenKind::Comma, TokenKind::CloseParen])?);
            if !self.comma() {
                break;
            }
        }
        self.expect(TokenKind::CloseParen, "the result type")?;
        Ok(types)
    }

    fn bare_result(&mut self) -> Parse<Vec<Type>> {
        let ty = self.type_(&[TokenKind::Colon, TokenKind::Newline])?;
        let replacement = format!("({})", self.slice(ty.span));
        self.legacy(ty.span, "a result type without brackets", &replacement);
        Ok(vec![ty])
    }

    /// A type that ends before one of `stops`.
    ///
    /// The published language keeps types as opaque text, and nothing runs differently for them: one that is
    /// not of this grammar is kept as a label and reported as `OPAQUE_TYPE`, never as an error.
    pub(super) fn type_(&mut self, stops: &[TokenKind]) -> Parse<Type> {
        let start = self.at;
        let given = (self.diagnostics.len(), self.reported_line);
        let read = self.type_expr();
        if let Ok(ty) = read
            && (stops.contains(&self.kind()) || self.at(TokenKind::End))
        {
            return Ok(ty);
        }
        let is_empty = self.at == start && stops.contains(&self.kind());
        if is_empty || self.nesting + 1 >= super::NESTING_MAX {
            return Err(super::Broken);
        }
        self.diagnostics.truncate(given.0);
        self.reported_line = given.1;
        self.skip_type(stops);
        self.mark_verbatim(start);
        let span = self.span_since(start);
        if self.at == start {
            return Err(self.unexpected("a type", ""));
        }
        let message = "this type is not of the language; it counts as `any`";
        self.report(Diagnostic::warning("OPAQUE_TYPE", span, message));
        Ok(Type { kind: TypeKind::Name(self.words_since(start).into()), span })
    }

    fn skip_type(&mut self, stops: &[TokenKind]) {
        let mut depth = 0_u32;
        loop {
            let kind = self.kind();
            if matches!(kind, TokenKind::Newline | TokenKind::End) || (depth == 0 && stops.contains(&kind)) {
                return;
            }
            if kind.closer().is_some() {
                depth += 1;
            } else if kind.is_closer() {
                if depth == 0 {
                    return;
                }
                depth -= 1;
            }
            self.bump();
        }
    }

    /// A primary type with the suffixes `[]` and `?`.
    fn type_expr(&mut self) -> Parse<Type> {
        let start = self.at;
        let mut ty = self.nested(Parser::type_primary)?;
        let mut suffixes = self.nesting;
        loop {
            suffixes += 1;
            let kind = if self.at(TokenKind::OpenBracket) && self.nth(1) == TokenKind::CloseBracket {
                self.mark_tight();
                self.bump();
                TypeKind::List(Box::new(ty))
            } else if self.at(TokenKind::Question) {
                self.extension(self.next_span(), "a type with `?`");
                TypeKind::Nullable(Box::new(ty))
            } else {
                return Ok(ty);
            };
            if suffixes > super::NESTING_MAX {
                return Err(self.syntax(self.next_span(), "this type is nested too deeply"));
            }
            self.bump();
            ty = Type { kind, span: self.span_since(start) };
        }
    }

    fn type_primary(&mut self) -> Parse<Type> {
        let start = self.at;
        let kind = match self.kind() {
            TokenKind::OpenBracket if self.nth(1) == TokenKind::CloseBracket => {
                self.bump();
                self.bump();
                self.mark_tight();
                TypeKind::List(Box::new(self.nested(Parser::type_expr)?))
            }
            TokenKind::OpenBrace => self.record_type()?,
            TokenKind::Name => self.named_type()?,
            _ => return Err(self.unexpected("a type", "")),
        };
        Ok(Type { kind, span: self.span_since(start) })
    }

    /// `'{' NAME ':' type ( ',' .. )* '}'`.
    fn record_type(&mut self) -> Parse<TypeKind> {
        self.bump();
        let mut fields = Vec::new();
        while !self.at(TokenKind::CloseBrace) {
            let name = self.any_name("the name of a field")?;
            self.expect(TokenKind::Colon, "the name of a field")?;
            fields.push((name, self.nested(Parser::type_expr)?));
            if !self.comma() {
                break;
            }
        }
        self.expect(TokenKind::CloseBrace, "the fields")?;
        Ok(TypeKind::Record(fields))
    }

    /// A name, dotted or not, with type arguments: `Map[K, V]`, also `Map[K]V` and `Map<K, V>`.
    fn named_type(&mut self) -> Parse<TypeKind> {
        let mut name: Ident = self.any_name("a type")?;
        while self.at(TokenKind::Dot) && self.nth(1) == TokenKind::Name {
            self.bump();
            let part = self.any_name("a type")?;
            name.name = format!("{}.{}", name.name, part.name).into();
        }
        let closer = match self.kind() {
            TokenKind::OpenBracket if self.nth(1) != TokenKind::CloseBracket => TokenKind::CloseBracket,
            TokenKind::Lt => TokenKind::Gt,
            _ => return Ok(TypeKind::Name(name.name)),
        };
        self.mark_tight();
        self.bump();
        self.mark_tight();
        let mut args = vec![self.nested(Parser::type_expr)?];
        while self.eat(TokenKind::Comma) {
            args.push(self.nested(Parser::type_expr)?);
        }
        self.mark_tight();
        self.expect(closer, "the type arguments")?;
        let has_go_value = closer == TokenKind::CloseBracket
            && matches!(self.kind(), TokenKind::Name | TokenKind::OpenBrace)
            && self.word() != "=";
        if has_go_value {
            self.mark_tight();
            args.push(self.nested(Parser::type_primary)?);
        }
        Ok(TypeKind::Generic(name.name, args))
    }
}
