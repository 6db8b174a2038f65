//! Options against their tables: known keys, values of the right type.

use std::collections::HashMap;

use super::Checker;
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::text::suggest::propose;
use crate::twf::ast::{BinaryOp, Expr, ExprKind, OptionEntry, OptionValue};
use crate::twf::options::{OptionKey, OptionScope, OptionType};

impl Checker<'_> {
    pub(super) fn options(&mut self, scope: OptionScope, entries: &[OptionEntry]) {
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for entry in entries {
            let Some(key) = scope.key(&entry.key.name) else {
                self.unknown_option(scope, entry);
                continue;
            };
            if let Some(first) = seen.insert(key.name, entry.key.span) {
                let message = format!("the option `{}` is given twice", key.name);
                let diagnostic = Diagnostic::error("SYNTAX", entry.key.span, message);
                self.report(diagnostic.label(first, "first given here"));
            }
            self.spelling(entry, key);
            self.value(scope, entry, key);
        }
    }

    fn unknown_option(&mut self, scope: OptionScope, entry: &OptionEntry) {
        let name = &entry.key.name;
        let (message, help) = if scope.is_call_only(name) {
            (format!("the option `{name}` belongs to a call, not to a definition"), None)
        } else if scope == OptionScope::NexusCall && matches!(name.as_str(), "task_queue" | "taskQueue") {
            let help = "the endpoint decides on the task queue".to_string();
            (format!("a Nexus call has no option `{name}`"), Some(help))
        } else {
            let known: Vec<&str> = scope.keys().filter(|key| !key.is_extension).map(|key| key.name).collect();
            let diagnostic = Diagnostic::error("SYNTAX", entry.key.span, format!("unknown option `{name}`"))
                .help(format!("known here: {}", known.join(", ")));
            let names = scope.keys().map(|key| key.name);
            return self.report(propose(diagnostic, entry.key.span, name, names));
        };
        self.report(Diagnostic::error("SYNTAX", entry.key.span, message).help_if(help));
    }

    fn spelling(&mut self, entry: &OptionEntry, key: &OptionKey) {
        if entry.key.name != key.name {
            let message = format!("the option `{}` is now called `{}`", entry.key.name, key.name);
            let diagnostic = Diagnostic::info("LEGACY_SYNTAX", entry.key.span, message)
                .help(format!("write `{}`", key.name))
                .fix(entry.key.span, key.name, "use the newest name");
            self.report(diagnostic);
        }
        if key.is_extension {
            let message = format!("the option `{}` is an extension of the published language", key.name);
            self.report(Diagnostic::info("EXTENSION_SYNTAX", entry.key.span, message));
        }
    }

    fn value(&mut self, scope: OptionScope, entry: &OptionEntry, key: &OptionKey) {
        match (&entry.value, key.ty) {
            (OptionValue::Block(inner), OptionType::Block(scope)) => self.options(scope, inner),
            (_, OptionType::Any) => {}
            (OptionValue::Block(_), ty) => {
                let message = format!("the option `{}` is {}, not a block", key.name, describe(ty));
                self.report(Diagnostic::error("SYNTAX", entry.key.span, message));
            }
            (OptionValue::Expr(value), OptionType::Enum(words)) => self.enumeration(key, value, words),
            (OptionValue::Expr(value), OptionType::Str) if is_hyphenated(value) => {
                self.hyphenated(key, value);
            }
            (OptionValue::Expr(value), _) if !scope.is_of_call() && is_computed(value) => {
                let message = format!("the option `{}` is read before anything runs", key.name);
                let found = Diagnostic::error("SYNTAX", value.span, message)
                    .help(format!("write {} as it is; under a call it may be computed", describe(key.ty)));
                self.report(found);
            }
            (OptionValue::Expr(value), ty) => {
                if !fits(value, ty) {
                    let message = format!("the option `{}` is {}", key.name, describe(ty));
                    let help = matches!((ty, &value.kind), (OptionType::Duration, ExprKind::Int(_)))
                        .then(|| "give it a unit, for example `30s` or `5m`".to_string());
                    self.report(Diagnostic::error("SYNTAX", value.span, message).help_if(help));
                }
            }
        }
    }

    /// `task_queue: payments-q` without quotes.
    fn hyphenated(&mut self, key: &OptionKey, value: &Expr) {
        let text = self.sources.slice(value.span);
        let message = format!("the option `{}` is a string, and `{text}` is a subtraction", key.name);
        let found = Diagnostic::error("SYNTAX", value.span, message).help(format!("write `\"{text}\"`")).fix(
            value.span,
            format!("\"{text}\""),
            "make it a string",
        );
        self.misread.push(value.span);
        self.report(found);
    }

    fn enumeration(&mut self, key: &OptionKey, value: &Expr, words: &'static [&'static str]) {
        let (ExprKind::Name(given) | ExprKind::Str(given)) = &value.kind else {
            if !matches!(value.kind, ExprKind::Error) {
                let message = format!("the option `{}` is one of {}", key.name, words.join(", "));
                self.report(Diagnostic::error("SYNTAX", value.span, message));
            }
            return;
        };
        if !words.contains(&given.as_str()) {
            let message = format!("`{given}` is no value of `{}`", key.name);
            let diagnostic =
                Diagnostic::error("SYNTAX", value.span, message).help(format!("one of {}", words.join(", ")));
            self.report(propose(diagnostic, value.span, given, words.iter().copied()));
        }
    }
}

