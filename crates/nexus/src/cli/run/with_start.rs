//! `nexus run signal-with-start` and `nexus run update-with-start`.

use clap::Args;
use nexus_kernel::Json;
use nexus_kernel::error::Error;
use serde_json::{Map, json};

use super::message::answered;
use super::options::OptionArgs;
use super::{acting, input, show_input};
use crate::client::Client;
use crate::flags::input::Given;
use crate::output::Output;

/// A message, and the run that is started for it when none is open.
#[derive(Debug, Args)]
pub struct WithStartArgs {
    /// The workflow to start, `Name` or `namespace/Name`
    workflow: String,
    /// The name of the handler, as the workflow declares it
    name: String,
    /// Your own id for the work: the open run of it gets the message
    #[arg(long, value_name = "ID")]
    id: String,
    /// An input of the workflow by name; may be given several times
    #[arg(long = "input", short, value_name = "NAME=VALUE")]
    inputs: Vec<String>,
    /// All inputs of the workflow as a JSON object: the text itself, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-", conflicts_with = "inputs")]
    json: Option<String>,
    /// The arguments of the message as JSON: an object by parameter name, or the value of the only parameter
    #[arg(long, value_name = "JSON|@FILE|-")]
    message: Option<String>,
    /// Equal ids are one message and one start
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    #[command(flatten)]
    options: OptionArgs,
    /// What was given with the handler's own flags
    #[arg(skip)]
    pub(super) fields: Given,
}

/// Flags of an update with a start.
#[derive(Debug, Args)]
pub struct UpdateWithStartArgs {
    #[command(flatten)]
    pub(super) with: WithStartArgs,
    /// Do not wait for the answer
    #[arg(long = "async")]
    detach: bool,
}

impl WithStartArgs {
    /// The fields of the operation; `kind` is the name of the message's own.
    async fn to_input(&self, client: &Client, kind: &str) -> Result<Map<String, Json>, Error> {
        let shown = client.verb("workflow.show", show_input(&self.workflow)).await?;
        let mut fields = self.options.fields()?;
        fields.insert("workflow".into(), self.workflow.as_str().into());
        fields.insert("workflow_id".into(), self.id.as_str().into());
        fields.insert("input".into(), input::given(&self.inputs, self.json.as_deref(), shown.get("input"))?);
        fields.insert(kind.to_owned(), self.name.as_str().into());
        let is_read = self.json.as_deref() == Some("-");
        let message = input::arguments((self.message.as_deref(), "--message"), &self.fields, is_read)?;
        fields.extend(message.map(|message| (format!("{kind}_input"), message)));
        Ok(fields)
    }
}

/// Signals the open run of an id, or starts one for it. The run's id is data.
pub(super) async fn signal(client: &Client, args: &WithStartArgs, output: Output) -> Result<(), Error> {
    let client = acting(client)?;
    let mut fields = args.to_input(client, "signal").await?;
    fields.extend(args.request_id.as_deref().map(|id| ("request_id".to_owned(), id.into())));
    let told = client.verb("run.signal-with-start", Json::Object(fields)).await?;
    if output.is_json() {
        output.json(&told);
    } else {
        let started = told.get("started") == Some(&Json::Bool(true));
        output.note(&format!("signal {} has {} run", args.name, if started { "a new" } else { "the open" }));
        output.text(told.get("run_id").and_then(Json::as_str).unwrap_or_default());
    }
    Ok(())
}

/// Updates the open run of an id, or starts one for it, and waits for the answer.
pub(super) async fn update(client: &Client, args: &UpdateWithStartArgs, output: Output) -> Result<(), Error> {
    let client = acting(client)?;
    let mut fields = args.with.to_input(client, "update").await?;
    fields.extend(args.with.request_id.as_deref().map(|id| ("update_id".to_owned(), id.into())));
    let stage = if args.detach { "accepted" } else { "completed" };
    fields.insert("wait".into(), json!(stage));
    let told = client.verb("run.update-with-start", Json::Object(fields)).await?;
    answered(client, (&args.with.name, args.detach), told, output).await
}
