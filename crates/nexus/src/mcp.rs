//! What an MCP server of a project keeps beside it: the secret that signs what clients carry back.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nexus_gateway::McpShelf;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::rng::Rng;

use crate::node::Purpose;

/// The file with the secret.
const FILE: &str = "mcp.key";

/// How long the secret is, in bytes.
const SECRET_BYTES: usize = 32;

/// A shelf whose secret outlives the process, so that a question that was asked before a restart can be answered after
/// it. Who only looks makes no file.
pub fn shelf(folder: &Path, purpose: Purpose, rng: &dyn Rng) -> Result<McpShelf, Error> {
    let mut secret = [0; SECRET_BYTES];
    rng.fill(&mut secret);
    if purpose != Purpose::Serve {
        return Ok(McpShelf::new(&secret));
    }
    let path = folder.join(FILE);
    let failed = |error: std::io::Error| {
        Error::new(&code::STORE_FAILED, format!("{} cannot be used: {error}", path.display()))
            .help("check the permissions and the free space of the project's folder")
    };
    match fs::read(&path) {
        Ok(kept) if kept.len() == SECRET_BYTES => Ok(McpShelf::new(&kept)),
        // What is left of a write that was cut short has signed nothing yet.
        Ok(_) => write(&path, &secret).map_err(failed),
        Err(error) if error.kind() == ErrorKind::NotFound => write(&path, &secret).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

fn write(path: &Path, secret: &[u8]) -> std::io::Result<McpShelf> {
    let draft = path.with_extension("key.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(secret)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    Ok(McpShelf::new(secret))
}
