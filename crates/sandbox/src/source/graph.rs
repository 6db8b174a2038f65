//! All files that a file reaches by its imports.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use nexus_kernel::code;

use super::edit;
use super::parse::{self, Language};
use super::resolve::{Imports, Resolved, is_relative};
use super::unit::{Export, Kind, Request, Unit, Way};
use super::{Bundled, emit};
use crate::compile::JsError;
use crate::limits::{BUNDLE_BYTES_MAX, BUNDLE_FILES_MAX, SOURCE_BYTES_MAX};

/// The modules, in the order in which they were found; the first is the file itself.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) units: Vec<Unit>,
    /// For every module the modules that its requests mean; nothing for those that fail when they run.
    pub(crate) links: Vec<Vec<Option<usize>>>,
    /// Who asked for a module first, and where.
    parents: Vec<Option<(usize, usize)>>,
}

/// Whether a module exports a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exports {
    Yes,
    No,
    /// Only running it would tell.
    Perhaps,
}

/// Reads a file and all that it imports, and makes one script of them.
pub(crate) fn load(root: &Path, file: &str) -> Bundled {
    let mut loader = Loader::new(root);
    let mut inputs = vec![root.join(file)];
    let result = loader.run(file, &mut inputs);
    inputs.sort_unstable();
    inputs.dedup();
    Bundled { result: result.and_then(|()| emit::emit(&loader.graph)), inputs }
}

struct Loader {
    root: PathBuf,
    imports: Imports,
    graph: Graph,
    ids: HashMap<PathBuf, usize>,
    bytes: usize,
}

impl Loader {
    fn new(root: &Path) -> Loader {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let imports = Imports::new(root.clone());
        Loader { root, imports, graph: Graph::default(), ids: HashMap::new(), bytes: 0 }
    }

