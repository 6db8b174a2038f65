//! Expressions: names become slots, calls become builtins.

use std::sync::Arc;

use super::Compiler;
use super::body::UPDATE_ID_VARIABLE;
use super::scope::{Meaning, index};
use crate::text::diagnostic::Diagnostic;
use crate::text::source::{Span, offset};
use crate::twf::ast::{self, Arg, BinaryOp, ExprKind, Ident};
use crate::twf::boundary::parse_decimal;
use crate::twf::builtin;
use crate::twf::code::{ErrorCode, Ex, Expr, Meta};
use crate::twf::parser::parse_expression;

/// The variable behind the pseudo-variable `signal`; no name in a file can be spelled like this.
const MESSAGE_VARIABLE: &str = "(message)";

impl Compiler<'_> {
    /// An expression.
    pub(super) fn expr(&mut self, expr: &ast::Expr) -> Expr {
        let kind = match &expr.kind {
            ExprKind::Null | ExprKind::Ellipsis => Ex::Null,
            ExprKind::Bool(value) => Ex::Bool(*value),
            ExprKind::Int(value) => Ex::Int(*value),
            ExprKind::Decimal(text) => parse_decimal(text).map_or(Ex::Broken, Ex::Decimal),
            ExprKind::Str(text) => Ex::Str(text.as_str().into()),
            ExprKind::Duration(ms) => Ex::Duration(*ms),
            ExprKind::Name(name) => self.name(name),
            ExprKind::List(items) => Ex::List(self.exprs(items)),
            ExprKind::Object(label, fields) => Ex::Object(
                label.as_ref().map(|label| label.name.as_str().into()),
                fields.iter().map(|(name, value)| (name.name.as_str().into(), self.expr(value))).collect(),
            ),
            ExprKind::Field(object, name) => self.field(object, name, false),
            ExprKind::OptField(object, name) => self.field(object, name, true),
            ExprKind::Index(list, at) => Ex::Index(self.boxed(list), self.boxed(at)),
            ExprKind::Call(callee, args) => self.call_expr(callee, args),
            ExprKind::Neg(inner) => Ex::Neg(self.boxed(inner)),
            ExprKind::Not(inner) => Ex::Not(self.boxed(inner)),
            ExprKind::Binary(op, left, right) => Ex::Binary(*op, self.boxed(left), self.boxed(right)),
            ExprKind::If(condition, then, otherwise) => {
                Ex::If(self.boxed(condition), self.boxed(then), self.boxed(otherwise))
            }
            ExprKind::Lambda(params, body) => {
                let before = self.scope.lambda(params.iter().map(|param| param.name.to_string()));
                let body = self.boxed(body);
                self.scope.leave_lambda(before);
                Ex::Lambda(index(params.len()), body)
            }
            ExprKind::Error => Ex::Broken,
        };
        Expr { kind, span: expr.span }
    }

    fn boxed(&mut self, expr: &ast::Expr) -> Box<Expr> {
        Box::new(self.expr(expr))
    }

    pub(super) fn exprs(&mut self, exprs: &[ast::Expr]) -> Vec<Expr> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    fn name(&mut self, name: &str) -> Ex {
        match (self.scope.lookup(name), name) {
            (Some(Meaning::Variable(var)), _) => Ex::Var(var),
            (Some(Meaning::Bound(at)), _) => Ex::Bound(at),
            (None, "caller") => Ex::Meta(Meta::Caller),
            (None, "signal" | "update") if self.is_handler() => self.handled_message(),
            (None, "signal" | "update") => {
                let slot = self.scope.global(MESSAGE_VARIABLE);
                self.code.message_slot = Some(slot);
                Ex::Var(crate::twf::code::Var::Global(slot))
            }
            (None, _) if self.catalog.lenient => Ex::Null,
            (None, _) => Ex::Undefined(name.into()),
        }
    }

    /// The message that is being handled, as an object of its arguments.
    fn handled_message(&mut self) -> Ex {
        let span = self.code.span;
        let fields = self.message.iter().map(|name| {
            let kind = match self.scope.lookup(name) {
                Some(Meaning::Variable(var)) => Ex::Var(var),
                _ => Ex::Null,
            };
            (name.clone(), Expr { kind, span })
        });
        Ex::Object(None, fields.collect())
    }

    fn field(&mut self, object: &ast::Expr, name: &Ident, optional: bool) -> Ex {
        if self.is_run(object) {
            return match meta(&name.name) {
                Some(meta) => Ex::Meta(meta),
                None => Ex::Undefined(format!("workflow.{}", name.name).into()),
            };
        }
        if let Some(id) = self.update_id(object, &name.name) {
            return Ex::Var(id);
        }
        Ex::Field(self.boxed(object), name.name.as_str().into(), optional)
    }

    /// `update.id` in the handler of an update that has no parameter of that name.
    fn update_id(&self, object: &ast::Expr, field: &str) -> Option<crate::twf::code::Var> {
        let is_update = matches!(&object.kind, ExprKind::Name(name) if name == "update");
        let is_free = self.scope.lookup("update").is_none() && !self.message.iter().any(|it| &**it == "id");
        if field != "id" || !is_update || !is_free || !self.is_handler() {
            return None;
        }
        match self.scope.lookup(UPDATE_ID_VARIABLE) {
            Some(Meaning::Variable(var)) => Some(var),
            _ => None,
        }
    }

    /// `workflow` as in `workflow.id`, unless a variable has that name.
    fn is_run(&self, expr: &ast::Expr) -> bool {
        matches!(&expr.kind, ExprKind::Name(name) if name == "workflow" && self.scope.lookup(name).is_none())
    }

    fn call_expr(&mut self, callee: &ast::Expr, args: &[Arg]) -> Ex {
        match &callee.kind {
            ExprKind::Name(name) => match name.as_str() {
                "get_nexus_caller_info" | "get_caller_info" if args.is_empty() => Ex::Meta(Meta::Caller),
                _ => {
                    let args = args.iter().map(|arg| self.expr(&arg.value)).collect();
                    builtin_call(name, args)
                }
            },
            ExprKind::Field(run, name) if args.is_empty() && self.is_run(run) => self.field(run, name, false),
            ExprKind::Field(receiver, name) => {
                let receiver = self.expr(receiver);
                self.method(receiver, name, args)
            }
            ExprKind::OptField(receiver, name) => {
                let span = receiver.span;
                let condition = Box::new(Expr {
                    kind: Ex::Binary(
                        BinaryOp::Eq,
                        self.boxed(receiver),
                        Box::new(Expr { kind: Ex::Null, span }),
                    ),
                    span,
                });
                let receiver = self.expr(receiver);
                let call = Expr { kind: self.method(receiver, name, args), span };
                Ex::If(condition, Box::new(Expr { kind: Ex::Null, span }), Box::new(call))
            }
            _ => Ex::Broken,
        }
    }

    /// `x.f(a)` is `f(x, a)`.
    fn method(&mut self, receiver: Expr, name: &Ident, args: &[Arg]) -> Ex {
        let mut all = vec![receiver];
        all.extend(args.iter().map(|arg| self.expr(&arg.value)));
        builtin_call(&name.name, all)
    }

    /// What is raised: `T("message")` names a type, anything else is a value.
    pub(super) fn error(&mut self, expr: &ast::Expr) -> ErrorCode {
        if let ExprKind::Call(callee, args) = &expr.kind
            && let ExprKind::Name(name) = &callee.kind
            && builtin::find(name).is_none()
        {
            return self.named_error(name, args);
        }
        ErrorCode::Value(self.expr(expr))
    }

    /// `T("message", detail)`, and `T("message", non_retryable: true)` with fields by name.
    fn named_error(&mut self, name: &str, args: &[Arg]) -> ErrorCode {
        if args.iter().all(|arg| arg.name.is_none()) {
            let args = args.iter().map(|arg| self.expr(&arg.value)).collect();
            return ErrorCode::Named(name.into(), args);
        }
        let mut fields = Vec::with_capacity(args.len());
        for arg in args {
            let name = arg.name.as_ref().map_or("message", |name| name.name.as_str());
            fields.push((Arc::from(name), self.expr(&arg.value)));
        }
        let span = args.first().map_or(self.code.span, |arg| arg.value.span);
        ErrorCode::Value(Expr { kind: Ex::Object(Some(name.into()), fields), span })
    }

    /// A string in the options of a call: `{x}` stands for the value of `x`, `{{` for a brace.
    pub(super) fn interpolated(&mut self, text: &str, span: Span) -> Expr {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(open);
            literal.push_str(before);
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                literal.push_str(from.get(..1).unwrap_or(""));
                rest = after;
                continue;
            }
            let Some((inside, after)) = from.strip_prefix('{').and_then(|inner| inner.split_once('}')) else {
                literal.push_str(from.get(..1).unwrap_or(""));
                rest = from.get(1..).unwrap_or("");
                continue;
            };
            if !literal.is_empty() {
                parts.push(Expr { kind: Ex::Str(std::mem::take(&mut literal).into()), span });
            }
            let start = span.start.saturating_add(1).saturating_add(offset(text.len() - from.len() + 1));
            parts.push(self.hole(inside, Span { start, end: start + offset(inside.len()), ..span }));
            rest = after;
        }
        literal.push_str(rest);
        if parts.is_empty() {
            return Expr { kind: Ex::Str(literal.into()), span };
        }
        if !literal.is_empty() {
            parts.push(Expr { kind: Ex::Str(literal.into()), span });
        }
        Expr { kind: Ex::Text(parts), span }
    }

    fn hole(&mut self, text: &str, span: Span) -> Expr {
        let (expr, problems) = parse_expression(span.source, text, span.start);
        self.diagnostics.extend(problems.into_iter().filter(Diagnostic::is_error));
        self.expr(&expr)
    }

    /// A name as text: a hole has the value of the variable of that name, else what it stands for in the namespace
    /// that the run is in (rule H19).
    pub(super) fn template(&mut self, name: &Ident) -> Expr {
        let span = name.span;
        let mut parts = Vec::new();
        let mut rest = name.name.as_str();
        while let Some((literal, hole)) = rest.split_once('{') {
            let Some((param, after)) = hole.split_once('}') else { break };
            if !literal.is_empty() {
                parts.push(Expr { kind: Ex::Str(literal.into()), span });
            }
            let kind = match self.scope.lookup(param) {
                Some(_) => self.name(param),
                None => Ex::Family(param.into(), self.catalog.families.clone()),
            };
            parts.push(Expr { kind, span });
            rest = after;
        }
        if parts.is_empty() {
            return Expr { kind: Ex::Str(rest.into()), span };
        }
        if !rest.is_empty() {
            parts.push(Expr { kind: Ex::Str(rest.into()), span });
        }
        Expr { kind: Ex::Text(parts), span }
    }
}

fn builtin_call(name: &str, args: Vec<Expr>) -> Ex {
    match builtin::find(name) {
        Some(builtin) if builtin.takes(args.len()) => Ex::Call(builtin, args),
        Some(builtin) => Ex::BadCall(builtin, args.len()),
        None => Ex::UnknownCall(Arc::from(name)),
    }
}

fn meta(name: &str) -> Option<Meta> {
    Some(match name {
        "id" | "workflow_id" => Meta::Id,
        "run_id" => Meta::RunId,
        "type" => Meta::Type,
        "namespace" => Meta::Namespace,
        "task_queue" => Meta::TaskQueue,
        "attempt" => Meta::Attempt,
        "start_time" => Meta::StartTime,
        "history_length" => Meta::HistoryLength,
        "history_size" => Meta::HistorySize,
        "parent_id" => Meta::ParentId,
        "caller" => Meta::Caller,
        "last_result" => Meta::LastResult,
        "last_failure" => Meta::LastFailure,
        "continue_as_new_suggested" => Meta::ContinueAsNewSuggested,
        _ => return None,
    })
}
