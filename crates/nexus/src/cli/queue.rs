//! `nexus queue list|describe|pause|unpause|limit`.

use clap::{Args, Subcommand};
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde_json::{Map, json};

use crate::cli::Global;
use crate::cli::cells::text;
use crate::client::Client;
use crate::output::Output;

/// Which queue is meant.
#[derive(Debug, Args)]
pub struct Which {
    /// The queue, `QUEUE` or `namespace/QUEUE`
    queue: String,
}

/// What can be done with task queues.
#[derive(Debug, Subcommand)]
pub enum QueueVerb {
    /// List task queues with their backlogs
    List {
        /// Only queues of this namespace
        #[arg(long)]
        namespace: Option<String>,
    },
    /// Show a queue: backlog by priority and its age, rates, limits
    Describe(Which),
    /// Let no further attempt begin; tasks wait, and their timeouts go on
    Pause {
        #[command(flatten)]
        which: Which,
        /// Shown with the queue
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let attempts begin again
    Unpause(Which),
    /// Bound how many attempts begin in a second
    Limit(LimitArgs),
}

/// Flags of `limit`.
#[derive(Debug, Args)]
pub struct LimitArgs {
    #[command(flatten)]
    which: Which,
    /// Attempts of the queue that begin in a second; `none` takes the limit away
    #[arg(long, value_name = "PER-SECOND|none")]
    rate: Option<String>,
    /// So many may begin at once after a pause; a second's worth when absent
    #[arg(long, value_name = "N", requires = "rate")]
    burst: Option<u32>,
    /// Attempts of each fairness key of weight 1 that begin in a second; `none` takes the limit away
    #[arg(long, value_name = "PER-SECOND|none")]
    key_rate: Option<String>,
    /// So many of one key may begin at once after a pause
    #[arg(long, value_name = "N", requires = "key_rate")]
    key_burst: Option<u32>,
    /// Weight of a fairness key in place of the one that calls give; `none` gives it back; may be given several times
    #[arg(long, value_name = "KEY=WEIGHT|none")]
    weight: Vec<String>,
    /// Shown with the limits
    #[arg(long)]
    reason: Option<String>,
}

/// Carries the command out.
pub async fn queue(global: &Global, verb: QueueVerb, output: Output) -> Result<(), Error> {
    let (name, input) = call(verb)?;
    let looks = matches!(name, "queue.list" | "queue.describe");
    let client = if looks { Client::reading(global, output).await? } else { Client::remote(global).await? };
    let answer = client.verb(name, Json::Object(input)).await;
    client.close().await?;
    let answer = answer?;
    match name {
        _ if output.is_json() => output.json(&answer),
        "queue.list" => print_list(&answer, output),
        _ => print_one(&answer, output),
    }
    Ok(())
}

fn call(verb: QueueVerb) -> Result<(&'static str, Map<String, Json>), Error> {
    Ok(match verb {
        QueueVerb::List { namespace } => {
            ("queue.list", namespace.map(|it| ("namespace".to_owned(), json!(it))).into_iter().collect())
        }
        QueueVerb::Describe(which) => ("queue.describe", which.fields()),
        QueueVerb::Unpause(which) => ("queue.unpause", which.fields()),
        QueueVerb::Pause { which, reason } => {
            let mut fields = which.fields();
            fields.extend(reason.map(|reason| ("reason".to_owned(), json!(reason))));
            ("queue.pause", fields)
        }
        QueueVerb::Limit(args) => ("queue.limit", args.fields()?),
    })
}

impl Which {
    fn fields(&self) -> Map<String, Json> {
        let (namespace, queue) = match self.queue.split_once('/') {
            Some((namespace, queue)) => (Some(namespace), queue),
            None => (None, self.queue.as_str()),
        };
        let mut fields = Map::from_iter([("task_queue".to_owned(), json!(queue))]);
        fields.extend(namespace.map(|namespace| ("namespace".to_owned(), json!(namespace))));
        fields
    }
}

impl LimitArgs {
    fn fields(&self) -> Result<Map<String, Json>, Error> {
        let mut fields = self.which.fields();
        let mut put = |name: &str, value: Json| fields.insert(name.to_owned(), value);
        for (name, given) in
            [("rate_per_second", &self.rate), ("fairness_key_rate_per_second", &self.key_rate)]
        {
            if let Some(given) = given {
                put(name, number(given)?);
            }
        }
        for (name, given) in [("burst", self.burst), ("fairness_key_burst", self.key_burst)] {
            if let Some(given) = given {
                put(name, json!(given));
            }
        }
        if let Some(reason) = &self.reason {
            put("reason", json!(reason));
        }
        let mut weights = Map::new();
        for given in &self.weight {
            let (key, weight) = given.rsplit_once('=').ok_or_else(|| bad(given))?;
            weights.insert(key.to_owned(), number(weight)?);
        }
        if !weights.is_empty() {
            put("fairness_weights", Json::Object(weights));
        }
        Ok(fields)
    }
}

/// A number, or null for `none`.
fn number(given: &str) -> Result<Json, Error> {
    if given == "none" {
        return Ok(Json::Null);
    }
    given.parse::<f64>().ok().filter(|it| it.is_finite()).map(|it| json!(it)).ok_or_else(|| bad(given))
}

fn bad(given: &str) -> Error {
    Error::new(&code::BAD_REQUEST, format!("{given:?} is neither a number nor `none`"))
        .help("write for example `--rate 20`, `--rate none` or `--weight tenant-a=2.5`")
}

/// Milliseconds as people read them.
fn age(value: &Json, pointer: &str) -> String {
    match value.pointer(pointer).and_then(Json::as_u64) {
        None => "-".to_owned(),
        Some(ms) if ms < 1_000 => format!("{ms}ms"),
        Some(ms) if ms < 120_000 => format!("{}s", ms / 1_000),
        Some(ms) if ms < 7_200_000 => format!("{}m", ms / 60_000),
        Some(ms) => format!("{}h", ms / 3_600_000),
    }
}

fn rate(value: &Json, pointer: &str) -> String {
    value.pointer(pointer).and_then(Json::as_f64).map_or_else(|| "-".to_owned(), |it| format!("{it:.1}/s"))
}

/// A limit with its burst and reason.
fn limit(value: &Json, name: &str) -> String {
    let at = |field: &str| text(value, &format!("/{name}/{field}"));
    if at("per_second") == "-" {
        return "-".to_owned();
    }
    let burst = Some(at("burst")).filter(|it| it != "-").map(|it| format!(", {it} at once"));
    let reason = Some(at("reason")).filter(|it| it != "-").map(|it| format!(" ({it})"));
    format!("{}/s{}{}", at("per_second"), burst.unwrap_or_default(), reason.unwrap_or_default())
}

fn print_list(found: &Json, output: Output) {
    let all = found.get("queues").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return output.note("no task queues");
    }
    let row = |it: &Json| {
        vec![
            text(it, "/task_queue"),
            text(it, "/namespace"),
            text(it, "/state"),
            text(it, "/backlog/count"),
            age(it, "/backlog/oldest_age_ms"),
            text(it, "/running"),
            rate(it, "/add_rate"),
            rate(it, "/dispatch_rate"),
            limit(it, "rate_limit"),
        ]
    };
    let headings = ["QUEUE", "NAMESPACE", "STATE", "BACKLOG", "OLDEST", "RUNNING", "ADDED", "BEGUN", "LIMIT"];
    output.table(&headings, all.iter().map(row).collect());
}