/// Whether a literal is of the type; what is computed at run time is judged then.
fn fits(value: &Expr, ty: OptionType) -> bool {
    match &value.kind {
        ExprKind::Str(_) => ty == OptionType::Str,
        ExprKind::Duration(_) => ty == OptionType::Duration,
        ExprKind::Int(_) | ExprKind::Decimal(_) => ty == OptionType::Number,
        ExprKind::Bool(_) => ty == OptionType::Bool,
        ExprKind::List(items) => {
            ty == OptionType::StrList && items.iter().all(|item| fits(item, OptionType::Str))
        }
        ExprKind::Null | ExprKind::Ellipsis | ExprKind::Lambda(..) => false,
        // A bare word passes for any scalar: it is the value of that variable.
        _ => !matches!(ty, OptionType::Block(_)),
    }
}

/// Names and numbers with a hyphen between each two and no blanks: a name of the deployment without its quotes.
fn is_hyphenated(value: &Expr) -> bool {
    let ExprKind::Binary(BinaryOp::Sub, left, right) = &value.kind else { return false };
    let is_word = |it: &Expr| matches!(it.kind, ExprKind::Name(_) | ExprKind::Int(_));
    left.span.end.saturating_add(1) == right.span.start
        && is_word(right)
        && (matches!(left.kind, ExprKind::Name(_)) || is_hyphenated(left))
}

/// Whether a value exists only when something runs. A bare word is a text where nothing runs.
fn is_computed(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::List(items) => items.iter().any(is_computed),
        ExprKind::Binary(..)
        | ExprKind::Call(..)
        | ExprKind::Field(..)
        | ExprKind::OptField(..)
        | ExprKind::Index(..)
        | ExprKind::If(..)
        | ExprKind::Not(_) => true,
        _ => false,
    }
}

fn describe(ty: OptionType) -> String {
    match ty {
        OptionType::Str => "a string".to_string(),
        OptionType::Duration => "a duration".to_string(),
        OptionType::Number => "a number".to_string(),
        OptionType::Bool => "`true` or `false`".to_string(),
        OptionType::StrList => "a list of strings".to_string(),
        OptionType::Enum(words) => format!("one of {}", words.join(", ")),
        OptionType::Block(_) => "a block of options".to_string(),
        OptionType::Any => "any value".to_string(),
    }
}
