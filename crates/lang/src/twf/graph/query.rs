//! Questions to a design: who calls this, what does it call, what is never used, what can never run.

use std::collections::{BTreeMap, HashSet, VecDeque};

use super::{Definition, EdgeKind, Graph, NodeKind, Use};

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// What uses these definitions directly.
    Callers(Vec<usize>),
    /// What these definitions use directly.
    Calls(Vec<usize>),
    /// What nothing uses.
    Unused,
    /// What no run can get to.
    Unreachable,
}

/// One definition of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// An index into the definitions.
    pub definition: usize,
    /// The uses that make it one, in source order; empty for what is not used.
    pub uses: Vec<Use>,
}

impl Query {
    /// The word of data formats.
    pub fn word(&self) -> &'static str {
        match self {
            Query::Callers(_) => "callers",
            Query::Calls(_) => "calls",
            Query::Unused => "unused",
            Query::Unreachable => "unreachable",
        }
    }

    /// The answer, in source order.
    pub fn ask(&self, graph: &Graph) -> Vec<Found> {
        match self {
            Query::Callers(of) => related(graph, |it| of.contains(&it.to).then_some(it.from)),
            Query::Calls(of) => related(graph, |it| {
                (of.contains(&it.from) && it.kind != EdgeKind::NexusRoute).then_some(it.to)
            }),
            Query::Unused => unused(graph),
            Query::Unreachable => unreachable(graph),
        }
    }
}

fn related(graph: &Graph, end: impl Fn(&Use) -> Option<usize>) -> Vec<Found> {
    let mut found: BTreeMap<usize, Vec<Use>> = BTreeMap::new();
    for it in &graph.uses {
        if let Some(definition) = end(it) {
            found.entry(definition).or_default().push(*it);
        }
    }
    found.into_iter().map(|(definition, uses)| Found { definition, uses }).collect()
}

fn listed(all: impl Iterator<Item = usize>) -> Vec<Found> {
    all.map(|definition| Found { definition, uses: Vec::new() }).collect()
}

/// Activities, operations and endpoints that nothing calls, services of which no operation is called, workers that no
/// namespace has, and workflows that nothing calls and no worker runs although there is deployment. A workflow that is
/// deployed and not called is where runs begin.
fn unused(graph: &Graph) -> Vec<Found> {
    let used: HashSet<usize> = graph.uses.iter().filter(|it| it.from != it.to).map(|it| it.to).collect();
    let deployed = deployed(graph);
    let services: HashSet<usize> = used.iter().filter_map(|at| graph.definitions.get(*at)?.service).collect();
    let is_unused = |(at, it): &(usize, &Definition)| {
        let is_used = used.contains(at);
        match it.kind {
            NodeKind::Activity | NodeKind::Endpoint | NodeKind::Operation => !is_used && !it.is_entry,
            NodeKind::Service => !services.contains(at),
            NodeKind::Worker => !deployed.contains(at),
            NodeKind::Workflow => !is_used && !it.is_entry && graph.has_namespaces && !deployed.contains(at),
            NodeKind::Namespace => false,
        }
    };
    listed(graph.definitions.iter().enumerate().filter(is_unused).map(|(at, _)| at))
}

/// Definitions that some namespace runs.
fn deployed(graph: &Graph) -> HashSet<usize> {
    graph.nodes.iter().filter(|node| !node.is_orphan).filter_map(|node| node.definition).collect()
}

/// Workflows, activities and operations that no chain of uses from an entry leads to.
fn unreachable(graph: &Graph) -> Vec<Found> {
    let mut reached: HashSet<usize> = HashSet::new();
    let mut queue: VecDeque<usize> = entries(graph).into();
    let mut uses: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for it in &graph.uses {
        uses.entry(it.from).or_default().push(it.to);
    }
    while let Some(at) = queue.pop_front() {
        if reached.insert(at) {
            queue.extend(uses.get(&at).into_iter().flatten().copied());
        }
    }
    let is_missed = |(at, it): &(usize, &Definition)| {
        matches!(it.kind, NodeKind::Workflow | NodeKind::Activity | NodeKind::Operation)
            && !reached.contains(at)
    };
    listed(graph.definitions.iter().enumerate().filter(is_missed).map(|(at, _)| at))
}

/// Where runs begin: what is marked `@entry`, workflows that no other definition uses, and operations that an
/// endpoint leads to, since callers outside of the project may use it. What is not deployed begins nothing, once
/// deployment is written down.
fn entries(graph: &Graph) -> Vec<usize> {
    let used: HashSet<usize> = graph.uses.iter().filter(|it| it.from != it.to).map(|it| it.to).collect();
    let routed: HashSet<usize> = graph
        .edges
        .iter()
        .filter(|edge| edge.kind == EdgeKind::NexusRoute)
        .filter_map(|edge| graph.nodes.get(edge.from)?.definition)
        .collect();
    let deployed = deployed(graph);
    let runs = |at: usize| !graph.has_namespaces || deployed.contains(&at);
    let is_entry = |(at, it): &(usize, &Definition)| match it.kind {
        NodeKind::Workflow => runs(*at) && (it.is_entry || !used.contains(at)),
        NodeKind::Operation => routed.contains(at),
        _ => it.is_entry,
    };
    graph.definitions.iter().enumerate().filter(is_entry).map(|(at, _)| at).collect()
}
