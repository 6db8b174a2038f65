//! Designs of every construct, with their graphs and envelopes. What the snapshots hold is a fact about the format of
//! the public notation; where ours differs on purpose, `docs/twf-json.md` says so.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use nexus_lang::text::source::{SourceId, Sources};
use nexus_lang::twf::check::{CheckOptions, ParsedUnit, diagnose};
use nexus_lang::twf::envelope::{Design, Payload, envelope};
use nexus_lang::twf::graph::{Part, Query, Reading, dot, graph, json, mermaid, text};
use nexus_lang::twf::parser::{Parsed, parse};
use nexus_lang::twf::symbol::symbols;
use nexus_lang::twf::tree;
use serde_json::Value;

struct Files {
    sources: Sources,
    parsed: Vec<(SourceId, Parsed)>,
}

impl Files {
    fn new(files: &[(String, String)]) -> Files {
        let mut sources = Sources::new();
        let parsed = files.iter().map(|(path, text)| {
            let id = sources.add(path, text);
            (id, parse(id, text))
        });
        let parsed = parsed.collect();
        Files { sources, parsed }
    }

    fn units(&self) -> Vec<ParsedUnit<'_>> {
        self.parsed.iter().map(|(source, it)| ParsedUnit { source: *source, unit: &it.unit }).collect()
    }

    fn envelope(&self, payload: Payload) -> Value {
        let diagnostics = diagnose(&self.parsed, &self.sources, CheckOptions::default());
        let units = self.units();
        envelope(&Design { units: &units, sources: &self.sources, diagnostics: &diagnostics }, payload)
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/designs")
}

fn twf_in(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Every file, and every folder as one design, by name.
fn designs() -> Vec<(String, Files)> {
    let read = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    let design = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let files = if path.is_dir() { twf_in(&path) } else { vec![path] };
        (name, Files::new(&files.iter().map(|path| read(path)).collect::<Vec<_>>()))
    };
    twf_in(&folder()).into_iter().map(design).collect()
}

/// An element a line, so that a changed element is one changed line.
fn lines(payload: &Value) -> String {
    let mut out = String::new();
    match payload {
        Value::Object(map) => {
            for (key, value) in map {
                writeln!(out, "{key}:").unwrap();
                out.push_str(&lines(value));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| writeln!(out, "  {item}").unwrap()),
        other => writeln!(out, "  {other}").unwrap(),
    }
    out
}

#[test]
fn there_are_designs_of_every_kind() {
    assert!(designs().len() >= 30);
}

#[test]
fn their_graphs_in_the_public_reading() {
    for (name, files) in designs() {
        let payload = files.envelope(Payload::Graph);
        insta::assert_snapshot!(format!("graph_{name}"), lines(&payload["graph"]));
    }
}

#[test]
fn their_trees_and_symbols_in_the_public_form() {
    for (name, files) in designs() {
        let mut payload = files.envelope(Payload::Parse);
        let symbols = files.envelope(Payload::Symbols);
        payload["symbols"] = symbols["symbols"].clone();
        // What the checks find is theirs to test.
        payload["diagnostics"] = Value::Null;
        for key in ["errors", "warnings"] {
            payload["summary"].as_object_mut().unwrap().shift_remove(key);
        }
        insta::assert_snapshot!(format!("parse_{name}"), lines(&payload));
    }
}

#[test]
fn graphs_as_people_see_them() {
    for name in ["all", "nexus_multi", "unreach", "extensions", "broken"] {
        let (_, files) = designs().into_iter().find(|(it, _)| it == name).unwrap();
        let graph = graph(&files.units(), Reading::Engine);
        let shown = text(&graph.view(None, Part::All), &files.sources);
        insta::assert_snapshot!(format!("text_{name}"), shown);
    }
}

#[test]
fn pictures_of_one_of_them() {
    let (_, files) = designs().into_iter().find(|(it, _)| it == "all").unwrap();
    let graph = graph(&files.units(), Reading::Engine);
    insta::assert_snapshot!("dot_all", dot(&graph.view(None, Part::All)));
    insta::assert_snapshot!("mermaid_all", mermaid(&graph.view(None, Part::All)));
    insta::assert_snapshot!("mermaid_all_deployment", mermaid(&graph.view(None, Part::Deployment)));
    insta::assert_snapshot!("json_all_calls", lines(&json(&graph.view(None, Part::Calls), &files.sources)));
}

#[test]
fn our_own_trees_say_everything() {
    let (_, files) = designs().into_iter().find(|(it, _)| it == "extensions").unwrap();
    let units = files.units();
    let shown = serde_json::to_string_pretty(&tree::file(&units[0], &files.sources)).unwrap();
    for word in ["awaitAll", "try", "lambda", "conditional", "external", "predicate", "allHandlersFinished"] {
        assert!(shown.contains(&format!("\"{word}\"")), "{word} is missing");
    }
    let value = tree::file(&units[0], &files.sources);
    insta::assert_snapshot!("tree_extensions", lines(&value["definitions"][1]));
    let listed: Vec<String> = symbols(&units).iter().map(|it| format!("{} {}", it.kind, it.name)).collect();
    assert_eq!(listed, ["type Item", "workflow Main", "workflow Child", "activity Undo"]);
}

/// The damaged ends of every design: no text, however cut, may panic or lose a key.
#[test]
fn cut_designs_have_envelopes_too() {
    for (_, files) in designs() {
        let source = files.sources.iter().next().unwrap().1;
        for part in 1..8 {
            let end = source.text.floor_char_boundary(source.text.len() * part / 8);
            let cut = Files::new(&[("cut.twf".to_owned(), source.text[..end].to_owned())]);
            for payload in [Payload::Check, Payload::Graph, Payload::Parse, Payload::Symbols] {
                assert!(cut.envelope(payload)["summary"]["workflows"].is_number());
            }
            let graph = graph(&cut.units(), Reading::Engine);
            Query::Unused.ask(&graph);
            Query::Unreachable.ask(&graph);
        }
    }
}

#[test]
fn every_node_of_the_graph_has_an_id_of_its_own_and_edges_lead_to_nodes() {
    for (name, files) in designs() {
        for reading in [Reading::Engine, Reading::Public] {
            let graph = graph(&files.units(), reading);
            let ids: Vec<_> = graph.nodes.iter().map(|node| &node.id).collect();
            assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{name}: {ids:?}");
            let in_range = |at: usize| at < graph.nodes.len();
            assert!(graph.edges.iter().all(|edge| in_range(edge.from) && in_range(edge.to)), "{name}");
        }
    }
}
