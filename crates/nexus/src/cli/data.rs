//! `nexus backup`, `nexus restore` and `nexus doctor`: the data folder itself. No server is needed, and none is in the way.

mod exposure;

use std::path::{Path, PathBuf};

use clap::Args;
use nexus_engine::audit;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_store::{Finding, Severity};
use serde_json::json;

use crate::cli::Global;
use crate::disk;
use crate::output::Output;
use crate::project::{Project, data_dir};

/// Flags.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to make, or a folder to make `nexus.db` in; nothing is ever overwritten
    target: PathBuf,
}

/// Flags.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The file that `nexus backup` made, or the folder with it
    source: PathBuf,
}

/// Flags.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Only this data folder; without it the project, and its data
    folder: Option<PathBuf>,
}

/// Copies the data folder's store, while a server may be working on it.
pub fn backup(global: &Global, args: &BackupArgs, output: Output) -> Result<(), Error> {
    refuse_remote(global)?;
    let target = if args.target.is_dir() { args.target.join("nexus.db") } else { args.target.clone() };
    let bytes = nexus_store::backup(&data_dir(&global.project), &target)?;
    if output.is_json() {
        output.json(&json!({ "file": target.display().to_string(), "bytes": bytes }));
    } else {
        output.text(&target.display().to_string());
        output.note(&format!("{} KiB, read back and found sound", bytes.div_ceil(1024)));
    }
    Ok(())
}

/// Puts a copy into the project's data folder.
pub fn restore(global: &Global, args: &RestoreArgs, output: Output) -> Result<(), Error> {
    refuse_remote(global)?;
    let folder = data_dir(&global.project);
    nexus_store::restore(&args.source, &folder)?;
    if output.is_json() {
        output.json(&json!({ "folder": folder.display().to_string() }));
    } else {
        output.note(&format!("{} holds what the backup held", folder.display()));
    }
    Ok(())
}

/// Examines a project's exposure and its data; only the data of a folder that is named.
pub fn doctor(global: &Global, args: &DoctorArgs, output: Output) -> Result<(), Error> {
    refuse_remote(global)?;
    let folder = args.folder.clone().unwrap_or_else(|| data_dir(&global.project));
    let is_project = args.folder.is_none() && Project::is_at(&global.project);
    if !folder.is_dir() && !is_project {
        let message = format!("there is no data folder {}", folder.display());
        return Err(Error::new(&code::PROJECT_MISSING, message).help("`nexus up` makes one for its project"));
    }
    let mut findings =
        if is_project { exposure::findings(&Project::read(&global.project)?)? } else { Vec::new() };
    if folder.is_dir() {
        findings.extend(nexus_store::examine(&folder, &mut |image| {
            audit::key(&image.key, image.live, &image.records, &image.rows)
        }));
        findings.push(free_space(&folder));
    }
    print(&findings, output);
    let faults = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if faults == 0 {
        return Ok(());
    }
    let plural = if faults == 1 { "" } else { "s" };
    Err(Error::new(&code::DATA_UNSOUND, format!("the doctor found {faults} fault{plural}"))
        .help("what to do is told beside each; nothing was changed"))
}

/// Other people's disks are out of reach.
fn refuse_remote(global: &Global) -> Result<(), Error> {
    if global.server.is_none() {
        return Ok(());
    }
    Err(Error::new(&code::BAD_REQUEST, "this command works on a data folder, not through a server")
        .help("run it on the server's machine, in the project's folder"))
}

fn free_space(folder: &Path) -> Finding {
    let (severity, message, advice) = match disk::free_bytes(folder) {
        Err(why) => (Severity::Warning, why, None),
        Ok(free) => {
            let message = format!("{} MiB are free on the disk", free >> 20);
            if free < disk::FREE_BYTES_MIN {
                (Severity::Warning, message, Some("free some space: a full disk stops the server"))
            } else {
                (Severity::Good, message, None)
            }
        }
    };
    Finding { check: "disk", severity, message, advice }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Good => "ok",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn print(findings: &[Finding], output: Output) {
    if output.is_json() {
        let shown = |finding: &Finding| {
            json!({
                "check": finding.check,
                "result": word(finding.severity),
                "message": finding.message,
                "advice": finding.advice,
            })
        };
        return output.json(&json!({ "findings": findings.iter().map(shown).collect::<Vec<_>>() }));
    }
    let row = |finding: &Finding| {
        let (message, advice) = (finding.message.clone(), finding.advice.unwrap_or("-").to_owned());
        vec![finding.check.to_owned(), word(finding.severity).to_owned(), message, advice]
    };
    output.table(&["CHECK", "RESULT", "WHAT", "WHAT TO DO"], findings.iter().map(row).collect());
}
