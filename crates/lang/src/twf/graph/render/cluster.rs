//! Boxes in boxes: nodes by namespace and worker.

use std::collections::BTreeMap;

use crate::twf::graph::view::{Part, View};
use crate::twf::graph::{Node, NodeKind};

/// A namespace, or what is in none.
pub(super) struct Box<'g> {
    /// The namespace; none for what is not deployed.
    pub(super) namespace: Option<&'g Node>,
    /// Workers by id, with what runs in them.
    pub(super) workers: Vec<Inner<'g>>,
    /// Endpoints, and what stands in no worker.
    pub(super) loose: Nodes<'g>,
}

/// A worker.
pub(super) struct Inner<'g> {
    pub(super) index: usize,
    pub(super) worker: &'g Node,
    pub(super) nodes: Nodes<'g>,
}

/// Nodes with their indexes.
type Nodes<'g> = Vec<(usize, &'g Node)>;

/// What is in a namespace: workers, and the rest.
type Parts<'g> = (BTreeMap<usize, Nodes<'g>>, Nodes<'g>);

/// The nodes of a view in their boxes, by id. In a view of calls, workers are boxes although they are no nodes of it.
pub(super) fn boxes<'g>(view: &View<'g>) -> Vec<Box<'g>> {
    let mut found: BTreeMap<Option<usize>, Parts<'g>> = BTreeMap::new();
    for (at, node) in view.nodes() {
        if node.kind == NodeKind::Namespace {
            found.entry(Some(at)).or_default();
            continue;
        }
        let (workers, loose) = found.entry(node.namespace).or_default();
        match (node.kind, node.worker) {
            (NodeKind::Worker, _) => {
                workers.entry(at).or_default();
            }
            (_, Some(worker)) => workers.entry(worker).or_default().push((at, node)),
            (_, None) => loose.push((at, node)),
        }
    }
    let node = |at: usize| view.graph.nodes.get(at);
    let mut all: Vec<Box<'g>> = found
        .into_iter()
        .map(|(namespace, (workers, loose))| Box {
            namespace: namespace.and_then(node),
            workers: workers
                .into_iter()
                .filter_map(|(index, nodes)| Some(Inner { index, worker: node(index)?, nodes }))
                .collect(),
            loose,
        })
        .collect();
    // What is not deployed comes last.
    all.sort_by_key(|it| it.namespace.is_none());
    for it in &mut all {
        it.workers.iter_mut().for_each(|inner| inner.nodes.sort_by_key(|(_, node)| rank(view, node)));
        it.loose.sort_by_key(|(_, node)| rank(view, node));
    }
    all
}

/// Workflows, activities, services each with their operations, then the rest.
fn rank<'g>(view: &View<'g>, node: &'g Node) -> (u8, &'g str, bool, &'g str) {
    let operation = node.definition.and_then(|at| view.graph.definitions.get(at));
    let service = operation.and_then(|it| view.graph.definitions.get(it.service?));
    match node.kind {
        NodeKind::Workflow => (0, "", false, &node.name),
        NodeKind::Activity => (1, "", false, &node.name),
        NodeKind::Service => (2, &node.name, false, ""),
        NodeKind::Operation => (2, service.map_or("", |it| &it.name), true, &node.name),
        NodeKind::Worker | NodeKind::Endpoint | NodeKind::Namespace => (3, "", false, &node.name),
    }
}

/// Whether workers are drawn as nodes: nothing is shown in them.
pub(super) fn workers_are_nodes(view: &View<'_>) -> bool {
    view.part == Part::Deployment
}
