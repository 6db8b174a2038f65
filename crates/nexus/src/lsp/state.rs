//! Everything that changes: folders, projects, open documents.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gen_lsp_types::{ClientCapabilities, InitializeParams, PublishDiagnosticsParams, WorkspaceFolders};
use nexus_lang::ide::{Analysis, Workspace};
use nexus_lang::text::source::{Source, SourceId};

use crate::config::{self, Config};
use crate::services::{self, Defined};

use super::convert;
use super::discover::{self, Group};
use super::position::Encoding;
use super::snapshot::{Snapshot, View};
use super::uri;
use super::worker::{Check, Diagnosed};

/// Files that are one program.
struct Project {
    workspace: Workspace,
    config: Config,
    /// The names the editor uses for its files.
    uris: Arc<HashMap<SourceId, String>>,
    /// Counts changes.
    generation: Arc<AtomicU64>,
    analysis: Arc<Analysis>,
    is_changed: bool,
    /// What the editor has been told of each file, so that it hears only news.
    told: BTreeMap<String, Vec<gen_lsp_types::Diagnostic>>,
}

/// A document that the editor has open.
#[derive(Debug, Clone)]
struct Document {
    uri: String,
    version: i32,
}

/// What has to be done after changes.
pub(super) enum Wanted {
    /// A project has to be checked.
    Check(Check),
    /// Nothing is wrong with these any more: their project is gone.
    Clear(Vec<String>),
}

#[derive(Default)]
pub(super) struct State {
    encoding: Option<Encoding>,
    lenient: bool,
    can_watch: bool,
    has_snippets: bool,
    folders: Vec<PathBuf>,
    projects: BTreeMap<Group, Project>,
    /// Open documents by key.
    open: HashMap<String, Document>,
    snapshot: Option<Arc<Snapshot>>,
}

