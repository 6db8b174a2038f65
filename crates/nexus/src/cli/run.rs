//! `nexus run WORKFLOW`, and the verbs of runs that exist.

mod find;
mod follow;
pub(crate) mod input;
mod links;
mod message;
mod options;
mod replay;
mod reset;
mod transfer;
mod wait;
mod watch;
mod with_start;

use std::time::Duration;

use clap::{Args, Subcommand};
use nexus_kernel::Json;
use nexus_kernel::call::{Answer, Wait};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::WorkflowId;
use nexus_kernel::time::parse_duration;
use serde_json::json;

use crate::cli::Global;
use crate::cli::line::{self, Noun};
use crate::client::{Client, StartCall};
use crate::flags::input::Given;
use crate::output::Output;
use crate::stub;
pub(super) use message::{MessageArgs, UpdateArgs, address};
pub(super) use with_start::{UpdateWithStartArgs, WithStartArgs};

/// Flags.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct RunArgs {
    /// What to do with runs that exist
    #[command(subcommand)]
    verb: Option<RunVerb>,
    /// Start a run
    #[command(flatten)]
    start: StartArgs,
}

impl RunArgs {
    /// Takes what was given with flags of the workflow, signal, query or update.
    pub(super) fn take(&mut self, given: Given) {
        match &mut self.verb {
            None => self.start.input.fields = given,
            Some(RunVerb::Signal(args) | RunVerb::Query(args)) => args.fields = given,
            Some(RunVerb::Update(args)) => args.message.fields = given,
            Some(RunVerb::SignalWithStart(args)) => args.fields = given,
            Some(RunVerb::UpdateWithStart(args)) => args.with.fields = given,
            Some(_) => {}
        }
    }
}

/// Flags of a start.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// The workflow to start, `Name` or `namespace/Name`
    #[arg(required = true)]
    workflow: Option<String>,
    #[command(flatten)]
    input: input::InputArgs,
    /// Your own id for the work; at most one run of it is open
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Equal keys start the work once
    #[arg(long, value_name = "KEY", visible_alias = "request-id")]
    idempotency_key: Option<String>,
    /// Wait for the end, as is usual
    #[arg(long = "wait", conflicts_with = "detach")]
    is_waiting: bool,
    /// Do not wait for the end; needs a running server
    #[arg(long = "async")]
    detach: bool,
    /// While waiting, tell each event as it happens, on standard error
    #[arg(long, short, conflicts_with = "detach")]
    follow: bool,
    /// Wait this long at most, such as 30s or 5m; the run does not end with the wait
    #[arg(long, value_name = "DURATION", value_parser = length, conflicts_with = "detach")]
    timeout: Option<Duration>,
    /// Simulate: activities give made-up values of their result types, timers pass at once, nothing is kept
    #[arg(long, conflicts_with_all = ["detach", "idempotency_key", "follow", "timeout"])]
    stub: bool,
    #[command(flatten)]
    options: options::OptionArgs,
}

