//! Deployments: which definition runs in which worker of which namespace, on which queue.

use std::collections::{HashMap, HashSet};

use super::names::{Item, Names, Place, Tree, holes, is_entry, word};
use super::{Definition, Edge, EdgeKind, Graph, Node, NodeKind, Routing, Unresolved};
use crate::text::source::Span;
use crate::twf::ast::{Ident, OptionEntry, QName};
use crate::twf::options::OptionScope;

/// A definition in one place. A worker that stands in a namespace twice, on two queues, gives two of them with one
/// node.
#[derive(Clone, Copy)]
pub(super) struct Deployment<'a> {
    pub(super) item: usize,
    pub(super) node: usize,
    /// Node of the namespace; none for what is not deployed.
    pub(super) namespace: Option<usize>,
    pub(super) queue: Option<&'a str>,
}

/// All nodes, with the deployments by what calls look for.
pub(super) struct Deployed<'a> {
    pub(super) graph: Graph,
    pub(super) all: Vec<Deployment<'a>>,
    /// Indexes into `all` by definition and namespace.
    pub(super) by_place: HashMap<(usize, Option<usize>), Vec<usize>>,
    /// Indexes into `all` by definition.
    pub(super) by_item: HashMap<usize, Vec<usize>>,
    /// Nodes of endpoints by definition.
    pub(super) endpoints: HashMap<usize, usize>,
    nodes: HashMap<String, usize>,
}

/// A worker in a namespace.
#[derive(Clone, Copy)]
struct Instance<'a> {
    worker: usize,
    namespace: usize,
    queue: Option<&'a str>,
}

