//! All definitions by name: packages, imports, endpoints, and where workflows are deployed.

use std::collections::BTreeMap;

use super::ParsedUnit;
use super::route::Routes;
use crate::text::source::Sources;
use crate::twf::ast::{
    Activity, Definition, EndpointDef, Import, NamespaceDef, OptionEntry, QName, Service, Unit, Worker,
    Workflow,
};

/// Names offered to suggestions at most.
const KNOWN_MAX: usize = 5_000;

/// Definitions that see each other.
#[derive(Default)]
pub(super) struct Package<'a> {
    pub(super) workflows: BTreeMap<&'a str, &'a Workflow>,
    pub(super) activities: BTreeMap<&'a str, &'a Activity>,
    pub(super) workers: BTreeMap<&'a str, &'a Worker>,
    pub(super) services: BTreeMap<&'a str, &'a Service>,
}

/// A file of the index.
pub(super) struct File<'a> {
    pub(super) unit: &'a Unit,
    /// Index of its package.
    pub(super) package: usize,
    pub(super) imports: Vec<Imported<'a>>,
}

/// An import with the packages it names; none when they are not among the files.
pub(super) struct Imported<'a> {
    pub(super) alias: &'a str,
    pub(super) import: &'a Import,
    pub(super) packages: Vec<usize>,
}

/// An endpoint with the namespace that serves it.
#[derive(Clone, Copy)]
pub(super) struct Endpoint<'a> {
    pub(super) def: &'a EndpointDef,
    pub(super) namespace: Option<&'a NamespaceDef>,
}

/// A worker placed in a namespace.
#[derive(Clone, Copy)]
pub(super) struct Placement<'a> {
    pub(super) namespace: &'a NamespaceDef,
    pub(super) worker: &'a Worker,
    pub(super) options: &'a [OptionEntry],
    /// Index of the file the namespace stands in.
    pub(super) file: usize,
}

/// What a reference leads to.
pub(super) enum Found<T> {
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
pub(super) struct Index<'a> {
    pub(super) files: Vec<File<'a>>,
    pub(super) packages: Vec<Package<'a>>,
    pub(super) endpoints: BTreeMap<&'a str, Endpoint<'a>>,
    pub(super) placements: Vec<Placement<'a>>,
    /// Which worker serves what where.
    pub(super) routes: Routes<'a>,
    /// Whether any namespace exists: without one, everything runs in `default`.
    pub(super) has_namespaces: bool,
}

/// A part of a package.
pub(super) type Part<'a, T> = for<'x> fn(&'x Package<'a>) -> &'x BTreeMap<&'a str, T>;

impl<'a> Index<'a> {
    pub(super) fn new(units: &[ParsedUnit<'a>], sources: &Sources) -> Index<'a> {
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
    pub(super) fn find<T: Copy>(&self, file: usize, name: &QName, part: Part<'a, T>) -> Found<T> {
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
    pub(super) fn known<T: 'a>(&self, file: usize, name: &QName, part: Part<'a, T>) -> Vec<&'a str> {
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

    /// The namespaces in which a workflow runs: those of the workers that register it, `default` when no
    /// namespace exists at all.
    pub(super) fn homes(&self, workflow: &Workflow) -> Vec<&'a str> {
        if !self.has_namespaces {
            return vec!["default"];
        }
        self.routes.homes(workflow).iter().map(|home| home.namespace).collect()
    }
}

/// What tells definitions of one name apart.
pub(super) fn address<T>(definition: &T) -> usize {
    std::ptr::from_ref(definition).addr()
}

/// The namespaces that a file defines.
pub(super) fn namespaces(unit: &Unit) -> impl Iterator<Item = &NamespaceDef> {
    unit.definitions.iter().filter_map(|definition| match definition {
        Definition::Namespace(namespace) => Some(namespace),
        _ => None,
    })
}

/// Files without a package clause are one package wherever they lie; others are one for each directory and
/// name.
fn package_key<'a>(unit: &'a Unit, path: &str) -> (String, &'a str) {
    match &unit.package {
        None => (String::new(), ""),
        Some(name) => {
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            (format!("/{directory}"), &name.name)
        }
    }
}

/// The last part of an import path, or the one before a version such as `v2`.
fn leaf(path: &str) -> &str {
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
