//! Rules for Rust files: module docs, sizes, unfinished work, forbidden calls, stored types.

use super::repo::{self, File};
use super::source::Source;
use super::{Violation, judge};

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;
const TEST_FUNCTION_LINES_MAX: usize = 120;

#[test]
fn every_file_begins_with_a_module_doc() {
    let bare = repo::rust_files().filter(|file| !file.text.starts_with("//! "));
    judge("module_doc", bare.map(|file| Violation::new(&file.path, "begins without `//!`")).collect());
}

#[test]
fn files_are_short() {
    let is_source = |file: &&File| file.is("rs js ts tsx c h");
    let lines = repo::files().iter().filter(is_source).map(|file| (file, file.text.lines().count()));
    let long = lines.filter(|(_, count)| *count > FILE_LINES_MAX);
    let violation = |(file, count): (&File, usize)| {
        Violation::new(&file.path, format!("has {count} lines, more than {FILE_LINES_MAX}"))
    };
    judge("file_lines", long.map(violation).collect());
}

#[test]
fn functions_are_short() {
    let mut found = Vec::new();
    for file in repo::rust_files() {
        for function in Source::of(file).functions() {
            let most = if function.is_test { TEST_FUNCTION_LINES_MAX } else { FUNCTION_LINES_MAX };
            if function.lines > most {
                let place = format!("{}:{}", file.path, function.line);
                let message =
                    format!("{place}: `{}` has {} lines, more than {most}", function.name, function.lines);
                found.push(Violation::new(&file.path, message));
            }
        }
    }
    judge("function_lines", found);
}

#[test]
fn nothing_is_left_unfinished() {
    // Split, so that this file does not accuse itself.
    let words = [
        concat!("todo", "!("),
        concat!("unimplement", "ed!("),
        concat!("#[ign", "ore"),
        concat!("FIX", "ME"),
        concat!("TO", "DO"),
        concat!("XX", "X:"),
    ];
    let mut found = Vec::new();
    for file in repo::files().iter().filter(|file| file.is("rs js ts tsx c h sh twf toml")) {
        for (number, line) in (1..).zip(file.text.lines()) {
            found.extend(
                words
                    .iter()
                    .filter(|word| line.contains(**word))
                    .map(|word| format!("{}:{number}: {word}", file.path)),
            );
        }
    }
    assert!(found.is_empty(), "unfinished work:\n  {}\n", found.join("\n  "));
}

/// What may be called only in some places.
struct Forbidden {
    calls: &'static [&'static str],
    allowed: &'static [&'static str],
    instead: &'static str,
}

const FORBIDDEN: &[Forbidden] = &[
    Forbidden {
        calls: &["SystemTime::now", "Instant::now", "time::sleep", "thread::sleep"],
        allowed: &["crates/kernel/src/port/clock.rs", "benches/"],
        instead: "time comes from the clock port",
    },
    Forbidden {
        calls: &["std::fs", "tokio::fs"],
        allowed: &["crates/store/src/", "crates/sandbox/", "crates/nexus/", "benches/"],
        instead: "files are read and written by the store, the sandbox and `nexus` only",
    },
    Forbidden {
        calls: &["tokio::spawn", "tokio::task::spawn", "thread::spawn", "thread::Builder"],
        allowed: &[
            "crates/kernel/src/task.rs",
            "crates/store/src/",
            "crates/sandbox/src/",
            // An editor's pipe blocks, and trees of any depth need a stack of a known size.
            "crates/nexus/src/lsp",
            // A read of a terminal cannot be called off: its thread ends with the process.
            "crates/nexus/src/cli/top/screen.rs",
            "benches/",
        ],
        instead: "tasks are started by `nexus_kernel::task::spawn`",
    },
    Forbidden {
        calls: &["std::env"],
        // Cargo speaks to build scripts through the environment.
        allowed: &["crates/nexus/", "crates/sandbox/examples/", "crates/sandbox/build.rs", "benches/"],
        instead: "the environment is read by `nexus` only",
    },
    Forbidden {
        calls: &["getrandom::", "thread_rng", "rand::rng"],
        allowed: &["crates/kernel/src/port/rng.rs"],
        instead: "chance comes from the port in `nexus_kernel::port::rng`",
    },
    Forbidden {
        calls: &["process::exit", "process::abort"],
        allowed: &["crates/nexus/src/main.rs", "benches/"],
        instead: "only `main` ends the process",
    },
];

#[test]
fn time_chance_files_and_tasks_come_through_ports() {
    let mut found = Vec::new();
    for file in repo::rust_files() {
        let source = Source::of(file);
        let rules =
            FORBIDDEN.iter().filter(|rule| !rule.allowed.iter().any(|place| file.path.starts_with(place)));
        for rule in rules {
            for (number, line) in source.product_lines() {
                if let Some(call) = rule.calls.iter().find(|call| calls(line, call)) {
                    let message = format!("line {number} uses {call}: {}", rule.instead);
                    found.push(Violation::new(&file.path, message));
                }
            }
        }
    }
    judge("forbidden_call", found);
}

/// Whether a line uses a path, written out or as part of `use std::{…}`.
fn calls(line: &str, path: &str) -> bool {
    let is_longer =
        |at: usize| line[at + path.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_');
    if line.match_indices(path).any(|(at, _)| path.ends_with(':') || !is_longer(at)) {
        return true;
    }
    let Some((root, leaf)) = path.split_once("::") else { return false };
    let Some((_, group)) = line.split_once(&format!("{root}::{{")) else { return false };
    group.split(|char: char| !char.is_alphanumeric() && char != '_').any(|word| word == leaf)
}

#[test]
fn stored_and_sent_types_live_in_record_and_wire_files() {
    let mut found = Vec::new();
    for file in repo::rust_files().filter(|file| file.path.starts_with("crates/")) {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let derives = |line: &str| line.trim_start().starts_with("#[derive(") && line.contains("Serialize");
        let source = Source::of(file);
        let has_wire_type = source.product_lines().any(|(_, line)| derives(line));
        // The file of a project has one form: as it is read it is printed.
        let is_config = file.path.starts_with("crates/nexus/src/config");
        if has_wire_type && !is_config && !matches!(name, "record.rs" | "wire.rs") {
            found.push(Violation::new(&file.path, "derives Serialize outside of record.rs and wire.rs"));
        }
    }
    judge("serialize", found);
}

#[test]
fn paths_inside_a_group_are_found() {
    assert!(calls("use std::{fs, io};", "std::fs") && calls("let x = std::fs::read(p);", "std::fs"));
    assert!(!calls("use std::{fmt, io};", "std::fs") && !calls("std::fsync()", "std::fs"));
}
