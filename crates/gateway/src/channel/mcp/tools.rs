//! Tools: how an operation looks to an MCP client.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use nexus_kernel::Json;
use nexus_kernel::call::Answer;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::suggest;
use rmcp::model::{MetaObject, Tool, ToolAnnotations};
use serde_json::{Map, json};

use crate::channel::mcp::content::{McpContent, McpSubset};
use crate::channel::mcp::finder;
use crate::pipeline::Target;

/// Verbs that change something and are tools all the same: an agent that started a run must be able to talk to it and to
/// stop it.
const COMPANIONS: &str = "run.";

/// The same of Nexus operations, their own and those that runs wait for, and of the endpoints that lead to them.
const OPERATING: [&str; 7] = [
    "endpoint.create",
    "endpoint.delete",
    "endpoint.update",
    "operation.cancel",
    "operation.complete",
    "operation.fail",
    "operation.start",
];

/// Longest tool name that clients take, in characters.
const NAME_CHARS_MAX: usize = 128;

/// Verbs that answer with a run that still goes on, when it does.
const RUN_VERBS: &[&str] = &["run.start", "run.result"];

/// The argument that names a session, where a workflow has none of this name itself.
const SESSION: &str = "session_id";

/// The tools of one state of the catalogue.
#[derive(Default)]
pub(crate) struct ToolSet {
    snapshot: Arc<Vec<Arc<Operation>>>,
    content: Arc<McpContent>,
    tools: Vec<Tool>,
    by_name: HashMap<String, Callable>,
    by_id: HashMap<String, usize>,
}

/// What a tool's name stands for.
pub(crate) struct Callable {
    id: String,
    is_workflow: bool,
    is_wrapped: bool,
    takes_session: bool,
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

    /// Whether the argument `session_id` is ours rather than the workflow's.
    pub(crate) fn takes_session(&self) -> bool {
        self.takes_session
    }
}

impl ToolSet {
    /// Renders the tools of a snapshot, or a subset of them. Verbs come first, so that they keep their names whatever
    /// workflows are called.
    pub(crate) fn render(
        snapshot: Arc<Vec<Arc<Operation>>>,
        content: Arc<McpContent>,
        subset: Option<&McpSubset>,
    ) -> ToolSet {
        let mut set = ToolSet::default();
        let (workflows, verbs): (Vec<_>, Vec<_>) = snapshot.iter().partition(|op| op.is_workflow());
        let chosen = |operation: &Operation| match subset {
            Some(subset) => subset.has(operation),
            None => operation.is_workflow() || is_offered(operation),
        };
        for verb in verbs.into_iter().filter(|verb| chosen(verb)) {
            set.add(verb, &verb.name.replace('.', "_"));
        }
        for workflow in workflows.iter().filter(|workflow| chosen(workflow)) {
            let shared = workflows.iter().filter(|other| other.name == workflow.name).count() > 1;
            if shared || set.by_name.contains_key(&tidy(&workflow.name)) {
                set.add(workflow, &workflow.id().replace('/', "."));
            } else {
                set.add(workflow, &workflow.name);
            }
        }
        (set.snapshot, set.content) = (snapshot, content);
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
        let callable = Callable {
            id: operation.id(),
            is_workflow: operation.is_workflow(),
            is_wrapped: !is_object(&operation.output, &operation.output),
            takes_session: takes_session(operation),
        };
        self.by_id.insert(operation.id(), self.tools.len());
        self.tools.push(tool(name.clone(), operation));
        self.by_name.insert(name, callable);
    }

    /// Whether these are the tools of this snapshot and content.
    pub(crate) fn is_of(&self, snapshot: &Arc<Vec<Arc<Operation>>>, content: &Arc<McpContent>) -> bool {
        Arc::ptr_eq(&self.snapshot, snapshot) && Arc::ptr_eq(&self.content, content)
    }

    /// Every tool, called by its own name or not.
    pub(crate) fn all(&self) -> &[Tool] {
        &self.tools
    }

    /// The tool of an operation, by the operation's id.
    pub(crate) fn of_operation(&self, id: &str) -> Option<&Tool> {
        self.by_id.get(id).and_then(|at| self.tools.get(*at))
    }

    /// The workflows among the operations, as they are offered here.
    pub(crate) fn workflows(&self) -> impl Iterator<Item = &Arc<Operation>> {
        self.snapshot
            .iter()
            .filter(|operation| operation.is_workflow() && self.by_id.contains_key(&operation.id()))
    }

    /// What `tools/list` shows: the tools, or those that find them when there are too many. Workflows come before what
    /// Nexus itself can do, as long as there is room for all of them.
    pub(crate) fn listed(&self) -> Vec<Tool> {
        if !self.is_searched() {
            return self.tools.clone();
        }
        let is_workflow = |tool: &&Tool| self.by_name.get(&*tool.name).is_some_and(|it| it.is_workflow);
        let workflows: Vec<&Tool> = self.tools.iter().filter(is_workflow).collect();
        let companions = self.tools.iter().filter(|it| it.name.starts_with("run_") && !is_workflow(it));
        let mut listed: Vec<Tool> =
            finder::tools(self.tools.len()).into_iter().chain(companions.cloned()).collect();
        if listed.len() + workflows.len() <= self.content.tools_max {
            listed.splice(..0, workflows.into_iter().cloned());
        }
        listed
    }

    fn is_searched(&self) -> bool {
        self.tools.len() > self.content.tools_max
    }

