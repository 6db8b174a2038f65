//! Options: aliases resolved, defaults of the definition under those of the call (language page, section 7).

use super::Compiler;
use crate::twf::ast::{self, Call, ExprKind, Ident, OptionEntry, OptionValue};
use crate::twf::code::{Ex, Expr, OptionCode, OptionExpr};
use crate::twf::options::{OptionKey, OptionScope, OptionType};

/// Keys whose value is a word of a fixed set: a bare name is that word, never a variable.
fn is_word(key: &OptionKey) -> bool {
    matches!(key.ty, OptionType::Enum(_))
}

/// The scope of the entries below a key.
fn nested_scope(key: &OptionKey) -> Option<OptionScope> {
    match key.ty {
        OptionType::Block(scope) => Some(scope),
        _ => None,
    }
}

/// Whether a call says `on_failure: capture`.
pub(super) fn on_failure_captures(call: &Call) -> bool {
    call.options.iter().any(|entry| entry.key.name == "on_failure" && option_word(entry) == Some("capture"))
}

/// The value of an option that is a single word or string.
pub(crate) fn option_word(entry: &OptionEntry) -> Option<&str> {
    match &entry.value {
        OptionValue::Expr(ast::Expr { kind: ExprKind::Str(word) | ExprKind::Name(word), .. }) => Some(word),
        _ => None,
    }
}

/// The default options of a definition, ready to be evaluated without any variable.
pub(crate) fn definition_options(entries: &[OptionEntry], scope: OptionScope) -> Vec<OptionCode> {
    entries.iter().filter_map(|entry| definition_option(entry, scope)).collect()
}

fn definition_option(entry: &OptionEntry, scope: OptionScope) -> Option<OptionCode> {
    let key = scope.key(&entry.key.name)?;
    let value = match (&entry.value, nested_scope(key)) {
        (OptionValue::Expr(expr), _) => OptionExpr::Value(literal(expr)?),
        (OptionValue::Block(entries), Some(inner)) => OptionExpr::Block(definition_options(entries, inner)),
        (OptionValue::Block(entries), None) => OptionExpr::Block(
            entries
                .iter()
                .filter_map(|entry| Some(free_option(&entry.key, literal(value_of(entry)?)?)))
                .collect(),
        ),
    };
    Some(OptionCode { key: key.name.into(), value, span: entry.key.span })
}

/// An entry whose key is the user's own, as in a memo.
fn free_option(key: &Ident, value: Expr) -> OptionCode {
    OptionCode { key: key.name.as_str().into(), value: OptionExpr::Value(value), span: key.span }
}

fn value_of(entry: &OptionEntry) -> Option<&ast::Expr> {
    match &entry.value {
        OptionValue::Expr(expr) => Some(expr),
        OptionValue::Block(_) => None,
    }
}

/// An expression without names; a bare name is itself.
fn literal(expr: &ast::Expr) -> Option<Expr> {
    let kind = match &expr.kind {
        ExprKind::Str(text) | ExprKind::Name(text) => Ex::Str(text.as_str().into()),
        ExprKind::Bool(value) => Ex::Bool(*value),
        ExprKind::Int(value) => Ex::Int(*value),
        ExprKind::Duration(ms) => Ex::Duration(*ms),
        ExprKind::Decimal(text) => Ex::Decimal(crate::twf::boundary::parse_decimal(text).ok()?),
        ExprKind::List(items) => Ex::List(items.iter().map(literal).collect::<Option<_>>()?),
        _ => return None,
    };
    Some(Expr { kind, span: expr.span })
}

impl<'a> Compiler<'a> {
    /// The options of a call over the defaults of what it calls; nested blocks replace as a whole.
    pub(super) fn options(
        &mut self,
        (defaults, default_scope): (&'a [OptionEntry], OptionScope),
        own: &'a [OptionEntry],
        scope: OptionScope,
    ) -> Vec<OptionCode> {
        let mut made = self.own_options(own, scope);
        for code in definition_options(defaults, default_scope) {
            if !made.iter().any(|it| it.key == code.key) {
                made.push(code);
            }
        }
        made.retain(|code| &*code.key != "on_failure");
        made
    }

    /// Of a key that is given twice the last one counts. Unknown keys were reported by the checks.
    fn own_options(&mut self, entries: &'a [OptionEntry], scope: OptionScope) -> Vec<OptionCode> {
        let mut made: Vec<OptionCode> = Vec::with_capacity(entries.len());
        for entry in entries {
            let Some(key) = scope.key(&entry.key.name) else { continue };
            let value = match (&entry.value, nested_scope(key)) {
                (OptionValue::Expr(expr), _) => OptionExpr::Value(self.option_expr(expr, is_word(key))),
                (OptionValue::Block(entries), Some(inner)) => {
                    OptionExpr::Block(self.own_options(entries, inner))
                }
                (OptionValue::Block(entries), None) => OptionExpr::Block(self.free_options(entries)),
            };
            made.retain(|earlier| &*earlier.key != key.name);
            made.push(OptionCode { key: key.name.into(), value, span: entry.key.span });
        }
        made
    }

    fn free_options(&mut self, entries: &'a [OptionEntry]) -> Vec<OptionCode> {
        entries
            .iter()
            .filter_map(|entry| {
                let value = self.option_expr(value_of(entry)?, false);
                Some(free_option(&entry.key, value))
            })
            .collect()
    }

    fn option_expr(&mut self, expr: &'a ast::Expr, is_word: bool) -> Expr {
        match &expr.kind {
            ExprKind::Str(text) => self.interpolated(text, expr.span),
            ExprKind::Name(word) if is_word || self.scope.lookup(word).is_none() => {
                Expr { kind: Ex::Str(word.as_str().into()), span: expr.span }
            }
            ExprKind::List(items) => {
                let items = items.iter().map(|item| self.option_expr(item, is_word)).collect();
                Expr { kind: Ex::List(items), span: expr.span }
            }
            _ => self.expr(expr),
        }
    }
}
