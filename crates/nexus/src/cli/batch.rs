//! `nexus batch start|describe|list|stop`: the same done to many runs, in the background.

use std::io::{self, IsTerminal};

use clap::{Args, Subcommand};
use nexus_kernel::Json;
use nexus_kernel::error::Error;
use serde_json::{Map, json};

use crate::cli::Global;
use crate::cli::run::input;
use crate::client::Client;
use crate::output::Output;

/// How often the progress is looked at, in milliseconds.
const EVERY_MS: u64 = 500;

/// What can be done with batches.
#[derive(Debug, Subcommand)]
pub enum BatchVerb {
    /// Start a batch: `nexus batch start terminate --filter "WorkflowType = 'Report'"`
    Start(Box<StartArgs>),
    /// Show how far a batch is, and the first failures
    Describe {
        /// The batch
        batch: String,
        /// Wait until it is over, showing its progress
        #[arg(long)]
        wait: bool,
    },
    /// List batches, the newest first
    List,
    /// Stop a batch; runs that had their turn keep what was done to them
    Stop {
        /// The batch
        batch: String,
        /// Kept with the batch
        #[arg(long)]
        reason: Option<String>,
    },
}

/// Flags of `start`.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// What is done to each run: cancel, terminate, signal, pause, unpause, delete, reset
    verb: String,
    /// Which runs, as in `nexus run list`; open ones only, for delete closed ones only, for reset both
    #[arg(long, short, conflicts_with = "run")]
    filter: Option<String>,
    /// A run; may be given several times
    #[arg(long, value_name = "RUN")]
    run: Vec<String>,
    /// Where the filter looks; `default` when absent
    #[arg(long)]
    namespace: Option<String>,
    /// The signal to send
    #[arg(long, value_name = "NAME")]
    signal: Option<String>,
    /// Its arguments: the text itself, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-", requires = "signal")]
    json: Option<String>,
    /// For reset: the task that is done again, `first-task`, `last-task`, or a build id: the first task it handled
    #[arg(long, value_name = "TASK|BUILD")]
    to: Option<String>,
    /// For reset: what came later and is not applied again: signal, update, nexus
    #[arg(long, value_name = "KIND")]
    exclude: Vec<String>,
    /// For reset: each run goes on with the definition that it had
    #[arg(long)]
    pinned: bool,
    /// Kept in the histories of the runs
    #[arg(long)]
    reason: Option<String>,
    /// Runs that have their turn in a second, at most; 50 when absent
    #[arg(long, value_name = "PER-SECOND")]
    rate: Option<f64>,
    /// Runs that have their turn at the same time, at most; 10 when absent
    #[arg(long, value_name = "N")]
    concurrency: Option<u64>,
    /// Your own id for the batch: equal ids are one batch
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Wait until it is over, showing its progress
    #[arg(long)]
    wait: bool,
}

/// Carries the command out. Without a server nobody works on batches.
pub async fn batch(global: &Global, verb: BatchVerb, output: Output) -> Result<(), Error> {
    let looks = matches!(verb, BatchVerb::List | BatchVerb::Describe { wait: false, .. });
    let client = if looks { Client::reading(global, output).await? } else { Client::remote(global).await? };
    let result = carry_out(&client, verb, output).await;
    client.close().await?;
    result
}

async fn carry_out(client: &Client, verb: BatchVerb, output: Output) -> Result<(), Error> {
    let (found, wait) = match verb {
        BatchVerb::List => {
            print_list(&client.verb("batch.list", json!({})).await?, output);
            return Ok(());
        }
        BatchVerb::Start(args) => {
            let wait = args.wait;
            (client.verb("batch.start", Json::Object(args.fields()?)).await?, wait)
        }
        BatchVerb::Describe { batch, wait } => {
            (client.verb("batch.describe", json!({ "batch_id": batch })).await?, wait)
        }
        BatchVerb::Stop { batch, reason } => {
            let input = fields([("batch_id", Some(json!(batch))), ("reason", reason.map(Json::from))]);
            (client.verb("batch.stop", Json::Object(input)).await?, false)
        }
    };
    let found = if wait { follow(client, found, output).await? } else { found };
    print_one(&found, output);
    Ok(())
}

