//! The verbs of endpoints.

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::{Effect, Operation};
use serde::Deserialize;
use serde_json::json;

use super::{Nothing, listed};
use crate::engine::EngineHandle;
use crate::nexus::endpoint::{
    CALLERS_MAX, DESCRIPTION_BYTES_MAX, EndpointSpec, NAME_BYTES_MAX, Target, URL_BYTES_MAX,
};
use crate::operations::{Verb, object};

/// The verbs.
pub(super) fn all(engine: &EngineHandle) -> Vec<Operation> {
    vec![create(engine), delete(engine), list(engine), show(engine), update(engine)]
}

fn list(engine: &EngineHandle) -> Operation {
    let (title, doc) = (
        "List endpoints",
        "Every Nexus endpoint: where it leads, who may call, and where it is written down.",
    );
    let (input, output) = (object(&json!({}), &[]), listed("endpoints"));
    Verb { name: "endpoint.list", title, doc, effect: Effect::Read, input, output }.handled(
        engine,
        |engine: EngineHandle, _: Nothing, _: CallContext| async move {
            let all: Vec<_> = engine.endpoints().iter().map(crate::nexus::Endpoint::to_json).collect();
            Ok(json!({ "endpoints": all }))
        },
    )
}

/// The fields that say what an endpoint is.
fn fields() -> Json {
    let text = |max: usize, doc: &str| json!({ "type": "string", "maxLength": max, "description": doc });
    json!({
        "name": text(NAME_BYTES_MAX, "its name, the same for every namespace"),
        "namespace": text(1_000, "the namespace in which its operations run"),
        "task_queue": text(1_000, "the queue of their activities; that of the service, or `default`, when absent"),
        "url": text(URL_BYTES_MAX, "instead of a namespace: the address of services elsewhere that speak Nexus RPC"),
        "allowed_caller_namespaces": {
            "type": "array",
            "items": { "type": "string" },
            "maxItems": CALLERS_MAX,
            "description": "namespaces that may call, or `*`; with none, those of this project and nobody from outside",
        },
        "description": text(DESCRIPTION_BYTES_MAX, "for people"),
    })
}

#[derive(Deserialize)]
struct Fields {
    name: Option<String>,
    namespace: Option<Namespace>,
    task_queue: Option<String>,
    url: Option<String>,
    allowed_caller_namespaces: Option<Vec<String>>,
    description: Option<String>,
}

impl Fields {
    /// Where the endpoint leads, as far as anything is said of it.
    fn target(&self) -> Result<Option<Target>, Error> {
        match (&self.namespace, &self.task_queue, &self.url) {
            (None, None, None) => Ok(None),
            (None, None, Some(url)) => Ok(Some(Target::Outside { url: url.clone() })),
            (Some(namespace), queue, None) => {
                let task_queue = queue.clone().unwrap_or_else(|| "default".to_owned());
                Ok(Some(Target::Worker { namespace: namespace.clone(), task_queue }))
            }
            (None, Some(_), None) => Err(Error::new(&code::ENDPOINT_INVALID, "the endpoint makes no sense")
                .fault("namespace", "a queue is one of a namespace")),
            (_, _, Some(_)) => Err(Error::new(&code::ENDPOINT_INVALID, "the endpoint makes no sense")
                .fault("url", "an endpoint leads to a namespace or outside, not to both")),
        }
    }
}

fn create(engine: &EngineHandle) -> Operation {
    let (title, doc) = (
        "Create an endpoint",
        "Makes a name by which runs of other namespaces call the services of one, or services elsewhere.",
    );
    let (input, output) = (object(&fields(), &["name"]), json!({ "type": "object" }));
    Verb { name: "endpoint.create", title, doc, effect: Effect::Write, input, output }.handled(
        engine,
        |engine: EngineHandle, input: Fields, _: CallContext| async move {
            let target = input.target()?.ok_or_else(|| {
                Error::new(&code::ENDPOINT_INVALID, "the endpoint makes no sense")
                    .fault("namespace", "give the `namespace` that it leads to, or a `url`")
            })?;
            let spec = EndpointSpec {
                name: input.name.unwrap_or_default(),
                target,
                allowed_caller_namespaces: input.allowed_caller_namespaces.unwrap_or_default(),
                description: input.description.unwrap_or_default(),
            };
            Ok(engine.create_endpoint(spec).await?.to_json())
        },
    )
}

