//! `nexus config print`.

use nexus_kernel::error::Error;

use super::Named;
use crate::config::print;
use crate::output::Output;
use crate::project::Project;

/// Prints what is in force. A file with errors is in force nowhere.
pub(super) fn print(named: Named, output: Output) -> Result<(), Error> {
    let origins = named.reading.origins.clone();
    let project = Project::of_config(&named.root, named.reading.into_config()?);
    let config = project.config.filled(&project.name());
    if output.is_json() {
        output.json(&print::with_origins(&config, &origins)?);
    } else {
        output.text(&print::toml(&config, &origins)?);
    }
    Ok(())
}
