//! Messages: handlers, sends, conditions, cancellation of others.

use super::legacy::step;
use super::place::Place;
use super::{Parse, Parser};
use crate::twf::ast::{Handler, HandlerKind, SendTarget, Stmt, StmtKind};
use crate::twf::token::TokenKind;

impl Parser<'_> {
    /// `('signal' | 'query' | 'update') NAME params? result_type? block(..)`.
    pub(super) fn handler(&mut self) -> Parse<Handler> {
        let start = self.at;
        let doc = self.doc_above(self.token(0).start);
        let kind = match self.bump_word() {
            "signal" => HandlerKind::Signal,
            "query" => HandlerKind::Query,
            _ => HandlerKind::Update,
        };
        let name = self.new_name("the name of a message")?;
        let params = if self.at(TokenKind::OpenParen) { self.params() } else { Vec::new() };
        let result = self.result_type();
        let is_declaration = self.at(TokenKind::Newline) || self.at(TokenKind::End);
        let mut handler = Handler {
            kind,
            doc,
            name,
            params,
            result,
            options: Vec::new(),
            validator: None,
            body: Vec::new(),
            span: self.span_since(start),
        };
        if is_declaration {
            self.bodiless_handler(&handler);
            handler.body.push(Stmt { kind: StmtKind::Pass, span: handler.span });
            return self.end_of_line().map(|()| handler);
        }
        self.colon_line("the handler header");
        let place = if kind == HandlerKind::Query { Place::Query } else { Place::Workflow };
        self.with_place(place, |p| p.handler_body(&mut handler));
        Ok(handler)
    }

    fn bodiless_handler(&mut self, handler: &Handler) {
        let indent = self.indent_of(handler.span.start);
        let replacement = format!("{}:\n{indent}{}pass", self.slice(handler.span), step(indent));
        self.legacy(handler.span, "a message declared without a body", &replacement);
    }

    fn handler_body(&mut self, handler: &mut Handler) {
        if !self.at(TokenKind::Indent) {
            return self.missing_block("the handler header");
        }
        if self.nested(|_| Ok(())).is_err() {
            return self.skip_block();
        }
        self.bump();
        self.nesting += 1;
        loop {
            self.line_start = self.token(0).start;
            if self.at_word_then("options", TokenKind::Colon) {
                self.bump();
                handler.options.extend(self.option_block("`options`"));
            } else if self.at_word_then("validator", TokenKind::Colon) {
                self.validator(handler);
            } else {
                break;
            }
        }
        self.statements(&mut handler.body);
        self.nesting -= 1;
        self.eat(TokenKind::Dedent);
    }

    fn validator(&mut self, handler: &mut Handler) {
        let span = self.next_span();
        self.extension(span, "`validator:`");
        if handler.kind != HandlerKind::Update {
            let _reported = self.syntax(span, "only an update has a `validator:`");
        }
        self.bump();
        let block = self.with_place(Place::Validator, |p| p.block("`validator`"));
        handler.validator = Some(block);
    }

    /// `'signal' ( NAME | 'external' NAME args ) '.' NAME args NL`.
    pub(super) fn send(&mut self) -> Parse<StmtKind> {
        self.bump();
        let target = self.send_target()?;
        self.expect(TokenKind::Dot, "the receiver of the signal")?;
        let name = self.new_name("the name of a signal")?;
        let args = self.args()?;
        if self.at(TokenKind::Arrow) {
            return Err(self.syntax(self.next_span(), "sending a signal gives no result"));
        }
        self.end_of_line()?;
        Ok(StmtKind::Send(target, name, args))
    }

    /// `'cancel' ( NAME | 'external' NAME args ) NL`.
    pub(super) fn cancel(&mut self) -> Parse<StmtKind> {
        self.extension(self.next_span(), "`cancel`");
        self.bump();
        let target = self.send_target()?;
        self.end_of_line()?;
        Ok(StmtKind::Cancel(target))
    }

    fn send_target(&mut self) -> Parse<SendTarget> {
        if self.at_word_then("external", TokenKind::Name) {
            self.extension(self.next_span(), "`external`");
            self.bump();
            let workflow = self.any_name("the name of a workflow")?;
            return Ok(SendTarget::External(workflow, self.args()?));
        }
        Ok(SendTarget::Handle(self.any_name("the name of a promise")?))
    }

    /// `( 'set' | 'unset' ) NAME NL`.
    pub(super) fn condition_set(&mut self) -> Parse<StmtKind> {
        let value = self.bump_word() == "set";
        let name = self.new_name("the name of a condition")?;
        self.end_of_line()?;
        Ok(StmtKind::SetCondition(name, value))
    }

    /// Takes the next token and gives its word.
    pub(super) fn bump_word(&mut self) -> &str {
        let token = self.bump();
        self.text_of(token)
    }
}
