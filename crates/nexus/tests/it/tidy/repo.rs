//! The repository's text files, read once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// One text file.
pub(crate) struct File {
    /// From the root, with slashes.
    pub(crate) path: String,
    /// Its content.
    pub(crate) text: String,
}

impl File {
    /// Whether it has one of these endings, separated by spaces.
    pub(crate) fn is(&self, endings: &str) -> bool {
        let ending = self.path.rsplit_once('.').map_or("", |(_, ending)| ending);
        endings.split(' ').any(|known| known == ending)
    }
}

/// Folders that hold nothing of ours.
const SKIPPED: &[&str] = &[".git", ".nexus", "dist", "node_modules", "target"];

static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let paths = tracked().unwrap_or_else(|| {
        let mut paths = Vec::new();
        walk(&root(), "", &mut paths);
        paths
    });
    // What is no text has no style, and what was just deleted has none either.
    let read = |path: String| fs::read_to_string(root().join(&path)).ok().map(|text| File { path, text });
    let mut files: Vec<File> = paths.into_iter().filter_map(read).collect();
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
    files().iter().filter(|file| file.is("rs"))
}

/// The content of one file.
pub(crate) fn text(path: &str) -> &'static str {
    let found = files().iter().find(|file| file.path == path);
    &found.unwrap_or_else(|| panic!("there is no {path}")).text
}

/// What git keeps; nothing when this is no checkout.
fn tracked() -> Option<Vec<String>> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().ok()?;
    let text = String::from_utf8(listed.stdout).ok().filter(|_| listed.status.success())?;
    Some(text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

fn walk(folder: &Path, prefix: &str, paths: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("folders can be listed").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if !entry.path().is_dir() {
            paths.push(path);
        } else if !SKIPPED.contains(&name.as_str()) {
            walk(&entry.path(), &format!("{path}/"), paths);
        }
    }
}
