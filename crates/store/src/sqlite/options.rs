//! How the store is opened.

use std::path::PathBuf;

/// What to open. There is no way to ask for less durability: a record that was acknowledged survives a power cut.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder; created when it does not exist.
    pub folder: PathBuf,
    /// Connections, each with its thread, that reads share.
    pub readers: usize,
}

impl Options {
    /// The store in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Options {
        Options { folder: folder.into(), readers: 2 }
    }
}
