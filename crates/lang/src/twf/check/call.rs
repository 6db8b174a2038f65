//! Calls: what they call, with how many arguments, with which options.

use std::fmt::Display;

use super::Checker;
use super::body::Body;
use super::index::Found;
use super::route::Routed;
use crate::text::diagnostic::Diagnostic;
use crate::text::source::{Span, offset};
use crate::text::suggest::propose;
use crate::twf::ast::{Arg, Bind, Call, Callee, ExprKind, Param, QName, Type, TypeKind};
use crate::twf::options::OptionScope;

impl<'a> Checker<'a> {
    pub(super) fn call(&mut self, body: &Body<'a>, call: &'a Call, bind: Option<&'a Bind>) {
        let scope = match &call.callee {
            Callee::Activity(_) => OptionScope::ActivityCall,
            Callee::Workflow(_) => OptionScope::WorkflowCall,
            Callee::Nexus { .. } | Callee::NexusWorkflow { .. } => OptionScope::NexusCall,
        };
        self.options(scope, &call.options);
        self.option_words(body, scope, &call.options);
        self.holes(body, &call.options);
        self.note_qualifier(body.file, &call.callee);
        match &call.callee {
            Callee::Activity(name) => self.activity_call(body, call, name, bind),
            Callee::Workflow(name) => self.workflow_call(body, call, name, bind),
            Callee::Nexus { endpoint, service, operation } => {
                self.nexus_call(body, call, (endpoint, service, operation));
            }
            Callee::NexusWorkflow { namespace, workflow } => {
                self.nexus_workflow_call(body, call, namespace, workflow);
            }
        }
    }

    fn activity_call(&mut self, body: &Body<'a>, call: &'a Call, name: &'a QName, bind: Option<&'a Bind>) {
        if is_reserved(name) {
            let message =
                format!("`twf.{}` is reserved for a built-in activity that is not there yet", name.name.name);
            let help = "write an activity of your own that asks the server".to_string();
            return self.report(Diagnostic::error("UNDEFINED_ACTIVITY", name.name.span, message).help(help));
        }
        match self.index.find(body.file, name, |it| &it.activities) {
            Found::Here(activity, _) => {
                self.arity(&format_args!("`{}`", name.name.name), call.span, &activity.params, &call.args);
                self.results(bind, &activity.result);
                self.note_timeouts(activity, call);
                self.route(body, call, &Routed::activity(name, activity));
            }
            Found::Missing => {
                let known = self.index.known(body.file, name, |it| &it.activities);
                let is_workflow =
                    matches!(self.index.find(body.file, name, |it| &it.workflows), Found::Here(..));
                let diagnostic = undefined("UNDEFINED_ACTIVITY", "activity", name);
                self.undefined_callee(diagnostic, call, (name, known), is_workflow.then_some("workflow"));
            }
            Found::External | Found::NotImported => {}
        }
    }

    fn workflow_call(&mut self, body: &Body<'a>, call: &'a Call, name: &'a QName, bind: Option<&'a Bind>) {
        match self.index.find(body.file, name, |it| &it.workflows) {
            Found::Here(workflow, _) => {
                self.arity(&format_args!("`{}`", name.name.name), call.span, &workflow.params, &call.args);
                self.results(bind, &workflow.result);
                self.route(body, call, &Routed::workflow(name, workflow));
            }
            Found::Missing => {
                let known = self.index.known(body.file, name, |it| &it.workflows);
                let is_activity =
                    matches!(self.index.find(body.file, name, |it| &it.activities), Found::Here(..));
                let diagnostic = undefined("UNDEFINED_WORKFLOW", "workflow", name);
                self.undefined_callee(diagnostic, call, (name, known), is_activity.then_some("activity"));
            }
            Found::External | Found::NotImported => {}
        }
    }

    /// Proposes the word for the other kind of definition when the name is one, else the nearest name.
    fn undefined_callee(
        &mut self,
        diagnostic: Diagnostic,
        call: &Call,
        (name, known): (&QName, Vec<&str>),
        other: Option<&'static str>,
    ) {
        let Some(other) = other else {
            return self.report(propose(diagnostic, name.name.span, &name.name.name, known));
        };
        let found =
            diagnostic.help(format!("`{0}` is of the other kind: write `{other} {0}(..)`", name.name.name));
        let word = if other == "activity" { "workflow" } else { "activity" };
        let head = Span { end: call.span.start.saturating_add(offset(word.len())), ..call.span };
        let is_keyword = self.sources.slice(head) == word;
        self.report(if is_keyword { found.fix(head, other, format!("call the {other}")) } else { found });
    }

    /// Arguments against parameters: by name, then by position; what is left out must be able to be null.
    pub(super) fn arity(&mut self, callee: &dyn Display, span: Span, params: &[Param], args: &[Arg]) {
        if args.iter().any(|arg| matches!(arg.value.kind, ExprKind::Ellipsis | ExprKind::Error)) {
            return;
        }
        for name in args.iter().filter_map(|arg| arg.name.as_ref()) {
            if !params.iter().any(|param| param.name.name == name.name) {
                let message = format!("{callee} has no parameter `{}`", name.name);
                let known = params.iter().map(|param| param.name.name.as_str());
                let diagnostic = Diagnostic::error("ARITY_MISMATCH", name.span, message);
                self.report(propose(diagnostic, name.span, &name.name, known));
            }
        }
        let positional = args.iter().filter(|arg| arg.name.is_none()).count();
        if positional > params.len() {
            let message = format!("{callee} takes {}, not {positional}", count(params.len(), "argument"));
            self.report(Diagnostic::error("ARITY_MISMATCH", span, message));
            return;
        }
        let missing = params.iter().skip(positional).find(|param| {
            let is_named =
                args.iter().any(|arg| arg.name.as_ref().is_some_and(|it| it.name == param.name.name));
            !is_named && is_required(param)
        });
        if let Some(param) = missing {
            let message = format!("{callee} needs the argument `{}`", param.name.name);
            let label = "declared here; a `?` after its type makes it optional";
            self.report(Diagnostic::error("ARITY_MISMATCH", span, message).label(param.name.span, label));
        }
    }

    /// `-> (a, b)` against several declared results.
    pub(super) fn results(&mut self, bind: Option<&Bind>, declared: &[Type]) {
        let Some(Bind::Tuple(names)) = bind else { return };
        if declared.len() > 1 && declared.len() != names.len() {
            let span = names.first().zip(names.last()).map(|(first, last)| first.span.to(last.span));
            let message = format!("this call gives {}, not {}", count(declared.len(), "result"), names.len());
            self.report(Diagnostic::error("ARITY_MISMATCH", span, message));
        }
    }
}

/// `twf.update`, `twf.query` and `twf.list`: names for activities of the host.
pub(super) fn is_reserved(name: &QName) -> bool {
    name.package.as_ref().is_some_and(|it| it.name == "twf")
        && matches!(name.name.name.as_str(), "update" | "query" | "list")
}

pub(super) fn count(number: usize, word: &str) -> String {
    match number {
        0 => format!("no {word}s"),
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    }
}

fn is_required(param: &Param) -> bool {
    let nullable = match &param.ty {
        None => true,
        Some(ty) => match &ty.kind {
            TypeKind::Nullable(_) => true,
            TypeKind::Name(name) => name == "any",
            _ => false,
        },
    };
    !nullable && param.default.is_none()
}

fn undefined(code: &'static str, what: &str, name: &QName) -> Diagnostic {
    Diagnostic::error(code, name.name.span, format!("no {what} `{}` is defined", name.name.name))
}
