//! `nexus explain CODE`: the page of an error code, or of a rule that workflows are checked by.

use clap::Args;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::suggest;
use nexus_lang::twf::rules::{RULES, Rule};

use crate::output::Output;
use crate::pages;

/// Flags.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The code, for example NX-2001 or `UNDEFINED_ACTIVITY`; without one, every code is listed
    code: Option<String>,
}

/// Prints a page, or the list of codes.
pub fn explain(args: &ExplainArgs, output: Output) -> Result<(), Error> {
    let Some(id) = &args.code else {
        list(output);
        return Ok(());
    };
    let page = pages::page(id).ok_or_else(|| {
        let known = code::ALL.iter().map(|code| code.id).chain(Rule::codes());
        let help = match suggest::nearest(id, known) {
            Some(near) => format!("did you mean {near}?"),
            None => "`nexus explain` lists every code".to_owned(),
        };
        Error::new(&code::OPERATION_UNKNOWN, format!("there is no error code {id:?}")).help(help)
    })?;
    output.text(page);
    Ok(())
}

/// Both families: what commands and requests fail with, and what is found in workflows.
fn list(output: Output) {
    let errors = code::ALL.iter().map(|code| vec![code.id.to_owned(), code.title.to_owned()]);
    output.table(&["CODE", "MEANING"], errors.collect());
    let rules = RULES.iter().map(|rule| {
        vec![
            rule.code.to_owned(),
            rule.severity.to_string(),
            rule.kind.word().to_owned(),
            rule.title.to_owned(),
        ]
    });
    output.text("");
    output.table(&["FINDING", "SEVERITY", "STAGE", "MEANING"], rules.collect());
}
