//! Calls of builtins, plain and as methods.

use std::sync::Arc;

use super::body::Body;
use super::expr::{kinds_of, run_field};
use super::join;
use super::place::Step;
use super::ty::Ty;
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::twf::ast::{Arg, Expr, ExprKind};
use crate::twf::builtin::{Gives, Kinds, Signature, signature};

/// The arguments of a function; of a method, its receiver is the first.
struct Given<'a> {
    receiver: Option<&'a Expr>,
    args: &'a [Arg],
}

impl<'a> Given<'a> {
    fn all(&self) -> impl Iterator<Item = &'a Expr> + use<'a> {
        self.receiver.into_iter().chain(self.args.iter().map(|arg| &arg.value))
    }
}

impl<'a> Body<'_, 'a> {
    pub(super) fn call_expr(&mut self, callee: &'a Expr, args: &'a [Arg], span: Span) -> Ty {
        match &callee.kind {
            ExprKind::Name(name) => match signature(name) {
                Some(function) => self.builtin(function, &Given { receiver: None, args }, span),
                None => self.unknown(None, args),
            },
            ExprKind::Field(base, method) if args.is_empty() && self.is_run(base) => run_field(&method.name),
            ExprKind::Field(base, method) | ExprKind::OptField(base, method) => {
                let Some(function) = signature(&method.name) else { return self.unknown(Some(base), args) };
                let ty = self.builtin(function, &Given { receiver: Some(base), args }, span);
                if matches!(callee.kind, ExprKind::OptField(..)) { ty.or_null() } else { ty }
            }
            _ => self.unknown(Some(callee), args),
        }
    }

    /// There is no such function, which is reported elsewhere.
    fn unknown(&mut self, base: Option<&'a Expr>, args: &'a [Arg]) -> Ty {
        base.map(|base| self.expr(base));
        for arg in args {
            self.expr(&arg.value);
        }
        Ty::ANY
    }

    fn builtin(&mut self, function: &'static Signature, args: &Given<'a>, span: Span) -> Ty {
        let mut types: Vec<Ty> = Vec::with_capacity(args.args.len() + 1);
        let mut made: Option<Ty> = None;
        for (at, arg) in args.all().enumerate() {
            let param = function.param(at);
            if let (ExprKind::Lambda(params, body), Some(first)) = (&arg.kind, types.first()) {
                let item = items_of(first);
                let mut roots = Vec::new();
                args.all().take(1).for_each(|list| self.roots(list, &mut roots));
                made = Some(self.lambda(params, body, (item, &roots)));
                types.push(Ty::Lambda);
            } else {
                types.push(self.expr(arg));
            }
            if let (Some(param), Some(ty)) = (param, types.last()) {
                let ty = ty.clone();
                self.argument(function, (param.kinds, param.ty), (arg, &ty));
            }
        }
        self.grow(function, args, &mut types);
        self.gives(function.gives, &types, made, span)
    }

    fn argument(&mut self, function: &Signature, (kinds, wanted): (Kinds, &str), (arg, ty): (&'a Expr, &Ty)) {
        if kinds_of(ty).meets(kinds) || super::expect::is_placeholder(arg, ty) {
            return;
        }
        let wanted = wanted.replace("[]T", "list").replace("Map[string, T]", "object").replace(" | ", "`, `");
        let message = format!("`{}` needs `{wanted}`, not `{ty}`", function.name);
        let diagnostic = Diagnostic::error("TYPE_MISMATCH", arg.span, message).note(function.text());
        self.report(diagnostic);
    }

    /// Functions that add to the list they are given.
    fn grow(&mut self, function: &Signature, args: &Given<'a>, types: &mut [Ty]) {
        let item = match (function.name, types.get(1)) {
            ("append", Some(ty)) => ty.clone(),
            ("extend", Some(ty)) => items_of(ty),
            _ => return,
        };
        let mut all = args.all();
        let (Some(list), Some(more)) = (all.next(), all.next()) else { return };
        self.write_expr(list, Step::Item, (&item, Some(more)));
        if let Some(first) = types.first_mut() {
            *first = lists_of(first).join(Ty::list(item)).bounded();
        }
    }

    fn gives(&mut self, gives: Gives, types: &[Ty], made: Option<Ty>, span: Span) -> Ty {
        let first = types.first().unwrap_or(&Ty::Null);
        match gives {
            Gives::Null => Ty::Null,
            Gives::Bool => Ty::Bool,
            Gives::Int => Ty::Int,
            Gives::Decimal => Ty::Decimal,
            Gives::Str => Ty::Str,
            Gives::Duration => Ty::Duration,
            Gives::Timestamp => Ty::Timestamp,
            Gives::Any => Ty::ANY,
            Gives::Strings => Ty::list(Ty::Str),
            Gives::Ints => Ty::list(Ty::Int),
            Gives::First => solid(first),
            Gives::Element => items_of(first),
            Gives::MaybeElement => items_of(first).or_null(),
            Gives::Chunks => Ty::list(solid(first)),
            Gives::Entries => {
                let value = self.values_of(first);
                Ty::list(Ty::object(None, [("key", Ty::Str), ("value", value)])).bounded()
            }
            Gives::Values => Ty::list(self.values_of(first)),
            Gives::Merged => self.merged(types),
            Gives::Mapped => Ty::list(made.unwrap_or(Ty::ANY)).bounded(),
            Gives::Pairs => {
                let pair = types.iter().map(items_of).fold(Ty::Never, Ty::join);
                Ty::list(Ty::list(pair)).bounded()
            }
            Gives::Found => self.gotten(types, span),
            Gives::Extreme => extreme(types),
            Gives::Total => total(&made.unwrap_or_else(|| items_of(first))),
            Gives::Rounded => {
                if types.len() > 1 {
                    Ty::Decimal
                } else {
                    Ty::Int
                }
            }
            Gives::Drawn => {
                if types.is_empty() {
                    Ty::Decimal
                } else {
                    Ty::Int
                }
            }
        }
    }

    /// The values of an object's fields, whatever their names.
    pub(super) fn values_of(&self, ty: &Ty) -> Ty {
        let of = |member: &Ty| match member {
            Ty::Map(value) => (**value).clone(),
            Ty::Record(record) if record.open || record.label.is_some() => Ty::ANY,
            Ty::Record(record) => record.fields.iter().map(|(_, ty)| ty.clone()).fold(Ty::Never, Ty::join),
            Ty::Named(name) => match self.world.declared.get(name).filter(|it| it.fields.len() <= 64) {
                Some(found) => found.fields.iter().map(|it| it.ty.clone()).fold(Ty::Never, Ty::join),
                None => Ty::ANY,
            },
            Ty::Any(_) => Ty::ANY,
            _ => Ty::Never,
        };
        ty.members().iter().map(of).fold(Ty::Never, Ty::join)
    }

    fn merged(&self, types: &[Ty]) -> Ty {
        let mut fields: Vec<(super::ty::Name, Ty)> = Vec::new();
        for ty in types {
            match ty {
                Ty::Null => {}
                Ty::Record(record) if !record.open && record.label.is_none() => {
                    for (name, ty) in &record.fields {
                        match fields.iter_mut().find(|(it, _)| it == name) {
                            Some((_, old)) => *old = ty.clone().join(std::mem::replace(old, Ty::Never)),
                            None => fields.push((name.clone(), ty.clone())),
                        }
                    }
                }
                Ty::Map(_) if types.iter().all(|it| matches!(it, Ty::Map(_) | Ty::Null)) => {
                    return Ty::Map(Arc::new(
                        types.iter().map(|it| self.values_of(it)).fold(Ty::Never, Ty::join),
                    ));
                }
                _ => return Ty::ANY,
            }
        }
        join::record(None, fields)
    }

    fn gotten(&mut self, types: &[Ty], span: Span) -> Ty {
        let [whole, key, rest @ ..] = types else { return Ty::ANY };
        let found = match whole {
            Ty::Null => Ty::Null,
            Ty::List(_) | Ty::Map(_) | Ty::Tuple(_) => self.element(whole, key, None, span),
            _ => Ty::ANY,
        };
        found.join(rest.first().cloned().unwrap_or(Ty::Null))
    }
}

