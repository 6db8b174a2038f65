//! The owner's credential: a file beside the project's data that only whoever runs the server can read.
//!
//! It lets the owner's own command line do everything on the owner's own machine, as the files of the project would let
//! them anyway. It is made anew whenever a server starts, and the server takes it from this machine only.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nexus_gateway::identity::owner_credential;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::rng::Rng;

use crate::profile::Secret;

fn file(project: &Path) -> PathBuf {
    project.join(".nexus").join("owner")
}

/// Makes a new one. Nobody else can read the file at any time.
pub fn renew(project: &Path, rng: &dyn Rng) -> Result<Secret, Error> {
    let (path, text) = (file(project), owner_credential(rng));
    let draft = path.with_extension("new");
    let written = fs::remove_file(&draft).or(Ok(())).and_then(|()| {
        let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        out.write_all(text.as_bytes())?;
        fs::rename(&draft, &path)
    });
    written.map_err(|error| {
        Error::new(&code::STORE_FAILED, format!("{} cannot be written: {error}", path.display()))
            .help("check the permissions and the free space of the project's folder")
    })?;
    Ok(Secret::new(&text))
}

/// The one that was made last, for whoever may read it.
pub fn read(project: &Path) -> Option<Secret> {
    fs::read_to_string(file(project)).ok().map(|text| Secret::new(&text))
}

/// Forgets it.
pub fn remove(project: &Path) {
    let _ = fs::remove_file(file(project)); // a file that is gone already is what is wanted
}
