//! Verbs: the operations that Nexus itself brings along, before and after they have a handler.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use crate::access::{Need, needed};
use crate::call::{Answer, CallContext};
use crate::code;
use crate::contract::Contract;
use crate::error::Error;
use crate::limits::PAYLOAD_BYTES_MAX;
use crate::operation::{Effect, Handler, Operation};
use crate::{BoxFuture, Json};

/// An operation of Nexus itself before it has a handler.
pub struct Verb {
    /// `noun.verb`.
    pub name: &'static str,
    /// A short title for people.
    pub title: &'static str,
    /// What it does; the first line stands alone.
    pub doc: &'static str,
    /// What it does to the world.
    pub effect: Effect,
    /// JSON Schema of the input.
    pub input: Json,
    /// JSON Schema of the output.
    pub output: Json,
}

/// A part of the server that carries verbs out.
pub trait Part: Clone + Send + Sync + 'static {
    /// The part as the caller of one call sees it. Parts whose things belong to no namespace look the same to everybody
    /// who may call their verbs.
    #[must_use]
    fn seen_by(&self, _: &CallContext) -> Self {
        self.clone()
    }
}

impl Verb {
    /// Gives the verb its handler, a function of a part from a typed input to an output.
    pub fn handled<S, I, F, R>(self, part: &S, handle: F) -> Operation
    where
        S: Part,
        I: for<'de> Deserialize<'de> + Send + 'static,
        F: Fn(S, I, CallContext) -> R + Send + Sync + Copy + 'static,
        R: Future<Output = Result<Json, Error>> + Send + 'static,
    {
        let part = part.clone();
        let handler = move |input: Json, context: CallContext| -> BoxFuture<'static, Result<Answer, Error>> {
            let part = part.seen_by(&context);
            Box::pin(async move {
                let input = serde_json::from_value(input)
                    .map_err(|error| Error::new(&code::INPUT_INVALID, error.to_string()))?;
                Ok(Answer::of(handle(part, input, context).await?))
            })
        };
        self.with(Arc::new(handler))
    }

    /// Gives the verb a handler as it is.
    pub fn with(self, handler: Arc<dyn Handler>) -> Operation {
        let Need { act, .. } = needed(self.name);
        Operation {
            name: self.name.to_owned(),
            namespace: None,
            title: self.title.to_owned(),
            doc: self.doc.to_owned(),
            input: self.input,
            output: self.output,
            contract: Contract::default(),
            input_bytes_max: PAYLOAD_BYTES_MAX,
            effect: self.effect,
            permission: format!("{}:{}", act.resource, act.action),
            defined_at: None,
            handler,
        }
    }
}

/// The schema of an object with these properties and no others.
pub fn object(properties: &Json, required: &[&str]) -> Json {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}
