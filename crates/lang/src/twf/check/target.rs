//! What is awaited and to whom signals go.

use super::Checker;
use super::body::Body;
use super::call::count;
use super::index::Found;
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::text::suggest::propose;
use crate::twf::ast::{
    Arg, Bind, Callee, Handler, HandlerKind, Ident, LValue, QName, SendTarget, Target, Workflow,
};

impl<'a> Checker<'a> {
    pub(super) fn target(&mut self, body: &Body<'a>, target: &'a Target, bind: Option<&'a Bind>) {
        match target {
            Target::Signal(name) => self.message(body, HandlerKind::Signal, name, bind),
            Target::Update(name) => self.message(body, HandlerKind::Update, name, bind),
            Target::Name(name) => self.promise_or_condition(body, name, bind),
            Target::Place(place) => self.place(body, place),
            Target::Detached(call) if bind.is_some() => {
                let message = "a detached call has no result to bind";
                self.report(Diagnostic::error("SYNTAX", call.span, message));
            }
            Target::Timer(_)
            | Target::Call(_)
            | Target::Detached(_)
            | Target::Predicate(_)
            | Target::AllHandlersFinished(_) => {}
        }
    }

    /// A handle in an object or list: the variable that holds it has to be there.
    pub(super) fn place(&mut self, body: &Body<'a>, place: &'a LValue) {
        if !body.scope.has_value(&place.root.name) {
            let message = format!("`{}` is assigned nowhere in this body", place.root.name);
            let found = Diagnostic::error("UNDEFINED_VARIABLE", place.root.span, message);
            self.report(propose(found, place.root.span, &place.root.name, body.scope.values()));
        }
    }

    /// A promise is of something that is begun and ends once; a condition can be awaited as it is.
    pub(super) fn promised(&mut self, body: &Body<'a>, target: &'a Target) {
        let (span, what) = match target {
            Target::Name(name) if body.scope.conditions.contains(name.name.as_str()) => {
                (name.span, format!("`await {}`", name.name))
            }
            Target::Predicate(condition) => (condition.span, "`await (..)`".to_string()),
            Target::AllHandlersFinished(span) => (*span, "`await all_handlers_finished`".to_string()),
            _ => return,
        };
        let message = "a condition has no promise: it is not begun, and may become false again";
        let help = format!("write {what} where its value is needed");
        self.report(Diagnostic::error("SYNTAX", span, message).help(help));
    }

    fn message(&mut self, body: &Body<'a>, kind: HandlerKind, name: &'a Ident, bind: Option<&'a Bind>) {
        if let Some(handler) = body.scope.handler(kind, &name.name) {
            return self.message_bind(handler, bind);
        }
        let (code, what) = match kind {
            HandlerKind::Update => ("UNDEFINED_UPDATE", "update"),
            _ => ("UNDEFINED_SIGNAL", "signal"),
        };
        let message = format!("this workflow has no {what} `{}`", name.name);
        let diagnostic = Diagnostic::error(code, name.span, message)
            .help(format!("declare `{what} {}(..):` before the first statement", name.name));
        self.report(propose(diagnostic, name.span, &name.name, body.scope.messages(kind)));
    }

    /// `-> (a, b)` takes the arguments of the message one by one.
    fn message_bind(&mut self, handler: &Handler, bind: Option<&Bind>) {
        let Some(Bind::Tuple(names)) = bind else { return };
        if names.len() == handler.params.len() {
            return;
        }
        let span = names.first().zip(names.last()).map(|(first, last)| first.span.to(last.span));
        let given = count(handler.params.len(), "argument");
        let message = format!("`{}` has {given}, not {}", handler.name.name, names.len());
        let diagnostic = Diagnostic::error("ARITY_MISMATCH", span, message);
        self.report(diagnostic.label(handler.name.span, "declared here"));
    }

    fn promise_or_condition(&mut self, body: &Body<'a>, name: &'a Ident, bind: Option<&'a Bind>) {
        let scope = &body.scope;
        if scope.conditions.contains(name.name.as_str()) {
            if bind.is_some() {
                let message = format!("the condition `{}` has no value to bind", name.name);
                let diagnostic = Diagnostic::error("CONDITION_RESULT_BINDING", name.span, message);
                self.report(unbind(diagnostic, name.span, bind));
            }
            return;
        }
        if scope.promises.contains_key(name.name.as_str()) || scope.may_define(&name.name) {
            return;
        }
        let known = scope.promises.keys().chain(&scope.conditions).copied();
        let message = format!("`{}` is neither a promise nor a condition", name.name);
        let diagnostic = Diagnostic::error("UNDEFINED_PROMISE_OR_CONDITION", name.span, message)
            .help("start it by `promise NAME <- ..`, or declare `condition NAME` in `state:`");
        self.report(propose(diagnostic, name.span, &name.name, known));
    }