impl StartArgs {
    fn fields(self) -> Result<Map<String, Json>, Error> {
        let arguments = self.json.as_deref().map(|given| input::given(&[], Some(given), None)).transpose()?;
        let runs = (!self.run.is_empty()).then(|| json!(self.run));
        Ok(fields([
            ("verb", Some(json!(self.verb))),
            ("filter", self.filter.map(Json::from)),
            ("run_ids", runs),
            ("namespace", self.namespace.map(Json::from)),
            ("signal", self.signal.map(Json::from)),
            ("input", arguments),
            ("reset_to", self.to.as_deref().map(reset_point)),
            ("exclude", (!self.exclude.is_empty()).then(|| json!(self.exclude))),
            ("pinned", self.pinned.then(|| json!(true))),
            ("reason", self.reason.map(Json::from)),
            ("rate_per_second", self.rate.map(Json::from)),
            ("concurrency", self.concurrency.map(Json::from)),
            ("batch_id", self.id.map(Json::from)),
        ]))
    }
}

fn reset_point(named: &str) -> Json {
    match named {
        "first-task" => json!("first_task"),
        "last-task" => json!("last_task"),
        build => json!({ "build": build }),
    }
}

/// The fields that are given.
fn fields<const N: usize>(all: [(&str, Option<Json>); N]) -> Map<String, Json> {
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Waits until a batch is over. A terminal shows one line that changes; elsewhere each change is a line.
async fn follow(client: &Client, mut found: Json, output: Output) -> Result<Json, Error> {
    let mut shown = String::new();
    loop {
        let line = progress(&found);
        if !output.is_json() && line != shown {
            if io::stderr().is_terminal() {
                output.status(&line);
            } else {
                output.note(&line);
            }
            shown = line;
        }
        if text(&found, "state") != "running" {
            if !output.is_json() && io::stderr().is_terminal() {
                output.note("");
            }
            return Ok(found);
        }
        let wait = json!({ "batch_id": text(&found, "batch_id"), "wait_ms": EVERY_MS });
        found = client.verb("batch.describe", wait).await?;
    }
}

fn number(batch: &Json, name: &str) -> u64 {
    batch.get(name).and_then(Json::as_u64).unwrap_or(0)
}

fn progress(batch: &Json) -> String {
    let (done, failed, total) = (number(batch, "done"), number(batch, "failed"), number(batch, "total"));
    let share = ((done + failed) * 100).checked_div(total).unwrap_or(100).min(100);
    format!("{share:>3} %  {done} done  {failed} failed  {} left", number(batch, "left"))
}

fn text(value: &Json, name: &str) -> String {
    match value.get(name) {
        None | Some(Json::Null) => "-".to_owned(),
        Some(Json::String(text)) if text.is_empty() => "-".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn print_list(found: &Json, output: Output) {
    if output.is_json() {
        return output.json(found);
    }
    let all = found.get("batches").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return output.note("no batches; start one with `nexus batch start`");
    }
    let names = ["batch_id", "verb", "state", "total", "done", "failed", "left", "started_at", "reason"];
    let rows = all.iter().map(|batch| names.iter().map(|name| text(batch, name)).collect()).collect();
    output.table(&["BATCH", "VERB", "STATE", "TOTAL", "DONE", "FAILED", "LEFT", "STARTED", "REASON"], rows);
}

fn print_one(batch: &Json, output: Output) {
    if output.is_json() {
        return output.json(batch);
    }
    let names = [
        "batch_id",
        "verb",
        "name",
        "namespace",
        "filter",
        "runs",
        "state",
        "note",
        "reason",
        "started_at",
        "ended_at",
    ];
    let mut rows: Vec<Vec<String>> = names
        .iter()
        .map(|name| vec![name.replace('_', " "), text(batch, name)])
        .filter(|row| row.get(1).is_some_and(|value| value != "-"))
        .collect();
    rows.push(vec!["progress".to_owned(), progress(batch).trim().to_owned()]);
    output.table(&["FIELD", "VALUE"], rows);
    let failures = batch.get("failures").and_then(Json::as_array).cloned().unwrap_or_default();
    if !failures.is_empty() {
        output.text("");
        let row = |it: &Json| vec![text(it, "run_id"), text(it, "code"), text(it, "message")];
        output.table(&["RUN", "ERROR", "MESSAGE"], failures.iter().map(row).collect());
    }
}