    fn run(&mut self, file: &str, inputs: &mut Vec<PathBuf>) -> Result<(), Vec<JsError>> {
        self.add(self.root.join(file), None)?;
        let mut next = 0;
        while next < self.graph.units.len() {
            let links = self.follow(next, inputs)?;
            self.graph.links.push(links);
            next += 1;
        }
        let errors = self.graph.missing_exports();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// The modules that the requests of a module mean.
    fn follow(&mut self, id: usize, inputs: &mut Vec<PathBuf>) -> Result<Vec<Option<usize>>, Vec<JsError>> {
        let Some(unit) = self.graph.units.get(id) else { return Ok(Vec::new()) };
        let importer = self.root.join(&unit.origin.path);
        let requests = unit.requests.clone();
        let (mut links, mut errors) = (Vec::with_capacity(requests.len()), Vec::new());
        // A file with `import` has no `require`.
        let is_esm = unit.kind == Kind::Esm;
        for request in &requests {
            if is_esm && matches!(request.way, Way::Require { .. }) {
                links.push(None);
                continue;
            }
            let resolved = self.imports.resolve(&importer, &request.specifier, request.way, inputs);
            match self.link(id, request, resolved) {
                Ok(link) => links.push(link),
                Err(mut found) => {
                    errors.append(&mut found);
                    links.push(None);
                    // Every further file would be too much as well.
                    if errors.iter().any(|error| error.code == &code::BUNDLE_TOO_LARGE) {
                        break;
                    }
                }
            }
        }
        if errors.is_empty() { Ok(links) } else { Err(errors) }
    }

    fn link(
        &mut self,
        id: usize,
        request: &Request,
        resolved: Resolved,
    ) -> Result<Option<usize>, Vec<JsError>> {
        match resolved {
            Resolved::File(path) => match self.ids.get(&path) {
                Some(known) => Ok(Some(*known)),
                None => self.add(path, Some((id, request.at))).map(Some),
            },
            Resolved::Nothing => Ok(Some(self.empty(id, request))),
            // Who asks inside of a `try` can do without.
            _ if request.way == (Way::Require { may_fail: true }) => Ok(None),
            Resolved::Builtin => Err(vec![self.graph.needs_node(id, request)]),
            Resolved::Outside(_) => {
                let message =
                    format!("cannot import {:?}: the file is outside of the project", request.specifier);
                let help = "copy it into the project, or install the package in the project's own folder";
                Err(vec![self.graph.refuse(id, request, message).help(help)])
            }
            Resolved::Missing(why) => {
                let message = format!("cannot import {:?}: {why}", request.specifier);
                let help = if is_relative(&request.specifier) {
                    "the path is seen from the file that imports it".to_owned()
                } else {
                    format!("`npm install {}` in the project's folder", package(&request.specifier))
                };
                Err(vec![self.graph.refuse(id, request, message).help(&help)])
            }
        }
    }

    fn push(&mut self, unit: Unit, parent: Option<(usize, usize)>) -> usize {
        self.graph.units.push(unit);
        self.graph.parents.push(parent);
        self.graph.units.len() - 1
    }

    /// What a package puts in the place of something that only Node.js has.
    fn empty(&mut self, id: usize, request: &Request) -> usize {
        let path = format!("{} (nothing)", request.specifier);
        let unit = parse::parse(&path, Language::Common, "module.exports = {}".to_owned());
        // The text is ours and valid; were it not, the importer itself would stand in.
        unit.map_or(id, |unit| self.push(unit, Some((id, request.at))))
    }

    fn add(&mut self, path: PathBuf, parent: Option<(usize, usize)>) -> Result<usize, Vec<JsError>> {
        let shown = self.shown(&path);
        let refuse = |loader: &Loader, message: String| {
            vec![match parent {
                Some((id, at)) => loader.graph.at(id, at, message),
                None => JsError::new(&shown, None, message),
            }]
        };
        let Some(language) = Language::of(&shown) else {
            let message = format!("{shown} cannot be imported: it is no JavaScript, TypeScript or JSON");
            return Err(refuse(self, message));
        };
        let text = read(&path).map_err(|message| refuse(self, format!("{shown} {message}")))?;
        self.bytes += text.len();
        if self.graph.units.len() >= BUNDLE_FILES_MAX || self.bytes > BUNDLE_BYTES_MAX {
            let what = format!("{BUNDLE_FILES_MAX} files and {BUNDLE_BYTES_MAX} bytes are allowed");
            let error = JsError { code: &code::BUNDLE_TOO_LARGE, ..self.chain_start(parent, &shown) };
            let help =
                "import less: one part of a package, such as \"lodash/groupBy\", in place of all of it";
            let message = format!("the file and all that it imports are too much: {what}");
            return Err(vec![JsError { message, ..error }.help(help)]);
        }
        let unit = parse::parse(&shown, language, text)?;
        let id = self.push(unit, parent);
        self.ids.insert(path, id);
        Ok(id)
    }

    fn chain_start(&self, parent: Option<(usize, usize)>, shown: &str) -> JsError {
        parent.map_or_else(|| JsError::new(shown, None, ""), |(id, at)| self.graph.at(id, at, String::new()))
    }

    fn shown(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
    }
}

fn hands_on(unit: &Unit, name: &str) -> bool {
    unit.exports.values().any(|export| matches!(export, Export::From(_, from) if from == name))
}

/// The text of a file, or why there is none.
fn read(path: &Path) -> Result<String, String> {
    let size = fs::metadata(path).map_or(0, |facts| facts.len());
    let is_package = path.iter().any(|part| part == "node_modules");
    let bytes_max = if is_package { BUNDLE_BYTES_MAX } else { SOURCE_BYTES_MAX };
    if size > bytes_max as u64 {
        return Err(format!("has {size} bytes, {bytes_max} are allowed"));
    }
    let bytes = fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    let text = String::from_utf8(bytes);
    let text =
        text.map_err(|error| format!("is not UTF-8 after byte {}", error.utf8_error().valid_up_to()))?;
    if text.contains('\0') {
        let (line, column) = edit::place(&text, text.find('\0').unwrap_or(0));
        return Err(format!("contains a zero character in line {line}, column {column}"));
    }
    Ok(text)
}

/// The package that a specifier begins with.
fn package(specifier: &str) -> &str {
    let parts = if specifier.starts_with('@') { 2 } else { 1 };
    specifier.match_indices('/').nth(parts - 1).and_then(|(at, _)| specifier.get(..at)).unwrap_or(specifier)
}

impl Graph {
    /// An error at the place in the project's own files that led here; the way from there is told.
    fn at(&self, id: usize, at: usize, message: String) -> JsError {
        let way = self.way(id, at);
        let own = way
            .iter()
            .position(|step| step.0.contains("node_modules/"))
            .map_or(way.len() - 1, |at| at.max(1) - 1);
        let (file, line, column) = way.get(own).cloned().unwrap_or_default();
        let steps = way.iter().skip(own).map(|(file, line, column)| format!("{file}:{line}:{column}"));
        let steps: Vec<String> = steps.collect();
        let message =
            if steps.len() > 1 { format!("{message} ({})", steps.join(" imports ")) } else { message };
        JsError { code: &code::IMPORT_FAILED, ..JsError::new(&file, Some((line, column)), message) }
    }

