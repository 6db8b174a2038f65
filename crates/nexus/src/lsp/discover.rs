//! Which `.twf` files of a folder belong together.
//!
//! A project is a folder with `nexus.toml` or `workflows/`; the files under its `workflows/` are one program, as
//! `nexus check` reads them. Other files beside them are sketches, each on its own. Files of a folder without any
//! project above them are read together: a design is often just a folder of files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config;
use crate::project::SOURCE_BYTES_MAX;

/// Files that one folder is searched for at most.
const FILES_MAX: usize = 20_000;

/// Folders that hold no sources of their own.
const SKIPPED: &[&str] = &["node_modules", "target"];

/// What a file is compiled with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Group {
    /// The folder that paths are shown relative to.
    pub(super) root: PathBuf,
    /// The one file, when it stands alone.
    pub(super) alone: Option<PathBuf>,
}

impl Group {
    /// How a path is shown in this group.
    pub(super) fn shown(&self, path: &Path) -> String {
        let inner = path.strip_prefix(&self.root).unwrap_or(path);
        inner.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
    }

    /// The group of a document that is no file.
    pub(super) fn untitled(uri: &str) -> Group {
        Group { root: PathBuf::new(), alone: Some(PathBuf::from(uri)) }
    }
}

/// The group of a file, given the folders that are open in the editor.
pub(super) fn group(path: &Path, folders: &[PathBuf]) -> Group {
    let folder =
        folders.iter().filter(|folder| path.starts_with(folder)).max_by_key(|it| it.components().count());
    let parent = path.parent().unwrap_or_else(|| Path::new("/"));
    for above in parent.ancestors() {
        if is_project(above) {
            return if path.starts_with(above.join("workflows")) {
                Group { root: above.to_owned(), alone: None }
            } else {
                Group { root: above.to_owned(), alone: Some(path.to_owned()) }
            };
        }
        if folder.is_some_and(|folder| folder == above) {
            break;
        }
    }
    match folder {
        Some(folder) => Group { root: folder.clone(), alone: None },
        None => Group { root: parent.to_owned(), alone: Some(path.to_owned()) },
    }
}

fn is_project(folder: &Path) -> bool {
    folder.join(config::FILE).is_file() || folder.join("workflows").is_dir()
}

/// Every `.twf` file under a folder, in order of paths. Symbolic links and hidden folders are not followed.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && !name.starts_with('.') && !SKIPPED.contains(&&*name) {
                folders.push(entry.path());
            } else if kind.is_file() && is_source(&entry.path()) && found.len() < FILES_MAX {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// Whether a path names a file of the language.
pub(super) fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "twf")
}

/// The text of a file, however it is encoded; nothing when it cannot be read or is too large to be source.
pub(super) fn read(path: &Path) -> Option<String> {
    if fs::metadata(path).ok()?.len() > SOURCE_BYTES_MAX {
        return None;
    }
    Some(String::from_utf8_lossy(&fs::read(path).ok()?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for path in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    #[test]
    fn files_of_a_program_are_together_and_sketches_alone() {
        let folder =
            folder(&["shop/nexus.toml", "shop/workflows/deep/a.twf", "shop/seed/b.twf", "notes/c.twf"]);
        let root = folder.path().to_owned();
        let open = [root.clone()];
        let of = |path: &str| group(&root.join(path), &open);
        assert_eq!(of("shop/workflows/deep/a.twf"), Group { root: root.join("shop"), alone: None });
        assert_eq!(of("shop/seed/b.twf").alone, Some(root.join("shop/seed/b.twf")));
        assert_eq!(of("notes/c.twf"), Group { root: root.clone(), alone: None });
        assert_eq!(
            of("shop/workflows/deep/a.twf").shown(&root.join("shop/workflows/deep/a.twf")),
            "workflows/deep/a.twf"
        );
        let outside = group(&root.join("notes/c.twf"), &[]);
        assert_eq!(outside, Group { root: root.join("notes"), alone: Some(root.join("notes/c.twf")) });
    }

    #[test]
    fn finds_sources_and_skips_what_is_no_source() {
        let folder = folder(&["b.twf", "a/x.twf", ".git/y.twf", "node_modules/z.twf", "a/readme.md"]);
        let found = files(folder.path());
        assert_eq!(found, [folder.path().join("a/x.twf"), folder.path().join("b.twf")]);
    }
}
