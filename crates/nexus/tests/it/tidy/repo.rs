//! The repository's text files, read once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// One text file.
pub(crate) struct File {
    /// From the root, with slashes.
    pub(crate) path: String,
    /// Its content.
    pub(crate) text: String,
}

/// Folders that hold nothing of ours.
const SKIPPED: &[&str] = &[".git", ".nexus", "dist", "node_modules", "target"];

static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let mut files = Vec::new();
    read(&root(), "", &mut files);
    assert!(files.len() > 100, "the repository was not found");
    files.sort_by(|one, two| one.path.cmp(&two.path));
    files
});

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every text file, by path.
pub(crate) fn files() -> &'static [File] {
    &FILES
}

/// Every Rust file.
pub(crate) fn rust_files() -> impl Iterator<Item = &'static File> {
    files().iter().filter(|file| file.path.ends_with(".rs"))
}

/// The content of one file.
pub(crate) fn text(path: &str) -> &'static str {
    let found = files().iter().find(|file| file.path == path);
    &found.unwrap_or_else(|| panic!("there is no {path}")).text
}

fn read(folder: &Path, prefix: &str, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("folders can be listed").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                read(&entry.path(), &format!("{path}/"), files);
            }
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            files.push(File { path, text }); // what is no text has no style
        }
    }
}
