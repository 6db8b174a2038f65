//! `nexus config limits`.

use clap::Subcommand;
use nexus_kernel::Json;
use nexus_kernel::limits::{ALL, Limit};
use serde_json::json;

use crate::output::Output;

/// What can be looked at.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigVerb {
    /// Show the limits of runs, sessions and sockets, and what happens at each
    Limits,
}

/// Carries the command out.
pub fn config(verb: ConfigVerb, output: Output) {
    match verb {
        ConfigVerb::Limits => limits(output),
    }
}

fn limits(output: Output) {
    let all = ALL.iter().chain(nexus_gateway::limits::ALL);
    if output.is_json() {
        let limit = |(name, value, effect): &Limit| json!({ "name": name, "value": value, "effect": effect });
        return output.json(&Json::Array(all.map(limit).collect()));
    }
    let rows =
        all.map(|(name, value, effect)| vec![(*name).to_owned(), value.to_string(), (*effect).to_owned()]);
    output.table(&["LIMIT", "VALUE", "EFFECT"], rows.collect());
}
