//! Expressions: variables and functions.

use super::body::Body;
use super::call::count;
use super::index::Found;
use super::{Checker, walk};
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::text::suggest::propose;
use crate::twf::ast::{Arg, Expr, ExprKind, Ident, OptionEntry, QName};
use crate::twf::builtin::{self, Builtin};
use crate::twf::options::{OptionScope, OptionType};

/// Fields of the pseudo-variable `workflow`, also callable: `workflow.history_length()`.
const WORKFLOW_FIELDS: &[&str] = &[
    "attempt",
    "caller",
    "continue_as_new_suggested",
    "history_length",
    "history_size",
    "id",
    "last_failure",
    "last_result",
    "namespace",
    "parent_id",
    "run_id",
    "start_time",
    "task_queue",
    "type",
    "workflow_id",
];

impl<'a> Checker<'a> {
    pub(super) fn expr(&mut self, body: &Body<'a>, expr: &Expr) {
        self.inner(body, expr, &mut Vec::new());
    }

    /// An expression inside lambdas with these parameters.
    fn inner<'e>(&mut self, body: &Body<'a>, expr: &'e Expr, locals: &mut Vec<&'e str>) {
        match &expr.kind {
            ExprKind::Name(name) => self.variable(body, name, expr.span, locals),
            ExprKind::Str(text) if text.contains('{') => self.gaps(body, text, expr.span),
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
                self.workflow_field(body, base, field);
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
                // A template's gaps are filled by the function that it is given to.
                let filled = usize::from(matches!(&callee.kind, ExprKind::Name(name) if &**name == "format"));
                for arg in args.iter().skip(filled) {
                    self.inner(body, &arg.value, locals);
                }
            }
            _ => {}
        }
    }

    /// Bare words as values of options: the value of a variable, or, when there is none of that name, the
    /// word itself.
    pub(super) fn option_words(&mut self, body: &Body<'a>, scope: OptionScope, entries: &'a [OptionEntry]) {
        for (key, word, span) in walk::bare_words(entries) {
            let is_word = scope.key(&key.name).is_some_and(|it| matches!(it.ty, OptionType::Enum(_)));
            if is_word || body.scope.has_value(word) {
                continue;
            }
            let message = format!("`{word}` is no variable of this body, so it is taken as text");
            let found = Diagnostic::warning("UNDEFINED_VARIABLE", span, message)
                .help(format!("write `\"{word}\"` when the text is meant"))
                .fix(span, format!("\"{word}\""), "make it a string");
            self.report(propose(found, span, word, body.scope.values()));
        }
    }

    fn variable(&mut self, body: &Body<'a>, name: &str, span: Span, locals: &[&str]) {
        if locals.contains(&name) || body.scope.has_value(name) {
            return;
        }
        let message = format!("`{name}` is assigned nowhere in this body");
        let found = Diagnostic::error("UNDEFINED_VARIABLE", span, message);
        self.report(propose(found, span, name, body.scope.values()));
    }

    fn callee<'e>(&mut self, body: &Body<'a>, callee: &'e Expr, args: &'e [Arg], locals: &mut Vec<&'e str>) {
        match &callee.kind {
            ExprKind::Name(name) => self.function(body, name, callee.span, args),
            ExprKind::Field(base, method) | ExprKind::OptField(base, method) => {
                if is_run(body, base) {
                    return self.workflow_field(body, base, method);
                }
                if self.method(method, args) || !is_unknown_name(body, base, locals) {
                    self.inner(body, base, locals);
                }
            }
            _ => {}
        }
    }

    fn function(&mut self, body: &Body<'a>, name: &str, span: Span, args: &[Arg]) {
        if let Some(word) = self.definition(body, name) {
            let message = format!("`{name}` is {}, which a plain call does not run", article(word));
            let at = Span { end: span.start, ..span };
            let diagnostic = Diagnostic::error("RAW_CALL_TO_DEFINITION", span, message)
                .help(format!("write `{word} {name}(..)` on a line of its own"))
                .fix(at, format!("{word} "), format!("call the {word}"));
            return self.report(diagnostic);
        }
        match builtin::find(name) {
            Some(found) => self.argument_count(found, span, args.len(), 0),
            // Facts about the run are read by calls that are no functions.
            None if builtin::NAMES.contains(&name) && args.is_empty() => {}
            None => {
                let message = format!("there is no function `{name}`");
                let found = Diagnostic::error("UNKNOWN_FUNCTION", span, message).help(
                    host_function(name).unwrap_or_else(|| {
                        format!("side effects belong into an activity: `activity {}(..)`", capital(name))
                    }),
                );
                self.report(propose(found, span, name, builtin::NAMES.iter().copied()));
            }
        }
    }

    /// The word that calls a definition of this name.
    fn definition(&self, body: &Body<'a>, name: &str) -> Option<&'static str> {
        let span = Span { source: crate::text::source::SourceId(0), start: 0, end: 0 };
        let name = QName { package: None, name: Ident { name: name.into(), span } };
        if matches!(self.index.find(body.file, &name, |it| &it.activities), Found::Here(..)) {
            return Some("activity");
        }
        let workflow = self.index.find(body.file, &name, |it| &it.workflows);
        matches!(workflow, Found::Here(..)).then_some("workflow")
    }

    /// A method is a function of its receiver; false when there is none of that name.
    fn method(&mut self, method: &Ident, args: &[Arg]) -> bool {
        let found = builtin::find(&method.name).filter(|it| it.max > 0);
        match found {
            Some(found) => self.argument_count(found, method.span, args.len(), 1),
            None => {
                let message = format!("there is no method `{}`", method.name);
                let found = Diagnostic::error("UNKNOWN_FUNCTION", method.span, message);
                self.report(propose(found, method.span, &method.name, builtin::NAMES.iter().copied()));
            }
        }
        found.is_some()
    }

    /// The number of arguments; of a method, its receiver is one of them.
    fn argument_count(&mut self, function: &Builtin, span: Span, given: usize, receivers: usize) {
        if function.takes(given + receivers) {
            return;
        }
        let min = function.min.saturating_sub(receivers);
        let wanted = match function.max.saturating_sub(receivers) {
            max if max == min => count(min, "argument"),
            max if max > usize::MAX - 2 => format!("at least {}", count(min, "argument")),
            max => format!("{min} to {max} arguments"),
        };
        let message = format!("`{}` takes {wanted}, not {given}", function.name);
        self.report(Diagnostic::error("ARITY_MISMATCH", span, message));
    }

    fn workflow_field(&mut self, body: &Body<'a>, base: &Expr, field: &Ident) {
        if is_run(body, base) && !WORKFLOW_FIELDS.contains(&field.name.as_str()) {
            let message = format!("`workflow` has no field `{}`", field.name);
            let found = Diagnostic::error("UNDEFINED_VARIABLE", field.span, message)
                .help(format!("it has {}", WORKFLOW_FIELDS.join(", ")));
            self.report(propose(found, field.span, &field.name, WORKFLOW_FIELDS.iter().copied()));
        }
    }
}

/// `workflow` as in `workflow.id`, unless a variable has that name.
fn is_run(body: &Body<'_>, base: &Expr) -> bool {
    body.scope.has_run && matches!(&base.kind, ExprKind::Name(name) if name == "workflow")
}

/// `math.floor(x)`: when the method is unknown too, one report is enough.
fn is_unknown_name(body: &Body<'_>, base: &Expr, locals: &[&str]) -> bool {
    match &base.kind {
        ExprKind::Name(name) => !locals.contains(&name.as_str()) && !body.scope.has_value(name),
        _ => false,
    }
}

/// Functions that exist while an activity runs only.
fn host_function(name: &str) -> Option<String> {
    let is_known = matches!(name, "heartbeat_details" | "do_not_complete" | "get_activity_task_token");
    is_known
        .then(|| "an activity's host offers it to its implementation; a workflow has no use for it".into())
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
