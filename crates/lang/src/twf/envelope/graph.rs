//! The deployment graph as the public tool writes it.

use serde_json::{Map, Value, json};

use crate::text::source::{Sources, Span};
use crate::twf::check::ParsedUnit;
use crate::twf::graph::{self, Edge, EdgeKind, Graph, Node, NodeKind, Reading, Unreached, Unresolved};

/// `{summary, nodes, edges, coarsenedEdges, unresolved, diagnostics}`.
pub(super) fn graph(units: &[ParsedUnit<'_>], sources: &Sources) -> Value {
    let graph = graph::graph(units, Reading::Public);
    let payload = Payload { graph: &graph, sources };
    let nodes: Vec<Value> = graph.nodes.iter().map(|it| payload.node(it)).collect();
    let edges = payload.edges();
    let is_call = |it: &&Unresolved| it.kind != EdgeKind::Containment;
    let unresolved: Vec<Value> =
        graph.unresolved.iter().filter(is_call).map(|it| payload.unresolved(it)).collect();
    json!({
        "summary": {
            "nodes": nodes.len(),
            "edges": edges.len(),
            "coarsenedEdges": graph.coarse.len(),
            "unresolved": unresolved.len(),
            "diagnostics": graph.unreached.len(),
        },
        "nodes": nodes,
        "edges": edges,
        "coarsenedEdges": payload.coarse(),
        "unresolved": unresolved,
        "diagnostics": graph.unreached.iter().map(|it| payload.unreached(it)).collect::<Vec<_>>(),
    })
}

struct Payload<'a> {
    graph: &'a Graph,
    sources: &'a Sources,
}

impl Payload<'_> {
    fn id(&self, node: usize) -> &str {
        self.graph.nodes.get(node).map_or("", |node| node.id.as_str())
    }

    fn line(&self, span: Span) -> u32 {
        self.sources.locate(span).line
    }

    /// Which keys a node has depends on what it is.
    fn node(&self, it: &Node) -> Value {
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| map.insert(key.to_string(), value);
        put("id", json!(it.id));
        put("definition", json!(format!("{}:{}", it.kind, it.name)));
        if it.is_orphan {
            put("orphan", json!(true));
        }
        if matches!(it.kind, NodeKind::Operation | NodeKind::Service)
            && let Some(worker) = it.worker.and_then(|at| self.graph.nodes.get(at))
        {
            put("worker", json!(format!("worker:{}", worker.name)));
        }
        if it.kind == NodeKind::Service
            && let Some(namespace) = it.namespace
        {
            put("namespace", json!(self.id(namespace)));
        }
        if let Some(queue) = &it.queue {
            put("queue", json!(queue));
        }
        let definition = it.definition.and_then(|at| self.graph.definitions.get(at));
        if let Some(params) = definition.map(|it| &it.params).filter(|params| !params.is_empty()) {
            put("templateParams", json!(params));
        }
        Value::Object(map)
    }

    /// A registration of nothing is an edge too, from a node that is not there.
    fn edges(&self) -> Vec<Value> {
        let missing = self.graph.unresolved.iter().filter(|it| it.kind == EdgeKind::Containment);
        let missing = missing.map(|it| {
            let from = format!("{}:{}/{}", it.wanted, it.name, self.id(it.from));
            (from, self.id(it.from), it.kind.word(), self.line(it.span), None)
        });
        let known = self.graph.edges.iter().map(|it| {
            let routing = it.kind.is_dispatch().then(|| self.routing(it));
            (self.id(it.from).to_string(), self.id(it.to), it.kind.word(), self.line(it.span), routing)
        });
        let mut all: Vec<_> = known.chain(missing).collect();
        all.sort_by(|a, b| (&a.0, a.1, a.2, a.3).cmp(&(&b.0, b.1, b.2, b.3)));
        all.into_iter()
            .map(|(from, to, kind, line, routing)| edge(&from, to, (kind, line), routing))
            .collect()
    }

    fn routing(&self, it: &Edge) -> Value {
        let mut map = Map::new();
        if let Some(queue) = &it.routing.explicit {
            map.insert("explicit".to_string(), json!(queue));
        }
        if let Some(endpoint) = it.routing.endpoint {
            map.insert("nexusEndpoint".to_string(), json!(self.id(endpoint)));
        }
        Value::Object(map)
    }

    fn coarse(&self) -> Vec<Value> {
        let edge = |it: &graph::CoarseEdge| {
            json!({
                "from": self.id(it.from),
                "to": self.id(it.to),
                "tier": it.tier.word(),
                "weight": it.weight,
            })
        };
        self.graph.coarse.iter().map(edge).collect()
    }

    fn unresolved(&self, it: &Unresolved) -> Value {
        json!({
            "from": self.id(it.from),
            "name": it.name,
            "kind": it.kind.word(),
            "line": self.line(it.span),
        })
    }

    fn unreached(&self, it: &Unreached) -> Value {
        json!({
            "severity": "warning",
            "code": "DISPATCH_NO_REACHABLE_DEPLOYMENT",
            "message": self.graph.unreached_text(it),
            "from": self.id(it.from),
            "line": self.line(it.span),
        })
    }
}

fn edge(from: &str, to: &str, (kind, line): (&str, u32), routing: Option<Value>) -> Value {
    let mut map = Map::new();
    map.insert("from".to_string(), json!(from));
    map.insert("to".to_string(), json!(to));
    map.insert("kind".to_string(), json!(kind));
    map.insert("line".to_string(), json!(line));
    if let Some(routing) = routing {
        map.insert("routing".to_string(), routing);
    }
    Value::Object(map)
}
