//! Failures as values, and values as failures (rules H4 and H5).

use std::sync::Arc;

use serde_json::Value as Json;

use super::InputError;
use super::run::{Flow, Task};
use super::state::{Control, Coroutine, Role};
use super::wire::CommandKind;
use crate::text::suggest::did_you_mean;
use crate::twf::boundary::{export, import};
use crate::twf::code::ErrorCode;
use crate::twf::eval::display;
use crate::twf::failure::{Failure, kind};
use crate::twf::fault::Fault;
use crate::twf::heap::Object;
use crate::twf::value::{Ref, Value};

/// The label of a caught failure as a value, by which raising it again is recognised.
const FAILURE_LABEL: &str = "Failure";

/// The type of a failure that was raised without one.
const DEFAULT_TYPE: &str = "WorkflowFailed";

/// How deep causes are shown as values.
const CAUSES_MAX: u32 = 16;

/// Fields that say what happened, in the order they are looked for.
const MESSAGE_FIELDS: [&str; 4] = ["message", "error", "reason", "status"];

impl Task<'_, '_> {
    /// Raises a failure: the nearest guard takes it, or the coroutine ends.
    pub(super) fn raise(&mut self, co: &mut Coroutine, failure: Failure) -> Result<Flow, Fault> {
        if failure.is_canceled() || (self.m.cancel_requested && failure.chain().any(Failure::is_canceled)) {
            // The cancellation has arrived; what is caught from here on may clean up undisturbed.
            co.cancel = false;
        }
        let guard = co.control.iter().rposition(|control| matches!(control, Control::Try(_)));
        let Some(at) = guard else { return self.uncaught(co, failure) };
        let Some(Control::Try(label)) = co.control.get(at) else { return self.uncaught(co, failure) };
        let label = *label;
        co.control.truncate(at);
        co.control.push(Control::Failure(failure));
        Ok(self.jump(co, label))
    }

    fn uncaught(&mut self, co: &mut Coroutine, failure: Failure) -> Result<Flow, Fault> {
        let span = self.span(co);
        match &co.role {
            Role::Main => self.main_failed(co, failure),
            Role::Branch { group, place } => {
                let (group, place) = (*group, *place);
                self.branch_done(group, place, Err(Box::new(failure)));
                Ok(Flow::Done)
            }
            Role::Handler { update, .. } => {
                self.m.handlers_running = self.m.handlers_running.saturating_sub(1);
                self.context.wrote = true;
                match update.clone() {
                    Some(id) => {
                        self.emit(span, CommandKind::CompleteUpdate { id, outcome: Err(failure) });
                        Ok(Flow::Done)
                    }
                    None if failure.is_canceled() && self.m.cancel_requested => Ok(Flow::Done),
                    None => self.close(co, CommandKind::Fail { failure }),
                }
            }
            Role::Query => Err(crate::twf::fault::Trouble::new("RAISED", failure.message).at(span)),
        }
    }

    /// A failure as `catch e:` sees it.
    pub(super) fn failure_value(&mut self, failure: &Failure) -> Value {
        self.failure_value_at(failure.telling(), 0)
    }

    fn failure_value_at(&mut self, failure: &Failure, depth: u32) -> Value {
        let details: Vec<Value> = failure
            .details
            .iter()
            .map(|detail| import(&mut self.m.heap, detail).unwrap_or_default())
            .collect();
        let details = self.m.heap.new_list(details);
        let cause = match &failure.cause {
            Some(cause) if depth < CAUSES_MAX => self.failure_value_at(cause, depth + 1),
            _ => Value::Null,
        };
        let fields = [
            ("type", Value::text(failure.type_name.as_str())),
            ("message", Value::text(failure.message.as_str())),
            ("details", details),
            ("retryable", Value::Bool(!failure.non_retryable)),
            ("kind", Value::text(failure.kind.as_str())),
            ("cause", cause),
        ];
        let fields = fields.into_iter().map(|(name, value)| (Arc::from(name), value)).collect();
        self.m.heap.new_object(Object { label: Some(FAILURE_LABEL.into()), fields })
    }

