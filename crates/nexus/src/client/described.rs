//! Operations as they are described: by a server, by the files of a project, or by this binary itself.
//!
//! They can be looked up, shown and checked against, like those of a node. Calling one does nothing: whoever wants it
//! carried out asks a [`super::Client`].

use std::sync::Arc;

use nexus_kernel::call::{Answer, CallContext};
use nexus_kernel::catalogue::Catalogue;
use nexus_kernel::contract::{Contract, Example};
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::limits::PAYLOAD_BYTES_MAX;
use nexus_kernel::operation::{Effect, Handler, Operation};
use nexus_kernel::{BoxFuture, Json};

use crate::built::Report;
use crate::contract;
use crate::project::Project;

/// What Nexus itself can do, as a server of this very version lists it. A test compares it with one.
const VERBS: &str = include_str!("../../../../schemas/operations.json");

/// The handler of what is only described.
struct Described;

impl Handler for Described {
    fn call(&self, _: Json, _: CallContext) -> BoxFuture<'static, Result<Answer, Error>> {
        Box::pin(async { Ok(Answer::of(Json::Null)) })
    }
}

/// The operations that a server lists under `/v1/operations`. What this version does not understand is left out.
pub fn read(listed: &Json) -> Vec<Operation> {
    let list = listed.get("operations").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(operation).collect()
}

/// The verbs of Nexus itself.
pub fn verbs() -> Vec<Operation> {
    serde_json::from_str(VERBS).map(|listed: Json| read(&listed)).unwrap_or_default()
}

/// The verbs, and the workflows of a project by its files alone. Findings that do not keep a workflow from being
/// understood are left to whoever runs it.
pub fn of_project(project: &Project) -> Result<Vec<Operation>, Error> {
    let (definition, sources, diagnostics) = project.compile(true);
    let report = Report { sources, diagnostics, inputs: Vec::new() };
    let definition = definition.ok_or_else(|| report.to_error())?;
    let mut operations = verbs();
    for workflow in definition.program.workflows() {
        for place in &workflow.deployments {
            operations.push(Operation {
                name: workflow.name.clone(),
                namespace: Some(Namespace::new(&place.namespace)?),
                title: workflow.doc.lines().next().unwrap_or(&workflow.name).to_owned(),
                doc: workflow.doc.clone(),
                input: workflow.input_schema.clone(),
                output: workflow.result_schema.clone(),
                input_bytes_max: PAYLOAD_BYTES_MAX,
                effect: Effect::Long,
                permission: format!("workflow:{}:execute", workflow.name),
                defined_at: Some(definition.place(workflow.span)),
                contract: Contract::default(),
                handler: Arc::new(Described),
            });
        }
    }
    contract::apply_where_it_fits(&project.config, &mut operations);
    Ok(operations)
}

/// Operations, to be looked up by name.
pub fn catalogue(operations: Vec<Operation>) -> Result<Catalogue, Error> {
    let catalogue = Catalogue::new();
    catalogue.replace(operations)?;
    Ok(catalogue)
}

/// An operation as a server lists it, or nothing when this version does not understand it.
pub fn operation(listed: &Json) -> Option<Operation> {
    let text = |name: &str| listed.get(name).and_then(Json::as_str);
    let schema = |name: &str| listed.get(name).cloned().unwrap_or_default();
    Some(Operation {
        name: text("name")?.to_owned(),
        namespace: text("namespace").map(Namespace::new).transpose().ok()?,
        title: text("title").unwrap_or_default().to_owned(),
        doc: text("doc").unwrap_or_default().to_owned(),
        input: schema("input"),
        output: schema("output"),
        input_bytes_max: PAYLOAD_BYTES_MAX,
        effect: serde_json::from_value(listed.get("effect")?.clone()).ok()?,
        permission: text("permission").unwrap_or_default().to_owned(),
        defined_at: text("defined_at").map(ToOwned::to_owned),
        contract: contract(listed),
        handler: Arc::new(Described),
    })
}

fn contract(listed: &Json) -> Contract {
    let list = |name: &str| listed.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
    let example = |it: &Json| {
        let title = it.get("title").and_then(Json::as_str).unwrap_or_default().to_owned();
        Some(Example { title, input: it.get("input")?.clone(), output: it.get("output").cloned() })
    };
    Contract {
        examples: list("examples").iter().filter_map(example).collect(),
        deprecated: listed.get("deprecated").and_then(Json::as_str).map(ToOwned::to_owned),
        tags: list("tags").iter().filter_map(|tag| tag.as_str().map(ToOwned::to_owned)).collect(),
        ..Contract::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_binary_knows_its_own_verbs() {
        let catalogue = catalogue(verbs()).unwrap();
        let list = catalogue.verb("run.list").unwrap();
        assert_eq!(list.effect, Effect::Read);
        assert!(list.input.pointer("/properties/limit").is_some());
        assert_eq!(catalogue.verb("run.lst").unwrap_err().help_text(), Some("did you mean \"run.list\"?"));
    }

    #[test]
    fn a_contract_is_read_as_far_as_it_is_there() {
        let listed = serde_json::json!({ "operations": [
            { "name": "A", "namespace": "default", "effect": "long", "deprecated": "use B",
              "examples": [{ "title": "one", "input": { "n": 1 } }], "tags": ["t"] },
            { "name": "B", "namespace": "default", "effect": "of a later version" },
        ] });
        let found = read(&listed);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].contract.deprecated.as_deref(), Some("use B"));
        assert_eq!(found[0].contract.examples[0].input, serde_json::json!({ "n": 1 }));
    }
}
