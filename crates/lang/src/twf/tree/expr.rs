//! Expressions as nodes.

use serde_json::{Value, json};

use super::Trees;
use crate::twf::ast::{Arg, Expr, ExprKind, Ident};

impl Trees<'_> {
    /// An expression.
    pub(in crate::twf) fn expr(self, it: &Expr) -> Value {
        let (kind, fields) = match &it.kind {
            ExprKind::Null => ("null", json!({})),
            ExprKind::Bool(value) => ("bool", json!({ "value": value })),
            ExprKind::Int(value) => ("int", json!({ "value": value })),
            ExprKind::Decimal(text) => ("decimal", json!({ "value": text.as_str() })),
            ExprKind::Str(text) => ("string", json!({ "value": text.as_str() })),
            ExprKind::Duration(ms) => ("duration", json!({ "ms": ms })),
            ExprKind::Name(name) => ("name", json!({ "name": name.as_str() })),
            ExprKind::Ellipsis => ("ellipsis", json!({})),
            ExprKind::Error => ("error", json!({})),
            _ => return self.compound(it),
        };
        self.node(kind, it.span, fields)
    }

    fn compound(self, it: &Expr) -> Value {
        let (kind, fields) = match &it.kind {
            ExprKind::List(items) => ("list", json!({ "items": self.exprs(items) })),
            ExprKind::Object(label, fields) => ("object", self.object(label.as_ref(), fields)),
            ExprKind::Field(of, name) => {
                ("field", json!({ "of": self.expr(of), "name": name.name.as_str(), "optional": false }))
            }
            ExprKind::OptField(of, name) => {
                ("field", json!({ "of": self.expr(of), "name": name.name.as_str(), "optional": true }))
            }
            ExprKind::Index(of, at) => ("index", json!({ "of": self.expr(of), "index": self.expr(at) })),
            ExprKind::Call(callee, args) => {
                ("call", json!({ "callee": self.expr(callee), "args": self.args(args) }))
            }
            ExprKind::Neg(of) => ("unary", json!({ "op": "-", "of": self.expr(of) })),
            ExprKind::Not(of) => ("unary", json!({ "op": "not", "of": self.expr(of) })),
            ExprKind::Binary(op, left, right) => {
                ("binary", json!({ "op": op.symbol(), "left": self.expr(left), "right": self.expr(right) }))
            }
            ExprKind::If(condition, then, otherwise) => (
                "conditional",
                json!({
                    "condition": self.expr(condition),
                    "then": self.expr(then),
                    "else": self.expr(otherwise),
                }),
            ),
            ExprKind::Lambda(names, body) => {
                let names: Vec<&str> = names.iter().map(|it| it.name.as_str()).collect();
                ("lambda", json!({ "params": names, "body": self.expr(body) }))
            }
            _ => ("error", json!({})),
        };
        self.node(kind, it.span, fields)
    }

    fn object(self, label: Option<&Ident>, fields: &[(Ident, Expr)]) -> Value {
        let field =
            |(name, value): &(Ident, Expr)| json!({ "name": name.name.as_str(), "value": self.expr(value) });
        json!({
            "label": label.map(|it| it.name.as_str()),
            "fields": fields.iter().map(field).collect::<Vec<_>>(),
        })
    }

    pub(in crate::twf) fn exprs(self, all: &[Expr]) -> Vec<Value> {
        all.iter().map(|it| self.expr(it)).collect()
    }

    /// Arguments: `name`, null for one by position, and `value`.
    pub(in crate::twf) fn args(self, all: &[Arg]) -> Vec<Value> {
        let arg = |it: &Arg| {
            json!({
                "name": it.name.as_ref().map(|name| name.name.as_str()),
                "value": self.expr(&it.value),
            })
        };
        all.iter().map(arg).collect()
    }
}
