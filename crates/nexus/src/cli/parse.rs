//! `nexus parse`: the syntax trees of files, whatever is wrong with them.

use std::path::PathBuf;

use clap::Args;
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_lang::text::render;
use nexus_lang::twf::dump;
use nexus_lang::twf::envelope::Payload;
use nexus_lang::twf::tree;
use serde_json::json;

use crate::cli::{Format, Global};
use crate::design::Design;
use crate::output::Output;

/// Flags.
#[derive(Debug, Args)]
pub struct ParseArgs {
    /// Project folders, other folders, or .twf files; the project in this folder when none is given
    paths: Vec<PathBuf>,
}

/// Shows the trees of all paths. Text that could not be read is an error, but for the public envelope, whose tool
/// leaves it to the reader of the diagnostics.
pub fn parse(global: &Global, args: &ParseArgs, output: Output) -> Result<(), Error> {
    let design = Design::of_paths(global, &args.paths)?;
    match global.format {
        Format::TwfJson => {
            output.json(&design.envelope(Payload::Parse));
            return Ok(());
        }
        Format::Json | Format::Yaml | Format::Raw => output.json(&trees(&design)),
        _ => print(&design, output),
    }
    if design.is_broken() {
        return Err(Error::new(&code::PROJECT_INVALID, "some lines could not be read")
            .help("`nexus check` shows them with what to do"));
    }
    Ok(())
}

fn trees(design: &Design) -> Json {
    let files: Vec<Json> = design.units().iter().map(|unit| tree::file(unit, &design.sources)).collect();
    let found = design.diagnostics.iter().map(|it| render::json(it, &design.sources));
    json!({ "version": tree::VERSION, "files": files, "diagnostics": found.collect::<Vec<_>>() })
}

fn print(design: &Design, output: Output) {
    let units = design.units();
    for unit in &units {
        if units.len() > 1 {
            let path = design.sources.get(unit.source).map_or("", |source| &*source.path);
            output.text(&format!("# {path}"));
        }
        output.text(&dump::unit(unit.unit));
    }
}
