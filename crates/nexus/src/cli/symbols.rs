//! `nexus symbols`: what files define.

use std::path::PathBuf;

use clap::Args;
use nexus_kernel::error::Error;
use nexus_lang::twf::envelope::Payload;
use nexus_lang::twf::symbol::{Symbol, symbols as list};
use serde_json::json;

use crate::cli::{Format, Global};
use crate::design::Design;
use crate::output::Output;

/// Flags.
#[derive(Debug, Args)]
pub struct SymbolsArgs {
    /// Project folders, other folders, or .twf files; the project in this folder when none is given
    paths: Vec<PathBuf>,
}

/// Lists the definitions of all paths with their members. Files with errors give what could be read.
pub fn symbols(global: &Global, args: &SymbolsArgs, output: Output) -> Result<(), Error> {
    let design = Design::of_paths(global, &args.paths)?;
    match global.format {
        Format::TwfJson => output.json(&design.envelope(Payload::Symbols)),
        Format::Json | Format::Yaml | Format::Raw => {
            let all = list(&design.units());
            let all: Vec<_> = all.iter().map(|it| it.json(&design.sources)).collect();
            output.json(&json!({ "version": 1, "symbols": all }));
        }
        _ => {
            let mut rows = Vec::new();
            for symbol in list(&design.units()) {
                row(&mut rows, &symbol, &design, 0);
            }
            output.table(&["KIND", "NAME", "SIGNATURE", "AT"], rows);
        }
    }
    Ok(())
}

fn row(rows: &mut Vec<Vec<String>>, symbol: &Symbol, design: &Design, depth: usize) {
    let at = design.sources.locate(symbol.span);
    let kind = format!("{}{}", "  ".repeat(depth), symbol.kind);
    rows.push(vec![kind, symbol.name.clone(), symbol.signature(), at.to_string()]);
    for member in &symbol.members {
        row(rows, member, design, depth + 1);
    }
}
