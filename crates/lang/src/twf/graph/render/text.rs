//! The graph for people at a terminal: where everything runs, then who calls whom.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use super::cluster::{Box, boxes};
use super::{Bundle, bundles};
use crate::text::source::{Sources, Span};
use crate::twf::graph::view::{Part, View};
use crate::twf::graph::{EdgeKind, Found, Graph, Node, NodeKind, Query, Via};

/// Columns of a line, as far as names allow it.
const WIDTH: usize = 80;

/// Places that are listed for one relation; more are counted.
const PLACES_MAX: usize = 8;

/// A view as text: a tree of namespaces, workers and definitions, the calls by caller, traffic between workers, and
/// what leads nowhere.
pub fn text(view: &View<'_>, sources: &Sources) -> String {
    let mut out = String::new();
    if view.part != Part::Calls {
        for it in &boxes(view) {
            outer(&mut out, it);
        }
    }
    if view.part != Part::Deployment {
        calls(&mut out, view, sources);
    }
    coarse(&mut out, view);
    nowhere(&mut out, view, sources);
    if out.is_empty() {
        out.push_str("nothing is defined\n");
    }
    out
}

/// The answer to a query as text: a definition a line, with its places under it.
pub fn answer(graph: &Graph, query: &Query, found: &[Found], sources: &Sources) -> String {
    let mut out = String::new();
    for it in found {
        let Some(definition) = graph.definitions.get(it.definition) else { continue };
        let title = format!("{} {}", definition.kind.title(), definition.name);
        let at = sources.locate(definition.span);
        let _ = writeln!(out, "{}", columns(&title, &at.to_string()));
        for usage in &it.uses {
            let word = phrase(usage.kind, Some(usage.via));
            let _ =
                writeln!(out, "{}", columns(&format!("  {word}"), &sources.locate(usage.span).to_string()));
        }
    }
    if out.is_empty() {
        let _ = writeln!(out, "{}", none(query));
    }
    out
}

fn none(query: &Query) -> &'static str {
    match query {
        Query::Callers(_) => "nothing calls it",
        Query::Calls(_) => "it calls nothing",
        Query::Unused => "everything is used",
        Query::Unreachable => "everything can be reached",
    }
}

fn outer(out: &mut String, it: &Box<'_>) {
    let title =
        it.namespace.map_or_else(|| "not deployed".to_string(), |it| format!("namespace {}", it.name));
    let _ = writeln!(out, "{title}");
    for (at, inner) in it.workers.iter().enumerate() {
        let is_last = at + 1 == it.workers.len() && it.loose.is_empty();
        let _ = writeln!(out, "{}{}", branch(is_last), titled(inner.worker));
        list(out, if is_last { "   " } else { "│  " }, &inner.nodes);
    }
    list(out, "", &it.loose);
}

/// Nodes under a rail; the operations of a service one step deeper.
fn list(out: &mut String, rail: &str, nodes: &[(usize, &Node)]) {
    let is_operation = |at: usize| nodes.get(at).is_some_and(|(_, it)| it.kind == NodeKind::Operation);
    let has_service = nodes.iter().any(|(_, it)| it.kind == NodeKind::Service);
    let is_inner = |at: usize| has_service && is_operation(at);
    let last = (0..nodes.len()).rev().find(|at| !is_inner(*at));
    for (at, (_, node)) in nodes.iter().enumerate() {
        if is_inner(at) {
            let inner = if last.is_some_and(|last| at > last) { "   " } else { "│  " };
            let _ = writeln!(out, "{rail}{inner}{}{}", branch(!is_inner(at + 1)), titled(node));
        } else {
            let _ = writeln!(out, "{rail}{}{}", branch(Some(at) == last), titled(node));
        }
    }
}

fn branch(is_last: bool) -> &'static str {
    if is_last { "└─ " } else { "├─ " }
}

fn titled(node: &Node) -> String {
    let queue = match (&node.queue, node.kind) {
        (Some(queue), NodeKind::Worker | NodeKind::Endpoint) => format!("  (queue {queue})"),
        (None, NodeKind::Worker | NodeKind::Endpoint) if !node.is_orphan => "  (no queue)".to_string(),
        _ => String::new(),
    };
    format!("{} {}{queue}", node.kind.title(), node.name)
}

fn calls(out: &mut String, view: &View<'_>, sources: &Sources) {
    let mut by_caller: BTreeMap<usize, Vec<Bundle<'_>>> = BTreeMap::new();
    for it in bundles(view).into_iter().filter(|it| it.kind.is_dispatch()) {
        by_caller.entry(it.from).or_default().push(it);
    }
    for (from, bundles) in by_caller {
        let Some(node) = view.graph.nodes.get(from) else { continue };
        let _ = writeln!(out, "\n{} {}{}", node.kind.title(), node.name, place(view.graph, node));
        for it in bundles {
            let Some(to) = view.graph.nodes.get(it.to) else { continue };
            let what = format!("  → {}", relation(it.kind, to));
            let parts = [what, through(view.graph, &it), away(view, node, to)];
            let _ = writeln!(out, "{}", wrapped(&parts, &places(&it, sources)));
        }
    }
}

/// `activity A`: calls need no other word, the rest says what it is.
fn relation(kind: EdgeKind, to: &Node) -> String {
    match kind {
        EdgeKind::SignalSend => format!("signal to workflow {}", to.name),
        EdgeKind::Cancel => format!("cancel of workflow {}", to.name),
        EdgeKind::AsyncBacking => format!("backed by workflow {}", to.name),
        EdgeKind::NexusCall if to.kind == NodeKind::Workflow => format!("nexus workflow {}", to.name),
        _ => format!("{} {}", to.kind.title(), to.name),
    }
}

