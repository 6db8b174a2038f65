//! What a name stands for in the whole workspace: two names are the same when their symbols are equal.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::file::File;
use super::names::{Callee, Name, Occurrence, Owner, Path};
use crate::text::source::{SourceId, offset};
use crate::twf::ast::{Definition, HandlerKind, Name as Text, ServiceOperation};
use crate::twf::check::index::{leaf, package_key};
use crate::twf::options::OptionScope;

/// Definitions that are looked up by name in a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `workflow`.
    Workflow,
    /// `activity`.
    Activity,
    /// `worker`.
    Worker,
    /// `nexus service`.
    Service,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Symbol {
    /// A definition of a package, whether or not it is written yet.
    Global(Kind, usize, Text),
    /// One of a package that is not among the files.
    Foreign(Kind, Text, Text),
    /// A namespace.
    Namespace(Text),
    /// An endpoint.
    Endpoint(Text),
    /// A type or label.
    Type(Text),
    /// A field of a type.
    Field(Text, Text),
    /// A package as a file names it.
    Package(SourceId, Text),
    /// An operation of a service.
    Operation(Box<Symbol>, Text),
    /// A message of a workflow.
    Message(Box<Symbol>, HandlerKind, Text),
    /// A name inside one definition.
    Local(SourceId, u32, u32, Text),
    /// A function of the language.
    Function(Text),
    /// A field of the run.
    RunField(Text),
    /// A name of the language that has a value.
    Pseudo(Text),
    /// An option by its newest name.
    Key(OptionScope, Text),
}

/// A definition: its file and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub source: SourceId,
    /// Its number among the definitions of the file.
    pub at: usize,
}

/// An import and the packages it names.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The name in the file.
    pub alias: Text,
    /// The path as written.
    pub path: String,
    /// None when the package is not among the files.
    pub packages: Vec<usize>,
}

/// What a file belongs to and brings in.
#[derive(Debug, Clone, Default)]
pub struct Home {
    /// The number of its package.
    pub package: usize,
    /// Its imports in order.
    pub imports: Vec<Imported>,
}

/// All definitions of a workspace by name.
#[derive(Debug, Default)]
pub struct Table {
    homes: HashMap<SourceId, Home>,
    /// Package names by number; the default package has an empty one.
    pub packages: Vec<String>,
    globals: BTreeMap<(Kind, usize), BTreeMap<Text, Vec<Place>>>,
    /// Endpoints by name.
    pub endpoints: BTreeMap<Text, Place>,
    /// Namespaces by name.
    pub namespaces: BTreeMap<Text, Place>,
    /// Types by name.
    pub types: BTreeMap<Text, Place>,
}