fn print_one(queue: &Json, output: Output) {
    let state = match text(queue, "/paused/at").as_str() {
        "-" => text(queue, "/state"),
        at => format!("paused since {at}"),
    };
    let rows = [
        ("queue", format!("{}/{}", text(queue, "/namespace"), text(queue, "/task_queue"))),
        ("state", state),
        ("reason", text(queue, "/paused/reason")),
        ("backlog", text(queue, "/backlog/count")),
        ("oldest", age(queue, "/backlog/oldest_age_ms")),
        ("without implementation", text(queue, "/backlog/unbound")),
        ("running", text(queue, "/running")),
        ("added", rate(queue, "/add_rate")),
        ("begun", rate(queue, "/dispatch_rate")),
        ("limit", limit(queue, "rate_limit")),
        ("limit of a key", limit(queue, "fairness_key_rate_limit")),
        ("limit in the program", rate(queue, "/program/rate_per_second")),
        ("at once in the program", text(queue, "/program/running_max")),
    ];
    let shown = rows.into_iter().filter(|(_, value)| value != "-");
    output.table(&["FIELD", "VALUE"], shown.map(|(name, value)| vec![name.to_owned(), value]).collect());
    let levels = queue.pointer("/backlog/by_priority").and_then(Json::as_array).cloned().unwrap_or_default();
    if !levels.is_empty() {
        output.text("");
        let row = |it: &Json| vec![text(it, "/priority"), text(it, "/count"), age(it, "/oldest_age_ms")];
        output.table(&["PRIORITY", "BACKLOG", "OLDEST"], levels.iter().map(row).collect());
    }
    let weights = queue.get("fairness_weights").and_then(Json::as_object).cloned().unwrap_or_default();
    if !weights.is_empty() {
        output.text("");
        let rows = weights.into_iter().map(|(key, weight)| vec![key, weight.to_string()]);
        output.table(&["FAIRNESS KEY", "WEIGHT"], rows.collect());
    }
}
