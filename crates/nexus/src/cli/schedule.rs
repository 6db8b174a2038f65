//! `nexus schedule`: runs that are started when their time comes.

use clap::{Args, Subcommand};
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde_json::{Map, json};

use crate::cli::Global;
use crate::cli::run::input;
use crate::client::Client;
use crate::output::Output;

/// What can be done with schedules.
#[derive(Debug, Subcommand)]
pub enum ScheduleVerb {
    /// Make a schedule: `nexus schedule create nightly Report --cron "0 3 * * *"`
    Create(CreateArgs),
    /// Change what a schedule does; what is not given stays
    Update(UpdateArgs),
    /// List schedules, with the moment each acts next
    List {
        /// Only schedules of this namespace
        #[arg(long)]
        namespace: Option<String>,
    },
    /// Show a schedule: what it does, its runs, what it has done and will do
    Show(Which),
    /// Let a schedule do nothing until further notice
    Pause(Noted),
    /// Let a schedule go on
    Unpause(Noted),
    /// Take a schedule's action now
    Trigger {
        /// Which
        #[command(flatten)]
        which: Which,
        /// What to do when an earlier run has not ended
        #[arg(long, value_name = "POLICY")]
        overlap: Option<String>,
    },
    /// Take a schedule's actions for all moments between two
    Backfill {
        /// Which
        #[command(flatten)]
        which: Which,
        /// The first moment, such as 2026-11-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        from: String,
        /// The last moment
        #[arg(long, value_name = "TIME")]
        to: String,
        /// What to do when an earlier run has not ended
        #[arg(long, value_name = "POLICY")]
        overlap: Option<String>,
    },
    /// Remove a schedule; runs that it has started go on
    Delete(Which),
}

/// Which schedule.
#[derive(Debug, Args)]
pub struct Which {
    /// The schedule, `ID` or `namespace/ID`
    schedule: String,
}

/// Which schedule, and why.
#[derive(Debug, Args)]
pub struct Noted {
    /// Which
    #[command(flatten)]
    which: Which,
    /// Why; kept with the schedule
    #[arg(long)]
    note: Option<String>,
}

/// When it acts and how.
#[derive(Debug, Args)]
pub struct WhenArgs {
    /// A cron expression of 5 to 7 fields, @daily and the like; may be given several times
    #[arg(long, value_name = "EXPRESSION")]
    cron: Vec<String>,
    /// Every so often, such as 90m, or 90m/5m to begin 5 minutes later; may be given several times
    #[arg(long, value_name = "DURATION[/PHASE]")]
    every: Vec<String>,
    /// The whole spec as JSON - intervals, calendars, cron, exclude: the text itself, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-", conflicts_with_all = ["cron", "every"])]
    spec: Option<String>,
    /// The time zone of expressions, such as Europe/Berlin; UTC when absent
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Act up to this much later, by chance
    #[arg(long, value_name = "DURATION")]
    jitter: Option<String>,
    /// Not before this moment
    #[arg(long, value_name = "TIME")]
    start_at: Option<String>,
    /// Not after this moment
    #[arg(long, value_name = "TIME")]
    end_at: Option<String>,
    /// When an earlier run has not ended: skip, `buffer_one`, `buffer_all`, `cancel_other`, `terminate_other`, `allow_all`
    #[arg(long, value_name = "POLICY")]
    overlap: Option<String>,
    /// How late an action may be taken after the server was away
    #[arg(long, value_name = "DURATION")]
    catchup_window: Option<String>,
    /// A run that fails pauses the schedule
    #[arg(long)]
    pause_on_failure: bool,
}

/// What it starts.
#[derive(Debug, Args)]
pub struct InputArgs {
    /// An input by name; may be given several times
    #[arg(long = "input", short, value_name = "NAME=VALUE")]
    inputs: Vec<String>,
    /// All inputs as a JSON object: the text itself, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-", conflicts_with = "inputs")]
    json: Option<String>,
    /// What the ids of its runs begin with; the schedule's id when absent
    #[arg(long, value_name = "ID")]
    workflow_id: Option<String>,
}

/// Flags of `create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Which
    #[command(flatten)]
    which: Which,
    /// The workflow that it starts
    workflow: String,
    /// When
    #[command(flatten)]
    when: WhenArgs,
    /// What
    #[command(flatten)]
    input: InputArgs,
    /// Do nothing at first
    #[arg(long)]
    paused: bool,
    /// Kept with the schedule
    #[arg(long)]
    note: Option<String>,
    /// Act so many times, then no more
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

/// Flags of `update`.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Which
    #[command(flatten)]
    which: Which,
    /// When
    #[command(flatten)]
    when: WhenArgs,
    /// Only when the schedule is still at this version
    #[arg(long, value_name = "N")]
    if_version: Option<u64>,
}

/// Carries the command out.
pub async fn schedule(global: &Global, verb: ScheduleVerb, output: Output) -> Result<(), Error> {
    let client = Client::reading(global, output).await?;
    let result = carry_out(&client, verb, output).await;
    client.close().await?;
    result
}

