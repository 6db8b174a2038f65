//! `nexus operation list|show|start|cancel|complete|fail`: Nexus operations that runs wait for, and calls of one's own.

use clap::{Args, Subcommand};
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde_json::Map;

use super::run::input;
use crate::cli::Global;
use crate::cli::cells::{items, text};
use crate::client::Client;
use crate::output::Output;

/// What can be done with Nexus operations.
#[derive(Debug, Subcommand)]
pub enum OperationVerb {
    /// List the operations that runs wait for, the newest first
    List {
        /// Only those that runs of this namespace wait for
        #[arg(long)]
        namespace: Option<String>,
        /// Only those that were called through this endpoint
        #[arg(long)]
        endpoint: Option<String>,
        /// At most so many
        #[arg(long)]
        limit: Option<u64>,
    },
    /// Show an operation: attempts, last failure, why no request is made, who carries it out
    Show {
        /// The operation, as the list names it: RUN/COMMAND
        id: String,
    },
    /// Call an operation, as a run of a namespace would, and wait for its result
    Start(StartArgs),
    /// Ask whoever carries an operation out to cancel it
    Cancel {
        /// The operation, RUN/COMMAND
        id: String,
    },
    /// Give the run that waits a result
    Complete {
        /// The operation, RUN/COMMAND
        id: String,
        /// The result: JSON, @FILE, or -
        #[arg(long, value_name = "JSON|@FILE|-")]
        result: Option<String>,
    },
    /// Give the run that waits a failure
    Fail {
        /// The operation, RUN/COMMAND
        id: String,
        /// Why
        #[arg(long)]
        message: String,
        /// The error's type, by which programs catch it
        #[arg(long = "type", value_name = "TYPE")]
        type_name: Option<String>,
    },
}

/// Flags of `start`.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// The endpoint
    endpoint: String,
    /// The operation, SERVICE.OPERATION
    operation: String,
    /// Its input: JSON, @FILE, or -
    #[arg(long, value_name = "JSON|@FILE|-")]
    input: Option<String>,
    /// In the name of which namespace; `default` without it
    #[arg(long)]
    namespace: Option<String>,
    /// Equal ids start one operation
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// How long the operation may take, such as 30s
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
}

/// Carries the command out.
pub async fn operation(global: &Global, verb: OperationVerb, output: Output) -> Result<(), Error> {
    let (name, input) = call(verb)?;
    let client = match name {
        "operation.list" | "operation.show" => Client::reading(global, output).await?,
        // What runs wait for is waited for by the server that runs them.
        "operation.start" => Client::executing(global, output).await?,
        _ => Client::remote(global).await?,
    };
    let answer = match name {
        "operation.start" => client.long(name, Json::Object(input)).await,
        _ => client.verb(name, Json::Object(input)).await,
    };
    client.close().await?;
    let answer = answer?;
    match name {
        _ if output.is_json() => output.json(&answer),
        "operation.list" => print_list(&answer, output),
        "operation.show" => print_one(&answer, output),
        "operation.start" => output.value(&answer),
        "operation.cancel" => output.note("asked; the run goes on waiting until the operation has ended"),
        _ => output.note("the run has been told"),
    }
    Ok(())
}

fn call(verb: OperationVerb) -> Result<(&'static str, Map<String, Json>), Error> {
    let which = |id: String| ("operation_id", Some(Json::from(id)));
    Ok(match verb {
        OperationVerb::List { namespace, endpoint, limit } => {
            let given = [
                ("namespace", namespace.map(Json::from)),
                ("endpoint", endpoint.map(Json::from)),
                ("limit", limit.map(Json::from)),
            ];
            ("operation.list", fields(given))
        }
        OperationVerb::Show { id } => ("operation.show", fields([which(id)])),
        OperationVerb::Start(args) => ("operation.start", start(args)?),
        OperationVerb::Cancel { id } => ("operation.cancel", fields([which(id)])),
        OperationVerb::Complete { id, result } => {
            let result = result.map(|text| input::whole(&text, "--result")).transpose()?;
            ("operation.complete", fields([which(id), ("result", result)]))
        }
        OperationVerb::Fail { id, message, type_name } => {
            let given = [which(id), ("message", Some(message.into())), ("type", type_name.map(Json::from))];
            ("operation.fail", fields(given))
        }
    })
}

fn start(args: StartArgs) -> Result<Map<String, Json>, Error> {
    let (service, operation) = args.operation.rsplit_once('.').ok_or_else(|| {
        Error::new(&code::INPUT_INVALID, format!("{:?} is not SERVICE.OPERATION", args.operation))
            .help("for example nexus operation start billing Payments.Charge --input '{\"cents\": 1200}'")
    })?;
    let input = args.input.map(|text| input::whole(&text, "--input")).transpose()?;
    Ok(fields([
        ("endpoint", Some(args.endpoint.into())),
        ("service", Some(service.into())),
        ("operation", Some(operation.into())),
        ("input", input),
        ("namespace", args.namespace.map(Json::from)),
        ("request_id", args.request_id.map(Json::from)),
        ("timeout", args.timeout.map(Json::from)),
    ]))
}

/// The fields that were given.
fn fields<const N: usize>(given: [(&str, Option<Json>); N]) -> Map<String, Json> {
    given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn print_list(found: &Json, output: Output) {
    let all = items(found, "operations");
    if all.is_empty() {
        return output.note("no run waits for a Nexus operation");
    }
    let row = |it: &Json| {
        vec![
            text(it, "/operation_id"),
            text(it, "/name"),
            text(it, "/namespace"),
            text(it, "/state"),
            text(it, "/attempt"),
            text(it, "/last_failure/type"),
        ]
    };
    let headings = ["OPERATION", "CALLS", "CALLER", "STATE", "ATTEMPT", "LAST FAILURE"];
    output.table(&headings, all.iter().map(row).collect());
}

fn print_one(operation: &Json, output: Output) {
    let failure = match text(operation, "/last_failure/type").as_str() {
        "-" => "-".to_owned(),
        type_name => format!("{type_name}: {}", text(operation, "/last_failure/message")),
    };
    let handler = match text(operation, "/handler/run_id").as_str() {
        "-" => "-".to_owned(),
        run => format!("{run} in {}", text(operation, "/handler/namespace")),
    };
    let caller = format!("{} {}", text(operation, "/workflow"), text(operation, "/run_id"));
    let rows = [
        ("operation", text(operation, "/operation_id")),
        ("calls", text(operation, "/name")),
        ("caller", format!("{caller} in {}", text(operation, "/namespace"))),
        ("statement", text(operation, "/at")),
        ("state", text(operation, "/state")),
        ("blocked", text(operation, "/blocked_reason")),
        ("called at", text(operation, "/scheduled_at")),
        ("attempt", text(operation, "/attempt")),
        ("last failure", failure),
        ("next attempt", text(operation, "/next_attempt_at")),
        ("start before", text(operation, "/start_before")),
        ("close before", text(operation, "/close_before")),
        ("carried out by", handler),
        ("token", text(operation, "/token")),
        (
            "cancel requested",
            Some(text(operation, "/cancel_requested"))
                .filter(|it| it == "true")
                .unwrap_or_else(|| "-".to_owned()),
        ),
    ];
    let shown = rows.into_iter().filter(|(_, value)| value != "-");
    output.table(&["FIELD", "VALUE"], shown.map(|(name, value)| vec![name.to_owned(), value]).collect());
}
