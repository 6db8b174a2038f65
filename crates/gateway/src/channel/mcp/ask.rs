//! Questions: a run that only a signal can move on, as a form that a person fills in.
//!
//! A form of MCP is flat and holds texts, numbers and choices. What a signal takes beyond that is asked for as JSON.

use std::fmt::Write;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::json as reader;
use rmcp::model::{ElicitRequestParams, ElicitationSchema};
use serde_json::{Map, json};

/// The field that says which of several signals to send.
const CHOICE: &str = "signal";

/// Keys of a schema that forms know as well.
const FORM_KEYS: &[&str] = &[
    "type",
    "title",
    "description",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "format",
    "default",
];

/// Formats that forms know.
const FORM_FORMATS: &[&str] = &["email", "uri", "date", "date-time"];

/// What a run asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    /// The run.
    pub(super) run: String,
    /// How many events its history has: two questions of a run differ in this.
    pub(super) at: u64,
    workflow: String,
    signals: Vec<Signal>,
}

/// A signal that moves the run on.
#[derive(Debug, Clone, PartialEq)]
struct Signal {
    name: String,
    doc: String,
    input: Json,
}

/// What a person answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    /// This signal with this input.
    Send(String, Json),
    /// They do not want to say.
    Declined,
}

impl Asked {
    /// What a run asks for, from what `run.show` tells of it: something only when nothing but time and signals can
    /// move it on.
    pub(super) fn of(view: &Json) -> Option<Asked> {
        let text = |name: &str| view.get(name).and_then(Json::as_str);
        let list =
            |name: &str| view.get(name).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let only_time =
            list("pending").iter().all(|it| it.get("kind").and_then(Json::as_str) == Some("timer"));
        let is_stuck = view.get("blocked").is_some_and(|blocked| !blocked.is_null());
        if text("status") != Some("running") || !only_time || is_stuck {
            return None;
        }
        let waits = list("waits").iter().filter_map(|wait| wait.get("signals")?.as_array());
        let mut signals: Vec<Signal> = Vec::new();
        for signal in waits.flatten().filter_map(Signal::of) {
            if !signals.iter().any(|known| known.name == signal.name) {
                signals.push(signal);
            }
        }
        let at = view.get("history_length").and_then(Json::as_u64).unwrap_or(0);
        let (run, workflow) = (text("run_id")?.to_owned(), text("workflow")?.to_owned());
        (!signals.is_empty()).then_some(Asked { run, at, workflow, signals })
    }

    /// The key of the question. Another question of the same run has another one.
    pub(super) fn key(&self) -> String {
        format!("signal-{}", self.at)
    }

    /// The names of the signals.
    pub(super) fn names(&self) -> Vec<&str> {
        self.signals.iter().map(|signal| signal.name.as_str()).collect()
    }

    /// The question in words.
    pub(super) fn message(&self) -> String {
        let mut text = format!("{} ({}) waits for {}.", self.workflow, self.run, self.names().join(" or "));
        // Writing to a string cannot fail.
        for signal in self.signals.iter().filter(|signal| !signal.doc.is_empty()) {
            let _ = write!(text, "\n{}: {}", signal.name, signal.doc);
        }
        text
    }

    /// The form.
    pub(super) fn form(&self) -> Result<ElicitRequestParams, Error> {
        let schema: ElicitationSchema =
            serde_json::from_value(self.schema()).map_err(|error| Error::internal(error.to_string()))?;
        let (message, requested_schema) = (self.message(), schema);
        Ok(ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema })
    }

    fn schema(&self) -> Json {
        let mut properties = Map::new();
        let mut required: Vec<String> = Vec::new();
        let one = self.signals.len() == 1;
        if !one {
            properties
                .insert(CHOICE.into(), json!({ "type": "string", "title": "Signal", "enum": self.names() }));
            required.push(CHOICE.to_owned());
        }
        for signal in &self.signals {
            for (name, schema) in signal.fields() {
                let field = if one { name.clone() } else { format!("{}.{name}", signal.name) };
                if one && signal.requires(name) {
                    required.push(field.clone());
                }
                properties.insert(field, form_field(schema).unwrap_or_else(|| json_field(schema)));
            }
        }
        json!({ "type": "object", "properties": properties, "required": required })
    }

    /// Reads a filled-in form: `{"action": "accept", "content": {...}}`.
    pub(super) fn read(&self, answer: &Json) -> Result<Reply, Error> {
        match answer.get("action").and_then(Json::as_str) {
            Some("accept") => {}
            Some("decline" | "cancel") => return Ok(Reply::Declined),
            _ => return Err(unfit("/action", "an answer accepts, declines or cancels")),
        }
        let nothing = json!({});
        let content = answer.get("content").filter(|content| !content.is_null()).unwrap_or(&nothing);
        let (signal, prefix) = match self.signals.as_slice() {
            [only] => (only, String::new()),
            several => {
                let chosen = content.get(CHOICE).and_then(Json::as_str);
                let found = several.iter().find(|signal| Some(signal.name.as_str()) == chosen);
                let found = found.ok_or_else(|| {
                    unfit("/content/signal", &format!("choose {}", self.names().join(" or ")))
                })?;
                (found, format!("{}.", found.name))
            }
        };
        let mut input = Map::new();
        for (name, schema) in signal.fields() {
            let field = format!("{prefix}{name}");
            let Some(value) = content.get(&field).filter(|value| !value.is_null()) else { continue };
            input.insert(name.clone(), read_field(schema, value, &field)?);
        }
        Ok(Reply::Send(signal.name.clone(), Json::Object(input)))
    }
}

