//! `nexus explain CODE`: the page of an error code.

use clap::Args;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::suggest;

use crate::output::Output;
use crate::pages;

/// Flags.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The code, for example NX-2001; without one, every code is listed
    code: Option<String>,
}

/// Prints a page, or the list of codes.
pub fn explain(args: &ExplainArgs, output: Output) -> Result<(), Error> {
    let Some(id) = &args.code else {
        let rows = code::ALL.iter().map(|code| vec![code.id.to_owned(), code.title.to_owned()]).collect();
        output.table(&["CODE", "MEANING"], rows);
        return Ok(());
    };
    let found = code::find(id).and_then(|code| pages::page(code.id));
    let page = found.ok_or_else(|| {
        let known = code::ALL.iter().map(|code| code.id);
        let help = match suggest::nearest(id, known) {
            Some(near) => format!("did you mean {near}?"),
            None => "`nexus explain` lists every code".to_owned(),
        };
        Error::new(&code::OPERATION_UNKNOWN, format!("there is no error code {id:?}")).help(help)
    })?;
    output.text(page);
    Ok(())
}
