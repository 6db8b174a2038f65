//! `nexus workflow list|show|versions|promote|rollback`.

mod version;

use std::collections::BTreeSet;

use clap::Subcommand;
use nexus_kernel::Json;
use nexus_kernel::error::Error;
use serde_json::json;

use crate::cli::Global;
use crate::client::Client;
use crate::flags::{self, Flag};
use crate::output::Output;

/// What can be done with workflows.
#[derive(Debug, Subcommand)]
pub enum WorkflowVerb {
    /// List workflows
    List {
        /// Only workflows in this namespace
        #[arg(long)]
        namespace: Option<String>,
    },
    /// Show a workflow: documentation, input, output, signals, queries, updates, place in the sources
    Show {
        /// The workflow, `Name` or `namespace/Name`
        name: String,
    },
    /// List the versions of the project: when each was deployed, what changed, how many runs it has
    Versions {
        /// Only versions that have this workflow, and its runs: `Name` or `namespace/Name`
        workflow: Option<String>,
        /// Count runs of this namespace only
        #[arg(long)]
        namespace: Option<String>,
    },
    /// Give new runs a version, although the files are of another one
    Promote {
        /// Its number, or its build id or the beginning of it
        #[arg(id = "of", value_name = "VERSION")]
        version: String,
        /// Keep it although files change, until another one is promoted
        #[arg(long)]
        hold: bool,
    },
    /// Give new runs of a part of all workflow ids a version, beside the current one
    Ramp {
        /// Its number, or its build id or the beginning of it
        #[arg(id = "of", value_name = "VERSION")]
        version: String,
        /// How many of all workflow ids get it, from 0 to 100
        #[arg(long, value_name = "PERCENT")]
        percentage: f64,
    },
    /// Give new runs the version that was current before, or an earlier one; a version that ramps is taken back first
    Rollback {
        /// Its number, or its build id or the beginning of it
        #[arg(id = "of", value_name = "VERSION")]
        version: Option<String>,
        /// Keep it although files change, until another one is promoted
        #[arg(long)]
        hold: bool,
    },
}

/// Carries the command out.
pub async fn workflow(global: &Global, verb: WorkflowVerb, output: Output) -> Result<(), Error> {
    let client = match &verb {
        WorkflowVerb::Promote { .. } | WorkflowVerb::Rollback { .. } | WorkflowVerb::Ramp { .. } => {
            Client::executing(global, output).await?
        }
        _ => Client::reading(global, output).await?,
    };
    let result = match verb {
        WorkflowVerb::List { namespace } => {
            let input = namespace.map_or_else(|| json!({}), |namespace| json!({ "namespace": namespace }));
            client.verb("workflow.list", input).await.map(|found| print_list(&found, output))
        }
        WorkflowVerb::Show { name } => {
            let input = match name.split_once('/') {
                Some((namespace, name)) => json!({ "namespace": namespace, "name": name }),
                None => json!({ "name": name }),
            };
            client.verb("workflow.show", input).await.map(|found| print_one(&found, output))
        }
        WorkflowVerb::Versions { workflow, namespace } => {
            version::list(&client, (workflow, namespace), output).await
        }
        WorkflowVerb::Promote { version, hold } => {
            let input = json!({ "version": version, "hold": hold });
            version::change(&client, "workflow.promote", input, output).await
        }
        WorkflowVerb::Ramp { version, percentage } => {
            let input = json!({ "version": version, "percentage": percentage });
            version::change(&client, "workflow.ramp", input, output).await
        }
        WorkflowVerb::Rollback { version, hold } => {
            let mut input = json!({ "hold": hold });
            if let (Some(fields), Some(version)) = (input.as_object_mut(), version) {
                fields.insert("version".into(), json!(version));
            }
            version::change(&client, "workflow.rollback", input, output).await
        }
    };
    client.close().await?;
    result
}

fn text<'a>(value: &'a Json, name: &str) -> &'a str {
    value.get(name).and_then(Json::as_str).unwrap_or("")
}

fn print_list(found: &Json, output: Output) {
    if output.is_json() {
        return output.json(found);
    }
    let workflows = found.get("workflows").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    if workflows.is_empty() {
        return output.note("no workflows; write one in workflows/*.twf");
    }
    let rows = workflows.iter().map(|workflow| {
        let about = text(workflow, "doc").lines().next().unwrap_or("").to_owned();
        let place = text(workflow, "defined_at").to_owned();
        vec![text(workflow, "namespace").to_owned(), text(workflow, "name").to_owned(), about, place]
    });
    output.table(&["NAMESPACE", "WORKFLOW", "ABOUT", "DEFINED AT"], rows.collect());
}

fn print_one(workflow: &Json, output: Output) {
    if output.is_json() {
        return output.json(workflow);
    }
    output.text(&format!("{}/{}", text(workflow, "namespace"), text(workflow, "name")));
    output.text(&format!("  {}", text(workflow, "defined_at")));
    for line in text(workflow, "doc").lines() {
        output.text(&format!("  {line}"));
    }
    for (title, name) in [("input", "input"), ("output", "output")] {
        output.text(&format!("\n{title}:"));
        output.json(workflow.get(name).unwrap_or(&Json::Null));
    }
    for kind in ["signals", "queries", "updates"] {
        let handlers = workflow.get(kind).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        if !handlers.is_empty() {
            output.text(&format!("\n{kind}:"));
            output.table(&["NAME", "TAKES", "ABOUT"], handlers.iter().map(handler).collect());
        }
    }
}

/// A signal, query or update: its name, the flags that it takes, and what it is for.
fn handler(told: &Json) -> Vec<String> {
    let flags = flags::of_schema(told.get("input").unwrap_or(&Json::Null), &BTreeSet::new());
    let shown = |flag: &Flag| if flag.required { flag.shown() } else { format!("[{}]", flag.shown()) };
    let takes = flags.iter().filter(|flag| flag.path.len() == 1).map(shown);
    let takes = takes.collect::<Vec<_>>().join(" ");
    let about = text(told, "doc").lines().next().unwrap_or("").to_owned();
    vec![text(told, "name").to_owned(), if takes.is_empty() { "-".to_owned() } else { takes }, about]
}
