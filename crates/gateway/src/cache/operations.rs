//! The verbs of kept answers.

use nexus_kernel::Json;
use nexus_kernel::access::{Act, Action};
use nexus_kernel::call::CallContext;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::verb::{Part, Verb, object};
use serde::Deserialize;
use serde_json::json;

use super::{Agreement, Cache, TagId};
use crate::limits::CACHE_TAG_BYTES_MAX;

impl Part for Cache {}

impl Cache {
    /// The verbs, for the catalogue.
    pub fn operations(&self) -> Vec<Operation> {
        vec![show_verb().handled(self, show), forget_verb().handled(self, forget)]
    }
}

#[derive(Deserialize)]
struct Nothing {}

fn show_verb() -> Verb {
    let whole = |description: &str| json!({ "type": "integer", "description": description });
    let level = json!({
        "type": "object",
        "properties": {
            "level": { "enum": ["memory", "redis", "store"] },
            "entries": whole("answers that are there, also those that are past their time"),
            "bytes": whole("room that they take"),
            "bytes_max": whole("room there is"),
            "failed": whole("writes and reads that failed since the start; of Redis all questions that had no answer"),
            "state": { "enum": ["up", "away"], "description": "whether Redis answers; it says itself what is in it" },
        },
        "required": ["level", "failed"],
    });
    let counts = json!({
        "type": "object",
        "description": "how calls of operations that opted in were answered since the start",
        "properties": {
            "hits_memory": whole("from memory"),
            "hits_redis": whole("from Redis"),
            "hits_store": whole("from the store"),
            "stale": whole("past their time, while a new answer was made"),
            "joined": whole("by work that was done for somebody else who asked the same"),
            "misses": whole("by work of their own"),
            "kept": whole("misses whose answer was kept for others"),
            "passed": whole("calls that asked for work of their own"),
        },
        "required": ["hits_memory", "hits_redis", "hits_store", "stale", "joined", "misses", "kept", "passed"],
    });
    Verb {
        name: "cache.show",
        title: "Show the cache",
        doc: "How many answers are kept for calls that ask the same, where, and how calls were answered since the start.",
        effect: Effect::Read,
        input: object(&json!({}), &[]),
        output: json!({
            "type": "object",
            "properties": {
                "levels": { "type": "array", "items": level },
                "under_way": whole("answers that are being made now"),
                "counts": counts,
            },
            "required": ["levels", "under_way", "counts"],
        }),
    }
}

async fn show(cache: Cache, _: Nothing, _: CallContext) -> Result<Json, Error> {
    let (entries, bytes) = cache.0.memory.size();
    let mut levels = vec![json!({
        "level": "memory", "entries": entries, "bytes": bytes, "bytes_max": cache.0.memory.bytes_max(), "failed": 0,
    })];
    if let Some(Agreement(redis)) = &cache.0.agreement {
        let state = if redis.look().await.is_ok() { "up" } else { "away" };
        levels.push(json!({ "level": "redis", "state": state, "failed": redis.unanswered() }));
    }
    if let Some(stored) = &cache.0.stored {
        let (entries, bytes) = stored.counted().await;
        levels.push(json!({
            "level": "store", "entries": entries, "bytes": bytes, "bytes_max": stored.bytes_max(),
            "failed": stored.failed(),
        }));
    }
    let (under_way, counts) = (cache.0.flights.len(), cache.0.tally.to_json());
    Ok(json!({ "levels": levels, "under_way": under_way, "counts": counts }))
}

#[derive(Deserialize)]
struct ForgetInput {
    #[serde(default)]
    namespace: Namespace,
    tag: Option<String>,
    operation: Option<String>,
    #[serde(default)]
    everywhere: bool,
}

fn forget_verb() -> Verb {
    let text = |description: &str| json!({ "type": "string", "minLength": 1, "maxLength": CACHE_TAG_BYTES_MAX, "description": description });
    let properties = json!({
        "namespace": {
            "type": "string", "default": Namespace::DEFAULT, "description": "whose answers are forgotten",
        },
        "tag": text("only those with this tag, such as customer:7"),
        "operation": text("only those of this workflow"),
        "everywhere": {
            "type": "boolean", "default": false, "description": "those of all namespaces; needs admin:write",
        },
    });
    Verb {
        name: "cache.invalidate",
        title: "Forget kept answers",
        doc: "Forgets kept answers of a namespace: all, those with a tag, or those of a workflow. Once it has answered, no \
              answer is given whose work began before, wherever it was kept; servers that share Redis forget together.",
        effect: Effect::Write,
        input: object(&properties, &[]),
        output: json!({
            "type": "object",
            "properties": { "forgotten": { "type": "string", "description": "what was forgotten, in words" } },
            "required": ["forgotten"],
        }),
    }
}

async fn forget(cache: Cache, input: ForgetInput, context: CallContext) -> Result<Json, Error> {
    let ForgetInput { namespace, tag, operation, everywhere } = input;
    let (tag, words) = match (everywhere, tag, operation) {
        (true, None, None) => {
            let server = Act { resource: "admin", action: Action::Write };
            if !context.caller.grants.reach(server).is_everything() {
                return Err(Error::new(&code::FORBIDDEN, "you may not forget the answers of all namespaces")
                    .help("it needs admin:write; name a namespace, or ask whoever runs the server"));
            }
            (TagId::of_all(), "all answers of all namespaces".to_owned())
        }
        (false, None, None) => (TagId::of_namespace(&namespace), format!("all answers of {namespace}")),
        (false, Some(tag), None) => {
            let words = format!("answers of {namespace} with the tag {tag:?}");
            (TagId::of_tag(&namespace, &tag), words)
        }
        (false, None, Some(name)) => {
            let bare = name.strip_prefix(&format!("{namespace}/")).unwrap_or(&name);
            let id = format!("{namespace}/{bare}");
            (TagId::of_operation(&id), format!("answers of {id}"))
        }
        _ => {
            return Err(Error::new(
                &code::INPUT_INVALID,
                "a tag, a workflow and everywhere exclude each other",
            )
            .help("forget one after the other"));
        }
    };
    cache.forget(&[tag]).await?;
    Ok(json!({ "forgotten": words }))
}
