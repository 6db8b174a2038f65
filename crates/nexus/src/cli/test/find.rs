//! Scenario files on the disk, and the projects they belong to.

use std::fs;
use std::path::{Path, PathBuf};

use nexus_kernel::code;
use nexus_kernel::error::Error;

use crate::config;

/// What scenario files end in.
const ENDINGS: [&str; 2] = [".test.yaml", ".test.yml"];

/// Largest scenario file, in bytes.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The files of each project, in the order that projects and files are given; those of a folder by name.
pub(super) fn by_project(paths: &[PathBuf], default: &Path) -> Result<Vec<(PathBuf, Vec<PathBuf>)>, Error> {
    let given: Vec<PathBuf> = if paths.is_empty() { vec![default.to_owned()] } else { paths.to_vec() };
    let mut projects: Vec<(PathBuf, Vec<PathBuf>)> = Vec::new();
    for path in given {
        let (root, files) = one(&path)?;
        match projects.iter_mut().find(|(known, _)| *known == root) {
            Some((_, known)) => known.extend(files),
            None => projects.push((root, files)),
        }
    }
    Ok(projects)
}

fn one(path: &Path) -> Result<(PathBuf, Vec<PathBuf>), Error> {
    if path.is_dir() {
        let mut files = Vec::new();
        collect(&path.join("tests"), &mut files);
        files.sort();
        return Ok((path.to_owned(), files));
    }
    if !is_scenario_file(path) {
        let message = format!("{} is neither a project nor a scenario file", path.display());
        return Err(Error::new(&code::TEST_MISSING, message).help("scenario files end in .test.yaml"));
    }
    match path.ancestors().skip(1).find(|folder| is_project(folder)) {
        Some(root) => Ok((folder(root), vec![path.to_owned()])),
        None => {
            let message = format!("{} belongs to no project", path.display());
            Err(Error::new(&code::PROJECT_MISSING, message)
                .help("put it into the folder `tests` of a project, beside its `workflows`"))
        }
    }
}

/// The empty path is the folder one is in.
fn folder(root: &Path) -> PathBuf {
    if root.as_os_str().is_empty() { PathBuf::from(".") } else { root.to_owned() }
}

fn is_project(folder: &Path) -> bool {
    folder.join(config::FILE).is_file() || folder.join("workflows").is_dir()
}

fn is_scenario_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Symbolic links are not followed: a project is what is in its folder. A folder that is not there has no files.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&path, files),
            Ok(kind) if kind.is_file() && is_scenario_file(&path) => files.push(path),
            _ => {}
        }
    }
}

/// A path as messages show it.
pub(super) fn shown(path: &Path) -> String {
    let path = path.strip_prefix(".").unwrap_or(path);
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The text of a scenario file.
pub(super) fn text(path: &Path) -> Result<String, Error> {
    let refused = |why: String| {
        Error::new(&code::TEST_INVALID, format!("{} {why}", path.display()))
            .fault(format!("{}:1:1", shown(path)), why)
            .help("scenario files are UTF-8 text")
    };
    let size = fs::metadata(path).map_or(0, |meta| meta.len());
    if size > BYTES_MAX {
        return Err(refused(format!("is larger than {BYTES_MAX} bytes")));
    }
    fs::read_to_string(path).map_err(|error| refused(format!("cannot be read: {error}")))
}

/// Writes what somebody asked for.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|error| {
        Error::new(&code::BAD_REQUEST, format!("{} cannot be written: {error}", path.display()))
            .help("give a path in a folder that exists and may be written to")
    })
}
