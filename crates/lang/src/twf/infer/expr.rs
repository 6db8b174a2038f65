//! Expressions: what each gives.

use std::sync::Arc;

use super::body::{Body, Bound};
use super::expect::unknown_field;
use super::join;
use super::ops;
use super::ty::{Name, Ty};
use super::vars::Slot;
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::twf::ast::{BinaryOp, Expr, ExprKind, Ident};
use crate::twf::builtin::Kinds;

impl<'a> Body<'_, 'a> {
    /// The type of an expression; what is wrong in it is reported.
    pub(super) fn expr(&mut self, expr: &'a Expr) -> Ty {
        let ty = self.infer(expr);
        self.see(expr.span, &ty);
        ty
    }

    fn infer(&mut self, expr: &'a Expr) -> Ty {
        match &expr.kind {
            ExprKind::Null => Ty::Null,
            ExprKind::Bool(_) => Ty::Bool,
            ExprKind::Int(_) => Ty::Int,
            ExprKind::Decimal(_) => Ty::Decimal,
            ExprKind::Str(_) => Ty::Str,
            ExprKind::Duration(_) => Ty::Duration,
            ExprKind::Name(name) => self.name(name),
            ExprKind::Ellipsis | ExprKind::Error => Ty::ANY,
            ExprKind::List(items) => {
                let item = items.iter().map(|item| self.expr(item)).fold(Ty::Never, Ty::join);
                Ty::list(item).bounded()
            }
            ExprKind::Object(label, fields) => self.object(label.as_ref(), fields, expr.span),
            ExprKind::Field(base, field) | ExprKind::OptField(base, field) => {
                let optional = matches!(expr.kind, ExprKind::OptField(..));
                self.field_expr(base, field, optional)
            }
            ExprKind::Index(whole, at) => self.index(whole, at, expr.span),
            ExprKind::Call(callee, args) => self.call_expr(callee, args, expr.span),
            ExprKind::Neg(inner) => {
                let ty = self.expr(inner);
                self.negated(inner, ty)
            }
            ExprKind::Not(inner) => {
                self.condition(inner);
                Ty::Bool
            }
            ExprKind::Binary(op, left, right) => self.binary_expr(*op, left, right, expr.span),
            ExprKind::If(condition, then, otherwise) => {
                self.condition(condition);
                let then = self.expr(then);
                then.join(self.expr(otherwise))
            }
            ExprKind::Lambda(params, body) => {
                self.lambda(params, body, (Ty::ANY, &[]));
                Ty::Lambda
            }
        }
    }

    fn name(&mut self, name: &'a str) -> Ty {
        if let Some(bound) = self.lambdas.iter().rev().find(|it| it.name == name) {
            return bound.ty.clone();
        }
        match name {
            "signal" | "update" | "caller" | "workflow" if !self.vars.is_bound(name) => Ty::ANY,
            _ => {
                let slot = self.vars.slot(name);
                self.vars.ty(slot)
            }
        }
    }

    /// What the body of a lambda gives for an element.
    pub(super) fn lambda(&mut self, params: &'a [Ident], body: &'a Expr, (item, roots): (Ty, &[Slot])) -> Ty {
        let before = self.lambdas.len();
        let given = [item, Ty::Int];
        for (at, param) in params.iter().enumerate() {
            let ty = given.get(at).cloned().unwrap_or(Ty::Null);
            self.see(param.span, &ty);
            self.lambdas.push(Bound { name: &param.name, ty, roots: roots.to_vec() });
        }
        let ty = self.expr(body);
        self.lambdas.truncate(before);
        ty
    }

    fn object(&mut self, label: Option<&'a Ident>, fields: &'a [(Ident, Expr)], span: Span) -> Ty {
        if let Some(label) = label
            && let Some(found) = self.world.declared.get(&label.name)
        {
            let name = found.name.clone();
            return self.constructed((Some(label), &name), fields, span);
        }
        self.loose_object(label, fields)
    }

    /// An object whose type nobody declares.
    pub(super) fn loose_object(&mut self, label: Option<&'a Ident>, fields: &'a [(Ident, Expr)]) -> Ty {
        let mut made: Vec<(Name, Ty)> = Vec::with_capacity(fields.len().min(64));
        for (name, value) in fields {
            let ty = self.expr(value);
            made.push((name.name.clone(), ty));
        }
        join::record(label.map(|it| it.name.clone()), made)
    }

    fn field_expr(&mut self, base: &'a Expr, field: &'a Ident, optional: bool) -> Ty {
        if self.is_run(base) {
            return run_field(&field.name);
        }
        let whole = self.expr(base);
        if optional && whole.members().contains(&Ty::Null) {
            // `a?.b` of null is null, so it is never wrong for all that `a` may be.
            let found = whole.members().iter().filter_map(|it| self.field_of_member(it, &field.name));
            let ty = found.fold(Ty::Null, Ty::join);
            return self.by_way_of(base, ty);
        }
        let ty = self.field(&whole, field);
        self.by_way_of(base, ty)
    }

    /// What was written by other ways into what a variable shares is there, too.
    fn by_way_of(&mut self, base: &'a Expr, ty: Ty) -> Ty {
        match root(base).and_then(|name| self.vars.lookup(name)) {
            Some(slot) => self.vars.seen_from(slot, ty),
            None => ty,
        }
    }

    /// `workflow` as in `workflow.id`, unless a variable has that name.
    pub(super) fn is_run(&self, base: &Expr) -> bool {
        matches!(&base.kind, ExprKind::Name(name) if name == "workflow" && !self.vars.is_bound(name))
    }

    /// The type of a field; a value that cannot have it is reported.
    pub(super) fn field(&mut self, whole: &Ty, field: &Ident) -> Ty {
        let mut found = Ty::Never;
        let mut any = false;
        for member in whole.members() {
            if let Some(ty) = self.field_of_member(member, &field.name) {
                found = found.join(ty);
                any = true;
            }
        }
        if !any && *whole != Ty::Null {
            self.no_field(whole, field);
        }
        if any { found } else { Ty::ANY }
    }

    pub(super) fn field_of_member(&self, member: &Ty, name: &str) -> Option<Ty> {
        match member {
            Ty::Never => Some(Ty::Never),
            Ty::Any(_) => Some(Ty::ANY),
            Ty::Map(value) => Some((**value).clone()),
            Ty::Record(record) => match record.field(name) {
                Some(ty) => Some(ty.clone()),
                // A label that is declared says which fields there are.
                None => match record.label.as_ref().and_then(|label| self.world.declared.get(label)) {
                    Some(declared) if !record.open => declared
                        .field(name)
                        .map(|it| it.ty.clone())
                        .or_else(|| (name == "length").then_some(Ty::Int)),
                    _ => Some(Ty::ANY),
                },
            },
            Ty::Named(of) => match self.world.declared.get(of)?.field(name) {
                Some(field) => Some(field.ty.clone()),
                None => (name == "length").then_some(Ty::Int),
            },
            Ty::List(_) | Ty::Tuple(_) | Ty::Str | Ty::Bytes => (name == "length").then_some(Ty::Int),
            _ => None,
        }
    }

    fn no_field(&mut self, whole: &Ty, field: &Ident) {
        let declared = whole.members().iter().find_map(|member| match member {
            Ty::Named(name) => Some(name),
            Ty::Record(record) => record.label.as_ref(),
            _ => None,
        });
        let diagnostic = match declared.and_then(|name| self.world.declared.get(name)) {
            Some(found) => unknown_field(found, field),
            None => {
                let message = format!("`{whole}` has no field `{}`", field.name);
                let help = match whole {
                    Ty::List(_) => {
                        Some("take an element first, for example `list[0]` or `for (item in list):`")
                    }
                    Ty::Promise(_) => Some("await the promise first: `await NAME -> value`"),
                    _ => None,
                };
                Diagnostic::error("TYPE_MISMATCH", field.span, message).help_if(help.map(str::to_string))
            }
        };
        self.report(diagnostic);
    }

    fn index(&mut self, whole: &'a Expr, at: &'a Expr, span: Span) -> Ty {
        let base = self.expr(whole);
        let key = self.expr(at);
        let ty = self.element(&base, &key, literal_key(at), span);
        self.by_way_of(whole, ty)
    }

    /// `list[i]`, `object[key]`, `text[i]`.
    pub(super) fn element(&mut self, base: &Ty, key: &Ty, name: Option<&str>, span: Span) -> Ty {
        let is_place = kinds_of(key).meets(Kinds::INT) || key.is_unknown();
        let mut found = Ty::Never;
        let mut any = false;
        for member in base.members() {
            let ty = match member {
                Ty::Never => Some(Ty::Never),
                Ty::Any(_) => Some(Ty::ANY),
                Ty::List(_) | Ty::Tuple(_) if is_place => Some(member.item()),
                Ty::Str | Ty::Bytes if is_place => Some(Ty::Str),
                Ty::Map(value) => Some((**value).clone()),
                Ty::Record(_) | Ty::Named(_) => {
                    Some(name.and_then(|name| self.field_of_member(member, name)).unwrap_or(Ty::ANY))
                }
                _ => None,
            };
            if let Some(ty) = ty {
                found = found.join(ty);
                any = true;
            }
        }
        if !any && *base != Ty::Null && *key != Ty::Null {
            let message = format!("`{base}` cannot be indexed by `{key}`");
            self.report(Diagnostic::error("TYPE_MISMATCH", span, message));
        }
        if any { found } else { Ty::ANY }
    }

    fn negated(&mut self, inner: &Expr, ty: Ty) -> Ty {
        let numbers = ty.members().iter().filter(|it| matches!(it, Ty::Int | Ty::Decimal | Ty::Duration));
        let found = numbers.cloned().fold(Ty::Never, Ty::join);
        if found == Ty::Never && !ty.is_unknown() && ty != Ty::Null {
            let message = format!("`-` cannot be used on `{ty}`");
            self.report(Diagnostic::error("TYPE_MISMATCH", inner.span, message));
        }
        if found == Ty::Never { Ty::ANY } else { found }
    }

    /// A condition must be true or false; null counts as false and an object as true.
    pub(super) fn condition(&mut self, expr: &'a Expr) {
        let ty = self.expr(expr);
        let truth = Kinds::BOOL.or(Kinds::NULL).or(Kinds::OBJECT);
        if kinds_of(&ty).meets(truth) {
            return;
        }
        let message = format!("a condition is `bool`, not `{ty}`");
        let help = match &ty {
            Ty::List(_) | Ty::Str => Some("ask for its length: `len(..) > 0`"),
            Ty::Int | Ty::Decimal => Some("compare it: `.. != 0`"),
            Ty::Promise(_) => Some("await the promise first: `await NAME -> value`"),
            _ => None,
        };
        let diagnostic = Diagnostic::error("TYPE_MISMATCH", expr.span, message);
        self.report(diagnostic.help_if(help.map(str::to_string)));
    }

    fn binary_expr(&mut self, op: BinaryOp, left: &'a Expr, right: &'a Expr, span: Span) -> Ty {
        match op {
            BinaryOp::And | BinaryOp::Or => {
                self.condition(left);
                self.condition(right);
                Ty::Bool
            }
            BinaryOp::Coalesce => {
                let left = self.expr(left);
                let solid = left.members().iter().filter(|it| **it != Ty::Null).cloned();
                let solid = solid.fold(Ty::Never, Ty::join);
                solid.join(self.expr(right))
            }
            _ => {
                let (a, b) = (self.expr(left), self.expr(right));
                // A variable that is null so far is asked for that before it is used.
                let softly = |expr: &Expr, ty| match ty {
                    Ty::Null if !matches!(expr.kind, ExprKind::Null) => Ty::ANY,
                    ty => ty,
                };
                self.combined(op, (&softly(left, a), &softly(right, b)), span)
            }
        }
    }

    /// What an operator makes of two values.
    pub(super) fn combined(&mut self, op: BinaryOp, (left, right): (&Ty, &Ty), span: Span) -> Ty {
        if let Some(ty) = ops::binary(op, left, right) {
            return ty;
        }
        let word = op.symbol();
        let (message, help) = match op {
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                (format!("`{left}` and `{right}` have no order"), None)
            }
            BinaryOp::In | BinaryOp::NotIn => (format!("`{right}` cannot contain `{left}`"), None),
            _ => {
                let is_text =
                    matches!((op, left, right), (BinaryOp::Add, Ty::Str, _) | (BinaryOp::Add, _, Ty::Str));
                let help = is_text.then(|| "turn it into text first with `str(..)`".to_string());
                (format!("`{word}` cannot be used between `{left}` and `{right}`"), help)
            }
        };
        self.report(Diagnostic::error("TYPE_MISMATCH", span, message).help_if(help));
        ops::usual(op)
    }

    /// The variables whose lists and objects the value of an expression may be part of.
    pub(super) fn roots(&self, expr: &Expr, into: &mut Vec<Slot>) {
        match &expr.kind {
            ExprKind::Name(name) => {
                if let Some(bound) = self.lambdas.iter().rev().find(|it| it.name == name) {
                    into.extend(&bound.roots);
                } else {
                    into.extend(self.vars.lookup(name));
                }
            }
            ExprKind::Field(base, _) | ExprKind::OptField(base, _) | ExprKind::Index(base, _) => {
                self.roots(base, into);
            }
            ExprKind::List(items) => items.iter().for_each(|item| self.roots(item, into)),
            ExprKind::Object(_, fields) => fields.iter().for_each(|(_, value)| self.roots(value, into)),
            ExprKind::If(_, a, b) | ExprKind::Binary(BinaryOp::Coalesce | BinaryOp::Add, a, b) => {
                self.roots(a, into);
                self.roots(b, into);
            }
            ExprKind::Call(callee, args) => {
                if let ExprKind::Field(base, method) | ExprKind::OptField(base, method) = &callee.kind
                    && method.name != "copy"
                {
                    self.roots(base, into);
                }
                if !matches!(&callee.kind, ExprKind::Name(name) if name == "copy") {
                    for arg in args {
                        self.roots(&arg.value, into);
                    }
                }
            }
            ExprKind::Lambda(_, body) => self.roots(body, into),
            _ => {}
        }
    }
}

