//! The definitions of all files by name: what references lead to.

use std::collections::HashMap;

use super::{NodeKind, Reading};
use crate::text::source::Span;
use crate::twf::ast::{
    Activity, Annotation, Definition, EndpointDef, HandlerKind, Ident, Import, NamespaceDef, OptionEntry,
    QName, Service, ServiceOperation, Unit, Worker, Workflow,
};
use crate::twf::check::ParsedUnit;
use crate::twf::compile::option_word;
use crate::twf::options::OptionScope;

/// The tree of a definition.
#[derive(Clone, Copy)]
pub(in crate::twf) enum Tree<'a> {
    Workflow(&'a Workflow),
    Activity(&'a Activity),
    Operation(&'a ServiceOperation),
    Worker(&'a Worker),
    /// What is known by its name alone.
    Other,
}

/// A definition with its file.
#[derive(Clone)]
pub(in crate::twf) struct Item<'a> {
    pub(in crate::twf) kind: NodeKind,
    /// With its package where it has one.
    pub(in crate::twf) name: String,
    pub(in crate::twf) tree: Tree<'a>,
    pub(in crate::twf) file: usize,
    pub(in crate::twf) span: Span,
    /// For a service, its operations; for an operation, its service.
    pub(in crate::twf) members: Vec<usize>,
}

/// A namespace in one of its places: files may share one.
pub(in crate::twf) struct Place<'a> {
    pub(in crate::twf) item: usize,
    pub(in crate::twf) def: &'a NamespaceDef,
    pub(in crate::twf) file: usize,
}

/// An endpoint with its namespace.
#[derive(Clone)]
pub(in crate::twf) struct EndpointAt<'a> {
    pub(in crate::twf) item: usize,
    pub(in crate::twf) def: &'a EndpointDef,
    /// Name of the namespace; none for one that says nothing about it.
    pub(in crate::twf) namespace: Option<&'a str>,
    pub(in crate::twf) queue: Option<&'a str>,
}

struct File<'a> {
    package: &'a str,
    imports: Vec<(&'a str, &'a str)>,
}

/// All names.
pub(in crate::twf) struct Names<'a> {
    pub(in crate::twf) reading: Reading,
    pub(in crate::twf) items: Vec<Item<'a>>,
    pub(in crate::twf) places: Vec<Place<'a>>,
    /// Every line that declares an endpoint.
    pub(in crate::twf) endpoints: Vec<EndpointAt<'a>>,
    /// The endpoint that a name leads to: an index into `endpoints`.
    pub(in crate::twf) endpoint_by_name: HashMap<&'a str, usize>,
    files: Vec<File<'a>>,
    by_name: HashMap<(NodeKind, &'a str, &'a str), usize>,
    operations: HashMap<(usize, &'a str), usize>,
    /// Packages by the last part of their names.
    leaves: HashMap<&'a str, &'a str>,
}

