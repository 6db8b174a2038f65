//! What an editor asks about TWF files: a workspace that is edited, and snapshots of it that answer.
//!
//! Nothing here knows a protocol: places are bytes, answers are plain data. A [`Workspace`] takes texts and keeps
//! what it has read of each file; an [`Analysis`] is an immutable picture of it that can be asked from anywhere.
//! Everything works on files with errors, because the parser goes on with the next line.

pub mod file;
pub mod layout;
pub mod names;
pub mod symbol;

mod actions;
mod calls;
mod complete;
mod fold;
mod hover;
mod layout_edit;
mod links;
mod lookup;
mod outline;
mod rename;
mod show;
mod signature;
mod tokens;
mod typing;
mod vocabulary;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock};

use crate::text::diagnostic::{Diagnostic, sort};
use crate::text::source::{Source, SourceId, Sources, Span};
use crate::twf::check::suppress::suppress;
use crate::twf::check::{CheckOptions, KnownEndpoints, ParsedUnit, check, soften};
use crate::twf::infer::Types;
use crate::twf::program::Program;
use file::File;
use symbol::Table;

pub use crate::twf::infer::Hint;
pub use actions::{Action, ActionKind};
pub use calls::{CallEdge, Caller};
pub use complete::{Item, ItemKind};
pub use fold::{Fold, FoldKind};
pub use hover::Hover;
pub use links::Link;
pub use lookup::Target;
pub use outline::{Outline, OutlineKind, WorkspaceSymbol};
pub use rename::RenameError;
pub use signature::SignatureHelp;
pub use tokens::{Coloured, TokenType, modifier};

/// The files of one project, as they are being edited.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    sources: Sources,
    files: HashMap<SourceId, Arc<File>>,
    ids: BTreeMap<String, SourceId>,
    lenient: bool,
    endpoints: Arc<KnownEndpoints>,
}

impl Workspace {
    /// No files. Leniently, names that refer to nothing are warnings.
    pub fn new(lenient: bool) -> Workspace {
        Workspace { lenient, ..Workspace::default() }
    }

    /// Endpoints that the files may name beside their own.
    pub fn set_endpoints(&mut self, endpoints: KnownEndpoints) {
        self.endpoints = Arc::new(endpoints);
    }

    /// Gives a file a text, whether or not it was there. Only this file is read again.
    pub fn set(&mut self, path: &str, text: &str) -> SourceId {
        let id = match self.ids.get(path) {
            Some(id) => *id,
            None => self.sources.add(path, text),
        };
        let known = self.files.get(&id).is_some_and(|file| &*file.text == text);
        if known {
            return id;
        }
        self.sources.replace(id, text);
        self.ids.insert(path.to_string(), id);
        if let Some(source) = self.sources.get(id) {
            self.files.insert(id, Arc::new(File::new(id, source)));
        }
        id
    }

    /// Takes a file out; its id is given again when it comes back.
    pub fn remove(&mut self, path: &str) {
        if let Some(id) = self.ids.get(path) {
            self.sources.replace(*id, "");
            self.files.remove(id);
        }
    }

    /// The id of a file that is there.
    pub fn id(&self, path: &str) -> Option<SourceId> {
        self.ids.get(path).copied().filter(|id| self.files.contains_key(id))
    }

    /// The text of a file with its lines.
    pub fn source(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id)
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// A picture of the workspace as it is now; it costs a pointer for each file.
    pub fn analysis(&self) -> Analysis {
        // By path, as a project is compiled: of two definitions of one name, the first one counts.
        let files = self.ids.values().filter_map(|id| self.files.get(id)).cloned().collect();
        Analysis::new(self.sources.clone(), files, (self.lenient, Arc::clone(&self.endpoints)))
    }
}

/// An immutable picture of a workspace.
#[derive(Debug)]
pub struct Analysis {
    sources: Sources,
    files: Vec<Arc<File>>,
    lenient: bool,
    endpoints: Arc<KnownEndpoints>,
    table: OnceLock<Table>,
    diagnostics: OnceLock<Vec<Diagnostic>>,
    /// Inferred types of the files that were asked about.
    types: Mutex<HashMap<SourceId, Arc<Types>>>,
}

impl Analysis {
    fn new(
        sources: Sources,
        files: Vec<Arc<File>>,
        (lenient, endpoints): (bool, Arc<KnownEndpoints>),
    ) -> Analysis {
        let (table, diagnostics) = (OnceLock::new(), OnceLock::new());
        Analysis { sources, files, lenient, endpoints, table, diagnostics, types: Mutex::default() }
    }

    /// The texts.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The files in order of their paths.
    pub fn files(&self) -> impl Iterator<Item = &Arc<File>> + Clone {
        self.files.iter()
    }

    /// A file.
    pub fn file(&self, id: SourceId) -> Option<&File> {
        self.files.iter().find(|file| file.source == id).map(|file| &**file)
    }

    /// All definitions by name, entered on first use.
    pub fn table(&self) -> &Table {
        self.table.get_or_init(|| Table::new(self.files.iter()))
    }

    /// Everything that is wrong with the files, as `nexus check` reports it, by file and place; found on first use.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        self.diagnostics.get_or_init(|| self.check())
    }

    fn check(&self) -> Vec<Diagnostic> {
        let units: Vec<ParsedUnit<'_>> = self
            .files
            .iter()
            .map(|file| ParsedUnit { source: file.source, unit: &file.parsed.unit })
            .collect();
        let mut found: Vec<Diagnostic> =
            self.files.iter().flat_map(|file| file.parsed.diagnostics.iter().cloned()).collect();
        found.extend(check(
            &units,
            &self.sources,
            CheckOptions { endpoints: &self.endpoints, ..CheckOptions::default() },
        ));
        suppress(&mut found, &self.sources);
        if self.lenient {
            soften(&mut found);
        }
        if !found.iter().any(Diagnostic::is_error) {
            let units: Vec<_> = self.files.iter().map(|file| (file.source, &file.parsed.unit)).collect();
            found.extend(Program::compile(&units, &self.sources, self.lenient).1);
        }
        sort(&mut found);
        found
    }

    /// The text of a span.
    pub fn slice(&self, span: Span) -> &str {
        self.sources.slice(span)
    }
}

#[cfg(test)]
mod tests;
