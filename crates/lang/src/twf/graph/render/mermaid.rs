//! The graph as a flowchart of Mermaid, which many Markdown viewers draw.

use std::fmt::Write as _;

use super::cluster::{Box, Inner, boxes, workers_are_nodes};
use super::{bundles, label, pictured};
use crate::twf::graph::view::View;
use crate::twf::graph::{EdgeKind, Node, NodeKind};

/// A view as a flowchart from left to right, with boxes for namespaces and workers.
pub fn mermaid(view: &View<'_>) -> String {
    let mut out = String::from("flowchart LR\n");
    for (at, it) in boxes(view).iter().enumerate() {
        outer(&mut out, view, it, at);
    }
    for it in bundles(view) {
        let text = escape(&label(it.kind, it.edges.len()));
        let _ = writeln!(out, "    n{} {}|{text}| n{}", it.from, line(it.kind), it.to);
    }
    if workers_are_nodes(view) {
        for it in view.coarse().filter(|it| it.tier == NodeKind::Worker) {
            let _ = writeln!(out, "    n{} -->|\"{}\"| n{}", it.from, it.weight, it.to);
        }
    }
    classes(&mut out, view);
    out
}

fn outer(out: &mut String, view: &View<'_>, it: &Box<'_>, at: usize) {
    let title = match it.namespace {
        Some(namespace) => format!("namespace {}", namespace.name),
        None => "not deployed".to_string(),
    };
    let _ = writeln!(out, "    subgraph s{at}[{}]", escape(&title));
    for inner in &it.workers {
        if workers_are_nodes(view) {
            node(out, inner.index, inner.worker, "        ");
        } else {
            worker(out, inner);
        }
    }
    for (index, it) in pictured(&it.loose) {
        node(out, index, it, "        ");
    }
    out.push_str("    end\n");
}

fn worker(out: &mut String, it: &Inner<'_>) {
    let queue = it.worker.queue.as_ref().map_or_else(String::new, |queue| format!(", queue {queue}"));
    let title = format!("worker {}{queue}", it.worker.name);
    let _ = writeln!(out, "        subgraph w{}[{}]", it.index, escape(&title));
    for (index, it) in pictured(&it.nodes) {
        node(out, index, it, "            ");
    }
    out.push_str("        end\n");
}

fn node(out: &mut String, index: usize, it: &Node, indent: &str) {
    let text = match (&it.queue, it.kind) {
        (Some(queue), NodeKind::Endpoint | NodeKind::Worker) => format!("{}, queue {queue}", it.name),
        _ => it.name.clone(),
    };
    let text = escape(&text);
    let _ = match it.kind {
        NodeKind::Activity => writeln!(out, "{indent}n{index}([{text}])"),
        NodeKind::Operation => writeln!(out, "{indent}n{index}[[{text}]]"),
        NodeKind::Service => writeln!(out, "{indent}n{index}[/{text}/]"),
        NodeKind::Endpoint => writeln!(out, "{indent}n{index}>{text}]"),
        NodeKind::Workflow | NodeKind::Worker | NodeKind::Namespace => {
            writeln!(out, "{indent}n{index}[{text}]")
        }
    };
}

fn line(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::ActivityCall | EdgeKind::Containment => "-->",
        EdgeKind::WorkflowCall => "==>",
        EdgeKind::NexusCall | EdgeKind::NexusRoute => "-.->",
        EdgeKind::AsyncBacking => "---o",
        EdgeKind::SignalSend => "--o",
        EdgeKind::Cancel => "--x",
    }
}

/// One colour for each kind of definition.
fn classes(out: &mut String, view: &View<'_>) {
    for (kind, name, fill) in [
        (NodeKind::Workflow, "workflow", "#cfe3ff"),
        (NodeKind::Activity, "activity", "#d8f0d2"),
        (NodeKind::Operation, "operation", "#fde5c4"),
        (NodeKind::Endpoint, "endpoint", "#f3d6ef"),
    ] {
        let nodes: Vec<String> =
            view.nodes().filter(|(_, it)| it.kind == kind).map(|(at, _)| format!("n{at}")).collect();
        if !nodes.is_empty() {
            let _ = writeln!(out, "    classDef {name} fill:{fill},stroke:#555,color:#111");
            let _ = writeln!(out, "    class {} {name}", nodes.join(","));
        }
    }
}

/// A quoted text. Mermaid writes what its grammar or HTML would take for its own as `#code;`.
fn escape(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            c if c.is_control() => out.push(' '),
            '"' | '#' | '&' | '<' | '>' | ';' | '`' | '\\' | '{' | '}' => {
                let _ = write!(out, "#{};", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
