//! `nexus types`: declarations for editors and `tsc`.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde_json::json;

use crate::built::build;
use crate::cli::Global;
use crate::output::Output;
use crate::project::Project;
use crate::typings;

/// Flags.
#[derive(Debug, Args)]
pub struct TypesArgs {
    /// The project's folder
    dir: Option<PathBuf>,
    /// Print the declarations and write nothing
    #[arg(long)]
    print: bool,
    /// Write nothing, and fail when the file is not what would be written: for build servers
    #[arg(long, conflicts_with = "print")]
    check: bool,
}

/// Writes `nexus.d.ts` into the project.
pub async fn types(global: &Global, args: &TypesArgs, output: Output) -> Result<(), Error> {
    let root = args.dir.clone().unwrap_or_else(|| global.project.clone());
    let project = Project::read(&root)?;
    let (built, report) = build(&project, None, false).await;
    let built = built.ok_or_else(|| report.to_error())?;
    let text = typings::declarations(&built.definition.program);
    if args.print {
        output.text(text.trim_end());
        return Ok(());
    }
    let path = root.join(typings::FILE);
    let is_current = fs::read_to_string(&path).is_ok_and(|before| before == text);
    if args.check && !is_current {
        let message = format!("{} is not what the project says", path.display());
        return Err(Error::new(&code::PROJECT_INVALID, message).help("`nexus types` writes it anew"));
    }
    if !is_current {
        fs::write(&path, text).map_err(|error| {
            Error::new(&code::PROJECT_MISSING, format!("{} cannot be written: {error}", path.display()))
                .help("check the folder's permissions")
        })?;
    }
    if output.is_json() {
        output.json(&json!({ "file": typings::FILE, "changed": !is_current }));
    } else {
        let done = if is_current { "is up to date" } else { "written" };
        output.note(&format!("{} {done}", path.display()));
    }
    Ok(())
}