impl Table {
    /// Enters every definition of the files.
    pub fn new<'a>(files: impl Iterator<Item = &'a Arc<File>> + Clone) -> Table {
        let mut table = Table::default();
        let mut keys: BTreeMap<(String, String), usize> = BTreeMap::new();
        for file in files.clone() {
            let (folder, package) = package_key(&file.parsed.unit, &file.path);
            let number = *keys.entry((folder, package.to_string())).or_insert_with(|| {
                table.packages.push(package.to_string());
                table.packages.len() - 1
            });
            table.homes.insert(file.source, Home { package: number, imports: Vec::new() });
            for (at, definition) in file.parsed.unit.definitions.iter().enumerate() {
                table.define(definition, number, Place { source: file.source, at });
            }
        }
        for file in files {
            table.link(file);
        }
        table
    }

    fn define(&mut self, definition: &Definition, package: usize, place: Place) {
        let kind = match definition {
            Definition::Workflow(_) => Kind::Workflow,
            Definition::Activity(_) => Kind::Activity,
            Definition::Worker(_) => Kind::Worker,
            Definition::Service(_) => Kind::Service,
            Definition::Namespace(it) => {
                self.namespaces.entry(it.name.name.clone()).or_insert(place);
                for endpoint in &it.endpoints {
                    self.endpoints.entry(endpoint.name.name.clone()).or_insert(place);
                }
                return;
            }
            Definition::Endpoint(it) => {
                self.endpoints.entry(it.name.name.clone()).or_insert(place);
                return;
            }
            Definition::Type(it) => {
                self.types.entry(it.name.name.clone()).or_insert(place);
                return;
            }
        };
        let names = self.globals.entry((kind, package)).or_default();
        names.entry(definition.name().name.clone()).or_default().push(place);
    }

    fn link(&mut self, file: &File) {
        let imports = file.parsed.unit.imports.iter().map(|import| {
            let leaf = leaf(&import.path);
            let is_named = |name: &str| name == leaf || name.rsplit('.').next() == Some(leaf);
            let packages = self.packages.iter().enumerate().filter(|(_, name)| is_named(name));
            let alias = import.alias.as_ref().map_or_else(|| leaf.into(), |it| it.name.clone());
            Imported { alias, path: import.path.clone(), packages: packages.map(|(at, _)| at).collect() }
        });
        let imports = imports.collect();
        if let Some(home) = self.homes.get_mut(&file.source) {
            home.imports = imports;
        }
    }

    /// What a file belongs to.
    pub fn home(&self, file: SourceId) -> Option<&Home> {
        self.homes.get(&file)
    }

    /// The files of a package.
    pub fn files_of(&self, package: usize) -> Vec<SourceId> {
        let mut files: Vec<_> =
            self.homes.iter().filter(|(_, home)| home.package == package).map(|(file, _)| *file).collect();
        files.sort_unstable();
        files
    }

    /// The names of one kind that a file can use without a qualifier.
    pub fn visible(&self, kind: Kind, file: SourceId) -> impl Iterator<Item = (&str, Place)> {
        let package = self.homes.get(&file).map_or(usize::MAX, |home| home.package);
        self.of_package(kind, package)
    }

    /// The names of one kind in a package.
    pub fn of_package(&self, kind: Kind, package: usize) -> impl Iterator<Item = (&str, Place)> {
        let names = self.globals.get(&(kind, package)).into_iter().flatten();
        names.filter_map(|(name, places)| Some((name.as_str(), *places.first()?)))
    }

    /// All definitions of a symbol that stand at the top of a file.
    pub fn places(&self, symbol: &Symbol) -> Vec<Place> {
        match symbol {
            Symbol::Global(kind, package, name) => {
                let names = self.globals.get(&(*kind, *package));
                names.and_then(|names| names.get(name)).cloned().unwrap_or_default()
            }
            Symbol::Namespace(name) => self.namespaces.get(name).copied().into_iter().collect(),
            Symbol::Endpoint(name) => self.endpoints.get(name).copied().into_iter().collect(),
            Symbol::Type(name) | Symbol::Field(name, _) => {
                self.types.get(name).copied().into_iter().collect()
            }
            Symbol::Operation(owner, _) | Symbol::Message(owner, ..) => self.places(owner),
            Symbol::Local(source, at, ..) => vec![Place { source: *source, at: *at as usize }],
            _ => Vec::new(),
        }
    }

    /// The definition that a path in a file means.
    pub fn global(&self, kind: Kind, path: &Path, file: SourceId) -> Symbol {
        let home = self.homes.get(&file);
        let package = home.map_or(usize::MAX, |home| home.package);
        let Some(qualifier) = &path.qualifier else {
            return Symbol::Global(kind, package, path.name.clone());
        };
        let import = home.and_then(|home| home.imports.iter().find(|it| it.alias == *qualifier));
        let packages = import.map_or(&[][..], |it| &it.packages);
        let has_it =
            |at: &&usize| self.globals.get(&(kind, **at)).is_some_and(|names| names.contains_key(&path.name));
        match packages.iter().find(has_it).or_else(|| packages.first()) {
            Some(package) => Symbol::Global(kind, *package, path.name.clone()),
            None => {
                let path_of = import.map_or(qualifier.as_str(), |it| it.path.as_str());
                Symbol::Foreign(kind, path_of.into(), path.name.clone())
            }
        }
    }

    /// What a name of a file stands for; nothing when only its type could tell.
    pub fn symbol(&self, file: &File, it: &Occurrence) -> Option<Symbol> {
        let text = || it.text.clone();
        let global = |kind, qualifier: &Option<Text>| {
            self.global(kind, &Path { qualifier: qualifier.clone(), name: it.text.clone() }, file.source)
        };
        Some(match &it.name {
            Name::Workflow(qualifier) => global(Kind::Workflow, qualifier),
            Name::Activity(qualifier) => global(Kind::Activity, qualifier),
            Name::Service(qualifier) => global(Kind::Service, qualifier),
            Name::Worker => global(Kind::Worker, &None),
            Name::Namespace => Symbol::Namespace(text()),
            Name::Endpoint => Symbol::Endpoint(text()),
            Name::Type => Symbol::Type(text()),
            Name::Package => Symbol::Package(file.source, text()),
            Name::Operation(service) => {
                Symbol::Operation(Box::new(self.global(Kind::Service, service, file.source)), text())
            }
            Name::Message(kind, owner) => Symbol::Message(Box::new(self.owner(file, owner)?), *kind, text()),
            Name::Local(owner, scope, _) => Symbol::Local(file.source, *owner, *scope, text()),
            Name::Field(label) => Symbol::Field(label.clone(), text()),
            Name::Function => Symbol::Function(text()),
            Name::RunField => Symbol::RunField(text()),
            Name::Pseudo => Symbol::Pseudo(text()),
            Name::Key(scope) => {
                let name = scope.key(&it.text).map_or_else(text, |key| key.name.into());
                Symbol::Key(*scope, name)
            }
            Name::Argument(_) | Name::Member | Name::Annotation => return None,
        })
    }

    /// The workflow whose message it is.
    fn owner(&self, file: &File, owner: &Owner) -> Option<Symbol> {
        match owner {
            Owner::Here(at) => {
                let definition = file.parsed.unit.definitions.get(*at as usize)?;
                let path = Path { qualifier: None, name: definition.name().name.clone() };
                Some(self.global(Kind::Workflow, &path, file.source))
            }
            Owner::Workflow(path) => Some(self.global(Kind::Workflow, path, file.source)),
            Owner::Unknown => None,
        }
    }

    /// What takes the arguments of a call, as a symbol.
    pub fn callee(&self, file: &File, callee: &Callee) -> Option<Symbol> {
        Some(match callee {
            Callee::Workflow(path) => self.global(Kind::Workflow, path, file.source),
            Callee::Activity(path) => self.global(Kind::Activity, path, file.source),
            Callee::Operation(service, name) => {
                Symbol::Operation(Box::new(self.global(Kind::Service, service, file.source)), name.clone())
            }
            Callee::Message(kind, owner, name) => {
                Symbol::Message(Box::new(self.owner(file, owner)?), *kind, name.clone())
            }
        })
    }
}