/// The variable that a path starts at.
pub(super) fn root(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Field(base, _) | ExprKind::OptField(base, _) | ExprKind::Index(base, _) => root(base),
        _ => None,
    }
}

/// The key of `object["key"]`.
pub(super) fn literal_key(at: &Expr) -> Option<&str> {
    match &at.kind {
        ExprKind::Str(key) => Some(key),
        _ => None,
    }
}

/// The fields of `workflow`.
pub(super) fn run_field(name: &str) -> Ty {
    match name {
        "id" | "workflow_id" | "run_id" | "type" | "namespace" | "task_queue" => Ty::Str,
        "attempt" | "history_length" | "history_size" => Ty::Int,
        "start_time" => Ty::Timestamp,
        "continue_as_new_suggested" => Ty::Bool,
        "parent_id" => Ty::Str.or_null(),
        _ => Ty::ANY,
    }
}

/// The kinds of values a type stands for; all when nothing is known.
pub(super) fn kinds_of(ty: &Ty) -> Kinds {
    match ty {
        Ty::Never | Ty::Any(_) => Kinds::ALL,
        Ty::Null => Kinds::NULL,
        Ty::Bool | Ty::Condition => Kinds::BOOL,
        Ty::Int => Kinds::INT,
        Ty::Decimal => Kinds::DECIMAL,
        Ty::Str | Ty::Bytes => Kinds::STR,
        Ty::Duration => Kinds::DURATION,
        Ty::Timestamp => Kinds::TIMESTAMP,
        Ty::List(_) | Ty::Tuple(_) => Kinds::LIST,
        Ty::Map(_) | Ty::Named(_) | Ty::Record(_) => Kinds::OBJECT,
        Ty::Promise(_) => Kinds::PROMISE,
        Ty::Lambda => Kinds::LAMBDA,
        Ty::Union(members) => members.iter().map(kinds_of).fold(Kinds::NONE, Kinds::or),
    }
}

/// A caught failure (language page, section 14, H4): what the machine makes of one.
pub(super) fn failure() -> Ty {
    let cause = Ty::Any(Some("Failure".into()));
    Ty::object(
        Some("Failure"),
        [
            ("type", Ty::Str),
            ("message", Ty::Str),
            ("details", Ty::list(Ty::ANY)),
            ("retryable", Ty::Bool),
            ("kind", Ty::Str),
            ("cause", cause),
        ],
    )
}

/// The result of a call whose failure is captured.
pub(super) fn captured() -> Ty {
    Ty::Record(Arc::new(super::ty::Record {
        label: None,
        fields: vec![("failed".into(), Ty::Bool), ("error".into(), failure())],
        open: false,
    }))
}
