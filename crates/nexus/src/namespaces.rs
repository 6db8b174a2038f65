//! The verbs of namespaces: which there are for a caller, and how much of their quotas is used.

use std::collections::BTreeSet;

use nexus_engine::EngineHandle;
use nexus_kernel::Json;
use nexus_kernel::access::Reach;
use nexus_kernel::call::CallContext;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::verb::{Part, Verb, object};
use serde::Deserialize;
use serde_json::json;

use crate::config::namespace::NamespaceConfig;
use crate::limits::Limits;

/// Namespaces as one caller sees them.
#[derive(Clone)]
pub(crate) struct Namespaces {
    engine: EngineHandle,
    limits: Limits,
    reach: Reach,
}

impl Part for Namespaces {
    fn seen_by(&self, context: &CallContext) -> Namespaces {
        Namespaces { reach: context.reach.clone(), ..self.clone() }
    }
}

impl Namespaces {
    /// All namespaces of a server.
    pub(crate) fn new(engine: EngineHandle, limits: Limits) -> Namespaces {
        Namespaces { engine, limits, reach: Reach::everything() }
    }

    /// The verbs, for the catalogue.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        vec![list_verb().handled(self, list), show_verb().handled(self, show)]
    }

    /// Those that there are: that of everybody, those that are configured, and those with workflows.
    fn names(&self) -> BTreeSet<Namespace> {
        let configured = self.limits.configured();
        let mut names = BTreeSet::from([Namespace::default()]);
        names.extend(configured.namespaces.keys().filter_map(|name| Namespace::new(name).ok()));
        names.extend(self.limits.operations().iter().filter_map(|operation| operation.namespace.clone()));
        names.retain(|name| self.reach.sees_some(name));
        names
    }

    async fn describe(&self, namespace: &Namespace) -> Result<Json, Error> {
        let configured = self.limits.configured();
        let none = NamespaceConfig::default();
        let quotas = &configured.namespaces.get(namespace.as_str()).unwrap_or(&none).quotas;
        let used = |used: u64, max: Option<u64>| json!({ "used": used, "max": max });
        let activities = u64::try_from(self.engine.running_activities(namespace)).unwrap_or(u64::MAX);
        let most = quotas.activities.map(|most| u64::try_from(most).unwrap_or(u64::MAX));
        let calls = self.limits.under_way(namespace);
        Ok(json!({
            "namespace": namespace.as_str(),
            "runs": used(self.engine.open_runs(namespace).await?, quotas.runs),
            "storage_bytes": used(self.engine.used_bytes(namespace).await?, quotas.storage_mib.map(|mib| mib << 20)),
            "activities": used(activities, most),
            "calls": used(u64::from(calls), quotas.concurrent.map(u64::from)),
        }))
    }
}

fn described() -> Json {
    let used = |what: &str| {
        json!({
            "type": "object", "description": what,
            "properties": {
                "used": { "type": "integer" },
                "max": { "type": ["integer", "null"], "description": "the quota; null when there is none" },
            },
            "required": ["used", "max"],
        })
    };
    json!({
        "type": "object",
        "properties": {
            "namespace": { "type": "string" },
            "runs": used("runs that are open"),
            "storage_bytes": used("bytes in the store"),
            "activities": used("attempts of activities that run"),
            "calls": used("calls under way, while they are limited"),
        },
        "required": ["namespace", "runs", "storage_bytes", "activities", "calls"],
    })
}

#[derive(Deserialize)]
struct Nothing {}

fn list_verb() -> Verb {
    Verb {
        name: "namespace.list",
        title: "List namespaces",
        doc: "The namespaces that the caller may see something of, and how much of their quotas is used.",
        effect: Effect::Read,
        input: object(&json!({}), &[]),
        output: json!({
            "type": "object",
            "properties": { "namespaces": { "type": "array", "items": described() } },
            "required": ["namespaces"],
        }),
    }
}

async fn list(namespaces: Namespaces, _: Nothing, _: CallContext) -> Result<Json, Error> {
    let mut all = Vec::new();
    for name in namespaces.names() {
        all.push(namespaces.describe(&name).await?);
    }
    Ok(json!({ "namespaces": all }))
}

#[derive(Deserialize)]
struct ShowInput {
    #[serde(default)]
    namespace: Namespace,
}

fn show_verb() -> Verb {
    let properties = json!({
        "namespace": { "type": "string", "minLength": 1, "description": "which; that of everybody when absent" },
    });
    Verb {
        name: "namespace.show",
        title: "Show a namespace",
        doc: "How much of the quotas of a namespace is used.",
        effect: Effect::Read,
        input: object(&properties, &[]),
        output: described(),
    }
}

async fn show(namespaces: Namespaces, input: ShowInput, _: CallContext) -> Result<Json, Error> {
    namespaces.describe(&input.namespace).await
}
