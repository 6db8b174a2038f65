//! `nexus migrate`: older spellings of `.twf` files become the newest ones.

use std::path::PathBuf;

use clap::Args;
use nexus_kernel::error::Error;
use nexus_lang::text::render;
use nexus_lang::text::source::Sources;
use nexus_lang::twf::format::format;
use nexus_lang::twf::migrate::{Migrated, migrate_all};

use crate::cli::Global;
use crate::cli::rewrite::{self, Mode, TextFile};
use crate::output::Output;

/// Flags.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Projects, folders or .twf files; the project in this folder when none is given
    paths: Vec<PathBuf>,
    /// Change nothing; list the files that would change and fail when there are any
    #[arg(long)]
    check: bool,
    /// Change nothing; show what would change
    #[arg(long)]
    diff: bool,
    /// Lay out the files that change, as `nexus fmt` does
    #[arg(long)]
    fmt: bool,
}

/// Rewrites files in place.
pub fn migrate(global: &Global, args: &MigrateArgs, output: Output) -> Result<(), Error> {
    let mode = Mode::of(args.check, args.diff);
    let paths = if args.paths.is_empty() { vec![global.project.clone()] } else { args.paths.clone() };
    let (mut changed, mut refused) = (0, 0);
    let files = rewrite::files(&paths)?;
    let texts: Vec<&str> = files.iter().map(|file| file.text.as_str()).collect();
    for (file, migrated) in files.iter().zip(migrate_all(&texts)) {
        match migrated {
            Ok(new) => changed += usize::from(carry_out(mode, args.fmt, file, new, output)?),
            Err(errors) => {
                rewrite::refuse(&file.path, &file.text, &errors, output);
                refused += 1;
            }
        }
    }
    mode.conclude(changed, refused, "nexus migrate")
}

fn carry_out(mode: Mode, fmt: bool, file: &TextFile, new: Migrated, output: Output) -> Result<bool, Error> {
    let mut sources = Sources::new();
    sources.add(&file.path.display().to_string(), &new.text);
    for left in &new.left {
        output.note(&render::terminal(left, &sources, output.has_color()));
    }
    let is_new = new.text != file.text;
    let text = if fmt && is_new { format(&new.text).unwrap_or(new.text) } else { new.text };
    mode.carry_out(file, &text, "migrated", output)
}
