//! All definitions by name: packages, imports, endpoints, and where workflows are deployed.

use std::collections::BTreeMap;

use super::ParsedUnit;
use super::route::Routes;
use crate::text::source::Sources;
use crate::twf::ast::{
    Activity, Definition, EndpointDef, Import, NamespaceDef, OptionEntry, QName, Service, Unit, Worker,
    Workflow,
};
use crate::twf::hash::QuickIndex;

/// Names offered to suggestions at most.
const KNOWN_MAX: usize = 5_000;

/// Definitions that see each other.
#[derive(Default)]
pub(in crate::twf) struct Package<'a> {
    pub(in crate::twf) workflows: QuickIndex<&'a str, &'a Workflow>,
    pub(in crate::twf) activities: QuickIndex<&'a str, &'a Activity>,
    pub(in crate::twf) workers: QuickIndex<&'a str, &'a Worker>,
    pub(in crate::twf) services: QuickIndex<&'a str, &'a Service>,
}

/// A file of the index.
pub(in crate::twf) struct File<'a> {
    pub(in crate::twf) unit: &'a Unit,
    /// Index of its package.
    pub(in crate::twf) package: usize,
    pub(in crate::twf) imports: Vec<Imported<'a>>,
}

/// An import with the packages it names; none when they are not among the files.
pub(in crate::twf) struct Imported<'a> {
    pub(in crate::twf) alias: &'a str,
    pub(in crate::twf) import: &'a Import,
    pub(in crate::twf) packages: Vec<usize>,
}

/// An endpoint with the namespace that serves it.
#[derive(Clone, Copy)]
pub(in crate::twf) struct Endpoint<'a> {
    pub(in crate::twf) def: &'a EndpointDef,
    pub(in crate::twf) namespace: Option<&'a NamespaceDef>,
}

/// A worker placed in a namespace.
#[derive(Clone, Copy)]
pub(in crate::twf) struct Placement<'a> {
    pub(in crate::twf) namespace: &'a NamespaceDef,
    pub(in crate::twf) worker: &'a Worker,
    pub(in crate::twf) options: &'a [OptionEntry],
    /// Index of the file the namespace stands in.
    pub(in crate::twf) file: usize,
}

/// What a reference leads to.
pub(in crate::twf) enum Found<T> {
    /// A definition and the index of its package.
    Here(T, usize),
    /// Nothing, though the package is known.
    Missing,
    /// A package that is not among the files.
    External,
    /// A qualifier that no import brings; reported where imports are checked.
    NotImported,
}

/// All files by name.
pub(in crate::twf) struct Index<'a> {
    pub(in crate::twf) files: Vec<File<'a>>,
    pub(in crate::twf) packages: Vec<Package<'a>>,
    pub(in crate::twf) endpoints: BTreeMap<&'a str, Endpoint<'a>>,
    pub(in crate::twf) placements: Vec<Placement<'a>>,
    /// Which worker serves what where.
    pub(super) routes: Routes<'a>,
    /// Whether any namespace exists: without one, everything runs in `default`.
    pub(in crate::twf) has_namespaces: bool,
}

/// A part of a package.
pub(in crate::twf) type Part<'a, T> = for<'x> fn(&'x Package<'a>) -> &'x QuickIndex<&'a str, T>;