impl Signal {
    fn of(value: &Json) -> Option<Signal> {
        let text = |name: &str| value.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let input = value.get("input").cloned().unwrap_or_default();
        Some(Signal { name: value.get("name")?.as_str()?.to_owned(), doc: text("doc"), input })
    }

    fn fields(&self) -> impl Iterator<Item = (&String, &Json)> {
        self.input.get("properties").and_then(Json::as_object).into_iter().flatten()
    }

    fn requires(&self, name: &str) -> bool {
        let required = self.input.get("required").and_then(Json::as_array);
        required.is_some_and(|all| all.iter().any(|field| field.as_str() == Some(name)))
    }
}

/// The field of a form for a schema that forms can hold.
fn form_field(schema: &Json) -> Option<Json> {
    let kind = schema.get("type")?.as_str()?;
    if !matches!(kind, "string" | "number" | "integer" | "boolean") {
        return None;
    }
    let known = |key: &str, value: &Json| {
        FORM_KEYS.contains(&key)
            && (key != "format" || value.as_str().is_some_and(|it| FORM_FORMATS.contains(&it)))
    };
    let kept = schema.as_object()?.iter().filter(|(key, value)| known(key, value));
    let field = Json::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect());
    // What the protocol's library does not take as a field is asked for as JSON.
    let form = json!({ "type": "object", "properties": { "a": field } });
    serde_json::from_value::<ElicitationSchema>(form).ok().map(|_| field)
}

fn json_field(schema: &Json) -> Json {
    let words =
        schema.get("description").and_then(Json::as_str).map(|it| format!("{it}; ")).unwrap_or_default();
    let mut short = schema.clone();
    if let Some(fields) = short.as_object_mut() {
        fields.shift_remove("description");
    }
    json!({ "type": "string", "description": format!("{words}JSON that fits {short}") })
}

fn read_field(schema: &Json, value: &Json, field: &str) -> Result<Json, Error> {
    match value {
        Json::String(text) if form_field(schema).is_none() => reader::read(text.as_bytes())
            .map_err(|error| unfit(&format!("/content/{field}"), &error.to_string())),
        other => Ok(other.clone()),
    }
}

fn unfit(at: &str, why: &str) -> Error {
    Error::new(&code::INPUT_INVALID, "the answer does not fit the question").fault(at, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(signals: &Json) -> Json {
        json!({
            "run_id": "run_1", "workflow": "Pay", "status": "running", "history_length": 7, "blocked": null,
            "pending": [{ "kind": "timer" }], "waits": [{ "for": "the first of: …", "signals": signals }],
        })
    }

    fn signal(name: &str, properties: &Json, required: &[&str]) -> Json {
        let input = json!({ "type": "object", "properties": properties, "required": required });
        json!({ "name": name, "doc": "", "input": input })
    }

    #[test]
    fn a_run_asks_when_only_signals_and_time_can_move_it() {
        let signals = json!([signal("Approve", &json!({}), &[])]);
        assert!(Asked::of(&view(&signals)).is_some());
        for (field, value) in [
            ("pending", json!([{ "kind": "activity" }])),
            ("status", json!("paused")),
            ("blocked", json!({ "message": "x" })),
            ("waits", json!([{ "for": "a condition" }])),
        ] {
            let mut view = view(&signals);
            view[field] = value;
            assert_eq!(Asked::of(&view), None, "{field}");
        }
    }

    #[test]
    fn one_signal_is_a_form_of_its_fields() {
        let fields = json!({
            "by": { "type": "string", "description": "who", "x-other": 1 },
            "lines": { "type": "array", "items": { "type": "integer" } },
        });
        let asked = Asked::of(&view(&json!([signal("Approve", &fields, &["by"])]))).unwrap();
        let schema = asked.schema();
        assert_eq!(schema["properties"]["by"], json!({ "type": "string", "description": "who" }));
        assert_eq!(schema["properties"]["lines"]["type"], "string");
        assert_eq!(schema["required"], json!(["by"]));
        assert!(asked.form().is_ok());
        let answer = json!({ "action": "accept", "content": { "by": "ann", "lines": "[1, 2]" } });
        let expected = Reply::Send("Approve".into(), json!({ "by": "ann", "lines": [1, 2] }));
        assert_eq!(asked.read(&answer).unwrap(), expected);
        let bad = json!({ "action": "accept", "content": { "lines": "[1," } });
        assert_eq!(asked.read(&bad).unwrap_err().faults()[0].at, "/content/lines");
        assert_eq!(asked.read(&json!({ "action": "decline" })).unwrap(), Reply::Declined);
        assert!(asked.read(&json!({})).is_err());
    }

    #[test]
    fn of_several_signals_one_is_chosen() {
        let why = json!({ "why": { "type": "string" } });
        let signals = json!([signal("Approve", &json!({}), &[]), signal("Reject", &why, &["why"])]);
        let asked = Asked::of(&view(&signals)).unwrap();
        assert_eq!(asked.schema()["properties"]["signal"]["enum"], json!(["Approve", "Reject"]));
        assert!(asked.form().is_ok());
        let answer = json!({ "action": "accept", "content": { "signal": "Reject", "Reject.why": "late" } });
        assert_eq!(asked.read(&answer).unwrap(), Reply::Send("Reject".into(), json!({ "why": "late" })));
        let neither = json!({ "action": "accept", "content": { "signal": "Wait" } });
        assert_eq!(asked.read(&neither).unwrap_err().faults()[0].message, "choose Approve or Reject");
    }
}
