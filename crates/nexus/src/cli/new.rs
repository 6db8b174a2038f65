//! `nexus new DIR`: a small project that runs at once.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use nexus_kernel::code;
use nexus_kernel::error::Error;

use crate::output::Output;

/// Flags.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The folder to make
    dir: PathBuf,
}

const FILES: &[(&str, &str)] = &[
    ("nexus.toml", include_str!("../../template/nexus.toml")),
    ("workflows/greeting.twf", include_str!("../../template/workflows/greeting.twf")),
    ("activities/greeting.js", include_str!("../../template/activities/greeting.js")),
    ("data/greetings.json", include_str!("../../template/data/greetings.json")),
    ("tests/greeting.test.yaml", include_str!("../../template/tests/greeting.test.yaml")),
    ("tsconfig.json", include_str!("../../template/tsconfig.json")),
    (".gitignore", ".nexus/\n"),
];

/// Writes the project. A folder that holds anything already is left alone.
pub fn new(args: &NewArgs, output: Output) -> Result<(), Error> {
    let dir = &args.dir;
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::new(&code::PROJECT_EXISTS, format!("{} is not empty", dir.display()))
            .help("choose a folder that does not exist yet"));
    }
    for (path, text) in FILES {
        write(&dir.join(path), text)?;
    }
    let name = dir.display();
    output.note(&format!("made {name}"));
    output.note(&format!("  nexus run Greet --project {name} --input name=Ada"));
    output.note(&format!("  nexus test {name}"));
    output.note(&format!("  nexus types {name}"));
    output.note(&format!("  nexus up {name}"));
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |error: std::io::Error| {
        Error::new(&code::PROJECT_MISSING, format!("{} cannot be written: {error}", path.display()))
            .help("check the folder's permissions")
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, text).map_err(failed)
}
