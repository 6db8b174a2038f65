//! `nexus cache show|invalidate`: answers that are given again.

use clap::{Args, Subcommand};
use nexus_kernel::Json;
use nexus_kernel::error::Error;
use serde_json::{Map, json};

use crate::cli::Global;
use crate::client::Client;
use crate::output::Output;

/// What can be done with kept answers.
#[derive(Debug, Subcommand)]
pub enum CacheVerb {
    /// Show how many answers are kept, where, and how calls were answered
    Show,
    /// Forget answers: no answer is given afterwards whose work began before
    Invalidate(InvalidateArgs),
}

/// Flags.
#[derive(Debug, Args)]
pub struct InvalidateArgs {
    #[command(flatten)]
    which: Which,
    /// Whose answers
    #[arg(long, value_name = "NAMESPACE", conflicts_with = "everywhere")]
    namespace: Option<String>,
}

/// One of them has to be said: nothing is forgotten by accident.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Those with this tag, such as customer:7
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Those of this workflow
    #[arg(long, value_name = "WORKFLOW")]
    operation: Option<String>,
    /// All of the namespace
    #[arg(long)]
    all: bool,
    /// All of all namespaces
    #[arg(long)]
    everywhere: bool,
}

/// Carries the command out.
pub async fn cache(global: &Global, verb: CacheVerb, output: Output) -> Result<(), Error> {
    let client = match verb {
        CacheVerb::Show => Client::reading(global, output).await?,
        CacheVerb::Invalidate(_) => Client::executing(global, output).await?,
    };
    let done = carry_out(&client, verb, output).await;
    client.close().await?;
    done
}

async fn carry_out(client: &Client, verb: CacheVerb, output: Output) -> Result<(), Error> {
    match verb {
        CacheVerb::Show => show(&client.verb("cache.show", json!({})).await?, output),
        CacheVerb::Invalidate(InvalidateArgs { which, namespace }) => {
            let mut input = Map::new();
            let texts = [("tag", which.tag), ("operation", which.operation), ("namespace", namespace)];
            input.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
            if which.everywhere {
                input.insert("everywhere".into(), true.into());
            }
            let forgotten = client.verb("cache.invalidate", Json::Object(input)).await?;
            if output.is_json() {
                output.json(&forgotten);
            } else {
                let what = forgotten.get("forgotten").and_then(Json::as_str).unwrap_or_default();
                output.note(&format!("forgotten: {what}"));
            }
        }
    }
    Ok(())
}

fn show(shown: &Json, output: Output) {
    if output.is_json() {
        return output.json(shown);
    }
    let levels = shown.get("levels").and_then(Json::as_array).into_iter().flatten();
    let cell = |level: &Json, name: &str| match level.get(name) {
        Some(Json::String(text)) if level.get("state") == Some(&"away".into()) => format!("{text} (away)"),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let columns = ["level", "entries", "bytes", "bytes_max", "failed"];
    let rows = levels.map(|level| columns.iter().map(|name| cell(level, name)).collect());
    output.table(&["LEVEL", "ANSWERS", "BYTES", "ROOM", "FAILED"], rows.collect());
    let counts = shown.get("counts").and_then(Json::as_object).into_iter().flatten();
    let rows = counts.map(|(name, count)| vec![name.replace('_', " "), count.to_string()]);
    output.table(&["SINCE THE START", "CALLS"], rows.collect());
}
