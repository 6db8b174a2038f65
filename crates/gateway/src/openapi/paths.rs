//! The paths of operations, and those that every server has.

use nexus_kernel::Json;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::route::Route;
use serde_json::{Map, json};

use super::components::Components;

/// A path, a method in small letters, and what is there.
type Described = (String, &'static str, Json);

/// Where an operation is called.
pub(super) fn of(operation: &Operation, components: &mut Components) -> Vec<Described> {
    let id = operation.id().replace('/', ".");
    let (input, output) = (components.take(&operation.input, &id), components.take(&operation.output, &id));
    let mut described = vec![own(operation, &id, &input, &output)];
    let routes = operation.contract.routes.iter().enumerate();
    described.extend(routes.map(|(number, route)| routed(operation, (route, number), &input, &output)));
    described
}

/// The heading that an operation is listed under.
pub(super) fn group(operation: &Operation) -> String {
    match &operation.namespace {
        Some(namespace) => format!("workflows of {namespace}"),
        None => operation.name.split('.').next().unwrap_or_default().to_owned(),
    }
}

/// What every way to an operation has.
fn about(operation: &Operation, operation_id: &str) -> Map<String, Json> {
    let mut about = Map::new();
    about.insert("operationId".into(), operation_id.into());
    about.insert("summary".into(), operation.title.as_str().into());
    about.insert("description".into(), doc(operation).into());
    let mut tags = vec![group(operation)];
    tags.extend(operation.contract.tags.iter().cloned());
    about.insert("tags".into(), tags.into());
    if operation.contract.deprecated.is_some() {
        about.insert("deprecated".into(), true.into());
    }
    about.insert("x-nexus-operation".into(), operation.id().into());
    about.insert("x-nexus-permission".into(), operation.permission.as_str().into());
    about
}

fn doc(operation: &Operation) -> String {
    match &operation.contract.deprecated {
        Some(why) => format!("**Deprecated**: {why}\n\n{}", operation.doc),
        None => operation.doc.clone(),
    }
}

/// The way that every operation has: a POST of its input.
fn own(operation: &Operation, id: &str, input: &Json, output: &Json) -> Described {
    let is_workflow = operation.is_workflow();
    let path = if is_workflow { format!("/v1/workflows/{id}/runs") } else { format!("/v1/operations/{id}") };
    let mut about = about(operation, id);
    let mut parameters = vec![reference("parameters", "RequestId")];
    if operation.effect != Effect::Read {
        parameters.push(reference("parameters", "IdempotencyKey"));
    }
    if operation.effect == Effect::Long {
        parameters.extend([reference("parameters", "Wait"), reference("parameters", "WorkflowId")]);
    }
    about.insert("parameters".into(), parameters.into());
    let mut content = json!({ "schema": input });
    if let (Some(content), Some(examples)) = (content.as_object_mut(), examples(operation)) {
        content.insert("examples".into(), examples);
    }
    let required = input.get("required").and_then(Json::as_array).is_some_and(|fields| !fields.is_empty());
    about.insert(
        "requestBody".into(),
        json!({ "required": required, "content": { "application/json": content } }),
    );
    let done = if operation.effect == Effect::Long {
        json!({ "allOf": [
            { "$ref": "#/components/schemas/Started" }, { "properties": { "output": output } },
        ] })
    } else {
        json!({ "type": "object", "properties": { "output": output }, "required": ["output"] })
    };
    about.insert("responses".into(), responses(operation, done));
    (path, "post", Json::Object(about))
}

fn examples(operation: &Operation) -> Option<Json> {
    let examples = &operation.contract.examples;
    let named = examples.iter().enumerate().map(|(number, example)| {
        let name = format!("example{}", number + 1);
        (name, json!({ "summary": example.title, "value": example.input }))
    });
    (!examples.is_empty()).then(|| Json::Object(named.collect()))
}

/// Statuses of the problems that any operation may answer with.
const PROBLEMS: [&str; 15] =
    ["400", "401", "403", "404", "405", "408", "409", "413", "415", "422", "429", "500", "502", "503", "504"];

/// The answers of an operation. Everything that is not success is a problem.
fn responses(operation: &Operation, done: Json) -> Json {
    let mut responses = Map::new();
    let json_of = |schema: Json| json!({ "application/json": { "schema": schema } });
    responses.insert("200".into(), json!({ "description": "Done.", "content": json_of(done) }));
    if operation.effect == Effect::Long {
        let started = json_of(json!({ "$ref": "#/components/schemas/Started" }));
        let location = json!({ "Location": { "description": "where the run is shown", "schema": { "type": "string" } } });
        responses.insert(
            "202".into(),
            json!({ "description": "The run goes on.", "headers": location, "content": started }),
        );
    }
    for status in PROBLEMS {
        responses.insert(status.into(), json!({ "$ref": "#/components/responses/Problem" }));
    }
    Json::Object(responses)
}

/// A path of a workflow's own.
fn routed(operation: &Operation, (route, number): (&Route, usize), input: &Json, output: &Json) -> Described {
    let id = operation.id().replace('/', ".");
    let mut about = about(operation, &format!("{id}.route{}", number + 1));
    let fields = input.get("properties").and_then(Json::as_object).cloned().unwrap_or_default();
    let required: Vec<&str> = input
        .get("required")
        .and_then(Json::as_array)
        .map(|names| names.iter().filter_map(Json::as_str).collect())
        .unwrap_or_default();
    let parameter = |name: &str, place: &str, field: &str| {
        json!({
            "name": name, "in": place, "required": place == "path" || required.contains(&field),
            "schema": fields.get(field).cloned().unwrap_or_default(),
        })
    };
    let mut parameters = vec![reference("parameters", "RequestId")];
    parameters.extend(route.fields().map(|field| parameter(field, "path", field)));
    parameters.extend(route.headers.iter().map(|(name, field)| parameter(name, "header", field)));
    let mapped =
        |field: &str| route.fields().any(|it| it == field) || route.headers.values().any(|it| it == field);
    let named = |field: &str| route.query.iter().find(|(_, it)| *it == field).map(|(name, _)| name.clone());
    let rest: Vec<&String> = fields.keys().filter(|field| !mapped(field)).collect();
    if route.method.has_body() {
        let mut body = input.clone();
        let in_body = |field: &str| rest.iter().any(|it| *it == field) && named(field).is_none();
        keep(&mut body, in_body);
        about.insert("requestBody".into(), json!({ "content": { "application/json": { "schema": body } } }));
        parameters.extend(route.query.iter().map(|(name, field)| parameter(name, "query", field)));
    } else {
        let place = |field: &&String| named(field).unwrap_or_else(|| (*field).clone());
        parameters.extend(rest.iter().map(|field| parameter(&place(field), "query", field)));
    }
    about.insert("parameters".into(), parameters.into());
    about.insert("responses".into(), responses(operation, output.clone()));
    let method = match route.method.as_str() {
        "GET" => "get",
        "PUT" => "put",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "post",
    };
    (route.path(), method, Json::Object(about))
}

/// Leaves only some fields in the schema of an object.
fn keep(schema: &mut Json, is_kept: impl Fn(&str) -> bool) {
    if let Some(fields) = schema.get_mut("properties").and_then(Json::as_object_mut) {
        fields.retain(|name, _| is_kept(name));
    }
    if let Some(required) = schema.get_mut("required").and_then(Json::as_array_mut) {
        required.retain(|name| name.as_str().is_some_and(&is_kept));
    }
}

fn reference(kind: &str, name: &str) -> Json {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// What every server answers to, whatever its project is.
pub(super) fn fixed() -> Vec<(String, Json)> {
    let health = |summary: &str, id: &str| {
        let object = json!({ "application/json": { "schema": { "type": "object" } } });
        json!({ "get": {
            "operationId": id, "summary": summary, "tags": ["server"],
            "responses": {
                "200": { "description": "Yes.", "content": object },
                "503": { "description": "No.", "content": object },
                "default": { "$ref": "#/components/responses/Problem" },
            },
        } })
    };
    vec![
        ("/health".to_owned(), health("Whether everything works", "health")),
        ("/healthz".to_owned(), health("Whether the process answers", "healthz")),
        ("/readyz".to_owned(), health("Whether requests may be sent here", "readyz")),
        ("/startup".to_owned(), health("Whether the project is served", "startup")),
        ("/metrics".to_owned(), metrics()),
        ("/v1/runs/{id}/events".to_owned(), stream()),
    ]
}

fn metrics() -> Json {
    let text = json!({ "schema": { "type": "string" } });
    json!({ "get": {
        "operationId": "metrics",
        "summary": "What the server counts, for Prometheus",
        "description": "OpenMetrics 1.0, or Prometheus text 0.0.4 for who accepts `text/plain`.",
        "tags": ["server"],
        "responses": {
            "200": { "description": "Metrics.", "content": {
                "application/openmetrics-text": text,
                "text/plain": text,
            } },
            "default": { "$ref": "#/components/responses/Problem" },
        },
    } })
}

fn stream() -> Json {
    let text = |name: &str, place: &str, doc: &str, schema: Json| json!({ "name": name, "in": place, "description": doc, "required": place == "path", "schema": schema });
    json!({ "get": {
        "operationId": "run.events",
        "summary": "What happens to a run, as it happens",
        "description": "A page of the history; with `Accept: text/event-stream` a stream that ends with the run.",
        "tags": ["run"],
        "parameters": [
            text("id", "path", "the run, or the workflow id of the newest", json!({ "type": "string", "minLength": 1 })),
            text("after", "query", "only events after this one", json!({ "type": "integer", "minimum": 0 })),
            text("wait", "query", "how long to wait for an event", json!({ "type": "string", "pattern": "^[0-9]{1,3}(ms)?$" })),
            text("Last-Event-ID", "header", "in a stream: go on after this event", json!({ "type": "string" })),
        ],
        "responses": {
            "200": { "description": "Events.", "content": {
                "application/json": { "schema": { "type": "object" } },
                "text/event-stream": { "schema": { "type": "string" } },
            } },
            "default": { "$ref": "#/components/responses/Problem" },
        },
    } })
}
