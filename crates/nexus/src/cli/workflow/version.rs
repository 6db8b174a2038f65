//! What `nexus workflow versions`, `promote`, `ramp` and `rollback` ask and print.

use nexus_kernel::Json;
use nexus_kernel::error::Error;
use serde_json::{Map, json};

use super::text;
use crate::client::Client;
use crate::output::Output;

/// Lists versions, the newest first.
pub(super) async fn list(
    client: &Client,
    (workflow, namespace): (Option<String>, Option<String>),
    output: Output,
) -> Result<(), Error> {
    let (namespace, workflow) = match workflow.as_deref().and_then(|name| name.split_once('/')) {
        Some((namespace, name)) => (Some(namespace.to_owned()), Some(name.to_owned())),
        None => (namespace, workflow),
    };
    let given = [("workflow", workflow), ("namespace", namespace)];
    let input: Map<String, Json> =
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))).collect();
    let found = client.verb("workflow.versions", Json::Object(input)).await?;
    if output.is_json() {
        output.json(&found);
        return Ok(());
    }
    let versions = found.get("versions").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    if versions.is_empty() {
        output.note("no versions; `nexus up` deploys the project's files");
        return Ok(());
    }
    let headings = ["VERSION", "BUILD ID", "", "DEPLOYED", "OPEN", "CLOSED", "CHANGES"];
    output.table(&headings, versions.iter().map(row).collect());
    Ok(())
}

fn row(version: &Json) -> Vec<String> {
    let number = |name: &str| version.get(name).and_then(Json::as_u64).unwrap_or(0).to_string();
    vec![
        number("version"),
        text(version, "build_id").to_owned(),
        standing(version),
        text(version, "deployed_at").to_owned(),
        number("open_runs"),
        number("closed_runs"),
        changes(version),
    ]
}

/// Whether new runs get it, and whether it is what the files are.
fn standing(version: &Json) -> String {
    let is = |name: &str| version.get(name).and_then(Json::as_bool) == Some(true);
    if let Some(percentage) = version.get("ramping").and_then(Json::as_f64) {
        return format!("ramping, {percentage} %");
    }
    match (is("current"), is("held"), is("is_files")) {
        (true, true, _) => "current, held".to_owned(),
        (true, false, _) => "current".to_owned(),
        (false, _, true) => "the files".to_owned(),
        (false, _, false) => String::new(),
    }
}

fn changes(version: &Json) -> String {
    let files = |name: &str, sign: &str| {
        let names = version.get(name).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        names.iter().filter_map(|it| Some(format!("{sign}{}", it.as_str()?))).collect::<Vec<_>>()
    };
    let all = [files("added", "+"), files("changed", "~"), files("removed", "-")].concat();
    match all.len() {
        0 => "-".to_owned(),
        1..=4 => all.join(" "),
        more => format!("{} and {} more", all.get(..3).unwrap_or_default().join(" "), more - 3),
    }
}

/// Gives new runs another version, or a part of them.
pub(super) async fn change(client: &Client, verb: &str, input: Json, output: Output) -> Result<(), Error> {
    let done = client.verb(verb, input).await?;
    if output.is_json() {
        output.json(&done);
    } else {
        output.note(&changed(&done));
    }
    Ok(())
}

/// What new runs get from now on.
fn changed(done: &Json) -> String {
    let number = |name: &str| done.get(name).and_then(Json::as_u64);
    let current = number("version").unwrap_or(0);
    if let Some(ramping) = number("ramping") {
        let percentage = done.get("percentage").and_then(Json::as_f64).unwrap_or(0.0);
        return format!(
            "{percentage} % of workflow ids get version {ramping}, the others version {current}; changed files wait until a \
             version is promoted or rolled back"
        );
    }
    let before = number("before").filter(|before| *before != current);
    let instead = match (before, number("ramping_before").filter(|ramping| *ramping != current)) {
        (None, None) => String::new(),
        (Some(before), None) => format!(" instead of version {before}"),
        (None, Some(ramping)) => format!(", none version {ramping} any more"),
        (Some(before), Some(ramping)) => format!(" instead of versions {before} and {ramping}"),
    };
    let is_held = done.get("held").and_then(Json::as_bool) == Some(true);
    let until = if is_held { "until another one is promoted" } else { "until files change" };
    format!("new runs get version {current} ({}){instead}, {until}", text(done, "build_id"))
}
