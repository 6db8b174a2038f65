//! A user's project on the disk: which files belong to it, and what they say.
//!
//! Discovery reads files and nothing else: no file of a project is ever executed in order to find out about it.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use nexus_engine::Definition;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_lang::text::diagnostic::Diagnostic;
use nexus_lang::text::source::Sources;
use nexus_lang::twf::check::CheckOptions;

use crate::config::{self, Config};
use crate::secrets::StoredSecrets;
use crate::services;

/// Largest source file, in bytes.
pub const SOURCE_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// Extensions of the files whose exports can be activities.
const SCRIPTS: &[&str] = &["js", "mjs", "ts", "mts"];

/// One source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path relative to the project, with forward slashes.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// One file that is no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryFile {
    /// Path relative to the project, with forward slashes.
    pub path: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// A project as read from the disk.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its folder.
    pub root: PathBuf,
    /// Its configuration.
    pub config: Config,
    /// `workflows/**/*.twf`, or the one file that was asked for.
    pub workflows: Vec<SourceFile>,
    /// `activities/**/*` in JavaScript and TypeScript. What they import from elsewhere is read when they are.
    pub activities: Vec<SourceFile>,
    /// `activities/**/*.wasm`: functions that are WebAssembly components.
    pub components: Vec<BinaryFile>,
    /// `prompts/**/*.md`: texts for agents.
    pub prompts: Vec<SourceFile>,
    /// Secrets that lie in the store of the node that serves it.
    pub(crate) stored: Option<StoredSecrets>,
    /// Where others reach the server that serves it, without a slash at the end.
    pub(crate) reached_at: Option<String>,
}

/// Where the server of a project keeps what must not be lost.
pub fn data_dir(root: &Path) -> PathBuf {
    root.join(".nexus")
}

impl Project {
    /// Reads a project folder, or a single `.twf` file as a project of its own.
    pub fn read(path: &Path) -> Result<Project, Error> {
        if path.is_file() {
            return Project::single(path);
        }
        if !Project::is_at(path) {
            return Err(Error::new(&code::PROJECT_MISSING, format!("{} is not a project", path.display()))
                .help(
                    "a project has a folder `workflows` or a file `nexus.toml`; `nexus new DIR` makes one",
                ));
        }
        Project::around(path, Config::read(path)?)
    }

    /// A folder and a configuration without the files that belong to them.
    pub fn of_config(root: &Path, config: Config) -> Project {
        Project {
            root: root.to_owned(),
            config,
            workflows: Vec::new(),
            activities: Vec::new(),
            components: Vec::new(),
            prompts: Vec::new(),
            stored: None,
            reached_at: None,
        }
    }

    /// The files of a folder, with a configuration that was read already.
    pub fn around(path: &Path, config: Config) -> Result<Project, Error> {
        Ok(Project {
            workflows: collect(path, "workflows", &["twf"])?,
            activities: scripts(path)?,
            components: components(path)?,
            prompts: collect(path, "prompts", &["md"])?,
            ..Project::of_config(path, config)
        })
    }

    /// Whether a folder is a project.
    pub fn is_at(path: &Path) -> bool {
        path.join(config::FILE).is_file() || path.join("workflows").is_dir()
    }

    /// A script outside of a project as a project of its own, with the usual limits and grants.
    pub fn of_script(path: &Path) -> Result<Project, Error> {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let root = folder.map_or_else(|| PathBuf::from("."), Path::to_owned);
        let mut project = Project::of_config(&root, Config::default());
        if path.extension().is_some_and(|extension| extension == "wasm") {
            project.components.push(BinaryFile { bytes: bytes(path)?, path: name });
        } else {
            project.activities.push(SourceFile { text: read(path)?, path: name });
        }
        Ok(project)
    }

    fn single(path: &Path) -> Result<Project, Error> {
        let file = SourceFile { path: path.display().to_string(), text: read(path)? };
        let root = path.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
        Ok(Project { workflows: vec![file], ..Project::of_config(&root, Config::default()) })
    }

    /// The name shown to people.
    pub fn name(&self) -> String {
        let folder =
            || self.root.canonicalize().ok()?.file_name().map(|name| name.to_string_lossy().into_owned());
        self.config.project.name.clone().or_else(folder).unwrap_or_else(|| "project".to_owned())
    }

    /// Where the server keeps what must not be lost.
    pub fn data_dir(&self) -> PathBuf {
        data_dir(&self.root)
    }

    /// Compiles its workflows; what is wrong with the configuration is not looked at.
    pub fn compile(&self, lenient: bool) -> (Option<Arc<Definition>>, Sources, Vec<Diagnostic>) {
        let endpoints = self.config.known_endpoints();
        Definition::compile_checked(self.sources(), CheckOptions { lenient, endpoints: &endpoints })
    }

    /// What the configuration says and the workflow files do not allow.
    pub fn config_errors(&self, definition: Option<&Definition>) -> Vec<Error> {
        let mut errors = services::of_project(self).errors;
        if let Some(definition) = definition {
            let place = |span| definition.place(span);
            errors.extend(self.config.endpoints_twice(&definition.program, place));
        }
        errors
    }

    /// Its workflow sources, ready to be compiled.
    pub fn sources(&self) -> Sources {
        let mut sources = Sources::new();
        for file in &self.workflows {
            sources.add(&file.path, &file.text);
        }
        if let Some(file) = services::file(self) {
            sources.add(&file.path, &file.text);
        }
        sources
    }
}

