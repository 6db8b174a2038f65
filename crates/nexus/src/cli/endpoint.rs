//! `nexus endpoint create|list|show|update|delete`: names by which services are called from other namespaces.

use clap::{Args, Subcommand};
use nexus_kernel::Json;
use nexus_kernel::error::Error;
use serde_json::{Map, json};

use crate::cli::Global;
use crate::cli::cells::{items, list, text};
use crate::client::Client;
use crate::output::Output;

/// What can be done with endpoints.
#[derive(Debug, Subcommand)]
pub enum EndpointVerb {
    /// Make an endpoint that leads to a namespace, or to services elsewhere
    Create {
        /// Its name, the same for every namespace
        name: String,
        #[command(flatten)]
        fields: Fields,
    },
    /// List endpoints: where each leads, and who may call
    List,
    /// Show an endpoint
    Show {
        /// Its name or id
        endpoint: String,
    },
    /// Change an endpoint of the registry; what is not given stays
    Update {
        /// Its name or id
        endpoint: String,
        /// A new name
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
        /// Change it only when it is of this version
        #[arg(long)]
        at_version: Option<u64>,
        #[command(flatten)]
        fields: Fields,
    },
    /// Take an endpoint away; what was called through it goes on
    Delete {
        /// Its name or id
        endpoint: String,
        /// Delete it only when it is of this version
        #[arg(long)]
        at_version: Option<u64>,
    },
}

/// What is said of an endpoint.
#[derive(Debug, Args)]
pub struct Fields {
    /// The namespace in which its operations run
    #[arg(long, conflicts_with = "url")]
    namespace: Option<String>,
    /// The queue of their activities; `default` without it
    #[arg(long, value_name = "QUEUE", conflicts_with = "url")]
    task_queue: Option<String>,
    /// The address of services elsewhere that speak Nexus RPC
    #[arg(long)]
    url: Option<String>,
    /// A namespace that may call, or `*`; repeat it for several, `--allow ''` empties the list
    #[arg(long = "allow", value_name = "NAMESPACE")]
    allow: Vec<String>,
    /// For people
    #[arg(long)]
    description: Option<String>,
}

impl Fields {
    fn into_map(self) -> Map<String, Json> {
        let texts = [
            ("namespace", self.namespace),
            ("task_queue", self.task_queue),
            ("url", self.url),
            ("description", self.description),
        ];
        let mut fields: Map<String, Json> =
            texts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect();
        if !self.allow.is_empty() {
            let names: Vec<String> = self.allow.into_iter().filter(|name| !name.is_empty()).collect();
            fields.insert("allowed_caller_namespaces".into(), names.into());
        }
        fields
    }
}

/// Carries the command out.
pub async fn endpoint(global: &Global, verb: EndpointVerb, output: Output) -> Result<(), Error> {
    let (name, input) = call(verb);
    let looks = matches!(name, "endpoint.list" | "endpoint.show");
    let client = if looks {
        Client::reading(global, output).await?
    } else {
        Client::executing(global, output).await?
    };
    let answer = client.verb(name, Json::Object(input.clone())).await;
    client.close().await?;
    let answer = answer?;
    match name {
        _ if output.is_json() => output.json(&answer),
        "endpoint.list" => print_list(&answer, output),
        "endpoint.delete" => output.note(&format!("{} is gone", text(&json!(input), "/endpoint"))),
        _ => print_one(&answer, output),
    }
    Ok(())
}

fn call(verb: EndpointVerb) -> (&'static str, Map<String, Json>) {
    let which = |endpoint: String| Map::from_iter([("endpoint".to_owned(), json!(endpoint))]);
    let seen = |version: Option<u64>| version.map(|version| ("version".to_owned(), json!(version)));
    match verb {
        EndpointVerb::List => ("endpoint.list", Map::new()),
        EndpointVerb::Show { endpoint } => ("endpoint.show", which(endpoint)),
        EndpointVerb::Create { name, fields } => {
            let mut input = fields.into_map();
            input.insert("name".into(), name.into());
            ("endpoint.create", input)
        }
        EndpointVerb::Update { endpoint, rename, at_version, fields } => {
            let mut input = which(endpoint);
            input.extend(fields.into_map());
            input.extend(rename.map(|name| ("name".to_owned(), json!(name))));
            input.extend(seen(at_version));
            ("endpoint.update", input)
        }
        EndpointVerb::Delete { endpoint, at_version } => {
            let mut input = which(endpoint);
            input.extend(seen(at_version));
            ("endpoint.delete", input)
        }
    }
}

/// Where an endpoint leads.
fn target(endpoint: &Json) -> String {
    match text(endpoint, "/url").as_str() {
        "-" => format!("{}/{}", text(endpoint, "/namespace"), text(endpoint, "/task_queue")),
        url => url.to_owned(),
    }
}

/// Who may call it.
fn callers(endpoint: &Json) -> String {
    match list(endpoint, "/allowed_caller_namespaces").as_str() {
        "-" => "this project".to_owned(),
        "*" => "everybody".to_owned(),
        some => some.to_owned(),
    }
}

fn print_list(found: &Json, output: Output) {
    let all = items(found, "endpoints");
    if all.is_empty() {
        return output.note(
            "no endpoints; `nexus endpoint create` makes one, `nexus endpoint` in a TWF file declares one",
        );
    }
    let row = |it: &Json| vec![text(it, "/name"), target(it), callers(it), text(it, "/source")];
    output.table(&["ENDPOINT", "LEADS TO", "CALLERS", "FROM"], all.iter().map(row).collect());
}

fn print_one(endpoint: &Json, output: Output) {
    let rows = [
        ("endpoint", text(endpoint, "/name")),
        ("id", text(endpoint, "/id")),
        ("leads to", target(endpoint)),
        ("callers", callers(endpoint)),
        ("description", text(endpoint, "/description")),
        ("from", text(endpoint, "/source")),
        ("version", text(endpoint, "/version")),
    ];
    let shown = rows.into_iter().filter(|(_, value)| value != "-");
    output.table(&["FIELD", "VALUE"], shown.map(|(name, value)| vec![name.to_owned(), value]).collect());
}