#[derive(Deserialize)]
struct Which {
    endpoint: String,
}

/// The field that names an endpoint.
fn which() -> Json {
    json!({ "type": "string", "minLength": 1, "description": "the endpoint's name or id" })
}

fn show(engine: &EngineHandle) -> Operation {
    let (title, doc) = ("Show an endpoint", "Where an endpoint leads, who may call, and its version.");
    let (input, output) =
        (object(&json!({ "endpoint": which() }), &["endpoint"]), json!({ "type": "object" }));
    Verb { name: "endpoint.show", title, doc, effect: Effect::Read, input, output }.handled(
        engine,
        |engine: EngineHandle, input: Which, _: CallContext| async move {
            Ok(engine.endpoint(&input.endpoint)?.to_json())
        },
    )
}

#[derive(Deserialize)]
struct UpdateInput {
    endpoint: String,
    version: Option<u64>,
    #[serde(flatten)]
    fields: Fields,
}

fn version() -> Json {
    json!({
        "type": "integer",
        "minimum": 1,
        "description": "the version that you have seen: nothing is changed when somebody else was faster",
    })
}

fn update(engine: &EngineHandle) -> Operation {
    let (title, doc) = (
        "Update an endpoint",
        "Changes what is given and leaves the rest. Operations that were started through it go on.",
    );
    let mut properties = fields();
    if let Some(properties) = properties.as_object_mut() {
        properties.insert("endpoint".into(), which());
        properties.insert("version".into(), version());
    }
    let (input, output) = (object(&properties, &["endpoint"]), json!({ "type": "object" }));
    Verb { name: "endpoint.update", title, doc, effect: Effect::Write, input, output }.handled(
        engine,
        |engine: EngineHandle, input: UpdateInput, _: CallContext| async move {
            let target = match (&input.fields, engine.endpoint(&input.endpoint)?.spec.target) {
                // A queue alone is another one of the namespace that it leads to.
                (
                    Fields { namespace: None, url: None, task_queue: Some(queue), .. },
                    Target::Worker { namespace, .. },
                ) => Some(Target::Worker { namespace, task_queue: queue.clone() }),
                (fields, _) => fields.target()?,
            };
            let fields = input.fields;
            let change = |spec: &mut EndpointSpec| {
                spec.name = fields.name.unwrap_or_else(|| spec.name.clone());
                spec.target = target.unwrap_or_else(|| spec.target.clone());
                if let Some(callers) = fields.allowed_caller_namespaces {
                    spec.allowed_caller_namespaces = callers;
                }
                if let Some(description) = fields.description {
                    spec.description = description;
                }
            };
            Ok(engine.update_endpoint((&input.endpoint, input.version), change).await?.to_json())
        },
    )
}

#[derive(Deserialize)]
struct DeleteInput {
    endpoint: String,
    version: Option<u64>,
}

fn delete(engine: &EngineHandle) -> Operation {
    let (title, doc) = (
        "Delete an endpoint",
        "Nobody reaches anything by its name any more. Operations that were started through it go on.",
    );
    let properties = json!({ "endpoint": which(), "version": version() });
    let (input, output) = (object(&properties, &["endpoint"]), json!({ "type": "object" }));
    Verb { name: "endpoint.delete", title, doc, effect: Effect::Write, input, output }.handled(
        engine,
        |engine: EngineHandle, input: DeleteInput, _: CallContext| async move {
            engine.delete_endpoint((&input.endpoint, input.version)).await?;
            Ok(json!({}))
        },
    )
}
