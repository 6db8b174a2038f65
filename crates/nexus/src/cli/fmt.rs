//! `nexus fmt`: the canonical layout of `.twf` files.

use std::path::{Path, PathBuf};

use clap::Args;
use nexus_kernel::error::Error;
use nexus_lang::twf::format::format;

use crate::cli::Global;
use crate::cli::rewrite::{self, Mode, STDIN};
use crate::output::Output;

/// Flags.
#[derive(Debug, Args)]
pub struct FmtArgs {
    /// Projects, folders or .twf files; `-` lays out standard input; the project in this folder when none is given
    paths: Vec<PathBuf>,
    /// Change nothing; list the files that would change and fail when there are any
    #[arg(long)]
    check: bool,
    /// Change nothing; show what would change
    #[arg(long)]
    diff: bool,
}

/// Lays files out in place.
pub fn fmt(global: &Global, args: &FmtArgs, output: Output) -> Result<(), Error> {
    let mode = Mode::of(args.check, args.diff);
    if args.paths.iter().any(|path| path.as_os_str() == STDIN) {
        return stdin(mode, output);
    }
    let paths = if args.paths.is_empty() { vec![global.project.clone()] } else { args.paths.clone() };
    let (mut changed, mut refused) = (0, 0);
    for file in rewrite::files(&paths)? {
        match format(&file.text) {
            Ok(text) => changed += usize::from(mode.carry_out(&file, &text, "formatted", output)?),
            Err(errors) => {
                rewrite::refuse(&file.path, &file.text, &errors, output);
                refused += 1;
            }
        }
    }
    mode.conclude(changed, refused, "nexus fmt")
}

/// Standard input to standard output, for editors.
fn stdin(mode: Mode, output: Output) -> Result<(), Error> {
    let path = Path::new("standard input");
    let text = rewrite::stdin()?;
    match format(&text) {
        Err(errors) => {
            rewrite::refuse(path, &text, &errors, output);
            mode.conclude(0, 1, "nexus fmt")
        }
        Ok(new) if mode == Mode::Write => {
            output.raw(&new);
            Ok(())
        }
        Ok(new) => {
            let file = rewrite::TextFile { path: path.to_owned(), text };
            let changed = mode.carry_out(&file, &new, "", output)?;
            mode.conclude(usize::from(changed), 0, "nexus fmt")
        }
    }
}
