//! The graph in the language of Graphviz.

use std::fmt::Write as _;

use super::cluster::{Box, Inner, boxes, workers_are_nodes};
use super::{bundles, label, pictured};
use crate::twf::graph::view::View;
use crate::twf::graph::{EdgeKind, Node, NodeKind};

/// A view as a `digraph`: boxes for namespaces and workers, a line style for each kind of edge.
pub fn dot(view: &View<'_>) -> String {
    let mut out = String::from(
        "digraph design {\n    rankdir=LR;\n    compound=true;\n    fontname=\"Helvetica\";\n    node \
         [fontname=\"Helvetica\", fontsize=11];\n    edge [fontname=\"Helvetica\", fontsize=9];\n",
    );
    for (at, it) in boxes(view).iter().enumerate() {
        outer(&mut out, view, it, at);
    }
    for it in bundles(view) {
        let text = escape(&label(it.kind, it.edges.len()));
        let _ = writeln!(out, "    n{} -> n{} [label={text}, {}];", it.from, it.to, line(it.kind));
    }
    if workers_are_nodes(view) {
        for it in view.coarse().filter(|it| it.tier == NodeKind::Worker) {
            let _ = writeln!(out, "    n{} -> n{} [label=\"{}\"];", it.from, it.to, it.weight);
        }
    }
    out.push_str("}\n");
    out
}

fn outer(out: &mut String, view: &View<'_>, it: &Box<'_>, at: usize) {
    let (title, style) = match it.namespace {
        Some(namespace) => (format!("namespace {}", namespace.name), "rounded"),
        None => ("not deployed".to_string(), "rounded,dashed"),
    };
    let _ = writeln!(out, "    subgraph cluster_{at} {{");
    let _ = writeln!(out, "        label={}; style=\"{style}\"; color=\"#777777\";", escape(&title));
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
    if it.workers.is_empty() && it.loose.is_empty() {
        // Graphviz leaves empty boxes out.
        let _ = writeln!(out, "        empty_{at} [label=\"\", style=invis, width=0, height=0];");
    }
    out.push_str("    }\n");
}

fn worker(out: &mut String, it: &Inner<'_>) {
    let mut title = format!("worker {}", it.worker.name);
    if let Some(queue) = &it.worker.queue {
        let _ = write!(title, "\nqueue {queue}");
    }
    let _ = writeln!(out, "        subgraph cluster_w{} {{", it.index);
    let _ = writeln!(out, "            label={}; style=\"filled\"; color=\"#eef2f7\";", escape(&title));
    for (index, it) in pictured(&it.nodes) {
        node(out, index, it, "            ");
    }
    if it.nodes.is_empty() {
        let index = it.index;
        let _ = writeln!(out, "            empty_w{index} [label=\"\", style=invis, width=0, height=0];");
    }
    out.push_str("        }\n");
}

fn node(out: &mut String, index: usize, it: &Node, indent: &str) {
    let (shape, fill) = match it.kind {
        NodeKind::Workflow => ("box", "#cfe3ff"),
        NodeKind::Activity => ("ellipse", "#d8f0d2"),
        NodeKind::Operation => ("component", "#fde5c4"),
        NodeKind::Service => ("folder", "#fff3de"),
        NodeKind::Endpoint => ("cds", "#f3d6ef"),
        NodeKind::Worker | NodeKind::Namespace => ("box3d", "#eef2f7"),
    };
    let text = match (&it.queue, it.kind) {
        (Some(queue), NodeKind::Endpoint | NodeKind::Worker) => format!("{}\nqueue {queue}", it.name),
        _ => it.name.clone(),
    };
    let _ = writeln!(
        out,
        "{indent}n{index} [label={}, tooltip={}, shape={shape}, style=filled, fillcolor=\"{fill}\"];",
        escape(&text),
        escape(&it.id)
    );
}

fn line(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::ActivityCall => "color=\"#3a7d2c\"",
        EdgeKind::WorkflowCall => "color=\"#1f5fbf\", penwidth=1.6",
        EdgeKind::NexusCall => "color=\"#b5541c\", style=dashed",
        EdgeKind::AsyncBacking => "color=\"#b5541c\", arrowhead=odiamond",
        EdgeKind::NexusRoute => "color=\"#999999\", style=dotted, arrowhead=open",
        EdgeKind::SignalSend => "color=\"#8a3ab0\", style=dashed, arrowhead=vee",
        EdgeKind::Cancel => "color=\"#c02020\", style=dashed, arrowhead=tee",
        EdgeKind::Containment => "color=\"#cccccc\"",
    }
}

/// A quoted string. Backslashes are doubled, since Graphviz gives meaning to them.
fn escape(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
