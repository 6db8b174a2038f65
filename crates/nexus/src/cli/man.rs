//! `nexus man DIR`: a manual page for every command.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde_json::json;

use crate::cli::Cli;
use crate::output::{Output, plural};

/// Flags.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder to write nexus.1, nexus-run.1 and the others to; it is made when it is not there
    folder: PathBuf,
}

/// Writes the pages.
pub fn man(args: &ManArgs, output: Output) -> Result<(), Error> {
    let failed = |error: std::io::Error| {
        let message = format!("{} cannot be written to: {error}", args.folder.display());
        Error::new(&code::STORE_FAILED, message).help("name a folder that is yours to write to")
    };
    std::fs::create_dir_all(&args.folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), &args.folder).map_err(failed)?;
    let pages = std::fs::read_dir(&args.folder).map_err(failed)?;
    let is_page = |name: &str| name.starts_with("nexus") && name.strip_suffix(".1").is_some();
    let count =
        pages.filter_map(Result::ok).filter(|page| is_page(&page.file_name().to_string_lossy())).count();
    if output.is_json() {
        output.json(&json!({ "folder": args.folder.display().to_string(), "pages": count }));
        return Ok(());
    }
    output.note(&format!("{} in {}", plural(count, "page"), args.folder.display()));
    output.note(&format!("read one with `man -l {}`", args.folder.join("nexus-run.1").display()));
    Ok(())
}
