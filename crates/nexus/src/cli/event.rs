//! `nexus event publish|list|show|tail`.

use clap::{Args, Subcommand};
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::json;
use serde_json::{Map, json};

use crate::cli::Global;
use crate::client::Client;
use crate::output::Output;

/// How long the server may keep a question that has no answer yet.
const WAIT_MS: u64 = 20_000;

/// Events that are asked for at once while a log is followed.
const PAGE_EVENTS: u64 = 100;

/// Longest data in a line for people, in characters.
const DATA_CHARS_MAX: usize = 120;

/// What can be done with events.
#[derive(Debug, Subcommand)]
pub enum EventVerb {
    /// Say that something happened
    Publish(PublishArgs),
    /// List the events that are kept, the oldest first
    List(ListArgs),
    /// Show one event
    Show {
        /// Its id
        id: String,
        /// Whose event
        #[arg(long)]
        namespace: Option<String>,
    },
    /// Print events as they happen, until control-C
    Tail(TailArgs),
}

/// Flags of `publish`.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// What kind of thing happened, such as order.paid
    r#type: String,
    /// What else there is to tell, as JSON
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
    /// Equal ids are one event
    #[arg(long)]
    id: Option<String>,
    /// What it happened to, such as order-7
    #[arg(long)]
    subject: Option<String>,
    /// Where it comes from; the namespace when absent
    #[arg(long)]
    source: Option<String>,
    /// Whose event
    #[arg(long)]
    namespace: Option<String>,
}

/// Which events.
#[derive(Debug, Args)]
pub struct Which {
    /// Only events of this type, or of types that begin like this: 'order.*'
    #[arg(long = "type", value_name = "TYPE|PREFIX*")]
    kind: Option<String>,
    /// Whose events
    #[arg(long)]
    namespace: Option<String>,
}

/// Flags of `list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    which: Which,
    /// The cursor: only events after this sequence
    #[arg(long, value_name = "CURSOR")]
    after: Option<u64>,
    /// Most events to list
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

/// Flags of `tail`.
#[derive(Debug, Args)]
pub struct TailArgs {
    #[command(flatten)]
    which: Which,
    /// Begin after this sequence instead of now; 0 begins with the oldest event that is kept
    #[arg(long, value_name = "CURSOR")]
    from: Option<u64>,
}

/// Carries the command out.
pub async fn event(global: &Global, verb: EventVerb, output: Output) -> Result<(), Error> {
    match verb {
        EventVerb::Publish(args) => publish(global, args, output).await,
        EventVerb::List(args) => {
            let mut input = args.which.fields();
            input.extend(args.after.map(|after| ("after".to_owned(), json!(after))));
            input.extend(args.limit.map(|limit| ("limit".to_owned(), json!(limit))));
            let found = read(global, "event.list", input, output).await?;
            if output.is_json() {
                output.json(&found);
            } else {
                print_list(&found, output);
            }
            Ok(())
        }
        EventVerb::Show { id, namespace } => {
            let mut input = Map::from_iter([("id".to_owned(), json!(id))]);
            input.extend(namespace.map(|namespace| ("namespace".to_owned(), json!(namespace))));
            output.json(&read(global, "event.show", input, output).await?);
            Ok(())
        }
        EventVerb::Tail(args) => {
            let client = Client::remote(global).await?;
            tail(&client, args, output).await
        }
    }
}

impl Which {
    fn fields(&self) -> Map<String, Json> {
        let kind = self.kind.iter().map(|kind| ("type".to_owned(), json!(kind)));
        kind.chain(self.namespace.iter().map(|it| ("namespace".to_owned(), json!(it)))).collect()
    }
}

async fn read(global: &Global, verb: &str, input: Map<String, Json>, output: Output) -> Result<Json, Error> {
    let client = Client::reading(global, output).await?;
    let answer = client.verb(verb, Json::Object(input)).await;
    client.close().await?;
    answer
}

