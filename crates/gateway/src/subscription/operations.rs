//! The verbs of subscriptions.

use std::sync::PoisonError;

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::limits::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX};
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::suggest;
use nexus_kernel::verb::{Verb, object};
use serde::Deserialize;
use serde_json::json;

use super::record::DeadLetter;
use super::{Subscription, Subscriptions};
use crate::limits::DEAD_LETTERS_MAX;

#[derive(Deserialize)]
struct Nothing {}

#[derive(Deserialize)]
struct PageInput {
    name: String,
    after: Option<u64>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
struct OneInput {
    name: String,
    sequence: Option<u64>,
}

impl Subscriptions {
    /// The verbs, for the catalogue.
    pub fn operations(&self) -> Vec<Operation> {
        vec![
            list_verb().handled(self, list),
            letters_verb().handled(self, letters),
            acting("subscription.redeliver", "Deliver dead letters again", REDELIVER)
                .handled(self, redeliver),
            acting("subscription.discard", "Let go of dead letters", DISCARD).handled(self, discard),
        ]
    }

    fn find(&self, name: &str) -> Result<Subscription, Error> {
        let running = self.parts.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = running.get(name) {
            return Ok(found.subscription.clone());
        }
        let error = Error::new(&code::SUBSCRIPTION_UNKNOWN, format!("there is no subscription {name:?}"));
        Err(match suggest::nearest(name, running.keys().map(String::as_str)) {
            Some(near) => error.help(format!("did you mean {near:?}?")),
            None => error.help("`nexus call subscription.list` shows those there are"),
        })
    }
}

const REDELIVER: &str = "Delivers one dead letter, or all of them in order, once more. What is delivered is no dead letter \
                         any more; the first that fails ends it.";

const DISCARD: &str = "Lets go of one dead letter, or of all. They cannot be had again.";

fn list_verb() -> Verb {
    let (title, doc) = (
        "List subscriptions",
        "Triggers and webhooks that events go to: how far each is, what holds it up, and how many dead letters it has.",
    );
    let output = json!({
        "type": "object",
        "properties": { "subscriptions": { "type": "array", "items": { "type": "object" } } },
        "required": ["subscriptions"],
    });
    Verb {
        name: "subscription.list",
        title,
        doc,
        effect: Effect::Read,
        input: object(&json!({}), &[]),
        output,
    }
}

async fn list(subscriptions: Subscriptions, _: Nothing, _: CallContext) -> Result<Json, Error> {
    let all: Vec<_> = {
        let running = subscriptions.parts.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.values().map(|one| (one.subscription.clone(), one.progress.clone())).collect()
    };
    let mut shown = Vec::new();
    for (subscription, progress) in all {
        let dead = subscriptions.dead_letters(&subscription.name, None, DEAD_LETTERS_MAX).await?.len();
        shown.push(json!({
            "name": subscription.name,
            "namespace": subscription.namespace,
            "target": subscription.target.describe(),
            "after": progress.after,
            "attempt": progress.attempt,
            "failure": progress.failure,
            "dead_letters": dead,
        }));
    }
    Ok(json!({ "subscriptions": shown }))
}

fn named(more: Json) -> Json {
    let mut properties = json!({ "name": { "type": "string", "description": "the subscription" } });
    if let (Some(properties), Json::Object(more)) = (properties.as_object_mut(), more) {
        properties.extend(more);
    }
    object(&properties, &["name"])
}

fn letters_verb() -> Verb {
    let (title, doc) =
        ("List dead letters", "Events that a subscription could not deliver, the oldest first.");
    let input = named(json!({
        "after": { "type": "integer", "minimum": 0, "description": "only events after this one" },
        "limit": { "type": "integer", "minimum": 1, "maximum": PAGE_ROWS_MAX, "description": "most to list" },
    }));
    let output = json!({
        "type": "object",
        "properties": { "dead_letters": { "type": "array", "items": { "type": "object" } } },
        "required": ["dead_letters"],
    });
    Verb { name: "subscription.dead-letters", title, doc, effect: Effect::Read, input, output }
}

async fn letters(subscriptions: Subscriptions, input: PageInput, _: CallContext) -> Result<Json, Error> {
    let subscription = subscriptions.find(&input.name)?;
    let limit = input.limit.unwrap_or(PAGE_ROWS_DEFAULT).min(PAGE_ROWS_MAX);
    let letters = subscriptions.dead_letters(&subscription.name, input.after, limit).await?;
    Ok(json!({ "dead_letters": letters.iter().map(shown).collect::<Vec<_>>() }))
}

fn shown(letter: &DeadLetter) -> Json {
    json!({
        "sequence": letter.sequence,
        "namespace": letter.namespace,
        "id": letter.id,
        "type": letter.kind,
        "subject": letter.subject,
        "source": letter.source,
        "time": letter.time.to_string(),
        "data": letter.data,
        "attempts": letter.attempts,
        "reason": letter.reason,
        "given_up_at": letter.given_up_at.to_string(),
    })
}

fn acting(name: &'static str, title: &'static str, doc: &'static str) -> Verb {
    let input = named(json!({
        "sequence": { "type": "integer", "minimum": 1, "description": "the one event; all of them without it" },
    }));
    let count = json!({ "count": { "type": "integer", "description": "how many it were" } });
    let output = json!({ "type": "object", "properties": count, "required": ["count"] });
    Verb { name, title, doc, effect: Effect::Write, input, output }
}

/// The dead letters that are meant.
async fn meant(
    subscriptions: &Subscriptions,
    input: &OneInput,
) -> Result<(Subscription, Vec<DeadLetter>), Error> {
    let subscription = subscriptions.find(&input.name)?;
    let all = subscriptions.dead_letters(&subscription.name, None, DEAD_LETTERS_MAX).await?;
    let Some(sequence) = input.sequence else { return Ok((subscription, all)) };
    let one: Vec<_> = all.into_iter().filter(|letter| letter.sequence == sequence).collect();
    if one.is_empty() {
        let message = format!("{} has no dead letter {sequence}", input.name);
        return Err(Error::new(&code::SUBSCRIPTION_UNKNOWN, message)
            .help("`nexus call subscription.dead-letters` shows those there are"));
    }
    Ok((subscription, one))
}

async fn redeliver(subscriptions: Subscriptions, input: OneInput, _: CallContext) -> Result<Json, Error> {
    let (subscription, letters) = meant(&subscriptions, &input).await?;
    for letter in &letters {
        subscriptions.redeliver(&subscription, letter).await?;
    }
    Ok(json!({ "count": letters.len() }))
}

async fn discard(subscriptions: Subscriptions, input: OneInput, _: CallContext) -> Result<Json, Error> {
    let (subscription, letters) = meant(&subscriptions, &input).await?;
    for letter in &letters {
        subscriptions.discard(&subscription.name, letter.sequence).await?;
    }
    Ok(json!({ "count": letters.len() }))
}