    pub(super) fn send(&mut self, body: &Body<'a>, to: &'a SendTarget, name: &'a Ident, args: &'a [Arg]) {
        match to {
            SendTarget::Handle(handle) => {
                if let Some(workflow) = self.handle(body, handle) {
                    self.sent_message(workflow, name, args);
                }
            }
            // The run may be of another project, so an unknown type is no error.
            SendTarget::External(workflow, _) => {
                let qname = QName { package: None, name: workflow.clone() };
                match self.index.find(body.file, &qname, |it| &it.workflows) {
                    Found::Here(workflow, _) => self.sent_message(workflow, name, args),
                    _ => self.unknown_receiver(workflow),
                }
            }
        }
    }

    pub(super) fn cancel(&mut self, body: &Body<'a>, to: &'a SendTarget) {
        match to {
            SendTarget::Handle(handle) if !body.scope.promises.contains_key(handle.name.as_str()) => {
                self.not_a_promise(body, handle);
            }
            SendTarget::Handle(_) | SendTarget::External(..) => {}
        }
    }

    fn unknown_receiver(&mut self, workflow: &Ident) {
        let message = format!("no workflow `{}` is defined here; the signal is not checked", workflow.name);
        self.report(Diagnostic::warning("UNDEFINED_WORKFLOW", workflow.span, message));
    }

    /// The workflow that a handle stands for, when it is known.
    fn handle(&mut self, body: &Body<'a>, handle: &'a Ident) -> Option<&'a Workflow> {
        let target = body.scope.promises.get(handle.name.as_str());
        let callee = match target {
            Some(Target::Call(call)) => Some(&call.callee),
            _ => None,
        };
        match callee {
            Some(Callee::Workflow(name)) => match self.index.find(body.file, name, |it| &it.workflows) {
                Found::Here(workflow, _) => Some(workflow),
                _ => None,
            },
            _ => {
                self.not_a_promise(body, handle);
                None
            }
        }
    }

    fn not_a_promise(&mut self, body: &Body<'a>, handle: &'a Ident) {
        if body.scope.may_define(&handle.name) {
            return;
        }
        let known = body.scope.promises.keys().copied();
        let message = format!("`{}` is no promise of a workflow call", handle.name);
        let diagnostic = Diagnostic::error("SIGNAL_SEND_HANDLE_NOT_WORKFLOW", handle.span, message)
            .help(format!("start it with `promise {} <- workflow ..(..)`", handle.name));
        self.report(propose(diagnostic, handle.span, &handle.name, known));
    }

    fn sent_message(&mut self, workflow: &'a Workflow, name: &'a Ident, args: &'a [Arg]) {
        let is_signal = |it: &&Handler| it.kind == HandlerKind::Signal;
        let Some(handler) = workflow.handlers.iter().filter(is_signal).find(|it| it.name.name == name.name)
        else {
            let known = workflow.handlers.iter().filter(is_signal).map(|it| it.name.name.as_str());
            let message = format!("`{}` has no signal `{}`", workflow.name.name, name.name);
            let diagnostic = Diagnostic::error("SIGNAL_SEND_UNDEFINED_SIGNAL", name.span, message)
                .label(workflow.name.span, "the receiver");
            return self.report(propose(diagnostic, name.span, &name.name, known));
        };
        self.arity(&format_args!("the signal `{}`", name.name), name.span, &handler.params, args);
    }
}

/// The change that removes `-> x` after a target.
pub(super) fn unbind(diagnostic: Diagnostic, target: Span, bind: Option<&Bind>) -> Diagnostic {
    let Some(Bind::Place(place)) = bind else { return diagnostic };
    let is_plain = place.path.is_empty() && place.root.span.start >= target.end;
    if !is_plain {
        return diagnostic;
    }
    let arrow = Span { start: target.end, end: place.root.span.end, ..target };
    diagnostic.fix(arrow, "", format!("remove `-> {}`", place.root.name))
}
