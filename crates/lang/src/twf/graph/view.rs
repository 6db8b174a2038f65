//! Parts of a graph: what is near a definition, calls only, deployment only.

use std::collections::{HashMap, HashSet};

use super::{CoarseEdge, Edge, EdgeKind, Graph, Node, NodeKind};

/// Which relations to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// Everything.
    #[default]
    All,
    /// Definitions and what they call.
    Calls,
    /// Namespaces, workers and endpoints, with the traffic between them.
    Deployment,
}

/// What is near some definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Focus {
    /// Indexes of definitions, as [`Graph::find`] gives them.
    pub definitions: Vec<usize>,
    /// How many calls away, in both directions.
    pub depth: usize,
}

/// A part of a graph. Indexes stay those of the graph.
#[derive(Debug, Clone)]
pub struct View<'g> {
    /// The whole.
    pub graph: &'g Graph,
    /// Which relations are shown.
    pub part: Part,
    kept: Vec<bool>,
}

impl Graph {
    /// The definitions of a name: in full, as `kind:name`, as the id of a node, or without the package or service.
    pub fn find(&self, name: &str) -> Vec<usize> {
        let by_id = self.nodes.iter().find(|node| node.id == name).and_then(|node| node.definition);
        if let Some(found) = by_id {
            return vec![found];
        }
        let all = |fits: &dyn Fn(&super::Definition) -> bool| -> Vec<usize> {
            let numbered = self.definitions.iter().enumerate();
            numbered.filter(|(_, it)| fits(it)).map(|(at, _)| at).collect()
        };
        let exact = all(&|it| it.name == name || it.key() == name);
        if !exact.is_empty() {
            return exact;
        }
        all(&|it| it.name.rsplit_once('.').is_some_and(|(_, last)| last == name))
    }

    /// A part of the graph; with a focus, the nodes near it and what these stand in.
    pub fn view(&self, focus: Option<&Focus>, part: Part) -> View<'_> {
        let kept = match focus {
            None => vec![true; self.nodes.len()],
            Some(focus) => near(self, focus),
        };
        View { graph: self, part, kept }
    }
}

impl<'g> View<'g> {
    /// Whether a node is shown.
    pub fn has(&self, node: usize) -> bool {
        let fits = self.graph.nodes.get(node).is_some_and(|node| match self.part {
            Part::All | Part::Calls => true,
            Part::Deployment => {
                matches!(node.kind, NodeKind::Namespace | NodeKind::Worker | NodeKind::Endpoint)
            }
        });
        fits && self.kept.get(node).copied().unwrap_or(false)
    }

    /// The nodes that are shown, with their indexes.
    pub fn nodes(&self) -> impl Iterator<Item = (usize, &'g Node)> + '_ {
        let is_call =
            |node: &Node| matches!(node.kind, NodeKind::Workflow | NodeKind::Activity | NodeKind::Operation);
        self.graph
            .nodes
            .iter()
            .enumerate()
            .filter(move |(at, node)| self.has(*at) && (self.part != Part::Calls || is_call(node)))
    }

    /// The edges that are shown: both ends are.
    pub fn edges(&self) -> impl Iterator<Item = &'g Edge> + '_ {
        self.graph.edges.iter().filter(|edge| {
            let fits = match self.part {
                Part::All => true,
                Part::Calls => edge.kind.is_dispatch(),
                Part::Deployment => edge.kind == EdgeKind::Containment,
            };
            fits && self.has(edge.from) && self.has(edge.to)
        })
    }

    /// The coarse edges that are shown.
    pub fn coarse(&self) -> impl Iterator<Item = &'g CoarseEdge> + '_ {
        let shown = self.part != Part::Calls;
        self.graph.coarse.iter().filter(move |edge| shown && self.has(edge.from) && self.has(edge.to))
    }
}

/// Breadth first over dispatches in both directions, then outwards to workers and namespaces.
fn near(graph: &Graph, focus: &Focus) -> Vec<bool> {
    let mut beside: HashMap<usize, Vec<usize>> = HashMap::new();
    for edge in graph.edges.iter().filter(|edge| edge.kind.is_dispatch()) {
        beside.entry(edge.from).or_default().push(edge.to);
        beside.entry(edge.to).or_default().push(edge.from);
    }
    let mut kept = vec![false; graph.nodes.len()];
    let mut ring = start(graph, focus);
    for step in 0..=focus.depth {
        let mut next = Vec::new();
        for node in ring {
            let Some(slot) = kept.get_mut(node).filter(|slot| !**slot) else { continue };
            *slot = true;
            if step < focus.depth {
                next.extend(beside.get(&node).into_iter().flatten().copied());
            }
        }
        ring = next;
    }
    around(graph, &mut kept);
    kept
}

/// The nodes of the definitions, and all that runs in them when they are workers or namespaces.
fn start(graph: &Graph, focus: &Focus) -> Vec<usize> {
    let wanted: HashSet<usize> = focus.definitions.iter().copied().collect();
    let is_wanted = |node: &Node| node.definition.is_some_and(|at| wanted.contains(&at));
    let is_member = |node: &Node| {
        let service = node.definition.and_then(|at| graph.definitions.get(at)?.service);
        service.is_some_and(|service| wanted.contains(&service))
    };
    let is_inside = |outer: Option<usize>| outer.and_then(|at| graph.nodes.get(at)).is_some_and(is_wanted);
    let fits = |node: &Node| {
        is_wanted(node) || is_member(node) || is_inside(node.worker) || is_inside(node.namespace)
    };
    graph.nodes.iter().enumerate().filter(|(_, node)| fits(node)).map(|(at, _)| at).collect()
}

/// Adds what the kept nodes stand in, and the endpoints that lead to them.
fn around(graph: &Graph, kept: &mut [bool]) {
    let mut more = Vec::new();
    for edge in &graph.edges {
        let is_kept = kept.get(edge.from).copied().unwrap_or(false);
        let is_service = graph.nodes.get(edge.to).is_some_and(|node| node.kind == NodeKind::Service);
        if is_kept && (edge.kind == EdgeKind::NexusRoute || is_service) {
            more.push(edge.to);
        }
    }
    mark(kept, &more);
    let outer = |(at, node): (usize, &Node)| {
        let is_kept = kept.get(at).copied().unwrap_or(false);
        is_kept.then(|| node.worker.into_iter().chain(node.namespace))
    };
    let outer: Vec<usize> = graph.nodes.iter().enumerate().filter_map(outer).flatten().collect();
    mark(kept, &outer);
}

fn mark(kept: &mut [bool], nodes: &[usize]) {
    for node in nodes {
        if let Some(slot) = kept.get_mut(*node) {
            *slot = true;
        }
    }
}
