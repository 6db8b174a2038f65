//! Encryption at rest: the keys of the store, opened with the master key that `nexus.toml` names; the verbs that show and
//! rotate them.

use std::sync::Arc;

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::kv::Kv;
use nexus_kernel::port::rng::SharedRng;
use nexus_kernel::port::seal::Seal;
use nexus_kernel::verb::{Part, Verb, object};
use nexus_store::{Keyring, MasterKey, Masters, RingInfo, Sealing};
use serde::Deserialize;
use serde_json::json;

use crate::activities::secrets::own;
use crate::config::encryption::EncryptionConfig;
use crate::project::Project;

/// The keys of a project's store; nothing when it wants none. Errors: what is in the store is sealed and the project names
/// no key, or none that opens it.
pub(crate) async fn keyring(
    project: &Project,
    kv: Arc<dyn Kv>,
    (clock, rng): (&SharedClock, &SharedRng),
    may_write: bool,
) -> Result<Option<Keyring>, Error> {
    let Some(config) = &project.config.encryption else {
        if !Keyring::is_needed(&*kv).await? {
            return Ok(None);
        }
        let message = "the data folder holds sealed data, and nexus.toml names no key";
        return Err(Error::new(&code::ENCRYPTION_KEY, message).help(
            "name the master key again in `[encryption] key`; what is sealed can be read with it only",
        ));
    };
    let masters = masters(project, config).await?;
    Keyring::open(kv, masters, Arc::clone(clock), Arc::clone(rng), may_write).await.map(Some)
}

/// The master keys that a project names. Errors: one cannot be read, or is none.
pub(crate) async fn masters(project: &Project, config: &EncryptionConfig) -> Result<Masters, Error> {
    let mut previous = Vec::new();
    for name in &config.previous {
        previous.push(read(project, name).await?);
    }
    Ok(Masters { current: read(project, &config.key).await?, previous })
}

async fn read(project: &Project, name: &str) -> Result<MasterKey, Error> {
    let text = own(project, name).await?;
    MasterKey::parse(text.reveal()).map_err(|why| {
        Error::new(&code::ENCRYPTION_INVALID, format!("the secret {name:?} is no master key: {why}"))
            .help("a master key is 32 random bytes in base64; `nexus encryption key` makes one")
    })
}

/// Encryption at rest, as its verbs see it.
#[derive(Clone)]
pub(crate) struct Encryption {
    keyring: Option<Keyring>,
    sealing: Sealing,
}

impl Part for Encryption {}

impl Encryption {
    /// With the keys of a store, where there are any.
    pub(crate) fn new(project: &Project, keyring: Option<Keyring>) -> Encryption {
        let sealing = project.config.encryption.as_ref().map_or(Sealing::Nothing, EncryptionConfig::sealing);
        Encryption { keyring, sealing }
    }

    /// The seal of what leaves for others to keep, where payloads are sealed at all.
    pub(crate) fn outside(&self) -> Option<Arc<dyn Seal>> {
        let keyring = self.keyring.as_ref().filter(|_| self.sealing != Sealing::Nothing)?;
        Some(Arc::new(keyring.outside()))
    }

    /// The verbs, for the catalogue.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        vec![show_verb().handled(self, show), rotate_verb().handled(self, rotate)]
    }

    fn keyring(&self) -> Result<&Keyring, Error> {
        self.keyring.as_ref().ok_or_else(|| {
            Error::new(&code::ENCRYPTION_OFF, "nothing is sealed here").help(
                "`nexus encryption key` makes a master key; name it in `[encryption] key` of nexus.toml",
            )
        })
    }

    fn describe(&self) -> Json {
        let payloads = match &self.sealing {
            Sealing::Nothing => json!([]),
            Sealing::Everything => json!(["*"]),
            Sealing::Some(namespaces) => namespaces.iter().map(Namespace::as_str).collect(),
        };
        let rings = self.keyring.as_ref().map(Keyring::describe).unwrap_or_default();
        json!({
            "enabled": self.keyring.is_some(),
            "master": self.keyring.as_ref().map(Keyring::master),
            "payloads": payloads,
            "keys": rings.iter().map(ring).collect::<Vec<_>>(),
        })
    }
}

fn ring(info: &RingInfo) -> Json {
    json!({
        "namespace": info.namespace.as_str(),
        "current": info.current,
        "made_at": info.made.to_string(),
        "keys": info.keys,
    })
}

#[derive(Deserialize)]
struct Nothing {}

fn show_verb() -> Verb {
    let key = json!({
        "type": "object",
        "properties": {
            "namespace": { "type": "string", "description": "whose; _nexus is what Nexus keeps for itself" },
            "current": { "type": "integer", "description": "number of the key that seals" },
            "made_at": { "type": "string", "description": "when it was made" },
            "keys": { "type": "integer", "description": "how many there are, those that only open among them" },
        },
        "required": ["namespace", "current", "made_at", "keys"],
    });
    Verb {
        name: "encryption.show",
        title: "Show encryption",
        doc: "What is sealed at rest, and with which keys. No key is shown.",
        effect: Effect::Read,
        input: object(&json!({}), &[]),
        output: json!({
            "type": "object",
            "properties": {
                "enabled": { "type": "boolean" },
                "master": { "type": ["string", "null"], "description": "name of the master key, made from it" },
                "payloads": {
                    "type": "array", "items": { "type": "string" },
                    "description": "namespaces whose payloads are sealed; * means all",
                },
                "keys": { "type": "array", "items": key },
            },
            "required": ["enabled", "master", "payloads", "keys"],
        }),
    }
}

async fn show(encryption: Encryption, _: Nothing, _: CallContext) -> Result<Json, Error> {
    Ok(encryption.describe())
}

#[derive(Deserialize)]
struct RotateInput {
    namespace: Option<Namespace>,
}

fn rotate_verb() -> Verb {
    let properties = json!({
        "namespace": { "type": "string", "minLength": 1, "description": "whose key; all that there are when absent" },
    });
    Verb {
        name: "encryption.rotate",
        title: "Rotate data keys",
        doc: "Makes new data keys, which seal from now on. What was sealed before stays readable with the keys of before.",
        effect: Effect::Write,
        input: object(&properties, &[]),
        output: json!({
            "type": "object",
            "properties": { "rotated": { "type": "array", "items": { "type": "string" } } },
            "required": ["rotated"],
        }),
    }
}

async fn rotate(encryption: Encryption, input: RotateInput, _: CallContext) -> Result<Json, Error> {
    let keyring = encryption.keyring()?;
    let whose = match input.namespace {
        Some(namespace) if namespace == Namespace::system() => vec![namespace],
        Some(namespace) => vec![Namespace::new(namespace.as_str())?],
        None => keyring.describe().into_iter().map(|info| info.namespace).collect(),
    };
    for namespace in &whose {
        keyring.rotate(namespace).await?;
    }
    Ok(json!({ "rotated": whose.iter().map(Namespace::as_str).collect::<Vec<_>>() }))
}
