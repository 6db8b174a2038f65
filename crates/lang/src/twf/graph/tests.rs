//! What graphs say about designs.

use std::fmt::Write as _;

use super::*;
use crate::text::source::{SourceId, Sources};
use crate::twf::ast::Unit;
use crate::twf::parser::parse;

struct Files {
    sources: Sources,
    units: Vec<(SourceId, Unit)>,
}

fn files(texts: &[&str]) -> Files {
    let mut sources = Sources::new();
    let units = texts
        .iter()
        .enumerate()
        .map(|(at, text)| {
            let id = sources.add(&format!("f{at}.twf"), text);
            (id, parse(id, text).unit)
        })
        .collect();
    Files { sources, units }
}

fn read(files: &Files, reading: Reading) -> Graph {
    let units: Vec<_> =
        files.units.iter().map(|(source, unit)| ParsedUnit { source: *source, unit }).collect();
    graph(&units, reading)
}

fn of(text: &str) -> Graph {
    read(&files(&[text]), Reading::Engine)
}

fn edges(graph: &Graph, kind: EdgeKind) -> Vec<String> {
    let id = |at: usize| graph.nodes[at].id.clone();
    let edges = graph.edges.iter().filter(|edge| edge.kind == kind);
    edges.map(|edge| format!("{} -> {}", id(edge.from), id(edge.to))).collect()
}

fn names(graph: &Graph, found: &[Found]) -> Vec<String> {
    found.iter().map(|it| graph.definitions[it.definition].key()).collect()
}

const DEPLOYED: &str = r#"
workflow Main(x: int):
    activity Far(x)
    activity Near(x)
    close complete

activity Far(x: int):
    default_options:
        task_queue: "far"
    return x

activity Near(x: int):
    return x

worker near:
    workflow Main
    activity Near

worker far:
    activity Far

namespace n:
    worker near
        options:
            task_queue: "near"
    worker far
        options:
            task_queue: "far"
"#;

#[test]
fn the_queue_of_default_options_counts_for_the_engine_only() {
    let files = files(&[DEPLOYED]);
    let engine = read(&files, Reading::Engine);
    assert_eq!(edges(&engine, EdgeKind::ActivityCall).len(), 2);
    assert!(engine.unreached.is_empty());
    let public = read(&files, Reading::Public);
    assert_eq!(edges(&public, EdgeKind::ActivityCall).len(), 1);
    let [found] = public.unreached.as_slice() else { panic!("{:?}", public.unreached) };
    assert_eq!(files.sources.locate(found.span).line, 3);
    assert_eq!(
        public.unreached_text(found),
        "no deployment of activity `Far` polls the queue `near` that this goes to"
    );
}

#[test]
fn a_queue_of_run_time_may_be_any_of_the_namespace() {
    let text = DEPLOYED.replace(
        "    activity Near(x)\n    close",
        "    activity Near(x)\n        options:\n            task_queue: \"q-{x}\"\n    close",
    );
    let graph = of(&text);
    let edge = graph.edges.iter().find(|edge| edge.routing.dynamic.is_some()).unwrap();
    assert_eq!(graph.nodes[edge.to].name, "Near");
    assert!(graph.unreached.is_empty());
}

#[test]
fn what_is_not_deployed_has_calls_for_the_engine_only() {
    let files = files(&["workflow A():\n    workflow B()\n\nworkflow B():\n    pass\n"]);
    let id = "workflow:A/orphan -> workflow:B/orphan";
    assert_eq!(edges(&read(&files, Reading::Engine), EdgeKind::WorkflowCall), [id]);
    assert!(read(&files, Reading::Public).edges.is_empty());
}

