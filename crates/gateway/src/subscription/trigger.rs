//! Triggers: an event starts a workflow.
//!
//! The run's workflow id and idempotency key follow from the event's id, so an event that is delivered twice starts one
//! run. The input is a template: `"{data.order_id}"` is that part of the event, in its own type.

use nexus_kernel::call::{CallContext, Caller, Channel, Wait};
use nexus_kernel::id::{Namespace, WorkflowId};
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::event::Event;
use nexus_kernel::{BoxFuture, Json};
use serde_json::{Map, json};

use super::{Deliver, Undelivered};
use crate::pipeline::{Pipeline, Target};

/// A workflow that events start.
pub struct Trigger {
    /// The trigger's name.
    pub name: String,
    /// `Name` or `namespace/Name`.
    pub workflow: String,
    /// The input, with placeholders; without it, the workflow's fields are those of the event's data that have their
    /// names, and `event`.
    pub input: Option<Map<String, Json>>,
    /// The way to the workflow.
    pub pipeline: Pipeline,
}

impl Deliver for Trigger {
    fn deliver(&self, namespace: &Namespace, event: &Event) -> BoxFuture<'static, Result<(), Undelivered>> {
        let shown = event.to_json(namespace);
        let workflow = self.pipeline.find(Target::Workflow(&self.workflow), &Caller::local());
        let input = match (&self.input, &workflow) {
            (Some(template), _) => filled(&Json::Object(template.clone()), &shown),
            (None, Ok(workflow)) => by_name(&workflow.input, &shown),
            (None, Err(_)) => Json::Null,
        };
        let identity = Hash::of(format!("{}\n{namespace}\n{}", self.name, event.fact.id).as_bytes());
        let context = CallContext {
            wait: Wait::Accepted,
            workflow_id: WorkflowId::new(&format!("{}-{}", self.name, identity.short())).ok(),
            idempotency_key: Some(format!("event:{identity}")),
            trace: self.pipeline.trace_of_event(namespace, event),
            ..self.pipeline.context(Channel::Embedded)
        };
        let (pipeline, name) = (self.pipeline.clone(), self.workflow.clone());
        Box::pin(async move {
            match pipeline.call(Target::Workflow(&name), input, context).await {
                Ok(_) => Ok(()),
                // What is wrong with the request stays wrong; what is wrong with the server may pass.
                Err(error) => Err(Undelivered {
                    message: format!("{}: {}", error.code().id, told(&error)),
                    is_final: error.code().http < 500 && error.code().http != 429,
                    retry_after: None,
                }),
            }
        })
    }

    fn describe(&self) -> Json {
        json!({ "kind": "trigger", "workflow": self.workflow })
    }
}

fn told(error: &nexus_kernel::error::Error) -> String {
    let faults = error.faults().iter().map(|fault| format!("; {} {}", fault.at, fault.message));
    faults.fold(error.message().to_owned(), |text, fault| text + &fault)
}

/// A template with its placeholders filled in.
fn filled(template: &Json, event: &Json) -> Json {
    match template {
        Json::String(text) => filled_text(text, event),
        Json::Array(items) => items.iter().map(|item| filled(item, event)).collect(),
        Json::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), filled(value, event)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// A text that is one placeholder has the value's own type; placeholders within a text become text.
fn filled_text(text: &str, event: &Json) -> Json {
    let whole = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    if let Some(path) = whole.filter(|path| !path.contains(['{', '}'])) {
        return found(path, event);
    }
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((path, behind)) = after.split_once('}') else { break };
        result.push_str(before);
        match found(path, event) {
            Json::String(text) => result.push_str(&text),
            Json::Null => {}
            other => result.push_str(&other.to_string()),
        }
        rest = behind;
    }
    result.push_str(rest);
    result.into()
}

/// `event` or a part of it, such as `data.lines.0.sku`; null where there is none.
fn found(path: &str, event: &Json) -> Json {
    if path == "event" {
        return event.clone();
    }
    let step = |value: Option<Json>, name: &str| match value? {
        Json::Object(mut fields) => fields.shift_remove(name),
        Json::Array(items) => items.into_iter().nth(name.parse().ok()?),
        _ => None,
    };
    path.split('.').fold(Some(event.clone()), step).unwrap_or_default()
}

/// Every field of the workflow that the event's data have under its name, and the event itself as `event`.
fn by_name(schema: &Json, event: &Json) -> Json {
    let fields = schema.get("properties").and_then(Json::as_object);
    let value = |name: &String| {
        let data = event.get("data").and_then(|data| data.get(name));
        let whole = (name == "event").then_some(event);
        data.or(whole).map(|value| (name.clone(), value.clone()))
    };
    fields.map(|fields| fields.keys().filter_map(value).collect::<Map<_, _>>()).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Json {
        json!({ "id": "e-1", "type": "order.paid", "data": { "order": 7, "lines": [{ "sku": "tea" }] } })
    }

    #[test]
    fn placeholders_keep_the_type_of_what_they_stand_for() {
        let template = json!({
            "order": "{data.order}", "first": "{data.lines.0.sku}", "text": "{id}: {data.order} of {data.none}!",
            "all": ["{event}"], "fixed": 3, "braces": "{", "none": "{data.none.deeper}",
        });
        let filled = filled(&template, &event());
        assert_eq!((&filled["order"], &filled["first"]), (&json!(7), &json!("tea")));
        assert_eq!(filled["text"], "e-1: 7 of !");
        assert_eq!(filled["all"][0], event());
        assert_eq!(
            (&filled["fixed"], &filled["braces"], &filled["none"]),
            (&json!(3), &json!("{"), &Json::Null)
        );
    }

    #[test]
    fn without_a_template_fields_are_found_by_name() {
        let schema = json!({ "properties": { "order": {}, "event": {}, "other": {} } });
        assert_eq!(by_name(&schema, &event()), json!({ "order": 7, "event": event() }));
    }
}
