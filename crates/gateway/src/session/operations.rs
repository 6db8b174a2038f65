//! The verbs of sessions. Where a verb is given no session it means the one that the call belongs to.

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Namespace, SessionId};
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::port::session::SessionChange;
use nexus_kernel::verb::{Verb, object};
use serde::Deserialize;
use serde_json::json;

use crate::session::record::{Card, owner};
use crate::session::{Found, Sessions, Update, decide};

impl Sessions {
    /// The verbs, for the catalogue.
    pub fn operations(&self) -> Vec<Operation> {
        vec![
            create_verb().handled(self, create),
            show_verb().handled(self, show),
            update_verb().handled(self, update),
            list_verb().handled(self, list),
            delete_verb().handled(self, delete),
        ]
    }
}

/// A session as callers see it.
fn to_json(card: &Card) -> Json {
    json!({
        "session_id": card.id,
        "namespace": card.namespace,
        "version": card.version,
        "created_at": card.created.to_string(),
        "used_at": card.used.to_string(),
        "expires_at": card.expires().to_string(),
        "ttl_ms": card.ttl_ms,
    })
}

impl Found {
    fn to_json(&self) -> Json {
        let mut shown = to_json(&self.card);
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("version".into(), self.content.version.into());
            fields.insert("state".into(), self.content.state.clone());
        }
        shown
    }
}

