//! `nexus service list|show`: Nexus services and their operations.

use clap::Subcommand;
use nexus_kernel::Json;
use nexus_kernel::error::Error;
use serde_json::json;

use crate::cli::Global;
use crate::cli::cells::{items, list, text};
use crate::client::Client;
use crate::output::Output;

/// What can be done with services.
#[derive(Debug, Subcommand)]
pub enum ServiceVerb {
    /// List Nexus services, with the endpoints that lead to them
    List,
    /// Show a service: its operations, what they take and give
    Show {
        /// The service
        name: String,
    },
}

/// Carries the command out.
pub async fn service(global: &Global, verb: ServiceVerb, output: Output) -> Result<(), Error> {
    let (name, input) = match verb {
        ServiceVerb::List => ("service.list", json!({})),
        ServiceVerb::Show { name } => ("service.show", json!({ "name": name })),
    };
    let client = Client::reading(global, output).await?;
    let answer = client.verb(name, input).await;
    client.close().await?;
    let answer = answer?;
    match name {
        _ if output.is_json() => output.json(&answer),
        "service.list" => print_list(&answer, output),
        _ => print_one(&answer, output),
    }
    Ok(())
}

fn print_list(found: &Json, output: Output) {
    let all = items(found, "services");
    if all.is_empty() {
        return output.note("no Nexus services; `nexus service NAME:` in a TWF file declares one");
    }
    let row = |it: &Json| vec![text(it, "/name"), list(it, "/operations"), list(it, "/endpoints")];
    output.table(&["SERVICE", "OPERATIONS", "ENDPOINTS"], all.iter().map(row).collect());
}

fn print_one(service: &Json, output: Output) {
    let rows = [
        ("service", text(service, "/name")),
        ("what it does", text(service, "/doc")),
        ("endpoints", list(service, "/endpoints")),
    ];
    let shown = rows.into_iter().filter(|(_, value)| value != "-");
    output.table(&["FIELD", "VALUE"], shown.map(|(name, value)| vec![name.to_owned(), value]).collect());
    output.text("");
    let row = |it: &Json| {
        let by = match text(it, "/workflow").as_str() {
            "-" => text(it, "/kind"),
            workflow => format!("async, workflow {workflow}"),
        };
        vec![text(it, "/name"), by, members(it, "/input/properties"), text(it, "/output/type")]
    };
    output.table(
        &["OPERATION", "CARRIED OUT", "TAKES", "GIVES"],
        items(service, "operations").iter().map(row).collect(),
    );
}

/// The names of an object's members.
fn members(value: &Json, pointer: &str) -> String {
    let names = value.pointer(pointer).and_then(Json::as_object).into_iter().flat_map(|it| it.keys());
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}
