//! Tools: how an operation looks to an MCP client.

use std::collections::HashMap;
use std::sync::Arc;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::suggest;
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, json};

use crate::pipeline::Target;

/// Verbs that change something and are tools all the same: an agent that started a run must be able to talk to it and to
/// stop it.
const COMPANIONS: &str = "run.";

/// Longest tool name that clients take, in characters.
const NAME_CHARS_MAX: usize = 128;

/// The tools of one state of the catalogue.
#[derive(Default)]
pub(crate) struct ToolSet {
    snapshot: Arc<Vec<Arc<Operation>>>,
    tools: Vec<Tool>,
    by_name: HashMap<String, Callable>,
}

/// What a tool's name stands for.
pub(crate) struct Callable {
    id: String,
    is_workflow: bool,
    is_wrapped: bool,
}

impl Callable {
    /// What to call.
    pub(crate) fn target(&self) -> Target<'_> {
        if self.is_workflow { Target::Workflow(&self.id) } else { Target::Verb(&self.id) }
    }

    /// Whether the output is not an object by itself and therefore put under `result`.
    pub(crate) fn is_wrapped(&self) -> bool {
        self.is_wrapped
    }
}

impl ToolSet {
    /// Renders the tools of a snapshot. Verbs come first, so that they keep their names whatever workflows are called.
    pub(crate) fn render(snapshot: Arc<Vec<Arc<Operation>>>) -> ToolSet {
        let mut set = ToolSet::default();
        let (workflows, verbs): (Vec<_>, Vec<_>) = snapshot.iter().partition(|op| op.is_workflow());
        for verb in verbs.into_iter().filter(|verb| is_offered(verb)) {
            set.add(verb, &verb.name.replace('.', "_"));
        }
        for workflow in &workflows {
            let shared = workflows.iter().filter(|other| other.name == workflow.name).count() > 1;
            if shared || set.by_name.contains_key(&tidy(&workflow.name)) {
                set.add(workflow, &workflow.id().replace('/', "."));
            } else {
                set.add(workflow, &workflow.name);
            }
        }
        set.snapshot = snapshot;
        set
    }

    fn add(&mut self, operation: &Operation, wanted: &str) {
        let base = tidy(wanted);
        let mut name = base.clone();
        let mut count = 1;
        while self.by_name.contains_key(&name) {
            count += 1;
            name = format!("{base}_{count}");
        }
        let is_wrapped = !is_object(&operation.output, &operation.output);
        self.tools.push(tool(name.clone(), operation));
        let callable = Callable { id: operation.id(), is_workflow: operation.is_workflow(), is_wrapped };
        self.by_name.insert(name, callable);
    }

    /// Whether these are the tools of this snapshot.
    pub(crate) fn is_of(&self, snapshot: &Arc<Vec<Arc<Operation>>>) -> bool {
        Arc::ptr_eq(&self.snapshot, snapshot)
    }

    /// Every tool.
    pub(crate) fn all(&self) -> Vec<Tool> {
        self.tools.clone()
    }

    /// What a name stands for.
    pub(crate) fn find(&self, name: &str) -> Result<&Callable, Error> {
        self.by_name.get(name).ok_or_else(|| {
            let error = Error::new(&code::OPERATION_UNKNOWN, format!("there is no tool {name:?}"));
            match suggest::nearest(name, self.by_name.keys().map(String::as_str)) {
                Some(near) => error.help(format!("did you mean {near:?}?")),
                None => error.help("tools/list lists the tools there are"),
            }
        })
    }
}

fn is_offered(verb: &Operation) -> bool {
    verb.effect == Effect::Read || verb.name.starts_with(COMPANIONS)
}

/// A name in the letters that every client takes.
fn tidy(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    name.chars().map(|c| if fits(c) { c } else { '_' }).take(NAME_CHARS_MAX).collect()
}

fn tool(name: String, operation: &Operation) -> Tool {
    let doc = if operation.doc.is_empty() { &operation.title } else { &operation.doc };
    let tool = Tool::new(name, doc.clone(), object_of(&operation.input))
        .with_raw_output_schema(Arc::new(output_schema(operation)))
        .with_annotations(annotations(operation.effect));
    if operation.title.is_empty() { tool } else { tool.with_title(operation.title.as_str()) }
}

/// Only workflows reach beyond Nexus itself.
fn annotations(effect: Effect) -> ToolAnnotations {
    let reads = effect == Effect::Read;
    ToolAnnotations::new()
        .read_only(reads)
        .destructive(!reads)
        .idempotent(reads)
        .open_world(effect == Effect::Long)
}