impl State {
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding.unwrap_or(Encoding::Utf16)
    }

    pub(super) fn can_watch(&self) -> bool {
        self.can_watch
    }

    /// Takes what the editor says about itself and the folders it has open.
    pub(super) fn configure(&mut self, params: &InitializeParams) {
        let general = params.capabilities.general.as_ref();
        let offered = general.and_then(|it| it.position_encodings.as_deref());
        self.encoding = Some(Encoding::choose(offered));
        self.can_watch = can_watch(&params.capabilities);
        self.has_snippets = has_snippets(&params.capabilities);
        let options = params.initialization_options.as_ref();
        self.lenient = options.and_then(|it| it.get("lenient")?.as_bool()).unwrap_or(false);
        self.folders = folders(params);
    }

    /// Reads every file of the folders.
    pub(super) fn load(&mut self) {
        for folder in self.folders.clone() {
            self.load_folder(&folder);
        }
    }

    fn load_folder(&mut self, folder: &Path) {
        for path in discover::files(folder) {
            self.reload(&path);
        }
    }

    /// Other folders are open now.
    pub(super) fn change_folders(&mut self, added: &[String], removed: &[String]) {
        let removed: Vec<PathBuf> = removed.iter().filter_map(|uri| uri::to_path(uri)).collect();
        self.folders.retain(|folder| !removed.contains(folder));
        let added: Vec<PathBuf> = added.iter().filter_map(|uri| uri::to_path(uri)).collect();
        self.folders.extend(added.iter().cloned());
        for folder in &removed {
            let gone = |group: &Group| group.root.starts_with(folder);
            let paths =
                self.projects.iter().filter(|(group, _)| gone(group)).flat_map(|(_, it)| it.uris.values());
            for path in paths.filter_map(|uri| uri::to_path(uri)).collect::<Vec<_>>() {
                self.forget(&path);
            }
        }
        for folder in &added {
            self.load_folder(folder);
        }
    }

    /// A file has changed on the disk; what the editor has open goes before it.
    pub(super) fn reload(&mut self, path: &Path) {
        if path.file_name().is_some_and(|name| name == config::FILE) {
            return self.reconfigure(path);
        }
        let uri = uri::of_path(path);
        if !discover::is_source(path) || self.open.contains_key(&uri::key(&uri)) {
            return;
        }
        match discover::read(path) {
            Some(text) => self.set(&uri, &text),
            None => self.forget(path),
        }
    }

    /// The configuration of a project has changed.
    fn reconfigure(&mut self, path: &Path) {
        let is_its = |group: &Group| group.alone.is_none() && path.parent() == Some(&group.root);
        for (group, project) in self.projects.iter_mut().filter(|(group, _)| is_its(group)) {
            project.configure(&group.root);
            project.touch();
            self.snapshot = None;
        }
    }

    /// A file is gone; what the editor has open stays.
    pub(super) fn forget(&mut self, path: &Path) {
        if path.file_name().is_some_and(|name| name == config::FILE) {
            return self.reconfigure(path);
        }
        let uri = uri::of_path(path);
        if !self.open.contains_key(&uri::key(&uri)) {
            self.take_out(&uri);
        }
    }

    /// A document has been opened.
    pub(super) fn open(&mut self, uri: &str, version: i32, text: &str) {
        self.open.insert(uri::key(uri), Document { uri: uri.to_owned(), version });
        self.load_around(uri);
        self.set(uri, text);
    }

    /// A document of a project that no open folder holds brings the other files of its program along.
    fn load_around(&mut self, uri: &str) {
        let group = self.group(uri);
        if group.alone.is_none() && !self.projects.contains_key(&group) {
            for path in discover::files(&group.root.join("workflows")) {
                self.reload(&path);
            }
        }
    }

    /// A document has been changed by an edit of its text.
    pub(super) fn edit(&mut self, uri: &str, version: i32, edit: impl FnOnce(&Source, Encoding) -> String) {
        let key = uri::key(uri);
        let encoding = self.encoding();
        let Some(document) = self.open.get_mut(&key) else { return };
        document.version = version;
        let group = self.group(uri);
        let Some(project) = self.projects.get(&group) else { return };
        let source = project.workspace.id(&shown(&group, uri)).and_then(|id| project.workspace.source(id));
        if let Some(text) = source.map(|source| edit(source, encoding)) {
            self.set(uri, &text);
        }
    }

    /// A document has been closed: the file on the disk counts again.
    pub(super) fn close(&mut self, uri: &str) {
        let Some(document) = self.open.remove(&uri::key(uri)) else { return };
        let path = uri::to_path(uri);
        let is_part = self.group(uri).alone.is_none();
        let is_open = |path: &PathBuf| self.folders.iter().any(|folder| path.starts_with(folder));
        match path.filter(|path| is_part || is_open(path)) {
            Some(path) => self.reload(&path),
            None => self.take_out(&document.uri),
        }
    }

    fn group(&self, uri: &str) -> Group {
        uri::to_path(uri).map_or_else(|| Group::untitled(uri), |path| discover::group(&path, &self.folders))
    }

    fn set(&mut self, uri: &str, text: &str) {
        let group = self.group(uri);
        let name = shown(&group, uri);
        let lenient = self.lenient;
        let make = |group: &Group| {
            let mut project = Project::new(lenient);
            if group.alone.is_none() {
                project.configure(&group.root);
            }
            project
        };
        let project = self.projects.entry(group).or_insert_with_key(make);
        let id = project.workspace.set(&name, text);
        project.write_services();
        let spelled = self.open.get(&uri::key(uri)).map_or(uri, |document| &document.uri);
        if project.uris.get(&id).is_none_or(|known| known != spelled) {
            Arc::make_mut(&mut project.uris).insert(id, spelled.to_owned());
        }
        project.touch();
        self.snapshot = None;
    }

    fn take_out(&mut self, uri: &str) {
        let group = self.group(uri);
        let name = shown(&group, uri);
        if let Some(project) = self.projects.get_mut(&group) {
            project.workspace.remove(&name);
            project.write_services();
            project.touch();
            self.snapshot = None;
        }
    }

    /// A picture of everything, made anew only after changes.
    pub(super) fn snapshot(&mut self) -> Arc<Snapshot> {
        if let Some(snapshot) = &self.snapshot {
            return snapshot.clone();
        }
        let encoding = self.encoding();
        let mut snapshot = Snapshot::default();
        for (at, project) in self.projects.values().enumerate() {
            let analysis = project.analysis();
            for file in analysis.files() {
                if let Some(uri) = project.uris.get(&file.source) {
                    snapshot.places.insert(uri::key(uri), (at, file.source));
                }
            }
            let (uris, has_snippets) = (project.uris.clone(), self.has_snippets);
            snapshot.views.push(View { analysis, uris, encoding, has_snippets });
        }
        let snapshot = Arc::new(snapshot);
        self.snapshot = Some(snapshot.clone());
        snapshot
    }

    /// What has to be done since the last time.
    pub(super) fn take_changed(&mut self) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        self.projects.retain(|_, project| {
            if project.workspace.is_empty() {
                wanted.push(Wanted::Clear(std::mem::take(&mut project.told).into_keys().collect()));
            }
            !project.workspace.is_empty()
        });
        for (group, project) in &mut self.projects {
            if std::mem::take(&mut project.is_changed) {
                wanted.push(Wanted::Check(Check {
                    group: group.clone(),
                    analysis: project.analysis(),
                    generation: project.generation.load(Ordering::Acquire),
                    newest: project.generation.clone(),
                }));
            }
        }
        wanted
    }

    /// What the editor has to be told about a project that has been checked. Open documents are told of with their
    /// version, so the editor knows which of its states it is about.
    pub(super) fn published(&mut self, found: &Diagnosed) -> Vec<PublishDiagnosticsParams> {
        let encoding = self.encoding();
        let Some(project) = self.projects.get_mut(&found.group) else { return Vec::new() };
        if project.generation.load(Ordering::Acquire) != found.generation {
            return Vec::new();
        }
        let (analysis, uris) = (found.analysis.clone(), project.uris.clone());
        let view = View { analysis, uris, encoding, has_snippets: self.has_snippets };
        let news = convert::diagnostics(&view);
        let gone: BTreeSet<String> =
            project.told.keys().filter(|uri| !news.contains_key(*uri)).cloned().collect();
        let mut published = Vec::new();
        for (uri, diagnostics) in news.into_iter().chain(gone.into_iter().map(|uri| (uri, Vec::new()))) {
            let version = self.open.get(&uri::key(&uri)).map(|document| document.version);
            let is_news = project.told.get(&uri).is_none_or(|told| *told != diagnostics);
            if is_news || version.is_some() {
                let uri_of = uri.as_str().into();
                published.push(PublishDiagnosticsParams {
                    uri: uri_of,
                    version,
                    diagnostics: diagnostics.clone(),
                });
            }
            project.told.insert(uri, diagnostics);
        }
        project.told.retain(|_, told| !told.is_empty());
        published
    }
}

