//! `nexus audit list|verify|head|export`: the log of who called what.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use nexus_gateway::audit::{self, Head};
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_store::FileSegments;
use serde_json::{Map, json};

use crate::audit::folder;
use crate::cli::Global;
use crate::client::Client;
use crate::output::Output;

/// Columns of a table for spreadsheets.
const COLUMNS: &[&str] = &[
    "seq",
    "at",
    "kind",
    "caller",
    "proof",
    "address",
    "channel",
    "namespace",
    "operation",
    "workflow_id",
    "run_id",
    "session",
    "status",
    "micros",
    "request_id",
    "hash",
];

/// What can be done with the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditVerb {
    /// List who called what, the newest first
    List(Box<ListArgs>),
    /// Check that every line is as it was written
    Verify {
        /// Only these files: a data folder, or a copy of its audit/; without it those of the project
        folder: Option<PathBuf>,
        /// A head that was kept elsewhere: its line must still be there
        #[arg(long, value_name = "HEAD")]
        head: Option<String>,
    },
    /// Print the end of the log, to be kept elsewhere
    Head,
    /// Print all lines as they are written, the oldest first
    Export {
        /// From this moment on, such as 2026-01-31T12:00:00Z
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Before this moment
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// A table for spreadsheets; it cannot be verified
        #[arg(long)]
        csv: bool,
    },
}

/// Flags.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// From this moment on, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this moment
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Of this caller, such as key:0f6k2c9v1w3q
    #[arg(long, value_name = "CALLER")]
    caller: Option<String>,
    /// About this namespace
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Of this operation, such as key.create or shop/Checkout
    #[arg(long, value_name = "OPERATION")]
    operation: Option<String>,
    /// That ended like this: ok, or the code of an error
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Of this request
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// The next page, as the page before says
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
    /// How many at most
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: u64,
}

/// Carries the command out.
pub async fn audit(global: &Global, verb: AuditVerb, output: Output) -> Result<(), Error> {
    if let AuditVerb::Verify { folder: Some(folder), head } = &verb {
        return verify_files(folder, head.as_deref(), output).await;
    }
    let client = Client::reading(global, output).await?;
    let done = carry_out(&client, verb, output).await;
    client.close().await?;
    done
}

async fn carry_out(client: &Client, verb: AuditVerb, output: Output) -> Result<(), Error> {
    match verb {
        AuditVerb::List(args) => list(client, *args, output).await,
        AuditVerb::Verify { head, .. } => {
            let input = head.map_or_else(|| json!({}), |head| json!({ "head": head }));
            told(&client.verb("audit.verify", input).await?, output)
        }
        AuditVerb::Head => {
            let found = client.verb("audit.head", json!({})).await?;
            match found.get("head").and_then(Json::as_str).filter(|_| !output.is_json()) {
                Some(head) => output.text(head),
                None => output.json(&found),
            }
            Ok(())
        }
        AuditVerb::Export { since, until, csv } => export(client, since, until, csv, output).await,
    }
}

async fn list(client: &Client, args: ListArgs, output: Output) -> Result<(), Error> {
    let mut input = Map::new();
    for (name, given) in [
        ("since", args.since),
        ("until", args.until),
        ("caller", args.caller),
        ("namespace", args.namespace),
        ("operation", args.operation),
        ("status", args.status),
        ("request_id", args.request_id),
    ] {
        input.extend(given.map(|given| (name.to_owned(), Json::String(given))));
    }
    input.extend(args.before.map(|before| ("before".to_owned(), before.into())));
    input.insert("limit".into(), args.limit.into());
    let page = client.verb("audit.list", Json::Object(input)).await?;
    if output.is_json() {
        output.json(&page);
        return Ok(());
    }
    let lines = page.get("lines").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let columns = ["seq", "at", "kind", "caller", "operation", "namespace", "status", "address"];
    let row = |line: &Json| columns.iter().map(|column| cell(line, column, "-")).collect();
    let headings = ["NUMBER", "TIME", "WHAT", "CALLER", "OPERATION", "NAMESPACE", "STATUS", "FROM"];
    output.table(&headings, lines.iter().map(row).collect());
    if let Some(next) = page.get("next").and_then(Json::as_u64) {
        output.note(&format!("there is more: --before {next}"));
    }
    Ok(())
}

