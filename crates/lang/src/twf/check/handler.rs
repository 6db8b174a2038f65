//! Handlers: answers that are missing, queries that write, runs that are closed from aside, updates that hang.

use super::body::Body;
use super::flow::{Marks, Ways};
use super::{Checker, walk};
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::twf::ast::{
    Expr, ExprKind, Handler, HandlerKind, RaceKind, Stmt, StmtKind, Target, Type, TypeKind,
};

/// Methods that change their receiver.
const MUTATING: &[&str] = &["append", "clear", "extend", "pop", "remove"];

/// Functions that change the run.
const RUN_CHANGING: &[&str] = &["set_details", "set_memo", "set_search_attributes"];

impl<'a> Checker<'a> {
    /// What a query or update answers on its ways.
    pub(super) fn answer(&mut self, handler: &'a Handler, ways: Ways) {
        if handler.kind == HandlerKind::Signal || ways.marks.has(Marks::TORN) || is_placeholder(handler) {
            return;
        }
        let is_silent_somewhere = ways.falls || ways.marks.has(Marks::RETURNS_NOTHING);
        let answers = ways.marks.has(Marks::ANSWERS);
        let is_wrong = match handler.kind {
            HandlerKind::Query => !answers || (is_silent_somewhere && !can_be_null(&handler.result)),
            _ => is_silent_somewhere && !can_be_null(&handler.result),
        };
        // What never ends or closes the run answers nobody, and other rules judge that.
        if !is_wrong || !is_silent_somewhere {
            return;
        }
        let name = &handler.name;
        let on = if answers { "on some ways " } else { "" };
        let found = if handler.kind == HandlerKind::Query {
            let message = format!("the query `{}` ends {on}without `return`", name.name);
            Diagnostic::error("QUERY_NO_RETURN", name.span, message).note("whoever asks would be given null")
        } else {
            let message = format!("the update `{}` ends {on}without `return`", name.name);
            Diagnostic::warning("UPDATE_NO_RETURN", name.span, message).note("its sender would be given null")
        };
        let found = match handler.result.first() {
            Some(ty) => found.label(ty.span, "this was promised").help("end each way with `return value`"),
            None => found.help("end it with `return value`"),
        };
        self.report(found);
    }

    /// What a handler does that it should leave to the body.
    pub(super) fn handler(&mut self, body: &Body<'a>, handler: &'a Handler) {
        match handler.kind {
            HandlerKind::Query => walk::each(&handler.body, &mut |stmt| self.query_stmt(body, stmt)),
            HandlerKind::Signal => self.closes(handler),
            HandlerKind::Update => {
                self.closes(handler);
                self.hangs(&handler.body);
            }
        }
    }

    fn closes(&mut self, handler: &'a Handler) {
        walk::each(&handler.body, &mut |stmt| {
            if matches!(stmt.kind, StmtKind::Close(..)) {
                let message = "this closes the whole run, not only the handler";
                let found = Diagnostic::warning("CLOSE_IN_HANDLER", stmt.span, message)
                    .label(handler.name.span, "the handler")
                    .note("branches, other handlers and the body are abandoned where they stand")
                    .help("`set` a condition here and `close` in the body; `return` ends the handler alone");
                self.report(found);
            }
        });
    }

    fn query_stmt(&mut self, body: &Body<'a>, stmt: &'a Stmt) {
        if let StmtKind::Assign(place, ..) = &stmt.kind
            && body.scope.is_shared(&place.root.name)
        {
            self.mutates(place.root.span, &format!("assigns `{}`", place.root.name));
        }
        walk::exprs(stmt, &mut |expr| {
            walk::calls_in(expr, &mut |callee, args| match &callee.kind {
                ExprKind::Field(base, method) if MUTATING.contains(&method.name.as_str()) => {
                    self.changed(body, base, &method.name);
                }
                ExprKind::Name(name) if MUTATING.contains(&name.as_str()) => {
                    if let Some(first) = args.first() {
                        self.changed(body, &first.value, name);
                    }
                }
                ExprKind::Name(name) if RUN_CHANGING.contains(&name.as_str()) => {
                    self.mutates(callee.span, &format!("changes the run by `{name}`"));
                }
                _ => {}
            });
        });
    }

    fn changed(&mut self, body: &Body<'a>, receiver: &Expr, method: &str) {
        if let Some(name) = root(receiver)
            && body.scope.is_shared(name)
        {
            self.mutates(receiver.span, &format!("changes `{name}` by `{method}`"));
        }
    }

    fn mutates(&mut self, span: Span, what: &str) {
        let found = Diagnostic::error("QUERY_MUTATES_STATE", span, format!("this query {what}"))
            .note("a query reads a copy of the run: what it writes is thrown away")
            .help("use a name that only this query has, or make it an `update`");
        self.report(found);
    }

    /// Waits of an update that nothing bounds: its sender waits with it.
    fn hangs(&mut self, block: &'a [Stmt]) {
        walk::each(block, &mut |stmt| {
            let hangs = match &stmt.kind {
                StmtKind::Await(target, _) => is_open(target),
                StmtKind::AwaitOne(cases) => {
                    !cases.is_empty()
                        && cases.iter().all(|case| match &case.kind {
                            RaceKind::Target(target, _) => is_open(target),
                            RaceKind::All(_) => false,
                            RaceKind::Fail(_) => true,
                        })
                }
                _ => false,
            };
            if hangs {
                let message = "this update waits for what may never come, and its sender with it";
                let found = Diagnostic::info("BLOCKING_UPDATE", stmt.span, message)
                    .help("race it against a `timer` in `await one:`");
                self.report(found);
            }
        });
    }
}

/// Whether only somebody else can end the wait.
fn is_open(target: &Target) -> bool {
    matches!(target, Target::Signal(_) | Target::Update(_) | Target::Name(_) | Target::Predicate(_))
}

/// `pass` or `...` alone: the body is not written yet, or was only declared.
fn is_placeholder(handler: &Handler) -> bool {
    handler.body.iter().all(|stmt| matches!(stmt.kind, StmtKind::Pass))
}

/// Whether null is an answer that fits: nothing or anything is declared, or a type with `?`.
fn can_be_null(result: &[Type]) -> bool {
    result.iter().all(|ty| match &ty.kind {
        TypeKind::Nullable(_) => true,
        TypeKind::Name(name) => matches!(name.as_str(), "any" | "null" | "void"),
        _ => false,
    })
}

/// The variable that a receiver is a part of.
fn root(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Field(base, _) | ExprKind::OptField(base, _) | ExprKind::Index(base, _) => root(base),
        _ => None,
    }
}
