//! Operators: what each makes of two types, as the interpreter does it with values.

use super::ty::Ty;
use crate::twf::ast::BinaryOp;

/// What an operator makes of two types; nothing when no two of their values can be used with it.
pub(super) fn binary(op: BinaryOp, left: &Ty, right: &Ty) -> Option<Ty> {
    if matches!(op, BinaryOp::Eq | BinaryOp::Ne) {
        return Some(Ty::Bool);
    }
    if left.is_unknown() || right.is_unknown() {
        return half_known(op, left, right);
    }
    let mut found: Option<Ty> = None;
    for a in left.members() {
        for b in right.members() {
            if let Some(ty) = single(op, a, b) {
                found = Some(found.unwrap_or(Ty::Never).join(ty));
            }
        }
    }
    found
}

/// One side is not known: the other one may still rule the operator out.
fn half_known(op: BinaryOp, left: &Ty, right: &Ty) -> Option<Ty> {
    let known = if left.is_unknown() { right } else { left };
    let usable = known.is_unknown() || known.members().iter().any(|it| is_usable(op, it, left.is_unknown()));
    if !usable {
        return None;
    }
    let is_text = |ty: &Ty| matches!(ty, Ty::Str | Ty::Bytes);
    Some(match op {
        BinaryOp::Add if is_text(left) || is_text(right) => Ty::Str,
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => Ty::ANY,
        _ => usual(op),
    })
}

/// Whether a value can be an operand at all.
fn is_usable(op: BinaryOp, ty: &Ty, on_the_right: bool) -> bool {
    use BinaryOp::{Add, Div, Ge, Gt, In, IntDiv, Le, Lt, Mul, NotIn, Range, Rem, Sub};
    let is_structure = matches!(ty, Ty::Map(_) | Ty::Named(_) | Ty::Record(_) | Ty::Promise(_) | Ty::Lambda);
    match op {
        Range => *ty == Ty::Int,
        Mul | Div | IntDiv | Rem => matches!(ty, Ty::Int | Ty::Decimal | Ty::Duration),
        Sub => matches!(ty, Ty::Int | Ty::Decimal | Ty::Duration | Ty::Timestamp),
        Add => !is_structure && !matches!(ty, Ty::Null),
        Lt | Le | Gt | Ge => {
            !is_structure && !matches!(ty, Ty::List(_) | Ty::Tuple(_) | Ty::Bool | Ty::Condition | Ty::Null)
        }
        In | NotIn if on_the_right => !matches!(
            ty,
            Ty::Int | Ty::Decimal | Ty::Bool | Ty::Duration | Ty::Timestamp | Ty::Promise(_) | Ty::Lambda
        ),
        _ => true,
    }
}

/// What an operator gives as far as it depends on nothing.
pub(super) fn usual(op: BinaryOp) -> Ty {
    match op {
        BinaryOp::Eq
        | BinaryOp::Ne
        | BinaryOp::Lt
        | BinaryOp::Le
        | BinaryOp::Gt
        | BinaryOp::Ge
        | BinaryOp::In
        | BinaryOp::NotIn
        | BinaryOp::And
        | BinaryOp::Or => Ty::Bool,
        BinaryOp::Range => Ty::list(Ty::Int),
        BinaryOp::IntDiv => Ty::Int,
        _ => Ty::ANY,
    }
}

/// Two types that are no unions; unknown ones can be elements.
fn single(op: BinaryOp, left: &Ty, right: &Ty) -> Option<Ty> {
    match op {
        BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
            have_order(left, right).then_some(Ty::Bool)
        }
        BinaryOp::In | BinaryOp::NotIn => contains(right, left).then_some(Ty::Bool),
        BinaryOp::Range => (*left == Ty::Int && *right == Ty::Int).then(|| Ty::list(Ty::Int)),
        BinaryOp::Add => add(left, right),
        BinaryOp::Sub => subtract(left, right),
        BinaryOp::Mul => match (left, right) {
            (Ty::Duration, other) | (other, Ty::Duration) if is_number(other) => Some(Ty::Duration),
            _ => numbers(left, right),
        },
        BinaryOp::Div => match (left, right) {
            (Ty::Duration, other) if is_number(other) => Some(Ty::Duration),
            (Ty::Duration, Ty::Duration) => Some(Ty::Decimal),
            _ => numbers(left, right).map(|_| Ty::Decimal),
        },
        BinaryOp::IntDiv => match (left, right) {
            (Ty::Duration, Ty::Duration) => Some(Ty::Int),
            _ => numbers(left, right).map(|_| Ty::Int),
        },
        BinaryOp::Rem => match (left, right) {
            (Ty::Duration, Ty::Duration) => Some(Ty::Duration),
            _ => numbers(left, right),
        },
        _ => Some(usual(op)),
    }
}

fn is_number(ty: &Ty) -> bool {
    matches!(ty, Ty::Int | Ty::Decimal)
}

fn numbers(left: &Ty, right: &Ty) -> Option<Ty> {
    match (left, right) {
        (Ty::Int, Ty::Int) => Some(Ty::Int),
        (a, b) if is_number(a) && is_number(b) => Some(Ty::Decimal),
        _ => None,
    }
}

fn have_order(left: &Ty, right: &Ty) -> bool {
    let is_text = |ty: &Ty| matches!(ty, Ty::Str | Ty::Bytes);
    match (left, right) {
        (Ty::Duration, Ty::Duration) | (Ty::Timestamp, Ty::Timestamp) => true,
        (a, b) => (is_text(a) && is_text(b)) || (is_number(a) && is_number(b)),
    }
}

fn contains(whole: &Ty, part: &Ty) -> bool {
    let is_text = |ty: &Ty| matches!(ty, Ty::Str | Ty::Bytes);
    match whole {
        Ty::List(_) | Ty::Tuple(_) | Ty::Null => true,
        Ty::Map(_) | Ty::Named(_) | Ty::Record(_) | Ty::Str | Ty::Bytes => is_text(part),
        _ => false,
    }
}

fn add(left: &Ty, right: &Ty) -> Option<Ty> {
    let is_text = |ty: &Ty| matches!(ty, Ty::Str | Ty::Bytes);
    let is_scalar = |ty: &Ty| {
        matches!(
            ty,
            Ty::Bool
                | Ty::Condition
                | Ty::Int
                | Ty::Decimal
                | Ty::Str
                | Ty::Bytes
                | Ty::Duration
                | Ty::Timestamp
        )
    };
    match (left, right) {
        (Ty::Duration, Ty::Duration) => Some(Ty::Duration),
        (Ty::Timestamp, Ty::Duration) | (Ty::Duration, Ty::Timestamp) => Some(Ty::Timestamp),
        (Ty::List(_) | Ty::Tuple(_), Ty::List(_) | Ty::Tuple(_)) => {
            Some(Ty::list(left.item().join(right.item())))
        }
        (a, b) if is_text(a) || is_text(b) => (is_scalar(a) && is_scalar(b)).then_some(Ty::Str),
        _ => numbers(left, right),
    }
}

fn subtract(left: &Ty, right: &Ty) -> Option<Ty> {
    match (left, right) {
        (Ty::Duration, Ty::Duration) | (Ty::Timestamp, Ty::Timestamp) => Some(Ty::Duration),
        (Ty::Timestamp, Ty::Duration) => Some(Ty::Timestamp),
        _ => numbers(left, right),
    }
}