async fn carry_out(client: &Client, verb: ScheduleVerb, output: Output) -> Result<(), Error> {
    let (name, input) = match verb {
        ScheduleVerb::List { namespace } => {
            let input = fields([("namespace", namespace.map(Json::from))]);
            let found = client.verb("schedule.list", Json::Object(input)).await?;
            print_list(&found, output);
            return Ok(());
        }
        ScheduleVerb::Show(which) => ("schedule.show", which.fields()),
        ScheduleVerb::Create(args) => ("schedule.create", create(args)?),
        ScheduleVerb::Update(args) => ("schedule.update", update(client, args).await?),
        ScheduleVerb::Pause(args) => ("schedule.pause", args.fields()),
        ScheduleVerb::Unpause(args) => ("schedule.unpause", args.fields()),
        ScheduleVerb::Trigger { which, overlap } => {
            let mut input = which.fields();
            input.extend(fields([("overlap", overlap.map(Json::from))]));
            ("schedule.trigger", input)
        }
        ScheduleVerb::Backfill { which, from, to, overlap } => {
            let mut input = which.fields();
            let overlap = overlap.map(Json::from);
            input.extend(fields([
                ("from", Some(from.into())),
                ("to", Some(to.into())),
                ("overlap", overlap),
            ]));
            ("schedule.backfill", input)
        }
        ScheduleVerb::Delete(which) => ("schedule.delete", which.fields()),
    };
    if name != "schedule.show" && !client.is_remote() {
        return Err(Error::new(&code::SERVER_UNREACHABLE, "no server runs this project")
            .help("start it with `nexus up`; a schedule without a server stands still"));
    }
    let answer = client.verb(name, Json::Object(input)).await?;
    if name == "schedule.delete" {
        output.note("deleted; runs that it has started go on");
    } else {
        print_one(&answer, output);
    }
    Ok(())
}

/// The fields that are given.
fn fields<const N: usize>(all: [(&str, Option<Json>); N]) -> Map<String, Json> {
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

impl Which {
    fn fields(&self) -> Map<String, Json> {
        match self.schedule.split_once('/') {
            Some((namespace, id)) => {
                fields([("namespace", Some(namespace.into())), ("schedule_id", Some(id.into()))])
            }
            None => fields([("schedule_id", Some(self.schedule.as_str().into()))]),
        }
    }
}

impl Noted {
    fn fields(self) -> Map<String, Json> {
        let mut all = self.which.fields();
        all.extend(fields([("note", self.note.map(Json::from))]));
        all
    }
}

impl WhenArgs {
    fn spec(&self) -> Result<Map<String, Json>, Error> {
        let mut spec = match &self.spec {
            Some(text) => input::given(&[], Some(text), None)?.as_object().cloned().unwrap_or_default(),
            None => Map::new(),
        };
        if !self.cron.is_empty() {
            spec.insert("cron".into(), json!(self.cron));
        }
        if !self.every.is_empty() {
            let interval = |text: &String| match text.split_once('/') {
                Some((every, phase)) => json!({ "every": every, "phase": phase }),
                None => json!({ "every": text }),
            };
            spec.insert("intervals".into(), self.every.iter().map(interval).collect());
        }
        let text = |given: &Option<String>| given.clone().map(Json::from);
        spec.extend(fields([
            ("time_zone", text(&self.time_zone)),
            ("jitter", text(&self.jitter)),
            ("start_at", text(&self.start_at)),
            ("end_at", text(&self.end_at)),
        ]));
        Ok(spec)
    }

    fn policies(&self) -> Map<String, Json> {
        fields([
            ("overlap", self.overlap.clone().map(Json::from)),
            ("catchup_window", self.catchup_window.clone().map(Json::from)),
            ("pause_on_failure", self.pause_on_failure.then_some(Json::Bool(true))),
        ])
    }
}

fn create(args: CreateArgs) -> Result<Map<String, Json>, Error> {
    let CreateArgs { which, workflow, when, input: given, paused, note, limit } = args;
    let action = fields([
        ("workflow", Some(workflow.into())),
        ("input", Some(input::given(&given.inputs, given.json.as_deref(), None)?)),
        ("workflow_id", given.workflow_id.map(Json::from)),
    ]);
    let mut all = which.fields();
    all.extend(fields([
        ("spec", Some(Json::Object(when.spec()?))),
        ("action", Some(Json::Object(action))),
        ("policies", Some(Json::Object(when.policies()))),
        ("paused", Some(paused.into())),
        ("note", note.map(Json::from)),
        ("remaining_actions", limit.map(Json::from)),
    ]));
    Ok(all)
}

/// New parts go over those that the schedule has.
async fn update(client: &Client, args: UpdateArgs) -> Result<Map<String, Json>, Error> {
    let now = client.verb("schedule.show", Json::Object(args.which.fields())).await?;
    let over = |name: &str, new: Map<String, Json>| {
        let mut old = now.get(name).and_then(Json::as_object).cloned().unwrap_or_default();
        // Other moments take the place of the old ones.
        if ["cron", "intervals", "calendars"].iter().any(|name| new.contains_key(*name)) {
            old.retain(|name, _| !matches!(name.as_str(), "cron" | "intervals" | "calendars"));
        }
        old.extend(new);
        Json::Object(old)
    };
    let mut all = args.which.fields();
    let version = args.if_version.or_else(|| now.get("version").and_then(Json::as_u64));
    all.extend(fields([
        ("spec", Some(over("spec", args.when.spec()?))),
        ("policies", Some(over("policies", args.when.policies()))),
        ("version", version.map(Json::from)),
    ]));
    Ok(all)
}

fn text(value: &Json, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Json::Null) => "-".into(),
        Some(Json::String(text)) if text.is_empty() => "-".into(),
        Some(Json::String(text)) => text.replace(".000Z", "Z"),
        Some(other) => other.to_string(),
    }
}

