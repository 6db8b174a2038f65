//! The verbs of API keys.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::address::AddressRange;
use nexus_kernel::call::CallContext;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::time::parse_duration;
use nexus_kernel::verb::{Verb, object};
use serde::Deserialize;
use serde_json::json;

use super::key::ApiKey;
use super::keys::{ApiKeys, Wanted, to_json};
use super::record::KeyRecord;

/// How long the secret before a rotation stays good unless somebody says otherwise.
const OVERLAP: Duration = Duration::from_hours(24);

/// The longest name of a key.
const NAME_CHARS_MAX: usize = 100;

impl ApiKeys {
    /// The verbs, for the catalogue.
    pub fn operations(&self) -> Vec<Operation> {
        vec![
            create_verb().handled(self, create),
            list_verb().handled(self, list),
            rotate_verb().handled(self, rotate),
            revoke_verb().handled(self, revoke),
        ]
    }
}

fn key_schema(has_secret: bool) -> Json {
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let time = |description: &str| json!({ "type": ["string", "null"], "description": description });
    let mut properties = json!({
        "key_id": { "type": "string", "description": "what it is found by; the part of the key before the dot" },
        "name": { "type": "string", "description": "what people call it" },
        "roles": texts,
        "permissions": texts,
        "namespaces": { "type": ["array", "null"], "items": { "type": "string" }, "description": "everywhere when null" },
        "addresses": texts,
        "created_at": time("when it was made"),
        "created_by": { "type": "string", "description": "who made it" },
        "expires_at": time("from when on it is good for nothing"),
        "revoked_at": time("when it was taken back"),
        "used_at": time("when it was used last, within a minute"),
    });
    let mut required = vec!["key_id", "name", "roles", "permissions", "created_at"];
    if let (true, Some(fields)) = (has_secret, properties.as_object_mut()) {
        let secret = json!({
            "type": "string", "x-sensitive": true, "description": "the key itself; it is never shown again",
        });
        fields.insert("key".into(), secret);
        required.push("key");
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

fn shown_once(key: &ApiKey, record: &KeyRecord) -> Json {
    let mut shown = to_json(record);
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("key".into(), key.reveal().into());
    }
    shown
}

fn length(text: &str) -> Result<Duration, Error> {
    parse_duration(text).ok_or_else(|| {
        Error::new(&code::INPUT_INVALID, format!("{text:?} is no length of time"))
            .help("write it like \"90d\", \"24h\" or \"0s\"")
    })
}

#[derive(Deserialize)]
struct CreateInput {
    name: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    permissions: Vec<String>,
    #[serde(default)]
    namespaces: Vec<String>,
    #[serde(default)]
    addresses: Vec<String>,
    expires_in: Option<String>,
}

fn create_verb() -> Verb {
    let texts = |description: &str| {
        json!({
            "type": "array", "items": { "type": "string", "minLength": 1 }, "maxItems": 100,
            "description": description,
        })
    };
    let properties = json!({
        "name": {
            "type": "string", "minLength": 1, "maxLength": NAME_CHARS_MAX,
            "description": "what people call it, such as who has it and what for",
        },
        "roles": texts("roles of whoever has it, such as caller or viewer"),
        "permissions": texts("permissions beside those of the roles, such as workflow:Checkout:execute"),
        "namespaces": texts("where they hold; everywhere when absent"),
        "addresses": texts("ranges of addresses that its caller may be at, such as 10.1.0.0/16; anywhere when absent"),
        "expires_in": { "type": "string", "minLength": 1, "description": "how long it is good, such as 90d; for ever when absent" },
    });
    Verb {
        name: "key.create",
        title: "Create an API key",
        doc: "Makes an API key and shows it, once. Nobody can give more than they may do themselves.",
        effect: Effect::Write,
        input: object(&properties, &["name"]),
        output: key_schema(true),
    }
}

async fn create(keys: ApiKeys, input: CreateInput, context: CallContext) -> Result<Json, Error> {
    if input.roles.is_empty() && input.permissions.is_empty() {
        return Err(Error::new(&code::INPUT_INVALID, "the key would be good for nothing")
            .fault("/roles", "name a role or a permission")
            .help("`\"roles\": [\"caller\"]` lets it call every workflow"));
    }
    let namespaces =
        input.namespaces.iter().map(|name| Namespace::new(name)).collect::<Result<Vec<_>, _>>()?;
    let addresses =
        input.addresses.iter().enumerate().map(|(at, text)| range(at, text)).collect::<Result<_, _>>()?;
    let wanted = Wanted {
        addresses,
        name: input.name,
        roles: input.roles,
        permissions: input.permissions,
        namespaces,
        lifetime: input.expires_in.as_deref().map(length).transpose()?,
    };
    let (key, record) = keys.create(wanted, &context.caller).await?;
    Ok(shown_once(&key, &record))
}

fn range(at: usize, text: &str) -> Result<AddressRange, Error> {
    text.parse().map_err(|why: String| {
        Error::new(&code::INPUT_INVALID, "the key would be good nowhere")
            .fault(format!("/addresses/{at}"), why)
            .help("write ranges like 10.1.0.0/16, and single addresses as they are")
    })
}

#[derive(Deserialize)]
struct Nothing {}

fn list_verb() -> Verb {
    Verb {
        name: "key.list",
        title: "List API keys",
        doc: "All API keys, revoked ones among them, without their secrets. Those made last come first.",
        effect: Effect::Read,
        input: object(&json!({}), &[]),
        output: json!({
            "type": "object",
            "properties": { "keys": { "type": "array", "items": key_schema(false) } },
            "required": ["keys"],
        }),
    }
}

async fn list(keys: ApiKeys, _: Nothing, _: CallContext) -> Result<Json, Error> {
    Ok(json!({ "keys": keys.list().iter().map(|record| to_json(record)).collect::<Vec<_>>() }))
}

fn id_field() -> Json {
    json!({ "type": "string", "minLength": 1, "description": "the part of the key before the dot, without nxk_" })
}

#[derive(Deserialize)]
struct RotateInput {
    key_id: String,
    overlap: Option<String>,
}

fn rotate_verb() -> Verb {
    let properties = json!({
        "key_id": id_field(),
        "overlap": {
            "type": "string", "minLength": 1, "default": "24h",
            "description": "how long the secret before stays good beside the new one; 0s ends it at once",
        },
    });
    Verb {
        name: "key.rotate",
        title: "Rotate an API key",
        doc: "Gives an API key a new secret and shows it, once. The one before stays good for a while, so that whoever has \
              the key can be told.",
        effect: Effect::Write,
        input: object(&properties, &["key_id"]),
        output: key_schema(true),
    }
}

async fn rotate(keys: ApiKeys, input: RotateInput, context: CallContext) -> Result<Json, Error> {
    let overlap = input.overlap.as_deref().map_or(Ok(OVERLAP), length)?;
    let (key, record) = keys.rotate(bare(&input.key_id), overlap, &context.caller).await?;
    Ok(shown_once(&key, &record))
}

#[derive(Deserialize)]
struct RevokeInput {
    key_id: String,
}

fn revoke_verb() -> Verb {
    Verb {
        name: "key.revoke",
        title: "Revoke an API key",
        doc: "Takes an API key back: it is good for nothing from this answer on, also on connections that are open.",
        effect: Effect::Write,
        input: object(&json!({ "key_id": id_field() }), &["key_id"]),
        output: key_schema(false),
    }
}

async fn revoke(keys: ApiKeys, input: RevokeInput, _: CallContext) -> Result<Json, Error> {
    Ok(to_json(&*keys.revoke(bare(&input.key_id)).await?))
}

/// The id of a key, also when somebody pastes more of it.
pub(super) fn bare(given: &str) -> &str {
    let given = given.strip_prefix(super::key::PREFIX).unwrap_or(given);
    given.split('.').next().unwrap_or(given)
}
