//! Graphs for people and programs.

mod cluster;
mod dot;
mod json;
mod mermaid;
mod text;

pub use dot::dot;
pub use json::{answer as answer_json, json};
pub use mermaid::mermaid;
pub use text::{answer as answer_text, text};

use std::collections::BTreeMap;

use super::view::View;
use super::{Edge, EdgeKind, Node, NodeKind};

/// Edges of one kind between two nodes, drawn as one.
struct Bundle<'g> {
    from: usize,
    to: usize,
    kind: EdgeKind,
    edges: Vec<&'g Edge>,
}

/// What goes along the edges of a view, containment left out: boxes show that.
fn bundles<'g>(view: &View<'g>) -> Vec<Bundle<'g>> {
    let mut found: BTreeMap<(usize, usize, EdgeKind), Vec<&'g Edge>> = BTreeMap::new();
    for edge in view.edges().filter(|edge| edge.kind != EdgeKind::Containment) {
        found.entry((edge.from, edge.to, edge.kind)).or_default().push(edge);
    }
    found.into_iter().map(|((from, to, kind), edges)| Bundle { from, to, kind, edges }).collect()
}

/// `activity`, `signal` and so on, with the number of calls when there are several.
fn label(kind: EdgeKind, count: usize) -> String {
    let word = match kind {
        EdgeKind::ActivityCall => "activity",
        EdgeKind::AsyncBacking => "backed by",
        EdgeKind::Cancel => "cancel",
        EdgeKind::Containment => "in",
        EdgeKind::NexusCall => "nexus",
        EdgeKind::NexusRoute => "route",
        EdgeKind::SignalSend => "signal",
        EdgeKind::WorkflowCall => "workflow",
    };
    if count > 1 { format!("{word} \u{d7}{count}") } else { word.to_string() }
}

/// What a picture shows: a service is seen by its operations.
fn pictured<'a, 'g>(nodes: &'a [(usize, &'g Node)]) -> impl Iterator<Item = (usize, &'g Node)> + 'a {
    nodes.iter().copied().filter(|(_, node)| node.kind != NodeKind::Service)
}