/// All `.twf` files under a folder that need not be a project; one without any is refused.
pub(crate) fn twf_files(folder: &Path) -> Result<Vec<SourceFile>, Error> {
    let files = collect(folder, ".", &["twf"])?;
    if files.is_empty() {
        return Err(Error::new(&code::PROJECT_MISSING, format!("{} has no .twf files", folder.display()))
            .help("name .twf files, a folder with some, or a project"));
    }
    let shown = |file: SourceFile| SourceFile { path: shown(&folder.join(&file.path)), ..file };
    Ok(files.into_iter().map(shown).collect())
}

/// The paths of the `.twf` files that belong to a folder: of a project its workflows, of any other folder all.
pub fn workflow_files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Err(Error::new(&code::PROJECT_MISSING, format!("{} is not there", path.display()))
            .help("name a project, a folder or a .twf file"));
    }
    let is_project = path.join(config::FILE).is_file() || path.join("workflows").is_dir();
    let folder = if is_project { "workflows" } else { "" };
    // The folder that a command is run in need not be named.
    let base = if path == Path::new(".") { Path::new("") } else { path };
    Ok(list(path, folder, &["twf"]).into_iter().map(|found| base.join(found)).collect())
}

/// All files of a kind under a folder of the project, in order of their paths.
fn collect(root: &Path, folder: &str, extensions: &[&str]) -> Result<Vec<SourceFile>, Error> {
    let files = list(root, folder, extensions).into_iter();
    files.map(|path| Ok(SourceFile { text: read(&root.join(&path))?, path: shown(&path) })).collect()
}

fn components(root: &Path) -> Result<Vec<BinaryFile>, Error> {
    let files = list(root, "activities", &["wasm"]).into_iter();
    files.map(|path| Ok(BinaryFile { bytes: bytes(&root.join(&path))?, path: shown(&path) })).collect()
}

/// The paths of all files of a kind under a folder of the project, in order.
fn list(root: &Path, folder: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        // A project without this folder has no files of this kind.
        let Ok(entries) = fs::read_dir(root.join(&folder)) else { continue };
        for entry in entries.filter_map(Result::ok) {
            let path = folder.join(entry.file_name());
            // Symbolic links are not followed: a project is what is in its folder.
            let kind = entry.file_type();
            if kind.as_ref().is_ok_and(fs::FileType::is_dir) {
                // Packages are read when something imports them.
                if entry.file_name() != "node_modules" {
                    folders.push(path);
                }
            } else if kind.is_ok_and(|kind| kind.is_file())
                && path.extension().is_some_and(|e| extensions.iter().any(|extension| e == *extension))
            {
                files.push(path);
            }
        }
    }
    files.sort_by_key(|path| shown(path));
    files
}

/// The scripts of a project. Declarations of types hold no code.
fn scripts(root: &Path) -> Result<Vec<SourceFile>, Error> {
    let mut files = collect(root, "activities", SCRIPTS)?;
    files.retain(|file| ![".d.ts", ".d.mts"].iter().any(|end| file.path.ends_with(end)));
    Ok(files)
}

fn shown(path: &Path) -> String {
    let parts = path.components().filter(|part| !matches!(part, Component::CurDir));
    parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The text of a source file.
pub fn read(path: &Path) -> Result<String, Error> {
    String::from_utf8(bytes(path)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        refused(path, format!("is not UTF-8 after byte {at}"), "save the file in UTF-8")
    })
}

fn refused(path: &Path, why: String, help: &str) -> Error {
    Error::new(&code::PROJECT_INVALID, format!("{} {why}", path.display()))
        .fault(format!("{}:1:1", path.display()), why)
        .help(help)
}

fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let size = fs::metadata(path).map_or(0, |meta| meta.len());
    if size > SOURCE_BYTES_MAX {
        return Err(refused(path, format!("is larger than {SOURCE_BYTES_MAX} bytes"), "split the file"));
    }
    fs::read(path)
        .map_err(|error| refused(path, format!("cannot be read: {error}"), "check the file's permissions"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    #[test]
    fn finds_its_files_and_no_others() {
        let folder = folder(&[
            ("workflows/b.twf", b"b"),
            ("workflows/deep/a.twf", b"a"),
            ("workflows/notes.md", b"x"),
            ("activities/one.js", b"1"),
            ("activities/lib/two.ts", b"1"),
            ("activities/two.d.ts", b"1"),
            ("activities/node_modules/a/b.js", b"1"),
            ("seed/old.twf", b"x"),
        ]);
        let project = Project::read(folder.path()).unwrap();
        let paths: Vec<_> = project.workflows.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["workflows/b.twf", "workflows/deep/a.twf"]);
        let paths: Vec<_> = project.activities.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["activities/lib/two.ts", "activities/one.js"]);
    }

    #[test]
    fn says_what_is_wrong_with_a_folder_or_a_file() {
        let empty = folder(&[]);
        assert_eq!(Project::read(empty.path()).unwrap_err().code().id, "NX-1004");
        let binary = folder(&[("workflows/a.twf", b"ok \xff")]);
        let error = Project::read(binary.path()).unwrap_err();
        assert_eq!(error.code().id, "NX-1001");
        assert!(error.message().contains("not UTF-8 after byte 3"), "{error}");
    }
}
