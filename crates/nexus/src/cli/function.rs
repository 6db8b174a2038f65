//! `nexus fn`: functions of a project, one at a time, without a server or a workflow.

mod bench;
mod find;
mod show;

use std::sync::Arc;

use clap::{Args, Subcommand};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::SharedFunctionStore;
use nexus_kernel::port::clock::{SharedClock, SystemClock};
use nexus_kernel::port::rng::{SharedRng, SystemRng};
use nexus_sandbox::{CallError, CallErrorKind, Capabilities, Recorder};

use crate::activities::local::{Local, Prepared};
use crate::cli::Global;
use crate::cli::run::input;
use crate::node::Purpose;
use crate::output::Output;
use crate::store;
use find::Found;
use show::Ran;

/// What to do with functions.
#[derive(Debug, Subcommand)]
pub enum FunctionVerb {
    /// Call a function with its limits and grants; print its result, its logs, its host calls, and what it used
    ///
    /// The result goes to standard output, everything else to standard error; with `--format json` everything is one
    /// object on standard output.
    Run(RunArgs),
    /// Call a function many times; print the time of a call, its processor time, and calls per second
    Bench(BenchArgs),
    /// List the functions of the project, with what they may use and do
    List,
}

/// Which function, with what.
#[derive(Debug, Args)]
pub struct Which {
    /// The function: a file and a name, or in a project the name alone. Files outside of a project have the usual limits
    #[arg(value_name = "FILE:NAME")]
    function: String,
    /// Its input: JSON, @FILE, or - for standard input; null when absent
    #[arg(long, value_name = "JSON")]
    json: Option<String>,
    /// Grant this as well, such as http:fetch:api.example.com
    #[arg(long, value_name = "CAPABILITY")]
    grant: Vec<String>,
    /// Work on the keys of the project's data folder; without it, on a store in memory that is empty
    #[arg(long)]
    data: bool,
}

/// Flags of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    which: Which,
    /// Show where the time went: each step of the call, and each kind of host call. Lines of the function are not sampled
    #[arg(long)]
    phases: bool,
}

/// Flags of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    #[command(flatten)]
    which: Which,
    /// How many calls
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    calls: u32,
    /// How many of them at the same time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    callers: u32,
}

/// Carries the command out.
pub async fn function(global: &Global, verb: FunctionVerb, output: Output) -> Result<(), Error> {
    match verb {
        FunctionVerb::Run(args) => run(global, &args, output).await,
        FunctionVerb::Bench(args) => {
            let ready = Ready::of(global, &args.which).await?;
            bench::bench(ready, (args.calls, args.callers), output).await
        }
        FunctionVerb::List => list(global, output).await,
    }
}

/// A function that can be called, and how it is called in messages.
struct Ready {
    local: Local,
    prepared: Prepared,
    shown: String,
}

impl Ready {
    async fn of(global: &Global, which: &Which) -> Result<Ready, Error> {
        let Found { project, file, name } = find::find(&global.project, &which.function)?;
        let input = which.json.as_deref().map(|text| input::whole(text, "--json")).transpose()?;
        let grants = grants(&which.grant)?;
        let store: SharedFunctionStore = if which.data {
            let (clock, rng): (SharedClock, SharedRng) = (Arc::new(SystemClock), Arc::new(SystemRng));
            store::open(&project, Purpose::Execute, (&clock, &rng)).await?.functions
        } else {
            Arc::new(MemoryStore::new())
        };
        let local = Local::open(&project, store).await?;
        let name = match name {
            Some(name) => name,
            None => find::only(&local, file.as_deref())?,
        };
        let prepared = local.prepare(file.as_deref(), &name, input.unwrap_or_default(), grants)?;
        let shown = format!("{name} of {}", prepared.invocation.module.file());
        Ok(Ready { local, prepared, shown })
    }
}

async fn run(global: &Global, args: &RunArgs, output: Output) -> Result<(), Error> {
    let Ready { local, mut prepared, shown } = Ready::of(global, &args.which).await?;
    let recorder = Recorder::new(Arc::clone(local.clock()));
    prepared.invocation.recorder = Some(recorder.clone());
    let (invocation, events) = (prepared.invocation.clone(), prepared.events.clone());
    let began = local.clock().now();
    let called = local.call(prepared).await;
    let wall_us = u64::try_from(local.clock().now().since(began).as_micros()).unwrap_or(u64::MAX);
    let (profile, events) = (recorder.profile(), events.take());
    let ran = Ran { shown, invocation, called, events, wall_us, profile, in_full: args.phases };
    if output.is_json() {
        output.json(&show::json(&ran));
    } else {
        output.note(&show::report(&ran, output.has_color()));
        if let Ok(finished) = &ran.called {
            output.text(&serde_json::to_string_pretty(&finished.outcome.result).unwrap_or_default());
        }
    }
    ran.called.map(drop).map_err(|error| failed(&ran.shown, &error))
}

async fn list(global: &Global, output: Output) -> Result<(), Error> {
    let project = crate::project::Project::read(&global.project)?;
    let local = Local::open(&project, Arc::new(MemoryStore::new())).await?;
    let prepare = |(file, name): (String, String)| {
        local.prepare(Some(&file), &name, nexus_kernel::Json::Null, Capabilities::none())
    };
    let functions: Result<Vec<_>, _> = local.names().into_iter().map(prepare).collect();
    show::list(functions?.into_iter().map(|it| it.invocation).collect(), output);
    match local.unreadable() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn grants(tokens: &[String]) -> Result<Capabilities, Error> {
    Capabilities::parse(tokens.iter().map(String::as_str)).map_err(|error| {
        Error::new(&code::BAD_REQUEST, error.to_string())
            .help("for example --grant http:fetch:api.example.com; docs/activities.md describes capabilities")
    })
}

/// Why a call has no result, as any other error of the command line.
fn failed(shown: &str, error: &CallError) -> Error {
    let told = Error::new(error.kind.code(), format!("{shown}: {}", error.kind));
    match &error.kind {
        CallErrorKind::Denied(_) => {
            told.help("grant it in nexus.toml, under [sandbox.functions.NAME], or here with --grant")
        }
        CallErrorKind::Limit { .. } | CallErrorKind::Deadline => told.help(
            "[sandbox] in nexus.toml has the limits; `nexus fn run --phases` shows where the time goes",
        ),
        CallErrorKind::Stuck => told.help("a promise that nothing settles: look for a missing resolve"),
        CallErrorKind::Trapped(_) => told.help("a defect of the component; its log shows how far it came"),
        CallErrorKind::Threw(_) => told.help("it comes from the function; ctx.log shows what led to it"),
        _ => told,
    }
}
