//! Where the server of a project listens: a small file beside its data.

use std::fs;
use std::path::{Path, PathBuf};

use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde_json::{Value as Json, json};

fn file(project: &Path) -> PathBuf {
    project.join(".nexus").join("server.json")
}

/// Notes the address. Written whole or not at all.
pub fn write(project: &Path, url: &str) -> Result<(), Error> {
    let text =
        json!({ "url": url, "pid": std::process::id(), "version": env!("CARGO_PKG_VERSION") }).to_string();
    let (path, draft) = (file(project), file(project).with_extension("json.new"));
    fs::write(&draft, text).and_then(|()| fs::rename(&draft, &path)).map_err(|error| {
        Error::new(&code::STORE_FAILED, format!("{} cannot be written: {error}", path.display()))
            .help("check the permissions and the free space of the project's folder")
    })
}

/// The address that was noted last, if any. A server that was killed leaves it behind.
pub fn read(project: &Path) -> Option<String> {
    let value: Json = serde_json::from_slice(&fs::read(file(project)).ok()?).ok()?;
    value.get("url")?.as_str().map(ToOwned::to_owned)
}

/// Where a command on the same machine reaches a server that listens on all addresses.
pub fn near(url: &str) -> String {
    url.replacen("://0.0.0.0:", "://127.0.0.1:", 1).replacen("://[::]:", "://[::1]:", 1)
}

/// Forgets the address.
pub fn remove(project: &Path) {
    let _ = fs::remove_file(file(project)); // a file that is gone already is what is wanted
}