async fn publish(global: &Global, args: PublishArgs, output: Output) -> Result<(), Error> {
    let PublishArgs { r#type, data, id, subject, source, namespace } = args;
    let mut input = Map::from_iter([("type".to_owned(), json!(r#type))]);
    if let Some(data) = data {
        let data = json::read(data.as_bytes()).map_err(|error| {
            Error::new(&code::BAD_REQUEST, format!("--data is no JSON: {error}"))
                .help("write it like '{\"amount\": 5}', and text like '\"done\"'")
        })?;
        input.insert("data".to_owned(), data);
    }
    let texts = [("id", id), ("subject", subject), ("source", source), ("namespace", namespace)];
    input.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text?)))));
    let client = Client::executing(global, output).await?;
    let answer = client.verb("event.publish", Json::Object(input)).await;
    client.close().await?;
    let answer = answer?;
    if output.is_json() {
        output.json(&answer);
        return Ok(());
    }
    for event in list_of(&answer) {
        output.text(text_of(event, "id"));
        if event.get("is_new") == Some(&Json::Bool(false)) {
            output.note(&format!("it was published before, as number {}", number_of(event, "sequence")));
        } else {
            output.note(&format!("published as number {}", number_of(event, "sequence")));
        }
    }
    Ok(())
}

/// Prints what is new: lines for people, one JSON object a line for programs.
async fn tail(client: &Client, args: TailArgs, output: Output) -> Result<(), Error> {
    let mut input = args.which.fields();
    let from = match args.from {
        Some(from) => from,
        None => number_of(&client.verb("event.list", last(&args.which)).await?, "last"),
    };
    if !output.is_json() {
        output.note(&format!("events after number {from}; control-C ends it"));
    }
    input.insert("after".to_owned(), json!(from));
    input.insert("limit".to_owned(), json!(PAGE_EVENTS));
    input.insert("wait_ms".to_owned(), json!(WAIT_MS));
    loop {
        let page = client.verb("event.list", Json::Object(input.clone())).await?;
        let missed = number_of(&page, "missed");
        if missed > 0 {
            output.note(&format!("warning: {missed} events are not kept any more, and are left out"));
        }
        for event in list_of(&page) {
            if output.is_json() { output.item(event) } else { output.text(&line(event)) }
        }
        input.insert("after".to_owned(), json!(number_of(&page, "next")));
    }
}

/// A question whose answer tells where the log ends, and no more than it must.
fn last(which: &Which) -> Json {
    let mut input = Map::from_iter([("limit".to_owned(), json!(1))]);
    input.extend(which.namespace.iter().map(|it| ("namespace".to_owned(), json!(it))));
    Json::Object(input)
}

fn print_list(page: &Json, output: Output) {
    let events = list_of(page);
    if events.is_empty() {
        return output.note("no events");
    }
    let row = |event: &Json| {
        vec![
            number_of(event, "sequence").to_string(),
            text_of(event, "time").to_owned(),
            text_of(event, "type").to_owned(),
            text_of(event, "subject").to_owned(),
            data_of(event),
        ]
    };
    output.table(&["#", "TIME", "TYPE", "SUBJECT", "DATA"], events.iter().map(row).collect());
    let next = number_of(page, "next");
    if next < number_of(page, "last") {
        output.note(&format!("more: --after {next}"));
    }
}

fn line(event: &Json) -> String {
    let subject = text_of(event, "subject");
    let gap = if subject.is_empty() { "" } else { "  " };
    let (number, time, kind) = (number_of(event, "sequence"), text_of(event, "time"), text_of(event, "type"));
    format!("{number:>6}  {time}  {kind}{gap}{subject}  {}", data_of(event))
}

/// Data in one line; long ones end in dots.
fn data_of(event: &Json) -> String {
    match event.get("data") {
        None | Some(Json::Null) => String::new(),
        Some(data) => {
            let whole = data.to_string();
            let mut short: String = whole.chars().take(DATA_CHARS_MAX).collect();
            if short.len() < whole.len() {
                short.push('…');
            }
            short
        }
    }
}

fn list_of(answer: &Json) -> &[Json] {
    answer.get("events").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text_of<'a>(value: &'a Json, name: &str) -> &'a str {
    value.get(name).and_then(Json::as_str).unwrap_or_default()
}

fn number_of(value: &Json, name: &str) -> u64 {
    value.get(name).and_then(Json::as_u64).unwrap_or_default()
}
