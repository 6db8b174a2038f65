//! `nexus run export` and `nexus run import`.

use std::io::{Read, Write};
use std::path::PathBuf;

use clap::Args;
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde_json::json;

use super::message::address;
use crate::client::Client;
use crate::output::Output;

/// Flags of an export.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The run's id, or the workflow id of its work
    id: String,
    /// Where to write; standard output when absent
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where the workflow id is, when several namespaces have it
    #[arg(long)]
    namespace: Option<String>,
}

/// Flags of an import.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file, or - for standard input
    file: PathBuf,
    /// Let a run go on here that was open when it was exported; it must have been ended there
    #[arg(long, conflicts_with = "terminate")]
    go_on: bool,
    /// Terminate a run here that was open when it was exported
    #[arg(long)]
    terminate: bool,
}

/// Writes a run to a file.
pub(super) async fn export(client: &Client, args: ExportArgs, output: Output) -> Result<(), Error> {
    let input = Json::Object(address(&args.id, args.namespace.as_deref()));
    let told = client.verb("run.export", input).await?;
    let text = told.get("export").and_then(Json::as_str).unwrap_or_default();
    let Some(path) = args.output else {
        let written = std::io::stdout().lock().write_all(text.as_bytes());
        return written.map_err(|error| unwritten("standard output", &error));
    };
    // Written beside and renamed: a file of that name is whole or not there.
    let beside = path.with_extension("part");
    let name = path.display().to_string();
    std::fs::write(&beside, text)
        .and_then(|()| std::fs::rename(&beside, &path))
        .map_err(|error| unwritten(&name, &error))?;
    output.note(&format!("{} is in {name}", args.id));
    Ok(())
}

fn unwritten(name: &str, error: &std::io::Error) -> Error {
    Error::new(&code::BAD_REQUEST, format!("{name} cannot be written: {error}"))
        .help("choose a file that can be written")
}

/// Takes a run in. The id of the run is data.
pub(super) async fn import(client: &Client, args: &ImportArgs, output: Output) -> Result<(), Error> {
    let open = match (args.go_on, args.terminate) {
        (true, _) => "go_on",
        (_, true) => "terminate",
        _ => "refuse",
    };
    let told = client.verb("run.import", json!({ "export": text(args)?, "open": open })).await?;
    if output.is_json() {
        output.json(&told);
        return Ok(());
    }
    output.text(told.get("run_id").and_then(Json::as_str).unwrap_or_default());
    if told.get("replays") == Some(&Json::Bool(false)) {
        output.note("its program does not do what its history says; `nexus run replay` shows where");
    }
    Ok(())
}

fn text(args: &ImportArgs) -> Result<String, Error> {
    let mut text = String::new();
    let read = if args.file.as_os_str() == "-" {
        std::io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(&args.file)
    };
    read.map_err(|error| {
        Error::new(&code::INPUT_INVALID, format!("{} cannot be read: {error}", args.file.display()))
            .help("give the file that `nexus run export` wrote")
    })
}