fn through(graph: &Graph, it: &Bundle<'_>) -> String {
    let endpoint = it.edges.first().and_then(|edge| graph.nodes.get(edge.routing.endpoint?));
    endpoint.map_or_else(String::new, |endpoint| format!(" through {}", endpoint.name))
}

/// Where a callee runs, when that is somewhere else.
fn away(view: &View<'_>, from: &Node, to: &Node) -> String {
    let is_local = to.worker == from.worker && to.namespace == from.namespace;
    if is_local { String::new() } else { place(view.graph, to) }
}

fn place(graph: &Graph, node: &Node) -> String {
    let name = |at: Option<usize>| at.and_then(|at| graph.nodes.get(at)).map(|node| node.name.as_str());
    match (name(node.worker), name(node.namespace)) {
        (Some(worker), Some(namespace)) => format!("  ({worker} in {namespace})"),
        _ => String::new(),
    }
}

/// `shop.twf:3, 7, 9`: the file once, then lines.
fn places(it: &Bundle<'_>, sources: &Sources) -> String {
    let spans: Vec<Span> = it.edges.iter().map(|edge| edge.span).collect();
    let mut out = String::new();
    for (at, span) in spans.iter().take(PLACES_MAX).enumerate() {
        let place = sources.locate(*span);
        let _ = match at {
            0 => write!(out, "{}:{}", place.path, place.line),
            _ => write!(out, ", {}", place.line),
        };
    }
    if spans.len() > PLACES_MAX {
        let _ = write!(out, " and {} more", spans.len() - PLACES_MAX);
    }
    out
}

fn coarse(out: &mut String, view: &View<'_>) {
    let all: Vec<_> = view.coarse().collect();
    for tier in [NodeKind::Namespace, NodeKind::Worker] {
        let of_tier: Vec<_> = all.iter().filter(|it| it.tier == tier).collect();
        if of_tier.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\nbetween {}s", tier.title());
        for it in of_tier {
            let (Some(from), Some(to)) = (view.graph.nodes.get(it.from), view.graph.nodes.get(it.to)) else {
                continue;
            };
            let line = format!("  {} → {}", tiered(view.graph, from), tiered(view.graph, to));
            let calls = if it.weight == 1 { "1 call".to_string() } else { format!("{} calls", it.weight) };
            let _ = writeln!(out, "{}", columns(&line, &calls));
        }
    }
}

fn tiered(graph: &Graph, node: &Node) -> String {
    let namespace = node.namespace.and_then(|at| graph.nodes.get(at));
    namespace.map_or_else(|| node.name.clone(), |namespace| format!("{} in {}", node.name, namespace.name))
}

fn nowhere(out: &mut String, view: &View<'_>, sources: &Sources) {
    let graph = view.graph;
    let unreached = graph.unreached.iter().filter(|it| view.has(it.from)).map(|it| {
        let callee = graph.definitions.get(it.to).map_or("", |it| it.name.as_str());
        let line = format!("  {} → {callee} on queue {}", placed(graph, it.from), it.queue);
        columns(&line, &short(it.span, sources))
    });
    list_once(out, "nobody would take", unreached);
    let unresolved = graph.unresolved.iter().filter(|it| view.has(it.from)).map(|it| {
        let from = graph.nodes.get(it.from).map_or("", |node| node.name.as_str());
        let line = format!("  {from} → {} {}", it.wanted.title(), it.name);
        columns(&line, &short(it.span, sources))
    });
    list_once(out, "not defined", unresolved);
}

/// Lines under a title; a line that says the same as another one is left out.
fn list_once(out: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let mut seen = HashSet::new();
    for line in lines {
        if seen.is_empty() {
            let _ = writeln!(out, "\n{title}");
        }
        if !seen.contains(&line) {
            let _ = writeln!(out, "{line}");
            seen.insert(line);
        }
    }
}

fn placed(graph: &Graph, node: usize) -> String {
    let shown = |node: &Node| format!("{}{}", node.name, place(graph, node));
    graph.nodes.get(node).map_or_else(String::new, shown)
}

fn short(span: Span, sources: &Sources) -> String {
    let at = sources.locate(span);
    format!("{}:{}", at.path, at.line)
}

/// What is said about a use: how, and in which statement when that is not a plain call.
fn phrase(kind: EdgeKind, via: Option<Via>) -> String {
    let word = super::label(kind, 1);
    match via {
        Some(via @ (Via::Detach | Via::Promise | Via::Await | Via::Race)) => {
            format!("{word}, {}", via.word())
        }
        _ => word,
    }
}

/// Two columns, the right one flush with the edge of the terminal; under the left one when both do not fit.
fn columns(left: &str, right: &str) -> String {
    wrapped(&[left.to_string()], right)
}

/// Parts of a line, broken between them where it gets too long, with a column at the right.
fn wrapped(parts: &[String], right: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        match lines.last_mut() {
            Some(line) if width(line) + width(part) <= WIDTH => line.push_str(part),
            Some(_) => lines.push(format!("      {}", part.trim_start())),
            None => lines.push(part.clone()),
        }
    }
    let used = lines.last().map_or(0, |line| width(line));
    if used + 2 + width(right) > WIDTH {
        lines.push(String::new());
    }
    if let Some(line) = lines.last_mut() {
        let gap = WIDTH.saturating_sub(width(line) + width(right));
        line.push_str(&" ".repeat(gap));
        line.push_str(right);
    }
    lines.join("\n")
}

fn width(text: &str) -> usize {
    text.chars().count()
}
