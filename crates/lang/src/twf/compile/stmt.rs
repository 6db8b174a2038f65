//! Statements: what each becomes.

use super::{Compiler, Control, Role};
use crate::text::source::Span;
use crate::twf::ast::{
    self, Arg, Block, Call, CloseKind, HandlerKind, Ident, LValue, PathStep, SendTarget, Stmt, StmtKind,
    Target,
};
use crate::twf::code::{After, Bind, CloseCode, ErrorCode, Ex, Expr, Instr, On, Place, Start, Step, To};
use crate::twf::fault::SYNTAX;

impl<'a> Compiler<'a> {
    pub(super) fn stmts(&mut self, stmts: &'a [Stmt]) {
        for stmt in stmts {
            self.stmt(stmt);
        }
    }

    pub(super) fn block(&mut self, block: &'a Block) {
        self.stmts(block);
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        let span = stmt.span;
        if self.too_large {
            return;
        }
        match &stmt.kind {
            StmtKind::Call(call, bind) => {
                let (start, capture) = self.call(call);
                let bind = self.bind(bind.as_ref());
                self.emit(Instr::Call(start, After { bind, capture }), span);
            }
            StmtKind::Detach(call) => {
                let (start, _) = self.call(call);
                self.emit(Instr::Detach(start), span);
            }
            StmtKind::Promise(name, target) => self.promise(name, target, span),
            StmtKind::PromiseInto(place, target) => {
                if let Some((On::Start(start), _)) = self.on(target, span) {
                    let place = self.lvalue(place);
                    self.emit(Instr::Promise(place, start), span);
                }
            }
            StmtKind::Await(target, bind) => {
                if let Some((on, capture)) = self.on(target, span) {
                    let bind = self.bind(bind.as_ref());
                    self.emit(Instr::Await(on, After { bind, capture }), span);
                }
            }
            StmtKind::AwaitAll(all) => {
                let all = self.all(all, span);
                self.emit(Instr::All(all), span);
            }
            StmtKind::AwaitEach(promises, bind) => {
                let promises = self.expr(promises);
                let bind = self.bind(bind.as_ref());
                self.emit(Instr::AwaitEach(promises, bind), span);
            }
            StmtKind::AwaitOne(cases) => self.race(cases, span),
            StmtKind::Send(to, name, args) => self.send(to, name, args, span),
            StmtKind::Cancel(to) => {
                let to = self.to(to, span);
                self.emit(Instr::Cancel(to), span);
            }
            _ => self.plain_stmt(stmt),
        }
    }

    /// Statements that do not wait.
    fn plain_stmt(&mut self, stmt: &'a Stmt) {
        let span = stmt.span;
        match &stmt.kind {
            StmtKind::SetCondition(name, value) => match self.condition(&name.name) {
                Some(var) => self.emit(Instr::Set(var, *value), span),
                None => {
                    let message = format!("no condition is named `{}`", name.name);
                    self.broken("UNDEFINED_CONDITION", message, span);
                }
            },
            StmtKind::Raise(error) => {
                let error = self.error(error);
                self.emit(Instr::Raise(error), span);
            }
            StmtKind::Reject(reason) => {
                let reason = self.expr(reason);
                self.emit(Instr::Reject(reason), span);
            }
            StmtKind::Close(kind, args) => {
                let close = self.close(*kind, args, span);
                self.leave_run(close, span);
            }
            StmtKind::Return(value) => self.return_stmt(value.as_ref(), span),
            StmtKind::ReturnWorkflow(call) => self.return_workflow(call, span),
            StmtKind::Assign(place, op, value) => {
                let value = self.expr(value);
                let place = self.lvalue(place);
                self.emit(Instr::Assign(place, *op, value), span);
            }
            StmtKind::Expr(expr) => {
                let expr = self.expr(expr);
                self.emit(Instr::Eval(expr), span);
            }
            StmtKind::Heartbeat(_) => {
                self.broken(SYNTAX, "`heartbeat` belongs into the body of an activity".to_string(), span);
            }
            StmtKind::Pass => {}
            StmtKind::Error => self.broken(SYNTAX, "this line could not be read".to_string(), span),
            _ => self.control_stmt(stmt),
        }
    }