/// When it acts, in a few words.
fn when(schedule: &Json) -> String {
    let spec = schedule.get("spec").unwrap_or(&Json::Null);
    let list = |name: &str| spec.get(name).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut parts: Vec<String> =
        list("intervals").iter().map(|it| format!("every {}", text(it, "/every"))).collect();
    parts.extend(list("cron").iter().filter_map(|it| it.as_str().map(str::to_owned)));
    if !list("calendars").is_empty() {
        parts.push("calendar".into());
    }
    let zone = spec.get("time_zone").and_then(Json::as_str).map(|zone| format!(" ({zone})"));
    format!("{}{}", parts.join(", "), zone.unwrap_or_default())
}

fn print_list(found: &Json, output: Output) {
    if output.is_json() {
        return output.json(found);
    }
    let all = found.get("schedules").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return output.note("no schedules; make one with `nexus schedule create`");
    }
    let row = |it: &Json| {
        let next = if it["paused"] == json!(true) { "paused".into() } else { text(it, "/upcoming/0") };
        vec![
            text(it, "/schedule_id"),
            text(it, "/namespace"),
            text(it, "/action/workflow"),
            when(it),
            next,
            text(it, "/recent/0/for"),
        ]
    };
    let last_first = |it: &Json| {
        let mut it = it.clone();
        if let Some(recent) = it.get_mut("recent").and_then(Json::as_array_mut) {
            recent.reverse();
        }
        row(&it)
    };
    output.table(
        &["SCHEDULE", "NAMESPACE", "WORKFLOW", "WHEN", "NEXT", "LAST"],
        all.iter().map(last_first).collect(),
    );
}

fn print_one(schedule: &Json, output: Output) {
    if output.is_json() {
        return output.json(schedule);
    }
    let mut rows = vec![
        vec![
            "schedule".into(),
            format!("{}/{}", text(schedule, "/namespace"), text(schedule, "/schedule_id")),
        ],
        vec!["when".into(), when(schedule)],
        vec![
            "starts".into(),
            format!("{} {}", text(schedule, "/action/workflow"), text(schedule, "/action/input")),
        ],
        vec!["overlap".into(), text(schedule, "/policies/overlap")],
        vec![
            "state".into(),
            if schedule["paused"] == json!(true) { "paused".into() } else { "active".into() },
        ],
    ];
    for (name, pointer) in [
        ("note", "/note"),
        ("actions left", "/remaining_actions"),
        ("runs started", "/counts/actions"),
        ("skipped", "/counts/overlap_skipped"),
        ("missed", "/counts/missed_catchup_window"),
        ("last failure", "/last_failure/message"),
        ("version", "/version"),
    ] {
        let value = text(schedule, pointer);
        if value != "-" && value != "0" {
            rows.push(vec![name.into(), value]);
        }
    }
    output.table(&["FIELD", "VALUE"], rows);
    let moments = |name: &str| schedule.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
    let open: Vec<String> = moments("running").iter().map(|it| text(it, "/workflow_id")).collect();
    let mut acts: Vec<Vec<String>> = moments("recent")
        .iter()
        .map(|it| {
            let id = text(it, "/workflow_id");
            let state = match text(it, "/failure/message") {
                failure if failure != "-" => format!("not started: {failure}"),
                _ if open.contains(&id) => "running".into(),
                _ => "ended".into(),
            };
            vec![text(it, "/for"), state, id, text(it, "/run_id")]
        })
        .collect();
    let coming = if schedule["paused"] == json!(true) { Vec::new() } else { moments("upcoming") };
    acts.extend(coming.iter().take(3).map(|it| {
        vec![it.as_str().unwrap_or("").replace(".000Z", "Z"), "to come".into(), "-".into(), "-".into()]
    }));
    if !acts.is_empty() {
        output.text("");
        output.table(&["FOR", "STATE", "WORKFLOW ID", "RUN"], acts);
    }
}
