//! `nexus check --runs`: which open runs could go on with a project's files.

use std::path::PathBuf;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde_json::json;

use crate::cli::{Format, Global};
use crate::client::Client;
use crate::output::Output;
use crate::project::Project;

/// Asks whoever has the runs of the project: its server, or the data folder.
pub(super) async fn check(global: &Global, paths: &[PathBuf], pinned: bool) -> Result<Json, Error> {
    let [path] = paths else {
        return Err(
            Error::new(&code::BAD_REQUEST, "--runs checks one project at a time").help("name one project")
        );
    };
    let project = Project::read(path)?;
    let sources = project.sources();
    let files: Vec<Json> =
        sources.iter().map(|(_, file)| json!({ "path": file.path, "text": file.text })).collect();
    let global = Global { project: path.clone(), ..global.clone() };
    // The findings have been shown already.
    let client = Client::reading(&global, Output::new(Format::Json)).await?;
    let tried = client.verb("workflow.check", json!({ "files": files, "pinned": pinned })).await;
    client.close().await?;
    tried
}

fn figure(tried: &Json, name: &str) -> u64 {
    tried.get(name).and_then(Json::as_u64).unwrap_or(0)
}

/// What it came to.
pub(super) fn print(tried: &Json, output: Output) {
    let of = |name: &str| figure(tried, name);
    output.text(&format!(
        "{} open runs: {} could go on with these files, {} could not, {} keep their version, {} have these files",
        of("open"),
        of("follow"),
        of("stay"),
        of("pinned"),
        of("have"),
    ));
    if of("left_out") > 0 {
        output.note(&format!("{} runs were not tried", of("left_out")));
    }
    let problems = tried.get("problems").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    if !problems.is_empty() {
        let text =
            |problem: &Json, name: &str| problem.get(name).and_then(Json::as_str).unwrap_or("-").to_owned();
        let names = ["workflow", "workflow_id", "at", "message"];
        let rows = problems.iter().map(|problem| names.map(|name| text(problem, name)).to_vec()).collect();
        output.table(&["WORKFLOW", "WORKFLOW ID", "AT", "WHY NOT"], rows);
    }
}