    pub(super) fn broken(&mut self, code: &'static str, message: String, span: Span) {
        self.emit(Instr::Broken(code, message), span);
    }

    fn promise(&mut self, name: &'a Ident, target: &'a Target, span: Span) {
        match self.on(target, span) {
            Some((On::Start(start), _)) => {
                let place = self.variable_place(&name.name, name.span);
                self.emit(Instr::Promise(place, start), span);
            }
            Some((On::Promise(other), _)) => {
                let place = self.variable_place(&name.name, name.span);
                self.emit(Instr::Assign(place, ast::AssignOp::Set, other), span);
            }
            // Refused by the checks.
            Some(_) => self.broken(SYNTAX, "a condition has no promise".to_string(), span),
            None => {}
        }
    }

    /// What a target waits for, and whether its failure is captured. Nothing when the line is broken.
    pub(super) fn on(&mut self, target: &'a Target, span: Span) -> Option<(On, bool)> {
        Some(match target {
            Target::Timer(duration) => (On::Start(Start::Timer(self.expr(duration))), false),
            Target::Signal(name) => (self.message(HandlerKind::Signal, name, span)?, false),
            Target::Update(name) => (self.message(HandlerKind::Update, name, span)?, false),
            Target::Call(call) => {
                let (start, capture) = self.call(call);
                (On::Start(start), capture)
            }
            Target::Name(name) => {
                let expr =
                    self.expr(&ast::Expr { kind: ast::ExprKind::Name(name.name.clone()), span: name.span });
                match self.condition(&name.name) {
                    Some(_) => (On::Predicate(expr), false),
                    None => (On::Promise(expr), false),
                }
            }
            Target::Place(place) => (On::Promise(self.place_value(place)), false),
            Target::Detached(call) => {
                let (start, capture) = self.call(call);
                (On::Detached(start), capture)
            }
            Target::Predicate(condition) => (On::Predicate(self.expr(condition)), false),
            Target::AllHandlersFinished(_) => (On::HandlersFinished, false),
        })
    }

    fn message(&mut self, kind: HandlerKind, name: &Ident, span: Span) -> Option<On> {
        if let Some(at) = self.await_message(kind, &name.name) {
            return Some(On::Start(Start::Message(at)));
        }
        let (code, noun) = match kind {
            HandlerKind::Update => ("UNDEFINED_UPDATE", "update"),
            _ => ("UNDEFINED_SIGNAL", "signal"),
        };
        self.broken(code, format!("this workflow declares no {noun} `{}`", name.name), span);
        None
    }

    pub(super) fn bind(&mut self, bind: Option<&'a ast::Bind>) -> Option<Bind> {
        Some(match bind? {
            ast::Bind::Place(place) => Bind::Place(self.lvalue(place)),
            ast::Bind::Tuple(names) => {
                Bind::Tuple(names.iter().map(|name| self.scope.bind(&name.name)).collect())
            }
        })
    }

    fn lvalue(&mut self, place: &'a LValue) -> Place {
        let path = place
            .path
            .iter()
            .map(|step| match step {
                PathStep::Field(name) => Step::Field(name.name.as_str().into()),
                PathStep::Index(at) => Step::Index(self.expr(at)),
            })
            .collect();
        let root = self.scope.bind(&place.root.name);
        Place { root, name: place.root.name.as_str().into(), path, span: place.root.span }
    }

    /// What stands at a place, as an expression.
    fn place_value(&mut self, place: &LValue) -> Expr {
        let span = place.root.span;
        let root = self.expr(&ast::Expr { kind: ast::ExprKind::Name(place.root.name.clone()), span });
        place.path.iter().fold(root, |holder, step| {
            let kind = match step {
                PathStep::Field(name) => Ex::Field(Box::new(holder), name.name.as_str().into(), false),
                PathStep::Index(at) => Ex::Index(Box::new(holder), Box::new(self.expr(at))),
            };
            Expr { kind, span }
        })
    }