    /// A failure as the result of a call with `on_failure: capture`.
    pub(super) fn captured(&mut self, failure: &Failure) -> Value {
        let error = self.failure_value(failure);
        self.m.heap.object_of([("failed", Value::Bool(true)), ("error", error)])
    }

    /// What `raise` and `close fail` make.
    pub(super) fn error(&mut self, scope: Option<Ref>, error: &ErrorCode) -> Result<Failure, Fault> {
        match error {
            ErrorCode::Named(name, args) => {
                let mut values = Vec::with_capacity(args.len());
                for arg in args {
                    let value = self.eval(scope, arg)?;
                    values.push((
                        display(&self.m.heap, &value).map_err(|it| it.at(arg.span))?,
                        value,
                        arg.span,
                    ));
                }
                let message = values.first().map(|(text, ..)| text.clone()).unwrap_or_default();
                let mut failure = Failure::application(name, message);
                for (_, value, span) in values.iter().skip(1) {
                    failure.details.push(export(&self.m.heap, value).map_err(|it| it.at(*span))?);
                }
                Ok(failure)
            }
            ErrorCode::Value(expr) => {
                let value = self.eval(scope, expr)?;
                let details = export(&self.m.heap, &value).map_err(|trouble| trouble.at(expr.span))?;
                Ok(match &value {
                    Value::Object(at) => self.object_failure(*at, details),
                    Value::Null => Failure::application(DEFAULT_TYPE, ""),
                    other => {
                        let message =
                            display(&self.m.heap, other).map_err(|trouble| trouble.at(expr.span))?;
                        Failure { details: vec![details], ..Failure::application(DEFAULT_TYPE, message) }
                    }
                })
            }
        }
    }

    fn object_failure(&self, at: Ref, details: Json) -> Failure {
        let Some(object) = self.m.heap.object(at) else { return Failure::application(DEFAULT_TYPE, "") };
        if object.label.as_deref() == Some(FAILURE_LABEL) {
            return from_value(&details, 0);
        }
        let text = |name: &str| match object.fields.get(name) {
            Some(Value::Str(text)) => Some(text.to_string()),
            _ => None,
        };
        let type_name = match &object.label {
            Some(label) => label.to_string(),
            None => text("type").unwrap_or_else(|| DEFAULT_TYPE.to_string()),
        };
        let message = MESSAGE_FIELDS.into_iter().find_map(text).unwrap_or_default();
        let mut failure = Failure::application(&type_name, message);
        failure.non_retryable = object.fields.get("non_retryable") == Some(&Value::Bool(true));
        failure.details = vec![details];
        failure
    }
}

/// The failure behind a caught one, so that raising it again loses nothing.
fn from_value(value: &Json, depth: u32) -> Failure {
    let text = |name: &str| value.get(name).and_then(Json::as_str).unwrap_or_default();
    let word = text("kind");
    let mut failure =
        Failure::new(if word.is_empty() { kind::APPLICATION } else { word }, text("type"), text("message"));
    failure.non_retryable = value.get("retryable") == Some(&Json::Bool(false));
    failure.details = value.get("details").and_then(Json::as_array).cloned().unwrap_or_default();
    failure.cause = match value.get("cause") {
        Some(cause @ Json::Object(_)) if depth < CAUSES_MAX => Some(Box::new(from_value(cause, depth + 1))),
        _ => None,
    };
    failure
}

/// The refusal of a message that nobody declared.
pub(super) fn not_declared<'a>(noun: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let help = did_you_mean(name, known).map(|help| format!("; {help}")).unwrap_or_default();
    Failure::application("NotFound", format!("this workflow declares no {noun} `{name}`{help}"))
}

/// The refusal of arguments that do not fit.
pub(super) fn bad_input(error: &InputError) -> Failure {
    Failure { non_retryable: true, ..Failure::application("BadRequest", error.to_string()) }
}
