//! The verbs of events.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::limits::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX};
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::port::event::{EventQuery, TypeFilter};
use serde::Deserialize;
use serde_json::json;

use crate::engine::EngineHandle;
use crate::event::NewEvent;
use crate::event::check::{EVENTS_MAX, TYPE_BYTES_MAX};
use crate::event::handle::Published;
use crate::operations::{Verb, object};

/// Every verb.
pub(crate) fn all(engine: &EngineHandle) -> Vec<Operation> {
    vec![publish(engine), list(engine), show(engine)]
}

#[derive(Deserialize)]
struct EventInput {
    r#type: String,
    #[serde(default)]
    data: Json,
    id: Option<String>,
    subject: Option<String>,
    source: Option<String>,
}

impl From<EventInput> for NewEvent {
    fn from(input: EventInput) -> NewEvent {
        let EventInput { r#type: kind, data, id, subject, source } = input;
        NewEvent { kind, data, id, subject, source, trace: None }
    }
}

#[derive(Deserialize)]
struct PublishInput {
    #[serde(default)]
    namespace: Namespace,
    #[serde(flatten)]
    one: Option<EventInput>,
    #[serde(default)]
    events: Vec<EventInput>,
}

fn event_fields() -> Json {
    json!({
        "type": {
            "type": "string", "minLength": 1, "maxLength": TYPE_BYTES_MAX,
            "description": "what kind of thing happened, such as order.paid",
        },
        "data": { "description": "what else there is to tell" },
        "id": { "type": "string", "description": "equal ids are one event; made up when absent" },
        "subject": { "type": "string", "description": "what it happened to, such as order-7" },
        "source": { "type": "string", "description": "where it comes from; the namespace when absent" },
    })
}

fn publish(engine: &EngineHandle) -> Operation {
    let one = event_fields();
    let mut properties = one.clone();
    if let Some(all) = properties.as_object_mut() {
        all.insert("namespace".into(), namespace_field());
        let many = json!({
            "type": "array", "minItems": 1, "maxItems": EVENTS_MAX, "items": object(&one, &["type"]),
            "description": "several events instead of one: all of them are published, or none",
        });
        all.insert("events".into(), many);
    }
    let output = json!({
        "type": "object",
        "properties": { "events": { "type": "array", "items": { "type": "object" } } },
        "required": ["events"],
    });
    let (title, doc) = (
        "Publish an event",
        "Says that something happened: whoever follows the events of the namespace hears of it. Give `type`, or `events`.",
    );
    let verb = Verb {
        name: "event.publish",
        title,
        doc,
        effect: Effect::Write,
        input: object(&properties, &[]),
        output,
    };
    verb.handled(engine, publish_events)
}

async fn publish_events(
    engine: EngineHandle,
    input: PublishInput,
    context: CallContext,
) -> Result<Json, Error> {
    let namespace = Namespace::new(input.namespace.as_str())?;
    let mut events: Vec<NewEvent> = match (input.one, input.events) {
        (Some(one), many) if many.is_empty() => vec![one.into()],
        (None, many) if !many.is_empty() => many.into_iter().map(NewEvent::from).collect(),
        _ => {
            let message = "an event has a `type`; several events come as `events`, and not both";
            return Err(Error::new(&code::EVENT_INVALID, message)
                .help("give {\"type\": \"order.paid\", \"data\": …} or {\"events\": [{\"type\": …}, …]}"));
        }
    };
    for event in &mut events {
        event.trace.clone_from(&context.trace);
    }
    if let Some(key) = context.idempotency_key {
        for (number, event) in events.iter_mut().enumerate() {
            event.id.get_or_insert_with(|| format!("key:{key}/{number}"));
        }
    }
    let published = engine.publish(&namespace, events).await?;
    Ok(json!({ "events": published.iter().map(published_json).collect::<Vec<_>>() }))
}

fn published_json(Published { id, place }: &Published) -> Json {
    json!({ "id": id, "sequence": place.sequence, "is_new": place.is_new })
}

fn namespace_field() -> Json {
    json!({ "type": "string", "default": Namespace::DEFAULT, "description": "whose events" })
}

#[derive(Deserialize)]
struct ListInput {
    #[serde(default)]
    namespace: Namespace,
    r#type: Option<String>,
    after: Option<u64>,
    limit: Option<usize>,
    #[serde(default)]
    wait_ms: u64,
}

fn list(engine: &EngineHandle) -> Operation {
    let input = object(
        &json!({
            "namespace": namespace_field(),
            "type": {
                "type": "string", "minLength": 1,
                "description": "only events of this type, or of types that begin like this: order.*",
            },
            "after": { "type": "integer", "minimum": 0, "description": "the cursor: only events after this sequence" },
            "limit": {
                "type": "integer", "minimum": 1, "maximum": PAGE_ROWS_MAX, "default": PAGE_ROWS_DEFAULT,
                "description": "most events to list",
            },
            "wait_ms": {
                "type": "integer", "minimum": 0,
                "description": "wait this many milliseconds for an event, unless there is one",
            },
        }),
        &[],
    );
    let output = json!({
        "type": "object",
        "properties": {
            "events": { "type": "array", "items": { "type": "object" } },
            "next": { "type": "integer", "description": "pass as `after` to read on" },
            "first": { "type": "integer", "description": "sequence of the oldest event that is kept" },
            "last": { "type": "integer", "description": "sequence of the newest event; 0 before the first" },
            "missed": { "type": "integer", "description": "events after the cursor that are not kept any more" },
        },
        "required": ["events", "next", "first", "last", "missed"],
    });
    let (title, doc) = (
        "List events",
        "The events of a namespace, the oldest first. To follow them, ask again with `next` as `after`, and a wait.",
    );
    Verb { name: "event.list", title, doc, effect: Effect::Read, input, output }.handled(engine, list_events)
}

async fn list_events(engine: EngineHandle, input: ListInput, _: CallContext) -> Result<Json, Error> {
    let namespace = Namespace::new(input.namespace.as_str())?;
    let query = EventQuery {
        namespace: namespace.clone(),
        after: input.after.unwrap_or(0),
        kind: input.r#type.as_deref().map(TypeFilter::parse),
        limit: input.limit.unwrap_or(PAGE_ROWS_DEFAULT).min(PAGE_ROWS_MAX),
    };
    let page = engine.events(query, Duration::from_millis(input.wait_ms)).await?;
    // Who begins at the beginning misses nothing.
    let missed = input.after.map_or(0, |after| page.first.saturating_sub(after + 1));
    Ok(json!({
        "events": page.events.iter().map(|event| event.to_json(&namespace)).collect::<Vec<_>>(),
        "next": page.next,
        "first": page.first,
        "last": page.last,
        "missed": missed,
    }))
}

#[derive(Deserialize)]
struct ShowInput {
    #[serde(default)]
    namespace: Namespace,
    id: String,
}

fn show(engine: &EngineHandle) -> Operation {
    let properties = json!({
        "namespace": namespace_field(),
        "id": { "type": "string", "minLength": 1, "description": "the event's id" },
    });
    let (title, doc) = ("Show an event", "An event by its id, while it is kept.");
    let (input, output) = (object(&properties, &["id"]), json!({ "type": "object" }));
    let verb = Verb { name: "event.show", title, doc, effect: Effect::Read, input, output };
    verb.handled(engine, |engine: EngineHandle, input: ShowInput, _: CallContext| async move {
        let namespace = Namespace::new(input.namespace.as_str())?;
        Ok(engine.event(&namespace, &input.id).await?.to_json(&namespace))
    })
}
