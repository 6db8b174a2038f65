//! The handlers of a run or of a workflow, asked of whoever knows them: a signal, query or update as something that has
//! flags of its own.

use std::sync::Arc;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::operation::Operation;
use nexus_kernel::suggest;
use serde_json::json;

use super::aim::Aim;
use super::noun::Message;
use crate::cli::Format;
use crate::cli::run::{address, show_input};
use crate::client::{Client, described};
use crate::flags::spell;
use crate::output::Output;

/// A handler of the kind that is sent.
#[derive(Debug, Clone)]
pub struct Handler {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub doc: String,
    /// The schema of its arguments.
    pub input: Json,
}

/// What is sent, and to what: a run by its id or its workflow id, or a workflow.
#[derive(Debug, Clone, Copy)]
pub struct To<'a> {
    /// What is sent.
    pub message: Message,
    /// To what.
    pub target: &'a str,
    /// Where the workflow id is, when several namespaces have it.
    pub namespace: Option<&'a str>,
}

impl To<'_> {
    /// The handlers that may be meant, and the name of the workflow that declares them.
    pub async fn handlers(self, client: &Client) -> Result<(String, Vec<Handler>), Error> {
        let (told, name) = if self.message.may_start() {
            (client.verb("workflow.show", show_input(self.target)).await?, "name")
        } else {
            (
                client.verb("run.handlers", Json::Object(address(self.target, self.namespace))).await?,
                "workflow",
            )
        };
        let text = |of: &Json, name: &str| of.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let listed = told.get(self.message.list()).and_then(Json::as_array).cloned().unwrap_or_default();
        let handler = |it: &Json| Handler {
            name: text(it, "name"),
            doc: text(it, "doc"),
            input: it.get("input").cloned().unwrap_or_else(|| json!({})),
        };
        Ok((text(&told, name), listed.iter().map(handler).collect()))
    }

    /// The handler of this name.
    pub async fn handler(self, client: &Client, name: &str) -> Result<Handler, Error> {
        let (workflow, handlers) = self.handlers(client).await?;
        let known: Vec<&str> = handlers.iter().map(|it| it.name.as_str()).collect();
        let word = self.message.word();
        let unknown = || {
            let error = Error::new(&code::HANDLER_UNKNOWN, format!("{workflow} declares no {word} {name:?}"));
            error.help(match (suggest::nearest(name, known.iter().copied()), known.as_slice()) {
                (Some(near), _) => format!("did you mean {near:?}?"),
                (None, []) => format!("{workflow} declares none at all"),
                (None, known) => format!("it declares {}", known.join(", ")),
            })
        };
        handlers.iter().find(|it| it.name == name).cloned().ok_or_else(unknown)
    }
}

impl Aim {
    /// To what a line sends a message.
    pub fn to(&self, message: Message) -> Option<To<'_>> {
        let target = self.target.as_deref().filter(|target| !target.is_empty())?;
        Some(To { message, target, namespace: self.namespace.as_deref() })
    }
}

/// The handlers that a line may mean, asked of the server that is reachable from it, or of the project's data.
pub async fn handlers(aim: &Aim, message: Message) -> Result<Vec<Handler>, Error> {
    let Some(to) = aim.to(message) else { return Ok(Vec::new()) };
    let client = Client::reading(&aim.global(), Output::new(Format::Json)).await?;
    let found = to.handlers(&client).await;
    client.close().await?;
    Ok(found?.1)
}

/// The handler that a line names, as an operation: its name is what is typed before its flags.
pub async fn operation(aim: &Aim, message: Message, name: &str) -> Result<Arc<Operation>, Error> {
    let to = aim.to(message).ok_or_else(|| Error::internal("a message is for nobody"))?;
    let client = Client::reading(&aim.global(), Output::new(Format::Json)).await?;
    let found = to.handler(&client, name).await;
    client.close().await?;
    let Handler { name, doc, input } = found?;
    let title = doc
        .lines()
        .next()
        .filter(|line| !line.is_empty())
        .map_or_else(|| format!("The {} {name}", message.word()), ToOwned::to_owned);
    let listed = json!({
        "name": spell::line(&[to.target.to_owned(), name]),
        "title": title,
        "doc": doc,
        "input": input,
        "effect": "write",
    });
    described::operation(&listed)
        .map(Arc::new)
        .ok_or_else(|| Error::internal("a handler cannot be described"))
}
