//! Operations: anything a caller can invoke.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::{Answer, CallContext};
use crate::contract::Contract;
use crate::error::Error;
use crate::id::Namespace;
use crate::{BoxFuture, Json};

/// What an operation does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Looks only.
    Read,
    /// Changes something and answers at once.
    Write,
    /// Starts durable work that may outlive the call.
    Long,
}

/// What carries an operation out.
pub trait Handler: Send + Sync {
    /// Carries out one call. The input fits the operation's schema.
    fn call(&self, input: Json, context: CallContext) -> BoxFuture<'static, Result<Answer, Error>>;
}

impl<F> Handler for F
where
    F: Fn(Json, CallContext) -> BoxFuture<'static, Result<Answer, Error>> + Send + Sync,
{
    fn call(&self, input: Json, context: CallContext) -> BoxFuture<'static, Result<Answer, Error>> {
        self(input, context)
    }
}

/// One operation. The catalogue of these is what every channel is rendered from.
#[derive(Clone)]
pub struct Operation {
    /// `noun.verb` for what Nexus brings along, the workflow's name for workflows.
    pub name: String,
    /// For workflows: where they are deployed.
    pub namespace: Option<Namespace>,
    /// A short title for people.
    pub title: String,
    /// What it does; the first line stands alone.
    pub doc: String,
    /// JSON Schema 2020-12 of the input, always an object.
    pub input: Json,
    /// JSON Schema 2020-12 of the output.
    pub output: Json,
    /// Largest input that is looked at, in bytes of JSON.
    pub input_bytes_max: usize,
    /// What it does to the world.
    pub effect: Effect,
    /// What a caller must be allowed to do, for example `workflow:Checkout:execute`.
    pub permission: String,
    /// Where it is defined, `file:line:column`, for workflows.
    pub defined_at: Option<String>,
    /// What it promises beside its schemas.
    pub contract: Contract,
    /// What carries it out.
    pub handler: Arc<dyn Handler>,
}

impl Operation {
    /// Whether this is a workflow rather than a verb of Nexus itself.
    pub fn is_workflow(&self) -> bool {
        self.namespace.is_some()
    }

    /// `namespace/Name` for workflows, the name for others: unique in a catalogue.
    pub fn id(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.clone(),
        }
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("id", &self.id())
            .field("effect", &self.effect)
            .finish_non_exhaustive()
    }
}