impl<'a> Names<'a> {
    pub(in crate::twf) fn new(units: &[ParsedUnit<'a>], reading: Reading) -> Names<'a> {
        let mut names = Names {
            reading,
            items: Vec::new(),
            places: Vec::new(),
            endpoints: Vec::new(),
            endpoint_by_name: HashMap::new(),
            files: Vec::new(),
            by_name: HashMap::new(),
            operations: HashMap::new(),
            leaves: HashMap::new(),
        };
        for (at, unit) in units.iter().enumerate() {
            names.files.push(File::of(unit.unit));
            for definition in &unit.unit.definitions {
                names.define(definition, at);
            }
        }
        let leaf = |package: &'a str| package.rsplit('.').next().unwrap_or(package);
        names.leaves = names.files.iter().map(|file| (leaf(file.package), file.package)).collect();
        names.tell_workers_apart();
        if names.is_public() {
            names.replace_namespaces();
        }
        names
    }

    /// In the public reading a later namespace takes the place of an earlier one of its name; in ours the two are
    /// one namespace that is written in two places.
    fn replace_namespaces(&mut self) {
        let last: HashMap<usize, usize> =
            self.places.iter().enumerate().map(|(at, place)| (place.item, at)).collect();
        let mut at = 0;
        self.places.retain(|place| {
            at += 1;
            last.get(&place.item) == Some(&(at - 1))
        });
    }

    pub(in crate::twf) fn is_public(&self) -> bool {
        self.reading == Reading::Public
    }

    fn define(&mut self, definition: &'a Definition, file: usize) {
        match definition {
            Definition::Workflow(it) => {
                self.put(NodeKind::Workflow, &it.name, Tree::Workflow(it), file);
            }
            Definition::Activity(it) => {
                self.put(NodeKind::Activity, &it.name, Tree::Activity(it), file);
            }
            Definition::Worker(it) => {
                self.put(NodeKind::Worker, &it.name, Tree::Worker(it), file);
            }
            Definition::Service(it) => self.service(it, file),
            Definition::Namespace(it) => self.namespace(it, file),
            Definition::Endpoint(it) => self.endpoint(it, None, file),
            Definition::Type(_) => {}
        }
    }

    /// A later definition of a name takes the place of an earlier one.
    fn put(&mut self, kind: NodeKind, name: &'a Ident, tree: Tree<'a>, file: usize) -> usize {
        let package = self.package_of(kind, file);
        let full = match (kind, package) {
            (NodeKind::Worker, _) | (_, "") => name.name.to_string(),
            (_, package) => format!("{package}.{}", name.name),
        };
        let item = Item { kind, name: full, tree, file, span: name.span, members: Vec::new() };
        self.add((kind, package, &name.name), item)
    }

    fn add(&mut self, key: (NodeKind, &'a str, &'a str), item: Item<'a>) -> usize {
        let next = self.items.len();
        let at = *self.by_name.entry(key).or_insert(next);
        match self.items.get_mut(at) {
            Some(old) => *old = item,
            None => self.items.push(item),
        }
        at
    }

    /// Deployment has no packages; the public reading counts workers to it.
    fn package_of(&self, kind: NodeKind, file: usize) -> &'a str {
        match kind {
            NodeKind::Namespace | NodeKind::Endpoint => "",
            NodeKind::Worker if self.is_public() => "",
            _ => self.files.get(file).map_or("", |file| file.package),
        }
    }

    fn service(&mut self, service: &'a Service, file: usize) {
        let at = self.put(NodeKind::Service, &service.name, Tree::Other, file);
        let owner = self.items.get(at).map(|item| item.name.clone()).unwrap_or_default();
        let mut members = Vec::new();
        for operation in &service.operations {
            members.push(self.items.len());
            self.operations.insert((at, &operation.name().name), self.items.len());
            self.items.push(Item {
                kind: NodeKind::Operation,
                name: format!("{owner}.{}", operation.name().name),
                tree: Tree::Operation(operation),
                file,
                span: operation.name().span,
                members: vec![at],
            });
        }
        if let Some(item) = self.items.get_mut(at) {
            item.members = members;
        }
    }

    fn namespace(&mut self, def: &'a NamespaceDef, file: usize) {
        let item = self.put(NodeKind::Namespace, &def.name, Tree::Other, file);
        self.places.push(Place { item, def, file });
        for endpoint in &def.endpoints {
            self.endpoint(endpoint, Some(&def.name.name), file);
        }
    }

    fn endpoint(&mut self, def: &'a EndpointDef, namespace: Option<&'a str>, file: usize) {
        let item = self.put(NodeKind::Endpoint, &def.name, Tree::Other, file);
        let namespace = namespace.or_else(|| word(&def.options, OptionScope::Endpoint, "target_namespace"));
        let queue = word(&def.options, OptionScope::Endpoint, "task_queue");
        self.endpoint_by_name.insert(&def.name.name, self.endpoints.len());
        self.endpoints.push(EndpointAt { item, def, namespace, queue });
    }

    /// Workers of one name in several packages are shown with their packages.
    fn tell_workers_apart(&mut self) {
        let mut count: HashMap<String, usize> = HashMap::new();
        for item in self.items.iter().filter(|item| item.kind == NodeKind::Worker) {
            *count.entry(item.name.clone()).or_default() += 1;
        }
        for item in self.items.iter_mut().filter(|item| item.kind == NodeKind::Worker) {
            let package = self.files.get(item.file).map_or("", |file| file.package);
            if count.get(&item.name).is_some_and(|count| *count > 1) && !package.is_empty() {
                item.name = format!("{package}.{}", item.name);
            }
        }
    }

    /// What a reference in a file leads to.
    pub(in crate::twf) fn find(&self, kind: NodeKind, file: usize, name: &QName) -> Option<usize> {
        let from = self.files.get(file)?;
        let symbol = name.name.name.as_str();
        let Some(qualifier) = &name.package else {
            return self.by_name.get(&(kind, from.package, symbol)).copied();
        };
        let (_, leaf) = from.imports.iter().find(|(alias, _)| *alias == qualifier.name)?;
        let exact = self.by_name.get(&(kind, *leaf, symbol)).copied();
        exact.or_else(|| self.by_name.get(&(kind, *self.leaves.get(leaf)?, symbol)).copied())
    }

    /// The worker that a namespace of a file names.
    pub(in crate::twf) fn worker(&self, file: usize, name: &'a str) -> Option<usize> {
        let package = self.package_of(NodeKind::Worker, file);
        self.by_name.get(&(NodeKind::Worker, package, name)).copied()
    }

    /// Whether a workflow handles a signal.
    pub(in crate::twf) fn takes(&self, workflow: usize, signal: &str) -> bool {
        let Some(Tree::Workflow(workflow)) = self.item(workflow).map(|item| item.tree) else {
            return false;
        };
        let mut handlers = workflow.handlers.iter();
        handlers.any(|handler| handler.kind == HandlerKind::Signal && handler.name.name == signal)
    }

    /// What a definition of this name in a file would be called.
    pub(in crate::twf) fn qualified(&self, file: usize, name: &str) -> String {
        match self.files.get(file).map_or("", |file| file.package) {
            "" => name.to_string(),
            package => format!("{package}.{name}"),
        }
    }

    pub(in crate::twf) fn item(&self, at: usize) -> Option<&Item<'a>> {
        self.items.get(at)
    }