    /// The answer of a tool that finds others, when it is one.
    pub(crate) fn finder(&self, name: &str, arguments: &Map<String, Json>) -> Option<Result<Answer, Error>> {
        if self.by_name.contains_key(name) || !self.is_searched() {
            return None;
        }
        finder::answer(self, name, arguments).map(|output| output.map(Answer::of))
    }

    /// What a call stands for, and its arguments: `execute_tool` calls the tool that its arguments name.
    pub(crate) fn resolve(
        &self,
        name: &str,
        mut arguments: Map<String, Json>,
    ) -> Result<(&Callable, Map<String, Json>), Error> {
        if name != finder::EXECUTE || self.by_name.contains_key(name) || !self.is_searched() {
            return Ok((self.find(name)?, arguments));
        }
        let inner = match arguments.shift_remove("arguments") {
            Some(Json::Object(inner)) => inner,
            _ => Map::new(),
        };
        let name = arguments.get("name").and_then(Json::as_str).unwrap_or_default();
        Ok((self.find(name)?, inner))
    }

    /// Whether the result of a run, as it is shown, is put under `result`.
    pub(crate) fn wraps(&self, view: &Json) -> bool {
        let text = |name: &str| view.get(name).and_then(Json::as_str).unwrap_or_default();
        let id = format!("{}/{}", text("namespace"), text("workflow"));
        let known = self.snapshot.iter().find(|operation| operation.id() == id);
        match known {
            Some(operation) => !is_object(&operation.output, &operation.output),
            None => !view.get("result").is_some_and(Json::is_object),
        }
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
    verb.effect == Effect::Read
        || verb.name.starts_with(COMPANIONS)
        || OPERATING.contains(&verb.name.as_str())
}

/// A name in the letters that every client takes.
fn tidy(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    name.chars().map(|c| if fits(c) { c } else { '_' }).take(NAME_CHARS_MAX).collect()
}

fn tool(name: String, operation: &Operation) -> Tool {
    let mut tool = Tool::new(name, description(operation), input_schema(operation))
        .with_raw_output_schema(Arc::new(output_schema(operation)))
        .with_annotations(annotations(operation));
    let mut meta = MetaObject::new();
    meta.insert("nexus/operation".to_owned(), operation.id().into());
    if let Some(why) = &operation.contract.deprecated {
        meta.insert("nexus/deprecated".to_owned(), why.as_str().into());
    }
    if !operation.contract.tags.is_empty() {
        meta.insert("nexus/tags".to_owned(), json!(operation.contract.tags));
    }
    tool.meta = Some(meta);
    if operation.title.is_empty() { tool } else { tool.with_title(operation.title.as_str()) }
}

/// What it does, when not to use it, and how it is used.
fn description(operation: &Operation) -> String {
    let doc = if operation.doc.is_empty() { &operation.title } else { &operation.doc };
    let mut text = doc.clone();
    // Writing to a string cannot fail.
    if let Some(why) = &operation.contract.deprecated {
        let _ = write!(text, "\n\nDeprecated: {why}");
    }
    for example in &operation.contract.examples {
        let _ = write!(text, "\n\nExample, {}: {}", example.title, example.input);
        if let Some(output) = &example.output {
            let _ = write!(text, " gives {output}");
        }
    }
    text
}

/// Only workflows reach beyond Nexus itself.
fn annotations(operation: &Operation) -> ToolAnnotations {
    let reads = operation.effect == Effect::Read;
    let mut annotations = ToolAnnotations::new()
        .read_only(reads)
        .destructive(!reads)
        .idempotent(reads)
        .open_world(operation.effect == Effect::Long);
    annotations.title = Some(operation.title.clone()).filter(|title| !title.is_empty());
    annotations
}

/// A workflow can be called within a session, unless a field of this name is its own.
fn takes_session(operation: &Operation) -> bool {
    operation.is_workflow() && operation.input.pointer("/properties/session_id").is_none()
}

/// The operation's input, with examples, and the session for workflows.
fn input_schema(operation: &Operation) -> Map<String, Json> {
    let mut schema = object_of(&operation.input);
    let examples: Vec<&Json> = operation.contract.examples.iter().map(|example| &example.input).collect();
    if !examples.is_empty() {
        schema.insert("examples".to_owned(), json!(examples));
    }
    if takes_session(operation) {
        let properties = schema.entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = properties.as_object_mut() {
            let field =
                json!({ "type": "string", "description": "the session that the call belongs to, if any" });
            properties.insert(SESSION.to_owned(), field);
        }
    }
    schema
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
    if operation.effect == Effect::Long || RUN_VERBS.contains(&operation.name.as_str()) {
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
        "description": "the run goes on; ask run_result with its run_id",
        "properties": {
            "run_id": { "type": "string" },
            "workflow_id": { "type": "string" },
            "status": { "enum": ["running", "paused"] },
            "waits_for_signals": { "type": "array", "items": { "type": "string" } },
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
        let operations = Arc::new(vec![
            operation(Some("a"), "Refund", Effect::Long),
            operation(Some("b"), "Refund", Effect::Long),
            operation(Some("a"), "run_list", Effect::Long),
            operation(Some("a"), "Größe", Effect::Long),
            operation(Some("a"), "Gr__e", Effect::Long),
            operation(None, "run.list", Effect::Read),
            operation(None, "run.cancel", Effect::Write),
            operation(None, "store.drop", Effect::Write),
        ]);
        let set = ToolSet::render(operations, Arc::default(), None);
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
