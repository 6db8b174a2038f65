//! `nexus run --stub`.
use nexus_kernel::Json;
use nexus_kernel::error::Error;

use crate::cli::Global;
use crate::output::Output;

pub fn run(_: &Global, _: &str, _: Json, _: Output) -> Result<(), Error> {
    Ok(())
}
