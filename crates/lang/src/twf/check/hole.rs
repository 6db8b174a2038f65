//! `{expressions}` in the strings of a call's options: they are evaluated when the call is made, so what they name has
//! to exist.

use super::Checker;
use super::body::Body;
use crate::text::diagnostic::Diagnostic;
use crate::text::source::{Span, offset};
use crate::twf::ast::{Expr, ExprKind, OptionEntry, OptionValue};
use crate::twf::parser::parse_expression;

impl<'a> Checker<'a> {
    /// A string of an expression whose every gap names a variable: whoever wrote it expects the value there.
    pub(super) fn gaps(&mut self, body: &Body<'a>, text: &str, span: Span) {
        let gaps = holes(text);
        let is_value = |(_, inside): &(usize, &str)| {
            inside.split('.').all(is_word)
                && inside.split('.').next().is_some_and(|it| body.scope.has_value(it))
        };
        if gaps.is_empty() || !gaps.iter().all(is_value) {
            return;
        }
        let values: Vec<_> = gaps.iter().map(|(_, inside)| *inside).collect();
        let mut template = text.to_owned();
        for (at, inside) in gaps.iter().rev() {
            // Other languages write `${name}`.
            let is_shell = text.get(..at - 1).is_some_and(|before| before.ends_with('$'));
            template.replace_range(at - 1 - usize::from(is_shell)..=at + inside.len(), "{}");
        }
        let call = format!("format(\"{template}\", {})", values.join(", "));
        let message = format!("nothing is put in the place of `{{{}}}`", values.first().unwrap_or(&""));
        let found = Diagnostic::warning("UNFILLED_TEXT", span, message).help(format!("write `{call}`"));
        let is_exact = self.sources.slice(span) == format!("\"{text}\"");
        self.report(if is_exact { found.fix(span, call, "fill it with `format`") } else { found });
    }

    pub(super) fn holes(&mut self, body: &Body<'a>, options: &'a [OptionEntry]) {
        for entry in options {
            match &entry.value {
                OptionValue::Expr(value) => self.holes_of(body, value),
                OptionValue::Block(inner) => self.holes(body, inner),
            }
        }
    }

    fn holes_of(&mut self, body: &Body<'a>, value: &'a Expr) {
        match &value.kind {
            ExprKind::Str(text) if text.contains('{') => {
                for (at, inside) in holes(text) {
                    self.hole(body, value.span, (text, at, inside));
                }
            }
            ExprKind::List(items) => items.iter().for_each(|item| self.holes_of(body, item)),
            _ => {}
        }
    }

    fn hole(&mut self, body: &Body<'a>, string: Span, (text, at, inside): (&str, usize, &str)) {
        // The value of a string with escapes is shorter than its text, so no place in it can be told.
        let written = self.sources.slice(string);
        let is_exact = written.get(1..written.len().saturating_sub(1)) == Some(text);
        let base = string.start.saturating_add(offset(at + 1));
        let (expr, problems) = parse_expression(string.source, inside, base);
        let given = self.out.len();
        self.out.extend(problems.into_iter().filter(Diagnostic::is_error));
        self.expr(body, &expr);
        if !is_exact {
            for found in self.out.iter_mut().skip(given) {
                found.span = Some(string);
                found.labels.clear();
                found.fix = None;
            }
        }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// The expressions in a string with the bytes they begin at; doubled braces are braces.
fn holes(text: &str) -> Vec<(usize, &str)> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find(['{', '}'])) {
        let start = at + found;
        let rest = text.get(start..).unwrap_or("");
        let is_doubled = rest.starts_with("{{") || rest.starts_with("}}");
        let inside = rest.strip_prefix('{').filter(|_| !is_doubled).and_then(|rest| rest.split_once('}'));
        at = match inside {
            Some((inside, _)) => {
                all.push((start + 1, inside));
                start + inside.len() + 2
            }
            None => start + if is_doubled { 2 } else { 1 },
        };
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_found_where_they_are_evaluated() {
        assert_eq!(holes("a{b}{{c}}{d.e}{open"), [(2, "b"), (10, "d.e")]);
        assert_eq!(holes("}{}"), [(2, "")]);
    }
}
