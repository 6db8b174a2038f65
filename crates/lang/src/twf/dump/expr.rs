//! Expressions and types as text, with all their brackets.

use crate::twf::ast::{Arg, Expr, ExprKind, Ident, Type, TypeKind};

/// An expression on one line.
pub fn expr(it: &Expr) -> String {
    match &it.kind {
        ExprKind::Null => "null".to_string(),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Decimal(text) => format!("{text}d"),
        ExprKind::Str(text) => format!("{text:?}"),
        ExprKind::Duration(millis) => format!("{millis}ms"),
        ExprKind::Name(name) => name.to_string(),
        ExprKind::Ellipsis => "...".to_string(),
        ExprKind::List(items) => format!("[{}]", join(items.iter().map(expr))),
        ExprKind::Object(label, fields) => object(label.as_ref(), fields),
        ExprKind::Field(base, name) => format!("{}.{}", expr(base), name.name),
        ExprKind::OptField(base, name) => format!("{}?.{}", expr(base), name.name),
        ExprKind::Index(base, index) => format!("{}[{}]", expr(base), expr(index)),
        ExprKind::Call(callee, arguments) => format!("{}({})", expr(callee), args(arguments)),
        ExprKind::Neg(inner) => format!("(- {})", expr(inner)),
        ExprKind::Not(inner) => format!("(not {})", expr(inner)),
        ExprKind::Binary(op, left, right) => format!("({} {} {})", expr(left), op.symbol(), expr(right)),
        ExprKind::If(condition, then, otherwise) => {
            format!("({} if {} else {})", expr(then), expr(condition), expr(otherwise))
        }
        ExprKind::Lambda(params, body) => {
            format!("(({}) => {})", join(params.iter().map(|it| it.name.to_string())), expr(body))
        }
        ExprKind::Error => "<error>".to_string(),
    }
}

fn object(label: Option<&Ident>, fields: &[(Ident, Expr)]) -> String {
    let label = label.map_or("", |it| it.name.as_str());
    let fields = fields.iter().map(|(name, value)| format!("{}: {}", name.name, expr(value)));
    format!("{label}{{{}}}", join(fields))
}

/// Arguments without their brackets.
pub(super) fn args(args: &[Arg]) -> String {
    join(args.iter().map(|arg| match &arg.name {
        Some(name) => format!("{}: {}", name.name, expr(&arg.value)),
        None => expr(&arg.value),
    }))
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// A type on one line.
pub fn type_(it: &Type) -> String {
    match &it.kind {
        TypeKind::Name(name) => name.to_string(),
        TypeKind::List(inner) => format!("[]{}", type_(inner)),
        TypeKind::Generic(name, args) => format!("{name}[{}]", join(args.iter().map(type_))),
        TypeKind::Record(fields) => {
            let fields = fields.iter().map(|(name, ty)| format!("{}: {}", name.name, type_(ty)));
            format!("{{{}}}", join(fields))
        }
        TypeKind::Nullable(inner) => format!("{}?", type_(inner)),
    }
}
