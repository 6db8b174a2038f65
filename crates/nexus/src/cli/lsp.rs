//! `nexus lsp`: the language server, for editors.

use clap::Args;
use nexus_kernel::code;
use nexus_kernel::error::Error;

use crate::lsp::{Ending, serve};

/// Flags.
#[derive(Debug, Args)]
pub struct LspArgs {
    /// Speak over standard input and output, which is the only way: editors add this flag by themselves
    #[arg(long)]
    stdio: bool,
}

/// Serves one editor. Ends with 1 when the editor leaves without `shutdown`, as the protocol wants it.
pub fn lsp(_args: &LspArgs) -> Result<(), Error> {
    match serve(std::io::stdin(), std::io::stdout()) {
        Ok(Ending::Orderly) => Ok(()),
        Ok(Ending::Abrupt) => Err(Error::new(&code::EDITOR_GONE, "the editor left without `shutdown`")
            .help("this is the editor's doing; nothing is lost")),
        Err(error) => Err(Error::internal(format!("the language server cannot go on: {error}"))),
    }
}