    fn send(&mut self, to: &'a SendTarget, name: &'a Ident, args: &'a [Arg], span: Span) {
        let to = self.to(to, span);
        if let To::Handle(handle) = &to {
            self.emit(Instr::AwaitStarted(handle.clone()), span);
        }
        let args = self.args(args, None, span);
        self.emit(Instr::Send(to, name.name.as_str().into(), args), span);
    }

    fn to(&mut self, to: &'a SendTarget, span: Span) -> To {
        match to {
            SendTarget::Handle(name) => To::Handle(
                self.expr(&ast::Expr { kind: ast::ExprKind::Name(name.name.clone()), span: name.span }),
            ),
            SendTarget::External(name, args) => {
                let id = match args.as_slice() {
                    [id] => self.expr(&id.value),
                    _ => {
                        self.broken(SYNTAX, "`external` takes one workflow id".to_string(), span);
                        Expr { kind: Ex::Broken, span }
                    }
                };
                To::External(name.name.as_str().into(), id)
            }
        }
    }

    fn close(&mut self, kind: CloseKind, args: &'a [Arg], span: Span) -> CloseCode {
        let value = args.first().map(|arg| &arg.value);
        match kind {
            CloseKind::Complete => CloseCode::Complete(value.map(|value| self.expr(value))),
            CloseKind::Fail => CloseCode::Fail(match value {
                Some(value) => self.error(value),
                None => ErrorCode::Value(Expr { kind: Ex::Null, span }),
            }),
            CloseKind::ContinueAsNew => {
                let names = self.code.params.iter().map(|param| param.name.clone()).collect();
                CloseCode::ContinueAsNew(self.args(args, Some(names), span))
            }
        }
    }

    fn return_stmt(&mut self, value: Option<&'a ast::Expr>, span: Span) {
        let value = value.map(|value| self.expr(value));
        match self.role {
            Role::Main | Role::Branch => self.leave_run(CloseCode::Complete(value), span),
            Role::Handler | Role::HandlerBranch => {
                self.emit(Instr::PrepareReturn(value), span);
                self.leave_all(span);
                self.leave(span);
            }
        }
    }

    /// What was prepared takes effect. A branch hands it to its owner where the owner has something left to do: the
    /// `finally` around it, or the answer of a handler.
    pub(super) fn leave(&mut self, span: Span) {
        let hands_over = match self.role {
            Role::Main | Role::Handler => false,
            Role::Branch => self.outer_finally,
            Role::HandlerBranch => true,
        };
        self.emit(if hands_over { Instr::HandOver } else { Instr::Leave }, span);
    }

    /// The backing workflow's result is the operation's answer. The parser lets it stand in operations only.
    fn return_workflow(&mut self, call: &'a Call, span: Span) {
        let (start, capture) = self.call(call);
        let (var, bind) = self.result_place(span);
        self.emit(Instr::Call(start, After { bind: Some(bind), capture }), span);
        self.leave_run(CloseCode::Complete(Some(Expr { kind: Ex::Var(var), span })), span);
    }

    fn leave_run(&mut self, close: CloseCode, span: Span) {
        self.emit(Instr::PrepareClose(close), span);
        self.leave_all(span);
        self.leave(span);
    }

    /// Runs every `finally` around this statement, with what was prepared kept on top of the control stack.
    pub(super) fn leave_all(&mut self, span: Span) {
        let depth = self.depth;
        for at in (0..self.controls.len()).rev() {
            if let Some(Control::Finally { block, depth }) = self.controls.get(at).copied() {
                self.emit(Instr::Keep(depth), span);
                self.depth = depth + 1;
                self.without_controls(at, |c| c.block(block));
            }
        }
        self.depth = depth;
    }

    /// Compiles with the controls from `at` inwards out of sight.
    pub(super) fn without_controls(&mut self, at: usize, compile: impl FnOnce(&mut Self)) {
        let inner = self.controls.split_off(at);
        compile(self);
        self.controls.extend(inner);
    }
}
