//! The graph as JSON, version 1; `docs/graph.md` describes the keys.

use serde_json::{Value, json as value};

use crate::text::source::{Sources, Span};
use crate::twf::graph::view::View;
use crate::twf::graph::{
    CoarseEdge, Definition, Edge, Found, Graph, Node, Query, Unreached, Unresolved, Use,
};

/// Version of the shape: raised when a key changes its meaning or goes away, not when one is added.
const VERSION: u32 = 1;

/// A view as one object. Every key of an element is always there, null or empty when there is nothing to say.
pub fn json(view: &View<'_>, sources: &Sources) -> Value {
    let graph = view.graph;
    let shown = |at: usize| view.has(at);
    let nodes: Vec<Value> = view.nodes().map(|(_, it)| node(graph, it)).collect();
    let edges: Vec<Value> = view.edges().map(|it| edge(graph, it, sources)).collect();
    let unresolved = graph.unresolved.iter().filter(|it| shown(it.from));
    let unreached = graph.unreached.iter().filter(|it| shown(it.from));
    value!({
        "version": VERSION,
        "nodes": nodes,
        "edges": edges,
        "coarse": view.coarse().map(|it| coarse(graph, it)).collect::<Vec<_>>(),
        "unresolved": unresolved.map(|it| missing(graph, it, sources)).collect::<Vec<_>>(),
        "unreached": unreached.map(|it| dispatch(graph, it, sources)).collect::<Vec<_>>(),
    })
}

/// The answer to a query as one object.
pub fn answer(graph: &Graph, query: &Query, found: &[Found], sources: &Sources) -> Value {
    let row = |it: &Found| {
        let definition = graph.definitions.get(it.definition)?;
        let mut row = named(definition, sources);
        let uses: Vec<Value> = it.uses.iter().map(|it| usage(graph, it, sources)).collect();
        if let Some(map) = row.as_object_mut() {
            map.insert("uses".to_string(), Value::Array(uses));
        }
        Some(row)
    };
    value!({
        "version": VERSION,
        "query": query.word(),
        "results": found.iter().filter_map(row).collect::<Vec<_>>(),
    })
}

fn named(it: &Definition, sources: &Sources) -> Value {
    value!({ "kind": it.kind.word(), "name": it.name, "at": place(it.span, sources) })
}

fn usage(graph: &Graph, it: &Use, sources: &Sources) -> Value {
    let key = |at: usize| graph.definitions.get(at).map(Definition::key);
    value!({
        "from": key(it.from),
        "to": key(it.to),
        "kind": it.kind.word(),
        "via": it.via.word(),
        "at": place(it.span, sources),
    })
}

fn node(graph: &Graph, it: &Node) -> Value {
    let params = it.definition.and_then(|at| graph.definitions.get(at)).map(|it| it.params.as_slice());
    value!({
        "id": it.id,
        "kind": it.kind.word(),
        "name": it.name,
        "queue": it.queue,
        "worker": it.worker.and_then(|at| id(graph, at)),
        "namespace": it.namespace.and_then(|at| id(graph, at)),
        "deployed": !it.is_orphan,
        "params": params.unwrap_or_default(),
    })
}

fn edge(graph: &Graph, it: &Edge, sources: &Sources) -> Value {
    let routing = &it.routing;
    let routing = it.kind.is_dispatch().then(|| {
        value!({
            "explicit": routing.explicit,
            "default": routing.default,
            "dynamic": routing.dynamic,
            "endpoint": routing.endpoint.and_then(|at| id(graph, at)),
        })
    });
    value!({
        "from": id(graph, it.from),
        "to": id(graph, it.to),
        "kind": it.kind.word(),
        "via": it.via.map(super::super::Via::word),
        "routing": routing,
        "at": place(it.span, sources),
    })
}

fn coarse(graph: &Graph, it: &CoarseEdge) -> Value {
    value!({
        "from": id(graph, it.from),
        "to": id(graph, it.to),
        "tier": it.tier.word(),
        "weight": it.weight,
    })
}

fn missing(graph: &Graph, it: &Unresolved, sources: &Sources) -> Value {
    value!({
        "from": id(graph, it.from),
        "kind": it.kind.word(),
        "wanted": it.wanted.word(),
        "name": it.name,
        "at": place(it.span, sources),
    })
}

fn dispatch(graph: &Graph, it: &Unreached, sources: &Sources) -> Value {
    value!({
        "from": id(graph, it.from),
        "to": graph.definitions.get(it.to).map(Definition::key),
        "queue": it.queue,
        "message": graph.unreached_text(it),
        "at": place(it.span, sources),
    })
}

fn id(graph: &Graph, at: usize) -> Option<&str> {
    graph.nodes.get(at).map(|node| node.id.as_str())
}

fn place(span: Span, sources: &Sources) -> Value {
    let at = sources.locate(span);
    value!({ "file": at.path, "line": at.line, "column": at.column })
}