fn session_schema(has_state: bool) -> Json {
    let time = |description: &str| json!({ "type": "string", "description": description });
    let mut properties = json!({
        "session_id": { "type": "string", "description": "the session's id" },
        "namespace": { "type": "string", "description": "whose workflows it can be used with" },
        "version": { "type": "integer", "description": "counts the changes of the state, from 1" },
        "created_at": time("when it was made"),
        "used_at": time("when it was used last, within a minute"),
        "expires_at": time("when it ends unless it is used before"),
        "ttl_ms": { "type": "integer", "description": "how long it lives after its last use, in milliseconds" },
    });
    let mut required =
        vec!["session_id", "namespace", "version", "created_at", "used_at", "expires_at", "ttl_ms"];
    if let (true, Some(fields)) = (has_state, properties.as_object_mut()) {
        fields.insert("state".into(), json!({ "type": "object", "description": "what it holds" }));
        required.push("state");
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

fn session_field() -> Json {
    json!({ "type": "string", "description": "the session; that of the call when absent" })
}

fn state_field(description: &str) -> Json {
    json!({ "type": "object", "description": description })
}

fn ttl_field() -> Json {
    json!({
        "type": "string", "minLength": 1,
        "description": "how long it lives after its last use, from 1s to 30d, such as 12h",
    })
}

/// The session that a verb means.
fn named(given: Option<String>, context: &CallContext) -> Result<SessionId, Error> {
    match given {
        Some(text) => SessionId::parse(&text),
        None => context.session.clone().ok_or_else(|| {
            Error::new(&code::SESSION_UNKNOWN, "the call names no session")
                .help("give `session_id`, or make the call within a session")
        }),
    }
}

#[derive(Deserialize)]
struct CreateInput {
    #[serde(default)]
    namespace: Namespace,
    ttl: Option<String>,
    state: Option<Json>,
}

fn create_verb() -> Verb {
    let properties = json!({
        "namespace": {
            "type": "string", "default": Namespace::DEFAULT,
            "description": "whose workflows it can be used with",
        },
        "ttl": ttl_field(),
        "state": state_field("what it holds from the beginning; nothing when absent"),
    });
    Verb {
        name: "session.create",
        title: "Create a session",
        doc: "Makes a session: an id that calls of every channel can carry, and what they keep under it. \
              It lives for half an hour after its last use unless `ttl` says otherwise.",
        effect: Effect::Write,
        input: object(&properties, &[]),
        output: session_schema(true),
    }
}

async fn create(sessions: Sessions, input: CreateInput, context: CallContext) -> Result<Json, Error> {
    let namespace = Namespace::new(input.namespace.as_str())?;
    let ttl_ms = decide::ttl(input.ttl.as_deref())?;
    let state = decide::state(input.state)?;
    Ok(sessions.create(&context.caller, namespace, ttl_ms, state).await?.to_json())
}

#[derive(Deserialize)]
struct NamedInput {
    session_id: Option<String>,
}

fn show_verb() -> Verb {
    Verb {
        name: "session.show",
        title: "Show a session",
        doc: "What a session holds, its version, and when it ends.",
        effect: Effect::Read,
        input: object(&json!({ "session_id": session_field() }), &[]),
        output: session_schema(true),
    }
}

async fn show(sessions: Sessions, input: NamedInput, context: CallContext) -> Result<Json, Error> {
    let id = named(input.session_id, &context)?;
    Ok(sessions.show(&context.caller, &id).await?.to_json())
}

#[derive(Deserialize)]
struct UpdateInput {
    session_id: Option<String>,
    state: Option<Json>,
    patch: Option<Json>,
    version: Option<u64>,
    ttl: Option<String>,
}

fn update_verb() -> Verb {
    let properties = json!({
        "session_id": session_field(),
        "state": state_field("what it holds from now on"),
        "patch": state_field("what changes of what it holds: members that are given are set, null removes one (RFC 7396)"),
        "version": {
            "type": "integer", "minimum": 1,
            "description": "the version that was read: when it is another by now, nothing is changed",
        },
        "ttl": ttl_field(),
    });
    Verb {
        name: "session.update",
        title: "Update a session",
        doc: "Replaces what a session holds with `state`, or changes parts of it with `patch`. \
              Give the `version` that you have read, and nobody's change is overwritten unseen.",
        effect: Effect::Write,
        input: object(&properties, &[]),
        output: session_schema(true),
    }
}

async fn update(sessions: Sessions, input: UpdateInput, context: CallContext) -> Result<Json, Error> {
    let id = named(input.session_id, &context)?;
    let ttl_ms = input.ttl.as_deref().map(|ttl| decide::ttl(Some(ttl))).transpose()?;
    let change = match (input.state, input.patch) {
        (Some(_), Some(_)) => return Err(unclear("a session is given a state or a patch, and not both")),
        (None, None) if ttl_ms.is_none() => return Err(unclear("nothing of the session would change")),
        (Some(state), None) => Some(SessionChange::Replace(state)),
        (None, Some(patch)) => Some(SessionChange::Merge(patch)),
        (None, None) => None,
    };
    let update = Update { change, version: input.version, ttl_ms };
    let found = sessions.update(&owner(&context.caller.identity), &id, &update).await?;
    Ok(found.to_json())
}

fn unclear(message: &str) -> Error {
    Error::new(&code::INPUT_INVALID, message).help("give `state`, `patch` or `ttl`")
}

#[derive(Deserialize)]
struct ListInput {
    namespace: Option<Namespace>,
}

fn list_verb() -> Verb {
    let properties =
        json!({ "namespace": { "type": "string", "description": "only sessions of this namespace" } });
    Verb {
        name: "session.list",
        title: "List sessions",
        doc: "Your sessions that have not ended, without what they hold, those used last first.",
        effect: Effect::Read,
        input: object(&properties, &[]),
        output: json!({
            "type": "object",
            "properties": { "sessions": { "type": "array", "items": session_schema(false) } },
            "required": ["sessions"],
        }),
    }
}

async fn list(sessions: Sessions, input: ListInput, context: CallContext) -> Result<Json, Error> {
    let mut cards = sessions.list(&context.caller).await?;
    cards.retain(|card| input.namespace.as_ref().is_none_or(|wanted| *wanted == card.namespace));
    Ok(json!({ "sessions": cards.iter().map(to_json).collect::<Vec<_>>() }))
}

fn delete_verb() -> Verb {
    Verb {
        name: "session.delete",
        title: "Delete a session",
        doc: "Ends a session at once. Runs that carry it go on without what it held.",
        effect: Effect::Write,
        input: object(&json!({ "session_id": session_field() }), &[]),
        output: json!({
            "type": "object",
            "properties": { "session_id": { "type": "string", "description": "the session that has ended" } },
            "required": ["session_id"],
        }),
    }
}

async fn delete(sessions: Sessions, input: NamedInput, context: CallContext) -> Result<Json, Error> {
    let id = named(input.session_id, &context)?;
    sessions.delete(&context.caller, &id).await?;
    Ok(json!({ "session_id": id }))
}