/// Whether every value of a schema is an object; a reference to a definition is looked up in the whole schema.
fn is_object(schema: &Json, whole: &Json) -> bool {
    let named = schema.get("$ref").and_then(Json::as_str).and_then(|name| name.strip_prefix('#'));
    let schema = named.and_then(|pointer| whole.pointer(pointer)).unwrap_or(schema);
    schema.get("type").and_then(Json::as_str) == Some("object")
}

fn object_of(schema: &Json) -> Map<String, Json> {
    let empty = || Map::from_iter([("type".to_owned(), json!("object"))]);
    schema.as_object().cloned().unwrap_or_else(empty)
}

/// What `structuredContent` holds: the output where it is an object, else `{"result": output}`. A workflow that is
/// still going on answers with a handle instead, which the schema must allow for.
fn output_schema(operation: &Operation) -> Map<String, Json> {
    let mut output = operation.output.clone();
    let definitions = output.as_object_mut().and_then(|schema| schema.shift_remove("$defs"));
    if !is_object(&output, &operation.output) {
        let any = if output.is_null() { json!({}) } else { output };
        output = json!({ "type": "object", "properties": { "result": any }, "required": ["result"] });
    }
    if operation.effect == Effect::Long {
        output = json!({ "type": "object", "anyOf": [output, handle_schema()] });
    }
    let mut schema = object_of(&output);
    // References are written from the root of the document.
    schema.extend(definitions.map(|definitions| ("$defs".to_owned(), definitions)));
    schema
}

fn handle_schema() -> Json {
    json!({
        "type": "object",
        "description": "the run goes on; ask run_show with its run_id",
        "properties": {
            "run_id": { "type": "string" },
            "workflow_id": { "type": "string" },
            "status": { "const": "running" },
        },
        "required": ["run_id", "workflow_id", "status"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_kernel::BoxFuture;
    use nexus_kernel::call::{Answer, CallContext};
    use nexus_kernel::id::Namespace;

    fn operation(namespace: Option<&str>, name: &str, effect: Effect) -> Arc<Operation> {
        let handler = |input: Json, _: CallContext| -> BoxFuture<'static, Result<Answer, Error>> {
            Box::pin(async { Ok(Answer::of(input)) })
        };
        Arc::new(Operation {
            contract: nexus_kernel::contract::Contract::default(),
            input_bytes_max: nexus_kernel::limits::PAYLOAD_BYTES_MAX,
            name: name.into(),
            namespace: namespace.map(|name| Namespace::new(name).unwrap()),
            title: String::new(),
            doc: "Does it.".into(),
            input: json!({ "type": "object" }),
            output: json!({ "$ref": "#/$defs/Id", "$defs": { "Id": { "type": "string" } } }),
            effect,
            permission: String::new(),
            defined_at: None,
            handler: Arc::new(handler),
        })
    }

    #[test]
    fn names_are_short_where_they_can_be() {
        let set = ToolSet::render(Arc::new(vec![
            operation(Some("a"), "Refund", Effect::Long),
            operation(Some("b"), "Refund", Effect::Long),
            operation(Some("a"), "run_list", Effect::Long),
            operation(Some("a"), "Größe", Effect::Long),
            operation(Some("a"), "Gr__e", Effect::Long),
            operation(None, "run.list", Effect::Read),
            operation(None, "run.cancel", Effect::Write),
            operation(None, "store.drop", Effect::Write),
        ]));
        let names: Vec<_> = set.tools.iter().map(|tool| &*tool.name).collect();
        let expected = ["run_list", "run_cancel", "a.Refund", "b.Refund", "a.run_list", "Gr__e", "a.Gr__e"];
        assert_eq!(names, expected);
        assert_eq!(set.find("a.Refund").unwrap().target(), Target::Workflow("a/Refund"));
        assert_eq!(set.find("run_list").unwrap().target(), Target::Verb("run.list"));
        let help = set.find("run_lst").err().unwrap().help_text().map(str::to_owned);
        assert_eq!(help.as_deref(), Some("did you mean \"run_list\"?"));
    }

    #[test]
    fn a_result_that_is_a_declared_object_is_not_wrapped() {
        let schema =
            json!({ "$ref": "#/$defs/T", "$defs": { "T": { "type": "object" }, "U": { "type": "string" } } });
        assert!(is_object(&schema, &schema));
        assert!(!is_object(&json!({ "$ref": "#/$defs/U" }), &schema));
    }

    #[test]
    fn references_still_resolve_in_the_schema_of_the_result() {
        let schema = Json::Object(output_schema(&operation(Some("a"), "Pay", Effect::Long)));
        let validator = jsonschema::validator_for(&schema).unwrap();
        assert!(validator.is_valid(&json!({ "result": "id-1" })));
        assert!(!validator.is_valid(&json!({ "result": 1 })));
        assert!(validator.is_valid(&json!({ "run_id": "run_1", "workflow_id": "w", "status": "running" })));
    }
}