/// The elements of a list.
pub(super) fn items_of(ty: &Ty) -> Ty {
    let of = |member: &Ty| match member {
        Ty::List(_) | Ty::Tuple(_) => member.item(),
        Ty::Any(_) => Ty::ANY,
        _ => Ty::Never,
    };
    ty.members().iter().map(of).fold(Ty::Never, Ty::join)
}

/// The lists among what a value may be.
fn lists_of(ty: &Ty) -> Ty {
    match ty {
        Ty::Any(_) => Ty::list(Ty::ANY),
        _ => ty.members().iter().filter(|it| matches!(it, Ty::List(_))).cloned().fold(Ty::Never, Ty::join),
    }
}

/// A type without null: what a function that refuses null has left.
fn solid(ty: &Ty) -> Ty {
    match ty {
        Ty::Tuple(_) => Ty::list(ty.item()),
        Ty::Union(members) => members.iter().filter(|it| **it != Ty::Null).cloned().fold(Ty::Never, Ty::join),
        one => one.clone(),
    }
}

fn extreme(types: &[Ty]) -> Ty {
    let values: Vec<&Ty> = types.iter().filter(|it| **it != Ty::Lambda).collect();
    match values.as_slice() {
        [only] => {
            let of = |member: &Ty| match member {
                Ty::List(_) | Ty::Tuple(_) => member.item().or_null(),
                other => other.clone(),
            };
            only.members().iter().map(of).fold(Ty::Never, Ty::join)
        }
        many => many.iter().map(|it| (*it).clone()).fold(Ty::Never, Ty::join),
    }
}

/// The total of nothing is 0.
fn total(item: &Ty) -> Ty {
    match item {
        Ty::Never | Ty::Int => Ty::Int,
        Ty::Any(_) => Ty::ANY,
        one => one.clone().join(Ty::Int),
    }
}
