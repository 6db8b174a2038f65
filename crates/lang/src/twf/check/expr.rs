//! Expressions: variables and functions.

use super::Checker;
use super::body::Body;
use super::call::count;
use super::index::Found;
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::text::suggest::did_you_mean;
use crate::twf::ast::{Arg, Expr, ExprKind, Ident, QName};
use crate::twf::builtins::{BUILTINS, WORKFLOW_FIELDS, builtin};

impl<'a> Checker<'a> {
    pub(super) fn expr(&mut self, body: &Body<'a>, expr: &'a Expr) {
        self.inner(body, expr, &mut Vec::new());
    }

    /// An expression inside lambdas with these parameters.
    fn inner(&mut self, body: &Body<'a>, expr: &'a Expr, locals: &mut Vec<&'a str>) {
        match &expr.kind {
            ExprKind::Name(name) => self.variable(body, name, expr.span, locals),
            ExprKind::List(items) => {
                for item in items {
                    self.inner(body, item, locals);
                }
            }
            ExprKind::Object(_, fields) => {
                for (_, value) in fields {
                    self.inner(body, value, locals);
                }
            }
            ExprKind::Field(base, field) | ExprKind::OptField(base, field) => {
                self.workflow_field(base, field);
                self.inner(body, base, locals);
            }
            ExprKind::Neg(base) | ExprKind::Not(base) => self.inner(body, base, locals),
            ExprKind::Index(left, right) | ExprKind::Binary(_, left, right) => {
                self.inner(body, left, locals);
                self.inner(body, right, locals);
            }
            ExprKind::If(condition, then, otherwise) => {
                for part in [condition, then, otherwise] {
                    self.inner(body, part, locals);
                }
            }
            ExprKind::Lambda(params, inner) => {
                let outer = locals.len();
                locals.extend(params.iter().map(|param| param.name.as_str()));
                self.inner(body, inner, locals);
                locals.truncate(outer);
            }
            ExprKind::Call(callee, args) => {
                self.callee(body, callee, args, locals);
                for arg in args {
                    self.inner(body, &arg.value, locals);
                }
            }
            _ => {}
        }
    }

    fn variable(&mut self, body: &Body<'a>, name: &'a str, span: Span, locals: &[&str]) {
        if locals.contains(&name) || body.scope.has_value(name) {
            return;
        }
        let message = format!("`{name}` is assigned nowhere in this body");
        let help = did_you_mean(name, body.scope.values());
        self.report(Diagnostic::error("UNDEFINED_VARIABLE", span, message).help_if(help));
    }

    fn callee(&mut self, body: &Body<'a>, callee: &'a Expr, args: &'a [Arg], locals: &mut Vec<&'a str>) {
        match &callee.kind {
            ExprKind::Name(name) => self.function(body, name, (callee.span, args), locals),
            ExprKind::Field(base, method) | ExprKind::OptField(base, method) => {
                if is_workflow(base) {
                    return self.workflow_field(base, method);
                }
                if self.method(method, args) || !is_unknown_name(body, base, locals) {
                    self.inner(body, base, locals);
                }
            }
            _ => {}
        }
    }

    fn function(&mut self, body: &Body<'a>, name: &'a str, (span, args): (Span, &'a [Arg]), locals: &[&str]) {
        if locals.contains(&name) {
            return;
        }
        if let Some(word) = self.definition(body, name) {
            let message = format!("`{name}` is {}, which a plain call does not run", article(word));
            let at = Span { end: span.start, ..span };
            let diagnostic = Diagnostic::error("RAW_CALL_TO_DEFINITION", span, message)
                .help(format!("write `{word} {name}(..)` on a line of its own"))
                .fix(at, format!("{word} "), format!("call the {word}"));
            return self.report(diagnostic);
        }
        match builtin(name) {
            Some(found) => self.argument_count(name, span, args.len(), (found.min, found.max)),
            // A variable may hold a function.
            None if body.scope.variables.contains(name) => {}
            None => {
                let message = format!("there is no function `{name}`");
                let help = did_you_mean(name, BUILTINS.iter().map(|it| it.name)).unwrap_or_else(|| {
                    format!("side effects belong into an activity: `activity {}(..)`", capital(name))
                });
                self.report(Diagnostic::error("UNKNOWN_FUNCTION", span, message).help(help));
            }
        }
    }

    /// The word that calls a definition of this name.
    fn definition(&self, body: &Body<'a>, name: &str) -> Option<&'static str> {
        let span = Span { source: crate::text::source::SourceId(0), start: 0, end: 0 };
        let name = QName { package: None, name: Ident { name: name.to_string(), span } };
        if matches!(self.index.find(body.file, &name, |it| &it.activities), Found::Here(..)) {
            return Some("activity");
        }
        let workflow = self.index.find(body.file, &name, |it| &it.workflows);
        matches!(workflow, Found::Here(..)).then_some("workflow")
    }

    /// A method is a function of its receiver; false when there is none of that name.
    fn method(&mut self, method: &'a Ident, args: &'a [Arg]) -> bool {
        let found = builtin(&method.name).filter(|it| it.max != Some(0));
        match found {
            Some(found) => {
                let min = found.min.saturating_sub(1);
                let max = found.max.map(|max| max.saturating_sub(1));
                self.argument_count(&method.name, method.span, args.len(), (min, max));
            }
            None => {
                let known = BUILTINS.iter().filter(|it| it.max != Some(0)).map(|it| it.name);
                let message = format!("there is no method `{}`", method.name);
                let help = did_you_mean(&method.name, known);
                self.report(Diagnostic::error("UNKNOWN_FUNCTION", method.span, message).help_if(help));
            }
        }
        found.is_some()
    }

    fn argument_count(&mut self, name: &str, span: Span, given: usize, (min, max): (usize, Option<usize>)) {
        if given >= min && max.is_none_or(|max| given <= max) {
            return;
        }
        let wanted = match max {
            Some(max) if max == min => count(min, "argument"),
            Some(max) => format!("{min} to {max} arguments"),
            None => format!("at least {}", count(min, "argument")),
        };
        let message = format!("`{name}` takes {wanted}, not {given}");
        self.report(Diagnostic::error("ARITY_MISMATCH", span, message));
    }

    fn workflow_field(&mut self, base: &Expr, field: &Ident) {
        if is_workflow(base) && !WORKFLOW_FIELDS.contains(&field.name.as_str()) {
            let message = format!("`workflow` has no field `{}`", field.name);
            let help = did_you_mean(&field.name, WORKFLOW_FIELDS.iter().copied())
                .unwrap_or_else(|| format!("it has {}", WORKFLOW_FIELDS.join(", ")));
            self.report(Diagnostic::error("UNDEFINED_VARIABLE", field.span, message).help(help));
        }
    }
}

fn is_workflow(base: &Expr) -> bool {
    matches!(&base.kind, ExprKind::Name(name) if name == "workflow")
}

/// `math.floor(x)`: when the method is unknown too, one report is enough.
fn is_unknown_name(body: &Body<'_>, base: &Expr, locals: &[&str]) -> bool {
    matches!(&base.kind, ExprKind::Name(name) if !locals.contains(&name.as_str()) && !body.scope.has_value(name))
}

fn article(word: &str) -> String {
    if word == "activity" { "an activity".to_string() } else { format!("a {word}") }
}

/// `charge_card` as the name of an activity: `ChargeCard`.
fn capital(name: &str) -> String {
    let part = |part: &str| {
        let mut chars = part.chars();
        chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
    };
    name.split('_').map(part).collect()
}