/// What can be done with runs that exist.
#[derive(Debug, Subcommand)]
pub enum RunVerb {
    /// List runs that fit a filter: open ones first, then those that closed last
    List {
        /// A condition, for example `"WorkflowType = 'Checkout' ORDER BY StartTime"`
        #[arg(long, short)]
        filter: Option<String>,
        /// Only runs in this namespace
        #[arg(long)]
        namespace: Option<String>,
        /// Only runs of this workflow
        #[arg(long)]
        workflow: Option<String>,
        /// Only runs with this status
        #[arg(long)]
        status: Option<String>,
        /// Only runs of this version of the project: its number or build id
        #[arg(long, value_name = "VERSION")]
        of_version: Option<String>,
        /// Most runs to list
        #[arg(long, default_value_t = 50)]
        limit: u64,
        /// Where the page before ended, as it said
        #[arg(long, value_name = "PAGE")]
        after: Option<String>,
    },
    /// Count runs that fit a filter, in all or by group
    Count {
        /// A condition, as for `nexus run list`
        #[arg(long, short)]
        filter: Option<String>,
        /// Only runs in this namespace
        #[arg(long)]
        namespace: Option<String>,
        /// One figure for each value, for example `ExecutionStatus`
        #[arg(long, value_name = "ATTRIBUTE")]
        group_by: Option<String>,
    },
    /// List the attributes that filters know, with their types
    Attributes {
        /// Only attributes of this namespace
        #[arg(long)]
        namespace: Option<String>,
    },
    /// Show a run: status, result, and what it waits for
    Show {
        /// The run, or its workflow id: then the latest run
        run: String,
        /// Wait up to this many seconds for it to end
        #[arg(long, value_name = "SECONDS")]
        wait: Option<u64>,
        /// Show one timeline of it and of the runs that it is linked to by Nexus operations, callers and handlers
        #[arg(long, conflicts_with = "wait")]
        follow_links: bool,
    },
    /// Show every event of a run, with its time and line
    History {
        /// The run, or its workflow id: then the latest run
        run: String,
        /// Go on with each event as it happens, until the run has ended
        #[arg(long, short = 'f')]
        follow: bool,
    },
    /// Follow a run live until it has ended
    Watch {
        /// The run, or its workflow id: then the latest run
        run: String,
    },
    /// Step through a run in time: its variables, what each event changed, where it waited
    Replay {
        /// The run, or its workflow id: then the latest run
        run: String,
        /// Only up to this event
        #[arg(long, value_name = "EVENT")]
        to: Option<u64>,
        /// One event after the other, with the keyboard
        #[arg(long)]
        step: bool,
    },
    /// Send a signal to a run; after its name come its own flags
    Signal(message::MessageArgs),
    /// Ask a run, open or closed; after the query's name come its own flags
    Query(message::MessageArgs),
    /// Send an update to a run and wait for its answer; after its name come its own flags
    Update(message::UpdateArgs),
    /// Signal the open run of an id, starting one when there is none
    SignalWithStart(Box<with_start::WithStartArgs>),
    /// Update the open run of an id, starting one when there is none, and wait for the answer
    UpdateWithStart(Box<with_start::UpdateWithStartArgs>),
    /// Ask a run to stop; its program may clean up first
    Cancel {
        /// The run, or its workflow id: then the latest run
        run: String,
        /// Kept in the history
        #[arg(long)]
        reason: Option<String>,
    },
    /// Delete a closed run with its history; there is no way back
    Delete {
        /// The run, or its workflow id: then the latest run
        run: String,
    },
    /// End a run without asking its program
    Terminate {
        /// The run, or its workflow id: then the latest run
        run: String,
        /// Kept in the history
        #[arg(long)]
        reason: Option<String>,
    },
    /// Write a run with its history and definition to a file
    Export(transfer::ExportArgs),
    /// Take in a run that another server exported
    Import(transfer::ImportArgs),
    /// Begin a run anew from an earlier workflow task of its history
    Reset(reset::ResetArgs),
    /// Stop a run's program for now; what happens is kept for later
    Pause {
        /// The run, or its workflow id: then the latest run
        run: String,
        /// Kept in the history
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let a paused run go on
    Unpause {
        /// The run, or its workflow id: then the latest run
        run: String,
        /// Kept in the history
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let an open run go on with another version of the project, once its history was replayed on it
    Upgrade {
        /// The run, or its workflow id: then the latest run
        run: String,
        /// The version's number or build id; the current one when none is named
        #[arg(long, value_name = "VERSION")]
        to: Option<String>,
    },
    /// Show the statements of a run that wait, with their lines and what they wait for
    Stack {
        /// The run, or its workflow id: then the latest run
        run: String,
    },
}

/// Carries the command out.
pub async fn run(global: &Global, args: RunArgs, output: Output) -> Result<(), Error> {
    match args.verb {
        Some(verb) => on_runs(global, verb, output).await,
        None => start(global, args.start, output).await,
    }
}

async fn start(global: &Global, args: StartArgs, output: Output) -> Result<(), Error> {
    let workflow = args.workflow.unwrap_or_default();
    let options = args.options.fields()?;
    if args.stub && !options.is_empty() {
        return Err(Error::new(&code::INPUT_INVALID, "a simulated run takes no options")
            .help("leave `--stub` out, or the options"));
    }
    if args.stub {
        let input = args.input.made(None)?;
        return stub::run(global, &workflow, input, output);
    }
    let client =
        if args.detach { Client::remote(global).await? } else { Client::executing(global, output).await? };
    let shown = client.verb("workflow.show", show_input(&workflow)).await?;
    let input = args.input.made(shown.get("input"))?;
    let call = StartCall {
        workflow,
        input,
        wait: Wait::Accepted,
        workflow_id: args.id.as_deref().map(WorkflowId::new).transpose()?,
        idempotency_key: args.idempotency_key,
        options,
    };
    let name = call.workflow.clone();
    let is_typed = args.input.is_typed() && !output.is_json();
    let patience = wait::Patience { at_most: args.timeout, follow: args.follow };
    let answer = match client.start(call).await {
        Ok(Answer { run: Some(run), .. }) if !args.detach => {
            wait::for_end(&client, run, patience, output).await
        }
        started => started,
    };
    client.close().await?;
    let told = |error| match shown.get("input") {
        Some(schema) if is_typed => line::with_flag_names(error, Noun::Run, &name, schema),
        _ => error,
    };
    print_answer(&answer.map_err(told)?, output);
    Ok(())
}

/// A length of time from the command line.
pub(super) fn length(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write it like 30s, 5m or PT5M".to_owned())
}

/// `namespace/Name` as the input of `workflow.show`.
pub(super) fn show_input(workflow: &str) -> Json {
    match workflow.split_once('/') {
        Some((namespace, name)) => json!({ "namespace": namespace, "name": name }),
        None => json!({ "name": workflow }),
    }
}

/// The result is data; which run made it is a remark.
fn print_answer(answer: &Answer, output: Output) {
    let Some(run) = &answer.run else {
        return output.json(&answer.output);
    };
    if run.status.is_open() {
        output.note(&format!("{} runs as {}", run.workflow, run.workflow_id));
        return output.text(run.run_id.as_str());
    }
    output.json(&answer.output);
    output.note(&format!("{} {} · nexus run history {}", run.workflow, run.status.as_str(), run.run_id));
}

async fn on_runs(global: &Global, verb: RunVerb, output: Output) -> Result<(), Error> {
    // What is imported is written here when no server does it.
    let client = match &verb {
        RunVerb::Import(_) => Client::executing(global, output).await?,
        _ => Client::reading(global, output).await?,
    };
    let result = match verb {
        RunVerb::List { .. } | RunVerb::Count { .. } | RunVerb::Attributes { .. } => {
            find(&client, verb, output).await
        }
        RunVerb::Signal(_)
        | RunVerb::Query(_)
        | RunVerb::Update(_)
        | RunVerb::SignalWithStart(_)
        | RunVerb::UpdateWithStart(_) => talk(&client, verb, output).await,
        RunVerb::Export(args) => transfer::export(&client, args, output).await,
        RunVerb::Import(args) => transfer::import(&client, &args, output).await,
        RunVerb::Reset(args) => reset::reset(&client, args, output).await,
        verb => look(&client, verb, output).await,
    };
    client.close().await?;
    result
}

/// Sends a run a message.
async fn talk(client: &Client, verb: RunVerb, output: Output) -> Result<(), Error> {
    match verb {
        RunVerb::Signal(args) => message::signal(client, &args, output).await,
        RunVerb::Query(args) => message::query(client, &args, output).await,
        RunVerb::Update(args) => message::update(client, args, output).await,
        RunVerb::SignalWithStart(args) => with_start::signal(client, &args, output).await,
        RunVerb::UpdateWithStart(args) => with_start::update(client, &args, output).await,
        _ => Ok(()),
    }
}

/// Looks at a run, or changes it.
async fn look(client: &Client, verb: RunVerb, output: Output) -> Result<(), Error> {
    match verb {
        RunVerb::Show { run, follow_links: true, .. } => links::show(client, &run, output).await,
        RunVerb::Show { run, wait, .. } => show(client, (&run, wait), output).await,
        RunVerb::History { run, follow: true } => follow::follow(client, &run, output).await,
        RunVerb::History { run, follow: false } => history(client, &run, output).await,
        RunVerb::Watch { run } => watch::watch(client, &run, output).await,
        RunVerb::Replay { run, to, step } => replay::replay(client, &run, (to, step), output).await,
        RunVerb::Stack { run } => {
            let input = Json::Object(address(&run, None));
            client.verb("run.stack", input).await.map(|found| print_stack(&found, output))
        }
        RunVerb::Upgrade { run, to } => {
            let mut input = address(&run, None);
            input.extend(to.map(|version| ("version".to_owned(), json!(version))));
            client.verb("run.upgrade", Json::Object(input)).await.map(|done| {
                let text = |name: &str| done.get(name).map(ToString::to_string).unwrap_or_default();
                output.note(&format!("the run goes on with version {}", text("version")));
            })
        }
        verb => change(client, verb).await,
    }
}

/// Asks a run to stop, to stand still, to go on, or to go for good.
async fn change(client: &Client, verb: RunVerb) -> Result<(), Error> {
    match verb {
        RunVerb::Cancel { run, reason } => stop(client, "run.cancel", run, reason).await,
        RunVerb::Delete { run } => stop(client, "run.delete", run, None).await,
        RunVerb::Terminate { run, reason } => stop(client, "run.terminate", run, reason).await,
        RunVerb::Pause { run, reason } => stop(client, "run.pause", run, reason).await,
        RunVerb::Unpause { run, reason } => stop(client, "run.unpause", run, reason).await,
        _ => Ok(()),
    }
}

/// Looks for runs.
async fn find(client: &Client, verb: RunVerb, output: Output) -> Result<(), Error> {
    match verb {
        RunVerb::List { filter, namespace, workflow, status, of_version, limit, after } => {
            let names = ["filter", "namespace", "workflow", "status", "version", "after"];
            let given = names.into_iter().zip([filter, namespace, workflow, status, of_version, after]);
            let input = find::input(given, [("limit", json!(limit))]);
            client.verb("run.list", input).await.map(|found| find::print_list(&found, output))
        }
        RunVerb::Count { filter, namespace, group_by } => {
            let given = [("filter", filter), ("namespace", namespace), ("group_by", group_by.clone())];
            let input = find::input(given, []);
            let found = client.verb("run.count", input).await;
            found.map(|found| find::print_count(&found, group_by.as_deref(), output))
        }
        RunVerb::Attributes { namespace } => {
            let input = find::input([("namespace", namespace)], []);
            client.verb("run.attributes", input).await.map(|found| find::print_attributes(&found, output))
        }
        _ => Ok(()),
    }
}

async fn show(client: &Client, (run, wait): (&str, Option<u64>), output: Output) -> Result<(), Error> {
    let mut input = address(run, None);
    if let Some(seconds) = wait {
        input.insert("wait_ms".into(), json!(seconds.saturating_mul(1_000)));
    }
    client.verb("run.show", Json::Object(input)).await.map(|found| print_run(&found, output))
}

async fn history(client: &Client, run: &str, output: Output) -> Result<(), Error> {
    let history = client.verb("run.history", Json::Object(address(run, None))).await?;
    if output.is_json() {
        output.json(&history);
    } else {
        output.timeline(&history);
    }
    Ok(())
}

/// A client that can do something to runs.
fn acting(client: &Client) -> Result<&Client, Error> {
    if client.is_remote() {
        return Ok(client);
    }
    Err(Error::new(&code::SERVER_UNREACHABLE, "no server runs this project")
        .help("start it with `nexus up`; a run without a server stands still"))
}

async fn stop(client: &Client, verb: &str, run: String, reason: Option<String>) -> Result<(), Error> {
    let client = acting(client)?;
    let mut fields = address(&run, None);
    if let Some(reason) = reason {
        fields.insert("reason".into(), json!(reason));
    }
    client.verb(verb, Json::Object(fields)).await.map(|_| ())
}

fn print_stack(found: &Json, output: Output) {
    if output.is_json() {
        return output.json(found);
    }
    let waits = columns(found, "stack", &["at", "source", "for"]);
    if !waits.is_empty() {
        output.table(&["AT", "STATEMENT", "WAITS FOR"], waits);
    }
    match found.get("blocked") {
        Some(failure @ Json::Object(_)) => {
            output.note(&format!("the program cannot go on: {}", told(failure)));
        }
        _ => {
            output.note(&format!("the run is {}", found.get("status").and_then(Json::as_str).unwrap_or("?")));
        }
    }
}

fn print_run(run: &Json, output: Output) {
    if output.is_json() {
        return output.json(run);
    }
    let mut rows = Vec::new();
    for (name, value) in run.as_object().into_iter().flatten() {
        let text = match (name.as_str(), value) {
            (_, Json::Null) | ("pending" | "waits", _) => continue,
            ("failure" | "blocked", failure) => told(failure),
            ("stayed", stayed) => {
                let part = |name: &str| stayed.get(name).unwrap_or(&Json::Null);
                format!("not version {}: {}", part("version"), told(part("failure")))
            }
            (_, Json::String(text)) => text.clone(),
            (_, other) => other.to_string(),
        };
        rows.push(vec![name.clone(), text]);
    }
    output.table(&["FIELD", "VALUE"], rows);
    let pending = columns(run, "pending", &["kind", "name", "attempt", "scheduled_at", "last_failure"]);
    if !pending.is_empty() {
        output.text("");
        output.table(&["PENDING", "NAME", "ATTEMPT", "SINCE", "LAST FAILURE"], pending);
    }
    let waits = columns(run, "waits", &["at", "for"]);
    if !waits.is_empty() {
        output.text("");
        output.table(&["WAITS AT", "FOR"], waits);
    }
}

/// The chosen fields of a list of objects, as the rows of a table.
fn columns(run: &Json, list: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let items = run.get(list).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let cell = |item: &Json, field: &str| match item.get(field) {
        None | Some(Json::Null) => "-".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(failure @ Json::Object(_)) => told(failure),
        Some(other) => other.to_string(),
    };
    items.iter().map(|item| fields.iter().map(|field| cell(item, field)).collect()).collect()
}

/// A failure in one line.
fn told(failure: &Json) -> String {
    match serde_json::from_value::<Failure>(failure.clone()) {
        Ok(failure) => failure.to_string(),
        Err(_) => failure.to_string(),
    }
}
