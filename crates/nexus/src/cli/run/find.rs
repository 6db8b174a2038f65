//! What `nexus run list`, `count` and `attributes` ask and print.

use nexus_kernel::Json;

use crate::output::Output;

/// An operation's input from the flags that were given.
pub(super) fn input(
    given: impl IntoIterator<Item = (&'static str, Option<String>)>,
    more: impl IntoIterator<Item = (&'static str, Json)>,
) -> Json {
    let given = given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Json::String(value?))));
    let more = more.into_iter().map(|(name, value)| (name.to_owned(), value));
    Json::Object(given.chain(more).collect())
}

fn list<'a>(found: &'a Json, name: &str) -> &'a [Json] {
    found.get(name).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text(object: &Json, name: &str) -> String {
    match object.get(name) {
        None | Some(Json::Null) => "-".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A page of runs.
pub(super) fn print_list(found: &Json, output: Output) {
    if output.is_json() {
        return output.json(found);
    }
    let fields = ["run_id", "namespace", "workflow", "workflow_id", "status", "started_at", "closed_at"];
    let rows: Vec<Vec<String>> =
        list(found, "runs").iter().map(|run| fields.iter().map(|name| text(run, name)).collect()).collect();
    if rows.is_empty() {
        return output.note("no runs");
    }
    output.table(&["RUN", "NAMESPACE", "WORKFLOW", "WORKFLOW ID", "STATUS", "STARTED", "CLOSED"], rows);
    if let Some(next) = found.get("next").and_then(Json::as_str) {
        output.note(&format!("more: --after {next}"));
    }
}

/// A figure, or one for each group.
pub(super) fn print_count(found: &Json, group: Option<&str>, output: Output) {
    if output.is_json() {
        return output.json(found);
    }
    let groups = list(found, "groups");
    if groups.is_empty() {
        return output.text(&text(found, "count"));
    }
    let rows = groups.iter().map(|group| vec![text(group, "value"), text(group, "count")]).collect();
    output.table(&[&group.unwrap_or("value").to_uppercase(), "RUNS"], rows);
}

/// Names and types.
pub(super) fn print_attributes(found: &Json, output: Output) {
    if output.is_json() {
        return output.json(found);
    }
    let rows = list(found, "attributes")
        .iter()
        .map(|attribute| {
            let kept_by = if attribute.get("system") == Some(&Json::Bool(true)) { "Nexus" } else { "you" };
            vec![text(attribute, "name"), text(attribute, "type"), kept_by.to_owned()]
        })
        .collect();
    output.table(&["ATTRIBUTE", "TYPE", "SET BY"], rows);
}
