//! `nexus config limits`.

use clap::Subcommand;
use nexus_kernel::Json;
use nexus_kernel::limits::ALL;
use serde_json::json;

use crate::output::Output;

/// What can be looked at.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigVerb {
    /// Show the limits of runs, and what happens at each
    Limits,
}

/// Carries the command out.
pub fn config(verb: ConfigVerb, output: Output) {
    match verb {
        ConfigVerb::Limits => limits(output),
    }
}

fn limits(output: Output) {
    if output.is_json() {
        let limit = |(name, value, effect): &(&str, u64, &str)| json!({ "name": name, "value": value, "effect": effect });
        return output.json(&Json::Array(ALL.iter().map(limit).collect()));
    }
    let rows = ALL
        .iter()
        .map(|(name, value, effect)| vec![(*name).to_owned(), value.to_string(), (*effect).to_owned()]);
    output.table(&["LIMIT", "VALUE", "EFFECT"], rows.collect());
}
