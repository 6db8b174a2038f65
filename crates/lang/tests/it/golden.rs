//! Golden histories: one file for each decision that the language page leaves open, run in a scripted world.
//!
//! A file begins with its script, lines with `#:` before them. The snapshot shows the complete history: tasks, events,
//! commands with the statement they came from, the outcome. Every run is also killed before each of its events and
//! rebuilt from its history: the rebuilt machine has to be the same, byte by byte, and so has one that was stored.

mod script;
mod world;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use nexus_lang::text::source::Sources;
use nexus_lang::twf::compile_sources;
use nexus_lang::twf::machine::{Machine, TaskInfo};
use nexus_lang::twf::program::Program;

use script::Script;
use world::{Life, World};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "twf"));
    paths.sort();
    paths
}

fn compiled(name: &str, text: &str) -> (Program, Sources) {
    let mut sources = Sources::new();
    // `#: file NAME` begins another file of the same project.
    for part in text.split("\n#: file ") {
        let (name, text) =
            if sources.iter().next().is_none() { (name, part) } else { part.split_once('\n').unwrap() };
        sources.add(name, text);
    }
    // What a strict check refuses has a meaning all the same.
    let compiled = compile_sources(&sources, text.starts_with("#: lenient"));
    match compiled.program {
        Some(program) => (program, sources),
        None => {
            let errors: Vec<_> = compiled.diagnostics.iter().filter(|it| it.is_error()).collect();
            panic!("{name}: {errors:#?}")
        }
    }
}

/// Rebuilds a run before each of its events, and lets a stored copy go on.
fn kill_and_replay(name: &str, program: &Program, life: &Life) {
    for (at, batch) in life.batches.iter().enumerate() {
        for event in 0..=batch.events.len() {
            let mut rebuilt = life.start(program);
            for earlier in &life.batches[..at] {
                let info = TaskInfo { replaying: true, ..earlier.info };
                rebuilt.task(program, &info, &earlier.events).unwrap();
            }
            let state = serde_json::to_string(&rebuilt).unwrap();
            assert_eq!(state, batch.before, "{name}: before task {} (event {event})", at + 1);
            let mut thawed: Machine = serde_json::from_str(&state).unwrap();
            let again = rebuilt.task(program, &batch.info, &batch.events);
            assert_eq!(again, batch.commands, "{name}: task {}", at + 1);
            assert_eq!(thawed.task(program, &batch.info, &batch.events), again, "{name}: stored copy");
            if again.is_ok() {
                assert_eq!(rebuilt, thawed, "{name}: after task {}", at + 1);
            }
        }
    }
}

#[test]
fn golden_histories() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("golden/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for path in files() {
        let name = path.file_stem().unwrap().to_string_lossy().to_string();
        let text = fs::read_to_string(&path).unwrap();
        let (program, sources) = compiled(&name, &text);
        let script = Script::read(&name, &text);
        let mut world = World::new(&program, &sources, &script);
        let history = world.run();
        for life in &world.lives {
            kill_and_replay(&name, &program, life);
        }
        settings.bind(|| insta::assert_snapshot!(name.clone(), history));
    }
}

/// The table of decisions names every file, and every file it names is there.
#[test]
fn the_table_of_decisions_is_complete() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let table = fs::read_to_string(root.join("docs/decisions/golden-histories.md")).unwrap();
    let named: BTreeSet<String> =
        table.split('`').filter_map(|word| word.strip_suffix(".twf").map(str::to_string)).collect();
    let there: BTreeSet<String> =
        files().iter().map(|path| path.file_stem().unwrap().to_string_lossy().to_string()).collect();
    assert_eq!(named, there);
    for decision in 1..=28 {
        assert!(table.contains(&format!("| H{decision} ")), "H{decision} has no line");
    }
}