fn cell(line: &Json, name: &str, absent: &str) -> String {
    match line.get(name) {
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => absent.to_owned(),
    }
}

/// Files are verified without a project and without a server; what the store knows of their end is not looked at.
async fn verify_files(given: &Path, head: Option<&str>, output: Output) -> Result<(), Error> {
    let inner = folder(given);
    let files = if inner.is_dir() { inner } else { given.to_owned() };
    if !files.is_dir() {
        return Err(Error::new(&code::AUDIT_OFF, format!("there is no folder {}", files.display()))
            .help("name a data folder, or a copy of its audit/"));
    }
    let known = head.map(|text| {
        Head::parse(text).ok_or_else(|| {
            Error::new(&code::INPUT_INVALID, format!("{text:?} is no head"))
                .help("write it as `nexus audit head` prints it: a number, a colon, 64 digits")
        })
    });
    let found = audit::verify(&FileSegments::new(files), known.transpose()?, None).await;
    let found = found.map_err(|error| {
        Error::new(&code::STORE_FAILED, format!("the audit log cannot be read: {error}"))
            .help("check the permissions of the files")
    })?;
    told(&audit::verdict(&found), output)
}

fn told(verdict: &Json, output: Output) -> Result<(), Error> {
    if output.is_json() {
        output.json(verdict);
    } else {
        let [lines, files, head] = ["lines", "files", "head"].map(|name| cell(verdict, name, "-"));
        output.text(&format!("{lines} lines in {files} files hold, up to {head}"));
    }
    if let Some(torn) = verdict.get("torn_bytes").and_then(Json::as_u64).filter(|bytes| *bytes > 0) {
        output.note(&format!(
            "{torn} bytes behind the last line were left by a crash; the next start cuts them off"
        ));
    }
    let Some(fault) = verdict.get("fault").filter(|fault| !fault.is_null()) else { return Ok(()) };
    let [file, line, why] = ["file", "line", "why"].map(|name| cell(fault, name, "-"));
    Err(Error::new(&code::AUDIT_BROKEN, format!("the audit log does not hold: {why}"))
        .fault(format!("audit/{file}:{line}"), why)
        .help("keep the files as they are, and compare them with copies and heads that were kept elsewhere"))
}

async fn export(
    client: &Client,
    since: Option<String>,
    until: Option<String>,
    csv: bool,
    output: Output,
) -> Result<(), Error> {
    if csv {
        output.text(&COLUMNS.join(","));
    }
    let mut input = Map::new();
    for (name, given) in [("since", since), ("until", until)] {
        input.extend(given.map(|given| (name.to_owned(), Json::String(given))));
    }
    loop {
        let page = client.verb("audit.export", Json::Object(input.clone())).await?;
        for line in page.get("lines").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
        {
            if csv { output.text(&row(line)) } else { output.text(line) }
        }
        let Some(next) = page.get("next").and_then(Json::as_u64) else { return Ok(()) };
        input.insert("after".into(), next.into());
    }
}

/// A line as a row of cells. A text that a spreadsheet would take for a formula is told not to be one.
fn row(line: &str) -> String {
    let line: Json = serde_json::from_str(line).unwrap_or_default();
    let quoted = |column: &&str| {
        let text = cell(&line, column, "");
        let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    };
    COLUMNS.iter().map(quoted).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_cells_and_never_a_formula() {
        let line = json!({ "seq": 7, "caller": "a \"b\", c", "operation": "=cmd()" }).to_string();
        let row = row(&line);
        assert!(row.starts_with("\"7\",\"\",\"\",\"a \"\"b\"\", c\","), "{row}");
        assert!(row.contains("\"'=cmd()\""), "{row}");
    }
}
