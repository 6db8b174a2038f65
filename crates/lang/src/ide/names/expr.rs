//! Names in expressions and options.

use super::{Collector, Local, Name, Role};
use crate::text::source::{Span, offset};
use crate::twf::ast::{Arg, Expr, ExprKind, Ident, OptionEntry, OptionValue};
use crate::twf::builtin;
use crate::twf::options::{OptionScope, OptionType};
use crate::twf::parser::parse_expression;

impl Collector<'_> {
    pub(super) fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Name(name) => self.read(name, expr.span),
            ExprKind::List(items) => items.iter().for_each(|item| self.expr(item)),
            ExprKind::Object(label, fields) => self.object(label.as_ref(), fields),
            ExprKind::Field(base, field) | ExprKind::OptField(base, field) => {
                self.expr(base);
                self.member(base, field);
            }
            ExprKind::Neg(base) | ExprKind::Not(base) => self.expr(base),
            ExprKind::Index(left, right) | ExprKind::Binary(_, left, right) => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::If(condition, then, otherwise) => {
                for part in [then, condition, otherwise] {
                    self.expr(part);
                }
            }
            ExprKind::Lambda(params, body) => {
                let scope = self.fresh_scope();
                let before = self.scopes.enter_lambda(scope, params.iter().map(|it| it.name.to_string()));
                for param in params {
                    let name = Name::Local(self.owner, scope, Local::Parameter);
                    self.add(param, name, Role::Definition);
                }
                self.expr(body);
                self.scopes.leave_lambda(before);
            }
            ExprKind::Call(callee, args) => self.call_expr(callee, args),
            _ => {}
        }
    }

    fn read(&mut self, name: &str, span: Span) {
        let scope = self.scopes.of(name);
        self.add_at(span, name, Name::Local(self.owner, scope, Local::Variable), Role::Read);
    }

    fn object(&mut self, label: Option<&Ident>, fields: &[(Ident, Expr)]) {
        if let Some(label) = label {
            self.type_name(&label.name, label.span);
        }
        for (field, value) in fields {
            let is_short = value.span == field.span;
            let before = self.out.len();
            if let Some(label) = label {
                self.add(field, Name::Field(label.name.clone()), Role::Read);
            }
            self.expr(value);
            for it in self.out.iter_mut().skip(before).filter(|_| is_short) {
                it.is_short = true;
            }
        }
    }

    fn member(&mut self, base: &Expr, field: &Ident) {
        let is_run = matches!(&base.kind, ExprKind::Name(name) if name == "workflow");
        self.add(field, if is_run { Name::RunField } else { Name::Member }, Role::Read);
    }

    fn call_expr(&mut self, callee: &Expr, args: &[Arg]) {
        match &callee.kind {
            ExprKind::Name(name) => self.add_at(callee.span, name, Name::Function, Role::Read),
            ExprKind::Field(base, method) | ExprKind::OptField(base, method) => {
                self.expr(base);
                if matches!(&base.kind, ExprKind::Name(name) if name == "workflow") {
                    self.member(base, method);
                } else {
                    self.add(method, Name::Function, Role::Read);
                }
            }
            _ => self.expr(callee),
        }
        for arg in args {
            self.expr(&arg.value);
        }
    }

    /// `raise T("message")` names a type of failure; anything else is a value.
    pub(super) fn failure(&mut self, expr: &Expr) {
        if let ExprKind::Call(callee, args) = &expr.kind
            && let ExprKind::Name(name) = &callee.kind
            && builtin::find(name).is_none()
        {
            self.type_name(name, callee.span);
            for arg in args {
                self.expr(&arg.value);
            }
            return;
        }
        self.expr(expr);
    }

    /// The options of a call or definition: their values may hold variables.
    pub(super) fn options(&mut self, scope: OptionScope, entries: &[OptionEntry]) {
        for entry in entries {
            self.add(&entry.key, Name::Key(scope), Role::Read);
            let ty = scope.key(&entry.key.name).map(|key| key.ty);
            match (&entry.value, ty) {
                (OptionValue::Block(inner), Some(OptionType::Block(scope))) => self.options(scope, inner),
                (OptionValue::Block(inner), _) => self.free_options(inner),
                (OptionValue::Expr(_), Some(OptionType::Enum(_))) => {}
                (OptionValue::Expr(value), _) => self.option_value(value),
            }
        }
    }

    fn free_options(&mut self, entries: &[OptionEntry]) {
        for entry in entries {
            match &entry.value {
                OptionValue::Block(inner) => self.free_options(inner),
                OptionValue::Expr(value) => self.option_value(value),
            }
        }
    }

    /// A bare word is a variable only when there is one; text has holes.
    fn option_value(&mut self, value: &Expr) {
        match &value.kind {
            ExprKind::Name(_) => {
                self.words.push(self.out.len());
                let before = self.out.len();
                self.expr(value);
                if self.out.len() == before {
                    self.words.pop();
                }
            }
            ExprKind::Str(_) => self.holes(value.span),
            ExprKind::List(items) => items.iter().for_each(|item| self.option_value(item)),
            _ => self.expr(value),
        }
    }

    /// The variables in the `{..}` holes of a text.
    pub(super) fn holes(&mut self, span: Span) {
        let text = self.text.get(span.start as usize..span.end as usize).unwrap_or("");
        let mut at = 0;
        while let Some(open) = text.get(at..).and_then(|rest| rest.find('{')) {
            let start = at + open + 1;
            let rest = text.get(start..).unwrap_or("");
            if rest.starts_with('{') {
                at = start + 1;
                continue;
            }
            let Some(length) = rest.find('}') else { return };
            let base = span.start + offset(start);
            let (expr, problems) = parse_expression(span.source, rest.get(..length).unwrap_or(""), base);
            if problems.is_empty() {
                self.expr(&expr);
            }
            at = start + length + 1;
        }
    }

    /// The keys of options whose holes are bound when they are deployed, not when they run.
    pub(super) fn keys(&mut self, scope: OptionScope, entries: &[OptionEntry]) {
        for entry in entries {
            self.add(&entry.key, Name::Key(scope), Role::Read);
            let nested = scope.key(&entry.key.name).map(|key| key.ty);
            if let (OptionValue::Block(inner), Some(OptionType::Block(scope))) = (&entry.value, nested) {
                self.keys(scope, inner);
            }
        }
    }
}
