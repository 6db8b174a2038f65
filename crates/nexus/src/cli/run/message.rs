//! `nexus run signal|query|update`.

use clap::Args;
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::RunId;
use serde_json::{Map, json};

use super::{acting, input};
use crate::cli::line::message::To;
use crate::cli::line::{self, Message, Noun};
use crate::client::Client;
use crate::flags::input::Given;
use crate::flags::spell;
use crate::output::Output;

/// How long one request waits for the answer of an update before it is asked for again, in milliseconds.
const WAIT_MS: u64 = 20_000;

/// A run, and what is sent to it.
#[derive(Debug, Args)]
pub struct MessageArgs {
    /// The run's id, or the workflow id of its work
    id: String,
    /// The name of the handler, as the workflow declares it
    name: String,
    /// The arguments as JSON: an object by parameter name, or the value of the only parameter; the text itself,
    /// @FILE, or - for standard input
    #[arg(long, short, value_name = "JSON|@FILE|-")]
    input: Option<String>,
    /// Where the workflow id is, when several namespaces have it
    #[arg(long)]
    namespace: Option<String>,
    /// What was given with the handler's own flags
    #[arg(skip)]
    pub(super) fields: Given,
}

/// Flags of an update.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    #[command(flatten)]
    pub(super) message: MessageArgs,
    /// Your own id for the update; equal ids are one update
    #[arg(long, value_name = "ID")]
    update_id: Option<String>,
    /// Do not wait for the answer
    #[arg(long = "async")]
    detach: bool,
}

impl MessageArgs {
    fn to_input(&self) -> Result<Map<String, Json>, Error> {
        let mut fields = address(&self.id, self.namespace.as_deref());
        fields.insert("name".into(), self.name.as_str().into());
        let input = input::arguments((self.input.as_deref(), "--input"), &self.fields, false)?;
        fields.extend(input.map(|input| ("input".to_owned(), input)));
        Ok(fields)
    }

    /// Sends it. Who typed flags is told of flags when the run does not take what they make.
    async fn send(
        &self,
        client: &Client,
        (message, fields): (Message, Map<String, Json>),
        output: Output,
    ) -> Result<Json, Error> {
        let sent = client.verb(&format!("run.{}", message.word()), Json::Object(fields)).await;
        let to = To { message, target: &self.id, namespace: self.namespace.as_deref() };
        match sent {
            Err(error) if self.input.is_none() && !output.is_json() => {
                Err(with_flag_names(client, to, &self.name, error).await)
            }
            sent => sent,
        }
    }
}

/// A run as people name it: whatever does not look like a run's id is a workflow id.
pub(in crate::cli) fn address(id: &str, namespace: Option<&str>) -> Map<String, Json> {
    let mut fields = Map::new();
    fields.insert(RunId::field_of(id).into(), id.into());
    if let Some(namespace) = namespace {
        fields.insert("namespace".into(), namespace.into());
    }
    fields
}

/// What is wrong with the arguments of a message, told with its flags. Whoever does not tell of handlers leaves it as it is.
pub(super) async fn with_flag_names(client: &Client, to: To<'_>, name: &str, error: Error) -> Error {
    if error.code() != &code::INPUT_INVALID {
        return error;
    }
    match to.handler(client, name).await {
        Ok(handler) => {
            let target = spell::line(&[to.target.to_owned(), name.to_owned()]);
            line::with_flag_names(error, Noun::Message(to.message), &target, &handler.input)
        }
        Err(_) => error,
    }
}

/// Sends a signal.
pub(super) async fn signal(client: &Client, args: &MessageArgs, output: Output) -> Result<(), Error> {
    let sent = args.send(acting(client)?, (Message::Signal, args.to_input()?), output).await?;
    if output.is_json() {
        output.json(&sent);
    } else {
        let run = sent.get("run_id").and_then(Json::as_str).unwrap_or("the run");
        output.note(&format!("{run} has signal {}", args.name));
    }
    Ok(())
}

/// Asks a query. The answer is data.
pub(super) async fn query(client: &Client, args: &MessageArgs, output: Output) -> Result<(), Error> {
    let mut answered = args.send(client, (Message::Query, args.to_input()?), output).await?;
    output.json(&answered.get_mut("answer").map(Json::take).unwrap_or_default());
    Ok(())
}

/// Sends an update and waits for its answer, asking again with the same id for as long as it takes.
pub(super) async fn update(client: &Client, args: UpdateArgs, output: Output) -> Result<(), Error> {
    let mut input = args.message.to_input()?;
    if let Some(id) = args.update_id {
        input.insert("update_id".into(), id.into());
    }
    let stage = if args.detach { "accepted" } else { "completed" };
    input.insert("wait".into(), stage.into());
    input.insert("wait_ms".into(), json!(WAIT_MS));
    let told = args.message.send(acting(client)?, (Message::Update, input), output).await?;
    answered(client, (&args.message.name, args.detach), told, output).await
}

/// Prints the answer of an update that was accepted, asking again with its id for as long as there is none.
pub(super) async fn answered(
    client: &Client,
    (name, detach): (&str, bool),
    mut told: Json,
    output: Output,
) -> Result<(), Error> {
    loop {
        let text = |field: &str| told.get(field).and_then(Json::as_str).unwrap_or_default().to_owned();
        let (run, id, reached) = (text("run_id"), text("update_id"), text("stage"));
        if detach {
            output.note(&format!("{run} has update {name}"));
            output.text(&id);
            return Ok(());
        }
        if reached == "completed" {
            output.json(&told.get_mut("result").map(Json::take).unwrap_or_default());
            return Ok(());
        }
        // Another run may have the workflow id by now: the answer is that of the run that accepted.
        let again = json!({ "run_id": run, "update_id": id, "name": name, "wait_ms": WAIT_MS });
        told = client.verb("run.update", again).await?;
    }
}