impl Project {
    fn new(lenient: bool) -> Project {
        let workspace = Workspace::new(lenient);
        Project {
            analysis: Arc::new(workspace.analysis()),
            workspace,
            config: Config::default(),
            uris: Arc::default(),
            generation: Arc::default(),
            is_changed: false,
            told: BTreeMap::new(),
        }
    }

    /// Takes over what `nexus.toml` says of endpoints and services. One that cannot be read changes nothing.
    fn configure(&mut self, root: &Path) {
        let Ok(config) = Config::read(root) else { return };
        self.workspace.set_endpoints(config.known_endpoints());
        self.config = config;
        self.write_services();
    }

    /// Services of the configuration are a file that the editor never sees.
    fn write_services(&mut self) {
        if self.config.services.is_empty() {
            return self.workspace.remove(services::PATH);
        }
        let mut defined = Defined::default();
        let own = self.workspace.id(services::PATH);
        for file in self.workspace.analysis().files().filter(|file| Some(file.source) != own) {
            let path = self.workspace.source(file.source).map_or("", |source| &source.path);
            defined.add(&file.parsed.unit, path, &file.text);
        }
        self.workspace.set(services::PATH, &services::write(&self.config, &defined).text);
    }

    fn touch(&mut self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.is_changed = true;
        self.analysis = Arc::new(self.workspace.analysis());
    }

    fn analysis(&self) -> Arc<Analysis> {
        self.analysis.clone()
    }
}

/// How a document is called in its group.
fn shown(group: &Group, uri: &str) -> String {
    uri::to_path(uri).map_or_else(|| uri.to_owned(), |path| group.shown(&path))
}

fn folders(params: &InitializeParams) -> Vec<PathBuf> {
    let listed = match &params.workspace_folders_initialize_params.workspace_folders {
        Some(WorkspaceFolders::WorkspaceFolderList(folders)) => {
            folders.iter().map(|folder| folder.uri.0.clone()).collect()
        }
        _ => Vec::new(),
    };
    #[expect(deprecated, reason = "editors that know no folders still send their only one this way")]
    let root = params.root_uri.iter().map(|uri| uri.0.clone()).collect::<Vec<_>>();
    let uris: Vec<String> = if listed.is_empty() { root } else { listed };
    uris.iter().filter_map(|uri| uri::to_path(uri)).collect()
}

fn can_watch(capabilities: &ClientCapabilities) -> bool {
    let workspace = capabilities.workspace.as_ref();
    let watching = workspace.and_then(|it| it.did_change_watched_files.as_ref());
    watching.and_then(|it| it.dynamic_registration).unwrap_or(false)
}

fn has_snippets(capabilities: &ClientCapabilities) -> bool {
    let document = capabilities.text_document.as_ref();
    let item = document.and_then(|it| it.completion.as_ref()).and_then(|it| it.completion_item.as_ref());
    item.and_then(|it| it.snippet_support).unwrap_or(false)
}
