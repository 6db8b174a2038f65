//! `nexus activity complete|fail|heartbeat|cancel-ack|pause|unpause|reset|update-options`.

use clap::{Args, Subcommand};
use nexus_kernel::Json;
use nexus_kernel::error::Error;
use nexus_kernel::id::RunId;
use serde_json::{Map, json};

use crate::cli::Global;
use crate::cli::run::input;
use crate::client::Client;
use crate::output::Output;

/// Which activity is meant.
#[derive(Debug, Args)]
pub struct Address {
    /// The token of its attempt, or the run followed by the activity's number
    #[arg(value_name = "TOKEN|RUN")]
    token: String,
    /// The activity's number, after a run
    #[arg(value_name = "ACTIVITY")]
    activity: Option<u64>,
}

/// What can be done with a pending activity.
#[derive(Debug, Subcommand)]
pub enum ActivityVerb {
    /// End an activity with a result
    Complete {
        #[command(flatten)]
        address: Address,
        /// Its result: the text itself, @FILE, or - for standard input; null without it
        #[arg(long, value_name = "JSON|@FILE|-")]
        result: Option<String>,
    },
    /// End an attempt with a failure; the retry policy says whether there is another one
    Fail {
        #[command(flatten)]
        address: Address,
        /// The type that programs and retry policies compare
        #[arg(long = "type", value_name = "TYPE")]
        type_name: Option<String>,
        /// For people
        #[arg(long)]
        message: Option<String>,
        /// Trying again cannot help
        #[arg(long)]
        non_retryable: bool,
        /// Wait so many seconds before the next attempt, whatever the policy says
        #[arg(long, value_name = "SECONDS")]
        retry_in: Option<u64>,
    },
    /// Say that an attempt is alive; prints whether its cancellation was asked for
    Heartbeat {
        #[command(flatten)]
        address: Address,
        /// How far it has come, handed to the next attempt should this one fail
        #[arg(long, value_name = "JSON|@FILE|-")]
        details: Option<String>,
    },
    /// Say that an activity whose cancellation was asked for has stopped
    CancelAck {
        #[command(flatten)]
        address: Address,
    },
    /// Let no further attempt begin
    Pause {
        #[command(flatten)]
        address: Address,
        /// Shown with the activity
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let attempts begin again
    Unpause {
        #[command(flatten)]
        address: Address,
        /// Count attempts and time anew
        #[arg(long)]
        reset_attempts: bool,
        /// Forget what the last attempt said of its progress
        #[arg(long)]
        reset_heartbeat: bool,
    },
    /// Count attempts and time anew; one that waits for its next attempt begins at once
    Reset {
        #[command(flatten)]
        address: Address,
        /// Leave a paused activity paused
        #[arg(long)]
        keep_paused: bool,
        /// Forget what the last attempt said of its progress
        #[arg(long)]
        reset_heartbeat: bool,
    },
    /// Give an activity other options, from its next attempt on; 0 takes a timeout away
    UpdateOptions {
        #[command(flatten)]
        address: Address,
        /// Its queue
        #[arg(long, value_name = "QUEUE")]
        task_queue: Option<String>,
        /// Longest time of one attempt
        #[arg(long, value_name = "SECONDS")]
        start_to_close: Option<u64>,
        /// Longest time of all attempts and waits
        #[arg(long, value_name = "SECONDS")]
        schedule_to_close: Option<u64>,
        /// Longest time in the queue
        #[arg(long, value_name = "SECONDS")]
        schedule_to_start: Option<u64>,
        /// Longest silence of an attempt
        #[arg(long, value_name = "SECONDS")]
        heartbeat: Option<u64>,
    },
}

/// Carries the command out. Without a server nothing is pending that could be changed.
pub async fn activity(global: &Global, verb: ActivityVerb, output: Output) -> Result<(), Error> {
    let (name, address, fields) = call(verb)?;
    let client = Client::remote(global).await?;
    let mut given: Map<String, Json> = match address.activity {
        Some(activity) => {
            [(RunId::field_of(&address.token), json!(address.token)), ("activity_id", json!(activity))]
                .map(owned)
                .into_iter()
                .collect()
        }
        None => [("token", json!(address.token))].map(owned).into_iter().collect(),
    };
    given.extend(fields.into_iter().filter(|(_, value)| !value.is_null()).map(owned));
    let done = client.verb(name, Json::Object(given)).await;
    client.close().await?;
    let said = done?;
    if name == "activity.heartbeat" || output.is_json() {
        output.json(&said);
    }
    Ok(())
}

fn owned((name, value): (&'static str, Json)) -> (String, Json) {
    (name.to_owned(), value)
}

/// The operation, what it is about, and its fields; null stands for what was not given.
type Call = (&'static str, Address, Vec<(&'static str, Json)>);

fn call(verb: ActivityVerb) -> Result<Call, Error> {
    let ms = |seconds: Option<u64>| json!(seconds.map(|seconds| seconds.saturating_mul(1_000)));
    Ok(match verb {
        ActivityVerb::Complete { address, result } => {
            ("activity.complete", address, vec![("result", value(result.as_deref())?)])
        }
        ActivityVerb::Fail { address, type_name, message, non_retryable, retry_in } => {
            let fields = vec![
                ("type", json!(type_name)),
                ("message", json!(message)),
                ("non_retryable", json!(non_retryable)),
                ("next_retry_delay_ms", ms(retry_in)),
            ];
            ("activity.fail", address, fields)
        }
        ActivityVerb::Heartbeat { address, details } => {
            ("activity.heartbeat", address, vec![("details", value(details.as_deref())?)])
        }
        ActivityVerb::CancelAck { address } => ("activity.cancel_ack", address, Vec::new()),
        ActivityVerb::Pause { address, reason } => {
            ("activity.pause", address, vec![("reason", json!(reason))])
        }
        ActivityVerb::Unpause { address, reset_attempts, reset_heartbeat } => {
            let fields =
                vec![("reset_attempts", json!(reset_attempts)), ("reset_heartbeat", json!(reset_heartbeat))];
            ("activity.unpause", address, fields)
        }
        ActivityVerb::Reset { address, keep_paused, reset_heartbeat } => {
            let fields =
                vec![("keep_paused", json!(keep_paused)), ("reset_heartbeat", json!(reset_heartbeat))];
            ("activity.reset", address, fields)
        }
        ActivityVerb::UpdateOptions {
            address,
            task_queue,
            start_to_close,
            schedule_to_close,
            schedule_to_start,
            heartbeat,
        } => {
            let fields = vec![
                ("task_queue", json!(task_queue)),
                ("start_to_close_ms", ms(start_to_close)),
                ("schedule_to_close_ms", ms(schedule_to_close)),
                ("schedule_to_start_ms", ms(schedule_to_start)),
                ("heartbeat_ms", ms(heartbeat)),
            ];
            ("activity.update_options", address, fields)
        }
    })
}

/// A value given as JSON; null when none was given.
fn value(given: Option<&str>) -> Result<Json, Error> {
    given.map_or(Ok(Json::Null), |given| input::given(&[], Some(given), None))
}
