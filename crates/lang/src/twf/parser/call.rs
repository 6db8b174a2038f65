//! Calls: `activity`, `workflow`, `nexus`, and where their results go.

use super::place::Place;
use super::{OldNexusCall, Parse, Parser};
use crate::twf::ast::{Bind, Call, Callee, ExprKind, Ident, LValue, PathStep, QName, StmtKind, Target};
use crate::twf::token::TokenKind;

impl Parser<'_> {
    /// Whether a call begins here.
    pub(super) fn is_call(&self) -> bool {
        match self.word() {
            "activity" | "workflow" | "child" => self.nth(1) == TokenKind::Name,
            "nexus" => matches!(self.nth(1), TokenKind::Name | TokenKind::Str),
            _ => false,
        }
    }

    /// `( act_call | wf_call | nx_call ) bind? NL under?`.
    pub(super) fn call_stmt(&mut self) -> Parse<StmtKind> {
        let mut call = self.call()?;
        let bind = self.bind()?;
        self.end_of_call(&mut call)?;
        Ok(StmtKind::Call(Box::new(call), bind))
    }

    /// `'detach' ( wf_call | nx_call ) NL under?`.
    pub(super) fn detach(&mut self) -> Parse<StmtKind> {
        self.bump();
        if self.at_word("activity") {
            let help = "`promise p <- activity ..` starts one without waiting".to_string();
            return Err(self.syntax_help(self.next_span(), "an activity cannot be detached", Some(help)));
        }
        let mut call = self.call()?;
        if self.at(TokenKind::Arrow) {
            let _reported = self.syntax(self.next_span(), "a detached call has no result");
            let _dropped = self.bind()?;
        }
        self.end_of_call(&mut call)?;
        Ok(StmtKind::Detach(Box::new(call)))
    }

    /// The end of the line of a call, with the options after and under it.
    pub(super) fn end_of_call(&mut self, call: &mut Call) -> Parse<()> {
        if self.at_word_then("options", TokenKind::OpenParen) {
            let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |it| it.end);
            let start = self.at;
            let options = self.bracketed_options()?;
            let indent = self.indent_of(call.span.start).to_string();
            let replacement = self.options_under(&options, &indent);
            let span = self.span(before, before).to(self.span_since(start));
            self.legacy(span, "`options(..)`", &replacement);
            call.options.extend(options);
        }
        self.end_of_line()?;
        self.under_call(call);
        Ok(())
    }

    /// A call without its result and options.
    pub(super) fn call(&mut self) -> Parse<Call> {
        let start = self.at;
        let callee = match self.word() {
            "activity" => {
                self.bump();
                Callee::Activity(self.qname("the name of an activity")?)
            }
            "workflow" => {
                self.bump();
                Callee::Workflow(self.qname("the name of a workflow")?)
            }
            "child" => {
                self.legacy(self.next_span(), "`child`", "workflow");
                self.bump();
                Callee::Workflow(self.qname("the name of a workflow")?)
            }
            "nexus" => {
                self.bump();
                self.nexus_callee(start)?
            }
            _ => return Err(self.unexpected("`workflow`, `activity` or `nexus`", "")),
        };
        let args = self.args()?;
        Ok(Call { callee, args, options: Vec::new(), span: self.span_since(start) })
    }

    /// `( NAME '.' )? NAME`.
    pub(super) fn qname(&mut self, what: &str) -> Parse<QName> {
        let name = self.new_name(what)?;
        if !self.eat(TokenKind::Dot) {
            return Ok(QName { package: None, name });
        }
        // Activities of the host are called like what they do.
        let symbol = if name.name == "twf" { self.any_name(what)? } else { self.new_name(what)? };
        Ok(QName { package: Some(name), name: symbol })
    }

    /// `DEPNAME qname '.' NAME`, and the older `STRING 'workflow' NAME` and `NAME '/' NAME`.
    fn nexus_callee(&mut self, start: usize) -> Parse<Callee> {
        if self.at(TokenKind::Str) {
            return self.nexus_workflow(start);
        }
        if self.at(TokenKind::Name) && self.nth(1) == TokenKind::Slash {
            return self.nexus_path(start);
        }
        let endpoint = self.deployment_name("the name of an endpoint")?;
        let first = self.new_name("the name of a service")?;
        self.expect(TokenKind::Dot, "the service")?;
        let second = self.new_name("the name of an operation")?;
        if !self.eat(TokenKind::Dot) {
            let service = QName { package: None, name: first };
            return Ok(Callee::Nexus { endpoint, service, operation: second });
        }
        let operation = self.new_name("the name of an operation")?;
        Ok(Callee::Nexus { endpoint, service: QName { package: Some(first), name: second }, operation })
    }

    fn nexus_workflow(&mut self, start: usize) -> Parse<Callee> {
        let token = self.bump();
        let namespace = Ident { name: self.string_value(token).into(), span: self.span_of(token) };
        self.expect_word("workflow", "the namespace")?;
        let workflow = self.new_name("the name of a workflow")?;
        Ok(self.old_nexus(start, namespace, workflow))
    }

    fn nexus_path(&mut self, start: usize) -> Parse<Callee> {
        let namespace = self.any_name("the name of a namespace")?;
        self.mark_tight();
        self.bump();
        self.mark_tight();
        let workflow = self.new_name("the name of an operation")?;
        Ok(self.old_nexus(start, namespace, workflow))
    }

    fn old_nexus(&mut self, start: usize, namespace: Ident, workflow: Ident) -> Callee {
        let call = OldNexusCall {
            span: self.span_since(start),
            namespace: namespace.name.to_string(),
            workflow: workflow.name.to_string(),
        };
        self.old_nexus.push(call);
        Callee::NexusWorkflow { namespace, workflow }
    }

    /// `( '->' ( lvalue | '(' NAME ( ',' NAME )* ')' ) )?`.
    pub(super) fn bind(&mut self) -> Parse<Option<Bind>> {
        if !self.eat(TokenKind::Arrow) {
            return Ok(None);
        }
        if !self.eat(TokenKind::OpenParen) {
            return self.lvalue().map(|place| Some(Bind::Place(place)));
        }
        let mut names = Vec::new();
        while !self.at(TokenKind::CloseParen) {
            names.push(self.any_name("a variable")?);
            if !self.comma() {
                break;
            }
        }
        if names.is_empty() {
            return Err(self.unexpected("a variable", "`->`"));
        }
        self.expect(TokenKind::CloseParen, "the variables")?;
        Ok(Some(Bind::Tuple(names)))
    }

    /// `NAME ( '.' NAME | '[' expr ']' )*`.
    fn lvalue(&mut self) -> Parse<LValue> {
        let root = self.any_name("a variable")?;
        Ok(LValue { root, path: self.path()? })
    }

    /// `( '.' NAME | '[' expr ']' )*`.
    pub(super) fn path(&mut self) -> Parse<Vec<PathStep>> {
        let mut path = Vec::new();
        loop {
            if path.len() as u64 > u64::from(super::NESTING_MAX) {
                return Err(self.syntax(self.next_span(), "this path is too long"));
            }
            if self.eat(TokenKind::Dot) {
                path.push(PathStep::Field(self.any_name("the name of a field")?));
            } else if self.at(TokenKind::OpenBracket) {
                self.extension(self.next_span(), "an index in a place");
                self.mark_tight();
                self.bump();
                path.push(PathStep::Index(self.expr()?));
                self.expect(TokenKind::CloseBracket, "the index")?;
            } else {
                return Ok(path);
            }
        }
    }

    /// `'promise' lvalue '<-' target NL under?`.
    pub(super) fn promise(&mut self) -> Parse<StmtKind> {
        self.bump();
        let name = self.new_name("the name of a promise")?;
        let path = self.path()?;
        if !path.is_empty() {
            self.extension(name.span, "a promise in an object or list");
        }
        self.expect(TokenKind::BackArrow, "the name of a promise")?;
        let mut target = self.target()?;
        self.end_of_target(&mut target)?;
        if path.is_empty() {
            return Ok(StmtKind::Promise(name, target));
        }
        Ok(StmtKind::PromiseInto(Box::new(LValue { root: name, path }), target))
    }

    /// The older `spawn workflow W(a) -> h`.
    pub(super) fn spawn(&mut self) -> Parse<StmtKind> {
        let start = self.at;
        self.bump();
        let mut call = self.call()?;
        let name = if self.eat(TokenKind::Arrow) {
            self.any_name("the name of a handle")?
        } else {
            Ident { name: "_".into(), span: self.span_of(self.token(0)) }
        };
        let replacement = format!("promise {} <- {}", name.name, self.slice(call.span));
        self.legacy(self.span_since(start), "`spawn`", &replacement);
        self.end_of_call(&mut call)?;
        Ok(StmtKind::Promise(name, Target::Call(Box::new(call))))
    }

    /// `'return' wf_call opt_lines?` of an operation: the backing workflow is chosen at run time.
    pub(super) fn return_workflow(&mut self) -> Parse<StmtKind> {
        let mut call = self.call()?;
        let has_colon = self.eat(TokenKind::Colon);
        self.end_of_line()?;
        if self.nth_word(1) == "options" {
            self.under_call(&mut call);
        } else if has_colon || self.at(TokenKind::Indent) {
            let start = self.at;
            call.options.extend(self.option_lines("the call"));
            let mut edits = self.under_options(self.code_since(start));
            let end = call.span.end;
            edits.extend(has_colon.then(|| self.colon_after(end)));
            let help = "put `options:` above the options and indent them under it";
            self.legacy_edits(call.span, "a call with options but without `options:`", help, edits);
        }
        Ok(StmtKind::ReturnWorkflow(Box::new(call)))
    }

    /// A call where an expression is wanted; the call statements are the only place for one.
    pub(super) fn forbid_call_value(&mut self) -> Parse<()> {
        if !self.is_call() || self.place == Place::Activity {
            return Ok(());
        }
        let help = format!("call it on a line of its own and bind the result: `{} ..(..) -> r`", self.word());
        Err(self.syntax_help(self.next_span(), "a call is a statement, not a value", Some(help)))
    }
}

/// The place that an expression denotes, when it denotes one.
pub(super) fn as_place(expr: crate::twf::ast::Expr) -> Option<LValue> {
    match expr.kind {
        ExprKind::Name(name) => Some(LValue { root: Ident { name, span: expr.span }, path: Vec::new() }),
        ExprKind::Field(base, field) => {
            let mut place = as_place(*base)?;
            place.path.push(PathStep::Field(field));
            Some(place)
        }
        ExprKind::Index(base, index) => {
            let mut place = as_place(*base)?;
            place.path.push(PathStep::Index(*index));
            Some(place)
        }
        _ => None,
    }
}