#[test]
fn every_statement_that_starts_something_is_a_use() {
    let graph = of(r#"
workflow Main(xs: []int):
    on_cancel:
        activity A(0)
    promise h <- workflow W(1)
    signal h.S(1)
    cancel h
    signal external W("id").S(2)
    cancel external W("id")
    detach workflow W(2)
    await workflow W(3)
    try:
        activity A(1)
    catch e:
        activity A(2)
    finally:
        activity A(3)
    await all (x in xs) -> rs:
        activity A(x) -> r
    await one:
        activity A(4) -> v:
            pass
        await all:
            activity A(5)
        fail e:
            activity A(6)
    nexus "other" workflow W(5) -> z
    close complete

workflow W(x: int):
    signal S(a: int):
        pass
    close complete

activity A(x: int):
    ...

nexus service Svc:
    operation Choose(x: int) -> int:
        return workflow W(x)
"#);
    let count = |kind: EdgeKind| graph.uses.iter().filter(|it| it.kind == kind).count();
    assert_eq!(count(EdgeKind::ActivityCall), 8);
    assert_eq!(count(EdgeKind::WorkflowCall), 3);
    assert_eq!(count(EdgeKind::NexusCall), 1);
    assert_eq!(count(EdgeKind::SignalSend), 2);
    assert_eq!(count(EdgeKind::Cancel), 2);
    assert_eq!(count(EdgeKind::AsyncBacking), 1);
    let vias: Vec<_> = graph.uses.iter().map(|it| it.via.word()).collect();
    for word in ["call", "detach", "promise", "await", "race", "backing", "message"] {
        assert!(vias.contains(&word), "{word} is missing in {vias:?}");
    }
}

#[test]
fn the_seeds_endpoints_lead_to_their_namespaces() {
    let graph = of("nexus_endpoint Pay:\n    target_namespace: payments\n    target_task_queue: q\n");
    let node = graph.nodes.iter().find(|node| node.kind == NodeKind::Endpoint).unwrap();
    assert_eq!(
        (node.id.as_str(), node.queue.as_deref()),
        ("nexusEndpoint:Pay/namespace:payments", Some("q"))
    );
}

#[test]
fn packages_keep_equal_names_apart() {
    let files = files(&[
        "package a\n\nimport \"x/b\"\n\nworkflow Main():\n    activity b.Act()\n    activity Act()\n\nactivity Act():\n    ...\n",
        "package b\n\nactivity Act():\n    ...\n",
    ]);
    let graph = read(&files, Reading::Engine);
    assert_eq!(
        edges(&graph, EdgeKind::ActivityCall),
        [
            "workflow:a.Main/orphan -> activity:a.Act/orphan",
            "workflow:a.Main/orphan -> activity:b.Act/orphan"
        ]
    );
}

#[test]
fn names_are_found_in_full_by_key_by_id_and_without_package_or_service() {
    let graph = of("workflow W():\n    pass\n\nnexus service S:\n    async Op workflow W\n");
    let names = |name: &str| -> Vec<String> {
        graph.find(name).iter().map(|at| graph.definitions[*at].key()).collect()
    };
    for name in ["S.Op", "Op", "nexusOperation:S.Op", "nexusOperation:S.Op/orphan"] {
        assert_eq!(names(name), ["nexusOperation:S.Op"], "{name}");
    }
    assert!(names("Nope").is_empty());
}

const UNUSED: &str = r"
workflow Main(x: int):
    activity Used(x)
    workflow Main(x)
    close complete

workflow Ping(x: int):
    workflow Pong(x)
    close complete

workflow Pong(x: int):
    workflow Ping(x)
    activity OnlyThere(x)
    close complete

activity Used(x: int):
    ...

activity OnlyThere(x: int):
    ...

activity Spare(x: int):
    ...
";

#[test]
fn questions_are_answered() {
    let graph = of(UNUSED);
    let ask = |query: Query| names(&graph, &query.ask(&graph));
    assert_eq!(ask(Query::Unused), ["activity:Spare"]);
    assert_eq!(
        ask(Query::Unreachable),
        ["workflow:Ping", "workflow:Pong", "activity:OnlyThere", "activity:Spare"]
    );
    assert_eq!(ask(Query::Callers(graph.find("Used"))), ["workflow:Main"]);
    assert_eq!(ask(Query::Calls(graph.find("Pong"))), ["workflow:Ping", "activity:OnlyThere"]);
    let marked = of(&UNUSED.replace("workflow Ping", "@entry\nworkflow Ping"));
    assert_eq!(names(&marked, &Query::Unreachable.ask(&marked)), ["activity:Spare"]);
}

#[test]
fn a_focus_keeps_what_is_near_and_what_that_stands_in() {
    let graph = of(DEPLOYED);
    let shown = |name: &str, depth: usize| -> Vec<String> {
        let focus = Focus { definitions: graph.find(name), depth };
        graph.view(Some(&focus), Part::All).nodes().map(|(_, node)| node.id.clone()).collect()
    };
    let near = ["activity:Near/worker:near/namespace:n", "namespace:n", "worker:near/namespace:n"];
    assert_eq!(shown("Near", 0), near);
    assert_eq!(shown("Near", 1).len(), 4);
    assert_eq!(shown("Near", 2).len(), 6);
    assert_eq!(shown("far", 0).len(), 3);
}

#[test]
fn files_with_errors_give_what_could_be_read() {
    let graph =
        of("workflow A(:\n    activity B(\n\nactivity C():\n    ...\n\nworkflow D():\n    activity C(\n");
    let ids: Vec<_> = graph.nodes.iter().map(|node| node.id.as_str()).collect();
    assert!(ids.contains(&"activity:C/orphan") && ids.contains(&"workflow:D/orphan"), "{ids:?}");
}

#[test]
fn names_are_escaped_in_pictures() {
    let graph = of(
        "namespace a-{org}:\n    nexus endpoint e-{org}\n        options:\n            task_queue: \"q\\\"#<\\\\\"\n",
    );
    let view = graph.view(None, Part::All);
    assert!(dot(&view).contains(r##"label="e-{org}\nqueue q\"#<\\""##), "{}", dot(&view));
    assert!(mermaid(&view).contains(r#">"e-#123;org#125;, queue q#34;#35;#60;#92;"]"#), "{}", mermaid(&view));
}

#[test]
fn ten_thousand_definitions_take_the_time_of_ten_thousand() {
    let mut text = String::new();
    for at in 0..5_000 {
        let next = (at + 1) % 5_000;
        let _ = writeln!(
            text,
            "workflow W{at}(x: int):\n    activity A{at}(x)\n    detach workflow W{next}(x)\n"
        );
        let _ = writeln!(text, "activity A{at}(x: int):\n    ...\n");
    }
    text.push_str("worker w:\n");
    for at in 0..5_000 {
        let _ = writeln!(text, "    workflow W{at}\n    activity A{at}");
    }
    text.push_str("\nnamespace n:\n    worker w\n        options:\n            task_queue: \"q\"\n");
    let graph = of(&text);
    assert_eq!(graph.edges.len(), 1 + 10_000 + 10_000);
    assert_eq!(Query::Unreachable.ask(&graph).len(), 10_000, "a ring begins nowhere");
    let view = graph.view(None, Part::All);
    assert!(dot(&view).lines().count() > 20_000 && mermaid(&view).lines().count() > 20_000);
}

#[test]
fn long_names_break_lines_at_eighty_columns() {
    let long = "Long".repeat(9);
    let head = format!("workflow {long}A(x: int):\n    nexus Endpoint{long} Service.{long}(x) -> r\n\n");
    let service = format!("nexus service Service:\n    async {long} workflow {long}A\n\n");
    let worker = format!("worker w:\n    workflow {long}A\n\nworker v:\n    nexus service Service\n\n");
    let place = |name: &str| format!("    {name}\n        options:\n            task_queue: \"q\"\n");
    let endpoint = place(&format!("nexus endpoint Endpoint{long}"));
    let namespace = format!("namespace n:\n{}{}{endpoint}", place("worker w"), place("worker v"));
    let files = files(&[&format!("{head}{service}{worker}{namespace}")]);
    let graph = read(&files, Reading::Engine);
    let shown = text(&graph.view(None, Part::All), &files.sources);
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    assert!(shown.contains("\n      through Endpoint"), "{shown}");
}