impl Symbol {
    /// The name.
    pub fn text(&self) -> &str {
        match self {
            Symbol::Global(_, _, name)
            | Symbol::Foreign(_, _, name)
            | Symbol::Namespace(name)
            | Symbol::Endpoint(name)
            | Symbol::Type(name)
            | Symbol::Field(_, name)
            | Symbol::Package(_, name)
            | Symbol::Operation(_, name)
            | Symbol::Message(_, _, name)
            | Symbol::Local(_, _, _, name)
            | Symbol::Function(name)
            | Symbol::RunField(name)
            | Symbol::Pseudo(name)
            | Symbol::Key(_, name) => name,
        }
    }

    /// Whether it belongs to the language and not to a file.
    pub fn is_of_language(&self) -> bool {
        matches!(self, Symbol::Function(_) | Symbol::RunField(_) | Symbol::Pseudo(_) | Symbol::Key(..))
    }

    /// What it is, as a hover says it.
    pub fn word(&self) -> &'static str {
        match self {
            Symbol::Global(kind, ..) | Symbol::Foreign(kind, ..) => match kind {
                Kind::Workflow => "workflow",
                Kind::Activity => "activity",
                Kind::Worker => "worker",
                Kind::Service => "nexus service",
            },
            Symbol::Namespace(_) => "namespace",
            Symbol::Endpoint(_) => "nexus endpoint",
            Symbol::Type(_) => "type",
            Symbol::Field(..) => "field",
            Symbol::Package(..) => "package",
            Symbol::Operation(..) => "operation",
            Symbol::Message(_, HandlerKind::Signal, _) => "signal",
            Symbol::Message(_, HandlerKind::Query, _) => "query",
            Symbol::Message(_, HandlerKind::Update, _) => "update",
            Symbol::Local(..) => "variable",
            Symbol::Function(_) => "function",
            Symbol::RunField(_) => "field of the run",
            Symbol::Pseudo(_) => "name of the language",
            Symbol::Key(..) => "option",
        }
    }
}

/// The scope that an operation's names have: services number them from 1.
pub fn operation_scope(operations: &[ServiceOperation], name: &str) -> Option<u32> {
    operations.iter().position(|it| it.name().name == name).map(|at| offset(at) + 1)
}
