//! The verbs of secrets. None of them gives a secret away.

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::port::secret::SECRET_BYTES_MIN;
use nexus_kernel::verb::{Part, Verb, object};
use serde::Deserialize;
use serde_json::json;

use super::StoredSecrets;
use super::record::SecretRecord;
use crate::config::secret::SECRET_BYTES_MAX;

impl Part for StoredSecrets {}

impl StoredSecrets {
    /// The verbs, for the catalogue.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        vec![
            set_verb().handled(self, set),
            list_verb().handled(self, list),
            delete_verb().handled(self, delete),
        ]
    }
}

fn to_json(record: &SecretRecord) -> Json {
    json!({
        "namespace": record.namespace.as_str(),
        "name": record.name,
        "set_at": record.set.to_string(),
        "set_by": record.by,
    })
}

fn described() -> Json {
    json!({
        "type": "object",
        "properties": {
            "namespace": { "type": "string" },
            "name": { "type": "string" },
            "set_at": { "type": "string", "description": "when it was set last" },
            "set_by": { "type": "string", "description": "who set it" },
        },
        "required": ["namespace", "name", "set_at", "set_by"],
    })
}

fn namespace_field() -> Json {
    json!({ "type": "string", "minLength": 1, "default": Namespace::DEFAULT, "description": "whose secret" })
}

fn name_field() -> Json {
    json!({
        "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
        "description": "what functions call it: the NAME of [secrets.NAME] in nexus.toml",
    })
}

#[derive(Deserialize)]
struct SetInput {
    #[serde(default)]
    namespace: Namespace,
    name: String,
    value: String,
}

fn set_verb() -> Verb {
    let properties = json!({
        "namespace": namespace_field(),
        "name": name_field(),
        "value": {
            "type": "string", "minLength": SECRET_BYTES_MIN, "maxLength": SECRET_BYTES_MAX, "x-sensitive": true,
            "description": "the secret; it is sealed, and no call gives it back",
        },
    });
    Verb {
        name: "secret.set",
        title: "Set a secret",
        doc: "Keeps a secret of a namespace sealed, in place of the one before. Functions that are granted it read the new \
              one from their next call of it on.",
        effect: Effect::Write,
        input: object(&properties, &["name", "value"]),
        output: described(),
    }
}

async fn set(secrets: StoredSecrets, input: SetInput, context: CallContext) -> Result<Json, Error> {
    let SetInput { namespace, name, value } = input;
    let namespace = Namespace::new(namespace.as_str())?;
    secrets.set(namespace, name, &value, &context.caller.identity).await.map(|record| to_json(&record))
}

#[derive(Deserialize)]
struct ListInput {
    #[serde(default)]
    namespace: Namespace,
}

fn list_verb() -> Verb {
    Verb {
        name: "secret.list",
        title: "List secrets",
        doc: "The names of the secrets of a namespace that are kept here, and who set them when.",
        effect: Effect::Read,
        input: object(&json!({ "namespace": namespace_field() }), &[]),
        output: json!({
            "type": "object",
            "properties": { "secrets": { "type": "array", "items": described() } },
            "required": ["secrets"],
        }),
    }
}

async fn list(secrets: StoredSecrets, input: ListInput, _: CallContext) -> Result<Json, Error> {
    let found = secrets.list(&input.namespace).await?;
    Ok(json!({ "secrets": found.iter().map(to_json).collect::<Vec<_>>() }))
}

#[derive(Deserialize)]
struct DeleteInput {
    #[serde(default)]
    namespace: Namespace,
    name: String,
}

fn delete_verb() -> Verb {
    let properties = json!({ "namespace": namespace_field(), "name": name_field() });
    Verb {
        name: "secret.delete",
        title: "Delete a secret",
        doc: "Takes a secret of a namespace away. Functions that ask for it fail from then on.",
        effect: Effect::Write,
        input: object(&properties, &["name"]),
        output: json!({
            "type": "object",
            "properties": { "deleted": { "type": "string", "description": "its name" } },
            "required": ["deleted"],
        }),
    }
}

async fn delete(secrets: StoredSecrets, input: DeleteInput, _: CallContext) -> Result<Json, Error> {
    secrets.delete(&input.namespace, &input.name).await?;
    Ok(json!({ "deleted": input.name }))
}