    fn refuse(&self, id: usize, request: &Request, message: String) -> JsError {
        self.at(id, request.at, message)
    }

    fn needs_node(&self, id: usize, request: &Request) -> JsError {
        let name = format!("node:{}", request.specifier.trim_start_matches("node:"));
        let message = format!("cannot import {name}: it is a part of Node.js, which functions do not have");
        let help = "functions have ctx (http, kv, files and more), crypto.randomUUID and what the language has; look \
                    for a package that works in browsers, or bind the activity to a process";
        JsError { code: &code::IMPORT_NEEDS_NODE, ..self.at(id, request.at, message).help(help) }
    }

    /// The places that lead to a place, from the first file on.
    fn way(&self, id: usize, at: usize) -> Vec<(String, u32, u32)> {
        let (mut way, mut next) = (Vec::new(), Some((id, at)));
        while let Some((id, at)) = next {
            if let Some(unit) = self.units.get(id) {
                let (line, column) = unit.origin.place(at);
                way.push((unit.origin.path.clone(), line, column));
            }
            next = self.parents.get(id).copied().flatten();
        }
        way.reverse();
        way
    }

    /// The module that a request means.
    pub(crate) fn linked(&self, id: usize, request: usize) -> Option<usize> {
        self.links.get(id)?.get(request).copied().flatten()
    }

    /// Whether a module may export more than its text says.
    pub(crate) fn is_open(&self, id: usize) -> bool {
        self.units.get(id).is_none_or(|unit| unit.kind != Kind::Esm || !unit.stars.is_empty())
    }

    /// Imports of names that nobody exports.
    fn missing_exports(&self) -> Vec<JsError> {
        let mut errors = Vec::new();
        for (id, unit) in self.units.iter().enumerate() {
            for (request, name, at) in &unit.imports {
                let Some(to) = self.linked(id, *request) else { continue };
                if self.exports(to, name, &mut HashSet::new()) != Exports::No {
                    continue;
                }
                // A type that is handed on looks like a value; nobody can tell them apart in one file.
                let target = self.units.get(to);
                if unit.is_typed && target.is_some_and(|target| target.is_typed) && hands_on(unit, name) {
                    continue;
                }
                let from = target.map_or("", |target| target.origin.path.as_str());
                errors.push(self.at(id, *at, format!("{from} does not export {name}")));
            }
        }
        errors
    }

    fn exports(&self, id: usize, name: &str, seen: &mut HashSet<usize>) -> Exports {
        let Some(unit) = self.units.get(id) else { return Exports::Perhaps };
        if unit.kind != Kind::Esm {
            return Exports::Perhaps;
        }
        if unit.exports.contains_key(name) {
            return Exports::Yes;
        }
        if name == "default" || !seen.insert(id) {
            return Exports::No;
        }
        let stars = unit.stars.iter().filter_map(|request| self.linked(id, *request));
        let found: Vec<Exports> = stars.map(|to| self.exports(to, name, seen)).collect();
        let is = |what| found.contains(&what);
        if is(Exports::Yes) {
            Exports::Yes
        } else if is(Exports::Perhaps) {
            Exports::Perhaps
        } else {
            Exports::No
        }
    }

    /// All names that a module exports, and what they stand for: module and export. Those of `CommonJS` files are not
    /// known before they run.
    pub(crate) fn names(&self, id: usize, seen: &mut HashSet<usize>) -> Vec<(String, usize)> {
        let Some(unit) = self.units.get(id).filter(|_| seen.insert(id)) else { return Vec::new() };
        let mut names: Vec<(String, usize)> = unit.exports.keys().map(|name| (name.clone(), id)).collect();
        for request in &unit.stars {
            let Some(to) = self.linked(id, *request) else { continue };
            for (name, owner) in self.names(to, seen) {
                if name != "default" && !names.iter().any(|(known, _)| *known == name) {
                    names.push((name, owner));
                }
            }
        }
        names
    }
}
