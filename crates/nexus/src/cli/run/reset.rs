//! `nexus run reset`.

use clap::{ArgGroup, Args, ValueEnum};
use nexus_kernel::Json;
use nexus_kernel::error::Error;
use serde_json::json;

use super::acting;
use super::message::address;
use crate::client::Client;
use crate::output::Output;

/// Flags.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("place").required(true).args(["event", "first", "last", "build"])))]
pub struct ResetArgs {
    /// The run's id, or the workflow id of its work
    id: String,
    /// Do the task again that ended with this event; what is before it is kept
    #[arg(long, value_name = "N")]
    event: Option<u64>,
    /// Do the first task again: only the start is kept
    #[arg(long)]
    first: bool,
    /// Do the last task again
    #[arg(long)]
    last: bool,
    /// Do the first task again that this definition handled, named by the beginning of its hash
    #[arg(long, value_name = "HASH")]
    build: Option<String>,
    /// Look for the definition in this run only, not in those that it continues
    #[arg(long, requires = "build")]
    current_run_only: bool,
    /// Kept in the histories of both runs
    #[arg(long)]
    reason: Option<String>,
    /// What came after the point and is not applied again
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND")]
    exclude: Vec<Kind>,
    /// Which definition the run goes on with
    #[arg(long, value_enum, default_value = "current")]
    definition: Pin,
    /// Equal ids are one reset
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// Where the workflow id is, when several namespaces have it
    #[arg(long)]
    namespace: Option<String>,
}

/// What can be left out.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Signals
    Signal,
    /// Updates
    Update,
    /// Outcomes of Nexus operations
    Nexus,
}

/// Which definition goes on.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Pin {
    /// The one that new runs get
    Current,
    /// The one that the run had
    Pinned,
}

impl ResetArgs {
    fn to_input(&self) -> Json {
        let mut fields = address(&self.id, self.namespace.as_deref());
        let task = if self.first { Some("first_task") } else { self.last.then_some("last_task") };
        let kinds: Vec<_> = self.exclude.iter().map(|kind| word(*kind)).collect();
        let given = [
            ("event", self.event.map(Json::from)),
            ("to", task.map(Json::from)),
            ("build_id", self.build.as_deref().map(Json::from)),
            ("current_run_only", self.current_run_only.then_some(Json::from(true))),
            ("reason", self.reason.as_deref().map(Json::from)),
            ("exclude", Some(json!(kinds)).filter(|_| !kinds.is_empty())),
            ("definition", Some(word(self.definition).into())),
            ("request_id", self.request_id.as_deref().map(Json::from)),
        ];
        fields.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Json::Object(fields)
    }
}

fn word(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|it| it.get_name().to_owned()).unwrap_or_default()
}

/// Resets a run; the id of the new one is data.
pub(super) async fn reset(client: &Client, args: ResetArgs, output: Output) -> Result<(), Error> {
    let made = acting(client)?.verb("run.reset", args.to_input()).await?;
    if output.is_json() {
        output.json(&made);
    } else {
        output.note(&format!("{} goes on as", args.id));
        output.text(made.get("run_id").and_then(Json::as_str).unwrap_or_default());
    }
    Ok(())
}
