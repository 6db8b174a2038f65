//! `nexus config`: whether `nexus.toml` is right, what is in force, and what this binary holds to.

mod check;
mod print;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::limits::{ALL, Limit};
use serde_json::json;

use crate::cli::Global;
use crate::config::FILE;
use crate::config::reading::Reading;
use crate::output::Output;
use crate::project::Project;

/// The JSON Schema of `nexus.toml`: made from the config structs by the tests, which hold it against them.
pub const SCHEMA: &str = include_str!("../../../../schemas/nexus.toml.json");

/// What can be looked at.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigVerb {
    /// Read nexus.toml as `nexus up` does, and tell every error and what is probably not meant
    Check(FileArgs),
    /// Print what is in force, with where each value comes from; what may be a secret is not shown
    Print(FileArgs),
    /// Print the JSON Schema of nexus.toml, for editors
    Schema,
    /// Show the limits of runs, sessions and sockets, and what happens at each
    Limits,
}

/// Which file.
#[derive(Debug, Clone, Args)]
pub struct FileArgs {
    /// The file; nexus.toml of the project when none is given
    file: Option<PathBuf>,
}

/// Carries the command out.
pub async fn config(global: &Global, verb: ConfigVerb, output: Output) -> Result<(), Error> {
    match verb {
        ConfigVerb::Check(args) => check::check(&args.read(global)?, output).await,
        ConfigVerb::Print(args) => print::print(args.read(global)?, output),
        ConfigVerb::Schema => {
            output.text(SCHEMA);
            Ok(())
        }
        ConfigVerb::Limits => {
            limits(output);
            Ok(())
        }
    }
}

/// A file that was read, and the folder that its paths are seen from.
struct Named {
    name: String,
    root: PathBuf,
    reading: Reading,
}

impl FileArgs {
    /// A file that was named has to be there; a project need not have one.
    fn read(&self, global: &Global) -> Result<Named, Error> {
        let Some(given) = &self.file else {
            let root = global.project.clone();
            if !Project::is_at(&root) {
                return Err(missing(&root).help("name a file, or a project with --project"));
            }
            return Ok(Named { name: FILE.to_owned(), reading: Reading::of_project(&root)?, root });
        };
        let path = if given.is_dir() { given.join(FILE) } else { given.clone() };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let root = folder.map_or_else(|| PathBuf::from("."), Path::to_owned);
        let reading =
            Reading::of_file(&path, &root)?.ok_or_else(|| missing(&path).help("name a nexus.toml"))?;
        Ok(Named { name: path.display().to_string(), root, reading })
    }
}

fn missing(path: &Path) -> Error {
    Error::new(&code::PROJECT_MISSING, format!("there is no configuration at {}", path.display()))
}

fn limits(output: Output) {
    let all = ALL.iter().chain(nexus_gateway::limits::ALL);
    if output.is_json() {
        let limit = |(name, value, effect): &Limit| json!({ "name": name, "value": value, "effect": effect });
        return output.json(&Json::Array(all.map(limit).collect()));
    }
    let rows =
        all.map(|(name, value, effect)| vec![(*name).to_owned(), value.to_string(), (*effect).to_owned()]);
    output.table(&["LIMIT", "VALUE", "EFFECT"], rows.collect());
}
