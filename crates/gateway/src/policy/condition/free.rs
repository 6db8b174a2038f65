//! The names that an expression asks its surroundings for: all but those that it binds itself, as `x` in `all(x, x > 1)`.

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr, IdedEntryExpr};

/// The names.
pub(super) fn names(expression: &IdedExpr) -> BTreeSet<&str> {
    let mut walk = Walk { bound: Vec::new(), found: BTreeSet::new() };
    walk.expression(expression);
    walk.found
}

struct Walk<'a> {
    bound: Vec<&'a str>,
    found: BTreeSet<&'a str>,
}

impl<'a> Walk<'a> {
    fn expression(&mut self, expression: &'a IdedExpr) {
        match &expression.expr {
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => self.expression(&select.operand),
            Expr::Call(call) => self.all(call.target.iter().map(AsRef::as_ref).chain(&call.args)),
            Expr::List(list) => self.all(&list.elements),
            Expr::Map(map) => self.entries(&map.entries),
            Expr::Struct(made) => self.entries(&made.entries),
            Expr::Comprehension(loops) => {
                self.all([&loops.iter_range, &loops.accu_init]);
                let before = self.bound.len();
                self.bound.extend([loops.iter_var.as_str(), loops.accu_var.as_str()]);
                self.bound.extend(loops.iter_var2.as_deref());
                self.all([&loops.loop_cond, &loops.loop_step, &loops.result]);
                self.bound.truncate(before);
            }
            Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    fn name(&mut self, name: &'a str) {
        if !self.bound.contains(&name) {
            self.found.insert(name);
        }
    }

    fn all(&mut self, expressions: impl IntoIterator<Item = &'a IdedExpr>) {
        for expression in expressions {
            self.expression(expression);
        }
    }

    fn entries(&mut self, entries: &'a [IdedEntryExpr]) {
        for entry in entries {
            match &entry.expr {
                EntryExpr::StructField(field) => self.expression(&field.value),
                EntryExpr::MapEntry(entry) => self.all([&entry.key, &entry.value]),
            }
        }
    }
}
