//! Resources: workflows, runs, histories and events, as documents with addresses of their own.

use std::fmt;

use nexus_kernel::Json;
use nexus_kernel::call::Wait;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::Operation;
use rmcp::ErrorData;
use rmcp::model::{ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use serde_json::json;

use crate::channel::mcp::tools::ToolSet;
use crate::channel::mcp::{Asker, McpServer};
use crate::limits::{MCP_PAGE_ENTRIES, MCP_RUNS_LISTED};
use crate::pipeline::Target;

/// Most events of a namespace that its resource shows: the newest ones.
const EVENTS_SHOWN: u64 = 100;

/// The type of every document.
const JSON: &str = "application/json";

/// What an address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// `nexus://workflows/{namespace}/{name}`.
    Workflow(String, String),
    /// `nexus://runs/{id}`.
    Run(String),
    /// `nexus://runs/{id}/history`.
    History(String),
    /// `nexus://events/{namespace}`.
    Events(String),
}

impl Address {
    /// Reads an address.
    pub(super) fn parse(uri: &str) -> Option<Address> {
        let parts: Vec<&str> = uri.strip_prefix("nexus://")?.split('/').collect();
        let part = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        match parts.as_slice() {
            ["workflows", namespace, name] => Some(Address::Workflow(part(namespace)?, part(name)?)),
            ["runs", id] => Some(Address::Run(part(id)?)),
            ["runs", id, "history"] => Some(Address::History(part(id)?)),
            ["events", namespace] => Some(Address::Events(part(namespace)?)),
            _ => None,
        }
    }

    /// The operation that a client must be able to call to see it: a workflow itself, or a verb.
    fn needs(&self) -> String {
        match self {
            Address::Workflow(namespace, name) => format!("{namespace}/{name}"),
            Address::Run(_) => "run.show".to_owned(),
            Address::History(_) => "run.history".to_owned(),
            Address::Events(_) => "event.list".to_owned(),
        }
    }

    /// Whether clients of these tools may see it.
    pub(super) fn is_offered(&self, tools: &ToolSet) -> bool {
        tools.of_operation(&self.needs()).is_some()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Workflow(namespace, name) => write!(f, "nexus://workflows/{namespace}/{name}"),
            Address::Run(id) => write!(f, "nexus://runs/{id}"),
            Address::History(id) => write!(f, "nexus://runs/{id}/history"),
            Address::Events(namespace) => write!(f, "nexus://events/{namespace}"),
        }
    }
}

/// The templates of addresses.
pub(super) fn templates() -> Vec<ResourceTemplate> {
    let template = |uri: &str, name: &str, title: &str, description: &str| {
        ResourceTemplate::new(uri, name).with_title(title).with_description(description).with_mime_type(JSON)
    };
    vec![
        template(
            "nexus://workflows/{namespace}/{name}",
            "workflow",
            "A workflow",
            "A workflow's documentation, schemas and place in the sources.",
        ),
        template(
            "nexus://runs/{id}",
            "run",
            "A run",
            "What is known of a run: status, result, and what it waits for.",
        ),
        template(
            "nexus://runs/{id}/history",
            "history",
            "A run's history",
            "Every event of a run, in order.",
        ),
        template(
            "nexus://events/{namespace}",
            "events",
            "A namespace's events",
            "The newest events that were published in a namespace.",
        ),
    ]
}

/// What reads resources for one request.
pub(super) struct Reader<'a> {
    /// The server.
    pub(super) server: &'a McpServer,
    /// Who asks.
    pub(super) asker: Asker,
}

