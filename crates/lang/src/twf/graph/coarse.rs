//! The graph from further away, and its order.

use std::collections::BTreeMap;

use super::{CoarseEdge, Graph, NodeKind};
use crate::text::source::Span;

/// Puts everything into its order and counts dispatches between workers and between namespaces.
pub(super) fn settle(graph: &mut Graph) {
    sort_nodes(graph);
    let nodes = &graph.nodes;
    graph.edges.sort_by_cached_key(|it| (it.from, it.to, it.kind.word(), start(it.span)));
    graph.unresolved.sort_by_cached_key(|it| (it.from, it.name.clone(), it.kind.word(), start(it.span)));
    graph.unreached.sort_by_key(|it| (it.from, start(it.span)));
    let mut weights: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for edge in graph.edges.iter().filter(|edge| edge.kind.is_dispatch()) {
        let (Some(from), Some(to)) = (nodes.get(edge.from), nodes.get(edge.to)) else { continue };
        for pair in [from.worker.zip(to.worker), from.namespace.zip(to.namespace)] {
            if let Some(pair) = pair.filter(|(from, to)| from != to) {
                *weights.entry(pair).or_default() += 1;
            }
        }
    }
    let coarse = weights.into_iter().map(|((from, to), weight)| {
        let tier = nodes.get(from).map_or(NodeKind::Worker, |node| node.kind);
        CoarseEdge { from, to, tier, weight }
    });
    graph.coarse = coarse.collect();
}

fn start(span: Span) -> (u32, u32) {
    (span.source.0, span.start)
}

/// Nodes by id; every index into them follows.
fn sort_nodes(graph: &mut Graph) {
    let mut order: Vec<usize> = (0..graph.nodes.len()).collect();
    let nodes = std::mem::take(&mut graph.nodes);
    order.sort_by(|left, right| {
        nodes.get(*left).map(|node| &node.id).cmp(&nodes.get(*right).map(|node| &node.id))
    });
    let mut place = vec![0; nodes.len()];
    for (new, old) in order.iter().enumerate() {
        if let Some(slot) = place.get_mut(*old) {
            *slot = new;
        }
    }
    let moved = |at: usize| place.get(at).copied().unwrap_or(at);
    let mut pairs: Vec<_> = nodes.into_iter().enumerate().map(|(old, node)| (moved(old), node)).collect();
    pairs.sort_by_key(|(new, _)| *new);
    graph.nodes = pairs.into_iter().map(|(_, node)| node).collect();
    for node in &mut graph.nodes {
        node.worker = node.worker.map(moved);
        node.namespace = node.namespace.map(moved);
    }
    for edge in &mut graph.edges {
        (edge.from, edge.to) = (moved(edge.from), moved(edge.to));
        edge.routing.endpoint = edge.routing.endpoint.map(moved);
    }
    graph.unresolved.iter_mut().for_each(|it| it.from = moved(it.from));
    graph.unreached.iter_mut().for_each(|it| it.from = moved(it.from));
}