impl<'a> Index<'a> {
    pub(in crate::twf) fn new(units: &[ParsedUnit<'a>], sources: &Sources) -> Index<'a> {
        let mut keys: BTreeMap<(String, &str), usize> = BTreeMap::new();
        let mut index = Index {
            files: Vec::new(),
            packages: Vec::new(),
            endpoints: BTreeMap::new(),
            placements: Vec::new(),
            routes: Routes::default(),
            has_namespaces: false,
        };
        for unit in units {
            let path = sources.get(unit.source).map_or("", |source| &*source.path);
            let package = *keys.entry(package_key(unit.unit, path)).or_insert_with(|| {
                index.packages.push(Package::default());
                index.packages.len() - 1
            });
            index.add(unit.unit, package);
        }
        let names: Vec<(&str, usize)> = keys.iter().map(|((_, name), at)| (*name, *at)).collect();
        index.link(&names);
        index.place();
        index.routes = Routes::new(&index);
        index
    }

    fn add(&mut self, unit: &'a Unit, package: usize) {
        self.files.push(File { unit, package, imports: Vec::new() });
        for definition in &unit.definitions {
            self.define(definition, package);
            self.define_endpoints(definition);
        }
    }

    fn define(&mut self, definition: &'a Definition, package: usize) {
        let Some(package) = self.packages.get_mut(package) else { return };
        match definition {
            Definition::Workflow(it) => {
                package.workflows.entry(&it.name.name).or_insert(it);
            }
            Definition::Activity(it) => {
                package.activities.entry(&it.name.name).or_insert(it);
            }
            Definition::Worker(it) => {
                package.workers.entry(&it.name.name).or_insert(it);
            }
            Definition::Service(it) => {
                package.services.entry(&it.name.name).or_insert(it);
            }
            Definition::Namespace(_) | Definition::Endpoint(_) | Definition::Type(_) => {}
        }
    }

    fn define_endpoints(&mut self, definition: &'a Definition) {
        match definition {
            Definition::Namespace(namespace) => {
                self.has_namespaces = true;
                for def in &namespace.endpoints {
                    let endpoint = Endpoint { def, namespace: Some(namespace) };
                    self.endpoints.entry(&def.name.name).or_insert(endpoint);
                }
            }
            Definition::Endpoint(def) => {
                let endpoint = Endpoint { def, namespace: None };
                self.endpoints.entry(&def.name.name).or_insert(endpoint);
            }
            _ => {}
        }
    }

    /// Finds the packages of the imports. A path names the package by its last part, a version left out.
    fn link(&mut self, names: &[(&str, usize)]) {
        for file in &mut self.files {
            for import in &file.unit.imports {
                let leaf = leaf(&import.path);
                let is_named = |name: &str| name == leaf || name.rsplit('.').next() == Some(leaf);
                let packages = names.iter().filter(|(name, _)| is_named(name)).map(|(_, at)| *at).collect();
                let alias = import.alias.as_ref().map_or(leaf, |it| &it.name);
                file.imports.push(Imported { alias, import, packages });
            }
        }
    }

    fn place(&mut self) {
        for (at, file) in self.files.iter().enumerate() {
            let Some(package) = self.packages.get(file.package) else { continue };
            for namespace in namespaces(file.unit) {
                for (name, options) in &namespace.workers {
                    if let Some(worker) = package.workers.get(name.name.as_str()) {
                        self.placements.push(Placement { namespace, worker, options, file: at });
                    }
                }
            }
        }
    }

    /// The definition that a name in a file refers to.
    pub(in crate::twf) fn find<T: Copy>(&self, file: usize, name: &QName, part: Part<'a, T>) -> Found<T> {
        let Some(from) = self.files.get(file) else { return Found::Missing };
        let Some(qualifier) = &name.package else {
            return self.find_in(&[from.package], &name.name.name, part);
        };
        match from.imports.iter().find(|it| it.alias == qualifier.name) {
            None => Found::NotImported,
            Some(import) if import.packages.is_empty() => Found::External,
            Some(import) => self.find_in(&import.packages, &name.name.name, part),
        }
    }

    fn find_in<T: Copy>(&self, packages: &[usize], name: &str, part: Part<'a, T>) -> Found<T> {
        let found = packages.iter().find_map(|at| {
            let found = part(self.packages.get(*at)?).get(name)?;
            Some((*found, *at))
        });
        found.map_or(Found::Missing, |(found, at)| Found::Here(found, at))
    }

    /// The names that a reference could have meant, for suggestions.
    pub(in crate::twf) fn known<T: 'a>(&self, file: usize, name: &QName, part: Part<'a, T>) -> Vec<&'a str> {
        let Some(from) = self.files.get(file) else { return Vec::new() };
        let packages = match &name.package {
            None => vec![from.package],
            Some(alias) => from
                .imports
                .iter()
                .filter(|it| it.alias == alias.name)
                .flat_map(|it| it.packages.iter().copied())
                .collect(),
        };
        let parts = packages.into_iter().filter_map(|at| self.packages.get(at)).map(part);
        parts.flat_map(|names| names.keys().copied()).take(KNOWN_MAX).collect()
    }

    /// Whether a file says of its services that every queue serves them: `# twf: services=everywhere`.
    pub(in crate::twf) fn is_everywhere(&self, service: &Service) -> bool {
        let says_so = |file: &&File<'a>| {
            file.unit.pragmas.iter().any(|(key, value)| key == "services" && value == "everywhere")
        };
        let defines = |file: &File<'a>| {
            file.unit
                .definitions
                .iter()
                .any(|it| matches!(it, Definition::Service(own) if address(own) == address(service)))
        };
        self.files.iter().filter(says_so).any(defines)
    }

    /// Whether a file has the block of a namespace.
    pub(in crate::twf) fn is_declared(&self, namespace: &str) -> bool {
        self.files.iter().flat_map(|file| namespaces(file.unit)).any(|it| it.name.name == namespace)
    }

    /// The namespaces in which a workflow runs: those of the workers that register it, `default` when no
    /// namespace exists at all.
    pub(in crate::twf) fn homes(&self, workflow: &Workflow) -> Vec<&'a str> {
        if !self.has_namespaces {
            return vec!["default"];
        }
        self.routes.homes(workflow).iter().map(|home| home.namespace).collect()
    }
}

/// What tells definitions of one name apart.
pub(in crate::twf) fn address<T>(definition: &T) -> usize {
    std::ptr::from_ref(definition).addr()
}

/// The namespaces that a file defines.
pub(in crate::twf) fn namespaces(unit: &Unit) -> impl Iterator<Item = &NamespaceDef> {
    unit.definitions.iter().filter_map(|definition| match definition {
        Definition::Namespace(namespace) => Some(namespace),
        _ => None,
    })
}

/// Files without a package clause are one package wherever they lie; others are one for each directory and
/// name.
pub(crate) fn package_key<'a>(unit: &'a Unit, path: &str) -> (String, &'a str) {
    match &unit.package {
        None => (String::new(), ""),
        Some(name) => {
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            (format!("/{directory}"), &name.name)
        }
    }
}

/// The last part of an import path, or the one before a version such as `v2`.
pub(crate) fn leaf(path: &str) -> &str {
    let is_version = |part: &str| {
        part.strip_prefix('v')
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut parts = path.trim_end_matches('/').rsplit('/');
    let last = parts.next().unwrap_or("");
    if is_version(last) { parts.next().unwrap_or(last) } else { last }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leaf_of_a_path_leaves_versions_out() {
        for (path, expected) in
            [("a/b/orders", "orders"), ("orders/v2", "orders"), ("v2", "v2"), ("a/vx", "vx"), ("a/b/", "b")]
        {
            assert_eq!(leaf(path), expected, "{path}");
        }
    }
}