impl<'a> Deployed<'a> {
    pub(super) fn new(names: &Names<'a>) -> Deployed<'a> {
        let mut deployed = Deployed {
            graph: Graph { has_namespaces: !names.places.is_empty(), ..Graph::default() },
            all: Vec::new(),
            by_place: HashMap::new(),
            by_item: HashMap::new(),
            endpoints: HashMap::new(),
            nodes: HashMap::new(),
        };
        deployed.graph.definitions = names.items.iter().map(definition).collect();
        let mut placed = HashSet::new();
        for place in &names.places {
            deployed.namespace(names, place, &mut placed);
        }
        deployed.endpoints(names);
        deployed.orphans(names, &placed);
        deployed
    }

    fn namespace(&mut self, names: &Names<'a>, place: &Place<'a>, placed: &mut HashSet<usize>) {
        let name = place.def.name.name.as_str();
        let namespace = self.node(bare(NodeKind::Namespace, name, format!("namespace:{name}"), place.item));
        for (worker, options) in &place.def.workers {
            let found = names.worker(place.file, &worker.name);
            placed.extend(found);
            self.instance(names, worker, options, (namespace, found));
        }
    }

    fn instance(
        &mut self,
        names: &Names<'a>,
        name: &'a Ident,
        options: &'a [OptionEntry],
        (namespace, found): (usize, Option<usize>),
    ) {
        let item = found.and_then(|at| names.item(at));
        let shown = item.map_or(name.name.as_str(), |item| item.name.as_str());
        let queue = word(options, OptionScope::Worker, "task_queue");
        let id = format!("worker:{shown}/{}", self.id(namespace));
        let node = Node {
            definition: found,
            queue: queue.map(str::to_string),
            namespace: Some(namespace),
            ..bare(NodeKind::Worker, shown, id, 0)
        };
        let worker = self.node(node);
        self.contain(worker, namespace, name.span);
        let instance = Instance { worker, namespace, queue };
        if let Some(Item { tree: Tree::Worker(def), file, .. }) = item {
            let mut seen = HashSet::new();
            for (kind, list) in [
                (NodeKind::Workflow, &def.workflows),
                (NodeKind::Activity, &def.activities),
                (NodeKind::Service, &def.services),
            ] {
                for entry in list {
                    self.register(names, instance, (kind, *file, entry), &mut seen);
                }
            }
        }
    }

    fn register(
        &mut self,
        names: &Names<'a>,
        instance: Instance<'a>,
        (kind, file, name): (NodeKind, usize, &'a QName),
        seen: &mut HashSet<usize>,
    ) {
        let Some(found) = names.find(kind, file, name) else {
            return self.graph.unresolved.push(Unresolved {
                from: instance.worker,
                name: names.qualified(file, &name.name.name),
                kind: EdgeKind::Containment,
                wanted: kind,
                span: name.name.span,
            });
        };
        let node = self.deploy(names, instance, found, seen.insert(found));
        self.contain(node, instance.worker, name.name.span);
    }

    /// The node of a definition in a worker. A definition that a worker registers twice is deployed once.
    fn deploy(&mut self, names: &Names<'a>, instance: Instance<'a>, item: usize, is_new: bool) -> usize {
        let Some(Item { kind, name, members, .. }) = names.item(item) else { return instance.worker };
        let polls = matches!(kind, NodeKind::Service | NodeKind::Operation);
        let node = self.node(Node {
            queue: instance.queue.filter(|_| polls).map(str::to_string),
            worker: Some(instance.worker),
            namespace: Some(instance.namespace),
            ..bare(*kind, name, format!("{kind}:{name}/{}", self.id(instance.worker)), item)
        });
        if is_new {
            let place = Some(instance.namespace);
            self.add(Deployment { item, node, namespace: place, queue: instance.queue });
            if *kind == NodeKind::Service {
                for member in members {
                    let operation = self.deploy(names, instance, *member, true);
                    if let Some(item) = names.item(*member) {
                        self.contain(operation, node, item.span);
                    }
                }
            }
        }
        node
    }

    fn add(&mut self, deployment: Deployment<'a>) {
        let at = self.all.len();
        self.by_place.entry((deployment.item, deployment.namespace)).or_default().push(at);
        self.by_item.entry(deployment.item).or_default().push(at);
        self.all.push(deployment);
    }

    fn endpoints(&mut self, names: &Names<'a>) {
        for (at, endpoint) in names.endpoints.iter().enumerate() {
            let name = endpoint.def.name.name.as_str();
            let is_known = names.endpoint_by_name.get(name) == Some(&at);
            let namespace = endpoint.namespace.map(|name| {
                // The seed's endpoints lead to namespaces that nothing declares.
                let node = bare(NodeKind::Namespace, name, format!("namespace:{name}"), 0);
                self.node(Node { definition: None, ..node })
            });
            let id = match namespace {
                Some(namespace) => format!("nexusEndpoint:{name}/{}", self.id(namespace)),
                None => format!("nexusEndpoint:{name}/orphan"),
            };
            let node = Node {
                queue: endpoint.queue.map(str::to_string),
                namespace,
                is_orphan: namespace.is_none(),
                ..bare(NodeKind::Endpoint, name, id, endpoint.item)
            };
            if is_known {
                let node = self.node(node);
                self.endpoints.insert(endpoint.item, node);
                if let Some(namespace) = namespace {
                    self.contain(node, namespace, endpoint.def.span);
                }
            }
        }
    }

    /// What no namespace runs.
    fn orphans(&mut self, names: &Names<'a>, placed: &HashSet<usize>) {
        for (at, item) in names.items.iter().enumerate() {
            let is_deployed = match item.kind {
                NodeKind::Namespace | NodeKind::Endpoint => true,
                NodeKind::Worker => placed.contains(&at),
                // An operation goes where its service goes; one that was replaced goes nowhere.
                NodeKind::Operation => {
                    let service = item.members.first().copied();
                    let is_member = service
                        .and_then(|service| names.item(service))
                        .is_some_and(|service| service.members.contains(&at));
                    !is_member || self.by_item.contains_key(&at)
                }
                _ => self.by_item.contains_key(&at),
            };
            if !is_deployed {
                let node = bare(item.kind, &item.name, format!("{}:{}/orphan", item.kind, item.name), at);
                let node = self.node(Node { is_orphan: true, ..node });
                self.add(Deployment { item: at, node, namespace: None, queue: None });
            }
        }
    }

    /// The node of an id; the first one of an id stays.
    fn node(&mut self, node: Node) -> usize {
        let next = self.graph.nodes.len();
        let at = *self.nodes.entry(node.id.clone()).or_insert(next);
        if at == next {
            self.graph.nodes.push(node);
        }
        at
    }

    fn id(&self, node: usize) -> &str {
        self.graph.nodes.get(node).map_or("", |node| node.id.as_str())
    }

    fn contain(&mut self, from: usize, to: usize, span: Span) {
        let kind = EdgeKind::Containment;
        self.graph.edges.push(Edge { from, to, kind, span, routing: Routing::default(), via: None });
    }
}

fn bare(kind: NodeKind, name: &str, id: String, definition: usize) -> Node {
    Node {
        id,
        definition: Some(definition),
        kind,
        name: name.to_string(),
        queue: None,
        worker: None,
        namespace: None,
        is_orphan: false,
    }
}

fn definition(item: &Item<'_>) -> Definition {
    let is_family = matches!(item.kind, NodeKind::Namespace | NodeKind::Endpoint);
    Definition {
        kind: item.kind,
        name: item.name.clone(),
        span: item.span,
        is_entry: is_entry(item.tree),
        params: if is_family { holes(&item.name) } else { Vec::new() },
        service: item.members.first().copied().filter(|_| item.kind == NodeKind::Operation),
    }
}