    /// The operation of a service; the last of that name.
    pub(in crate::twf) fn operation(&self, service: usize, name: &str) -> Option<usize> {
        self.operations.get(&(service, name)).copied()
    }
}

impl<'a> File<'a> {
    fn of(unit: &'a Unit) -> File<'a> {
        let import = |import: &'a Import| {
            let leaf = leaf(&import.path);
            (import.alias.as_ref().map_or(leaf, |alias| alias.name.as_str()), leaf)
        };
        File {
            package: unit.package.as_ref().map_or("", |name| name.name.as_str()),
            imports: unit.imports.iter().map(import).collect(),
        }
    }
}

/// The last part of an import path, or the one before a version such as `v2`.
fn leaf(path: &str) -> &str {
    let is_version = |part: &str| {
        let digits = part.strip_prefix('v').unwrap_or("");
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut parts = path.trim_end_matches('/').rsplit('/');
    let last = parts.next().unwrap_or("");
    if is_version(last) { parts.next().unwrap_or(last) } else { last }
}

/// The line that sets an option.
pub(in crate::twf) fn entry<'a>(
    options: &'a [OptionEntry],
    scope: OptionScope,
    name: &str,
) -> Option<&'a OptionEntry> {
    let is_it = |entry: &&OptionEntry| scope.key(&entry.key.name).is_some_and(|key| key.name == name);
    options.iter().rev().find(is_it)
}

/// The word or text that an option is set to; nothing for an empty one.
pub(in crate::twf) fn word<'a>(
    options: &'a [OptionEntry],
    scope: OptionScope,
    name: &str,
) -> Option<&'a str> {
    entry(options, scope, name).and_then(option_word).filter(|word| !word.is_empty())
}

/// The `{p}` holes of a name, each once, in order.
pub(in crate::twf) fn holes(name: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in name.split('{').skip(1) {
        let Some((hole, _)) = part.split_once('}') else { continue };
        if !found.iter().any(|it| it == hole) {
            found.push(hole.to_string());
        }
    }
    found
}

/// Whether `@entry` stands before a definition.
pub(in crate::twf) fn is_entry(tree: Tree<'_>) -> bool {
    let annotations: &[Annotation] = match tree {
        Tree::Workflow(it) => &it.annotations,
        Tree::Activity(it) => &it.annotations,
        _ => &[],
    };
    annotations.iter().any(|it| it.name.name == "entry")
}