impl Reader<'_> {
    /// The output of a verb that looks.
    pub(super) async fn verb(&self, name: &str, input: Json) -> Result<Json, Error> {
        let context = self.asker.context(Wait::Accepted);
        Ok(self.server.pipeline().call(Target::Verb(name), input, context).await?.output)
    }

    /// A page of what there is, and where the next one begins: workflows, events, then the newest runs.
    pub(super) async fn list(&self, tools: &ToolSet, from: usize) -> (Vec<Resource>, Option<usize>) {
        let mut all: Vec<Resource> = tools.workflows().map(|operation| of_workflow(operation)).collect();
        all.extend(event_logs(tools));
        let end = from.saturating_add(MCP_PAGE_ENTRIES);
        let more = all.len() > end;
        let mut page: Vec<Resource> = all.into_iter().skip(from).take(MCP_PAGE_ENTRIES).collect();
        if !more {
            page.extend(self.runs(tools).await);
        }
        (page, more.then_some(end))
    }

    async fn runs(&self, tools: &ToolSet) -> Vec<Resource> {
        if tools.of_operation("run.show").is_none() {
            return Vec::new();
        }
        match self.verb("run.list", json!({ "limit": MCP_RUNS_LISTED })).await {
            Ok(listed) => {
                listed.get("runs").and_then(Json::as_array).into_iter().flatten().filter_map(of_run).collect()
            }
            Err(error) => {
                tracing::warn!(%error, "runs are not listed as resources");
                Vec::new()
            }
        }
    }

    /// The document at an address.
    pub(super) async fn read(&self, tools: &ToolSet, uri: &str) -> Result<ReadResourceResult, ErrorData> {
        let address = Address::parse(uri)
            .filter(|address| address.is_offered(tools))
            .ok_or_else(|| missing(uri, None))?;
        let document = self.document(&address).await.map_err(|error| match error.code().http {
            404 | 400 | 422 => missing(uri, Some(&error)),
            _ => ErrorData::internal_error(
                error.message().to_owned(),
                Some(json!({ "code": error.code().id })),
            ),
        })?;
        let text = serde_json::to_string_pretty(&document).unwrap_or_default();
        Ok(ReadResourceResult::new(vec![ResourceContents::text(text, uri).with_mime_type(JSON)]))
    }

    async fn document(&self, address: &Address) -> Result<Json, Error> {
        match address {
            Address::Workflow(namespace, name) => {
                let shown =
                    self.verb("workflow.show", json!({ "name": name, "namespace": namespace })).await?;
                let (name, pipeline) = (format!("{namespace}/{name}"), self.server.pipeline());
                let operation = pipeline.find(Target::Workflow(&name), &self.asker.caller)?;
                Ok(with_contract(shown, &operation))
            }
            Address::Run(id) => self.verb("run.show", json!({ "run_id": id })).await,
            Address::History(id) => self.verb("run.history", json!({ "run_id": id })).await,
            Address::Events(namespace) => {
                let first = self.verb("event.list", json!({ "namespace": namespace, "limit": 1 })).await?;
                let last = first.get("last").and_then(Json::as_u64).unwrap_or(0);
                let after = last.saturating_sub(EVENTS_SHOWN);
                let input = json!({ "namespace": namespace, "after": after, "limit": EVENTS_SHOWN });
                self.verb("event.list", input).await
            }
        }
    }
}

/// A workflow's document tells what it promises beside its schemas.
fn with_contract(mut shown: Json, operation: &Operation) -> Json {
    if let Some(fields) = shown.as_object_mut() {
        let examples = operation.contract.examples.iter();
        let examples =
            examples.map(|it| json!({ "title": it.title, "input": it.input, "output": it.output }));
        fields.insert("title".into(), operation.title.as_str().into());
        fields.insert("permission".into(), operation.permission.as_str().into());
        fields.insert("deprecated".into(), json!(operation.contract.deprecated));
        fields.insert("examples".into(), examples.collect());
    }
    shown
}

fn of_workflow(operation: &Operation) -> Resource {
    let namespace = operation.namespace.as_ref().map(ToString::to_string).unwrap_or_default();
    let uri = Address::Workflow(namespace, operation.name.clone()).to_string();
    let resource = Resource::new(uri, operation.id()).with_mime_type(JSON);
    let resource =
        if operation.title.is_empty() { resource } else { resource.with_title(operation.title.as_str()) };
    if operation.doc.is_empty() { resource } else { resource.with_description(operation.doc.as_str()) }
}

/// The logs of the namespaces that have workflows, and of the default one.
fn event_logs(tools: &ToolSet) -> Vec<Resource> {
    let mut namespaces: Vec<Namespace> = tools.workflows().filter_map(|it| it.namespace.clone()).collect();
    namespaces.push(Namespace::default());
    namespaces.sort();
    namespaces.dedup();
    let addresses = namespaces.iter().map(|namespace| Address::Events(namespace.to_string()));
    let offered = addresses.filter(|address| address.is_offered(tools));
    offered
        .map(|address| {
            let Address::Events(namespace) = &address else {
                return Resource::new(address.to_string(), "events");
            };
            Resource::new(address.to_string(), format!("events of {namespace}"))
                .with_description("The newest events that were published in this namespace.")
                .with_mime_type(JSON)
        })
        .collect()
}

fn of_run(row: &Json) -> Option<Resource> {
    let text = |name: &str| row.get(name).and_then(Json::as_str);
    let id = text("run_id")?;
    let title = format!("{} {}", text("workflow")?, text("status")?);
    let uri = Address::Run(id.to_owned()).to_string();
    Some(Resource::new(uri, id).with_title(title).with_mime_type(JSON))
}

/// There is no such resource. The protocol's library turns the code into that of the client's revision.
pub(super) fn missing(uri: &str, error: Option<&Error>) -> ErrorData {
    let why = error.map(|error| format!(": {}", error.message())).unwrap_or_default();
    let code = error.map_or(code::OPERATION_UNKNOWN.id, |error| error.code().id);
    ErrorData::resource_not_found(
        format!("there is no resource {uri:?}{why}"),
        Some(
            json!({ "uri": uri, "code": code, "help": "resources/list and resources/templates/list show them" }),
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for uri in
            ["nexus://workflows/a/B", "nexus://runs/run_1", "nexus://runs/run_1/history", "nexus://events/a"]
        {
            assert_eq!(Address::parse(uri).unwrap().to_string(), uri);
        }
        for bad in
            ["", "nexus://", "nexus://runs/", "nexus://runs/a/b", "http://runs/a", "nexus://workflows/a"]
        {
            assert_eq!(Address::parse(bad), None, "{bad}");
        }
    }
}
