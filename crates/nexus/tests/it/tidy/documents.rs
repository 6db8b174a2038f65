//! Rules for documents: error pages, invariants, links, and nothing of the machine that made them.

use std::collections::BTreeSet;
use std::path::Path;

use nexus_kernel::code;

use super::repo::{self, File};
use super::source::Source;
use super::{Violation, judge};

/// Headings of an error page, in order.
const SECTIONS: &[&str] = &["\n## What happened\n", "\n## Why\n", "\n## Example\n", "\n## What to do\n"];

#[test]
fn every_error_code_has_a_page_and_every_page_a_code() {
    let mut wrong = Vec::new();
    let pages: BTreeSet<&str> = repo::files()
        .iter()
        .filter_map(|file| file.path.strip_prefix("docs/errors/")?.strip_suffix(".md"))
        .filter(|name| name.starts_with("NX-"))
        .collect();
    for known in code::ALL {
        if !pages.contains(known.id) {
            wrong.push(format!("{} has no page", known.id));
            continue;
        }
        let page = repo::text(&format!("docs/errors/{}.md", known.id));
        let head = format!(
            "# {}: {}\n\nHTTP status {} · exit code {} ",
            known.id,
            known.title,
            known.http,
            known.exit.number()
        );
        if !page.starts_with(&head) {
            wrong.push(format!("{} does not begin with {head:?}", known.id));
        }
        let places: Option<Vec<usize>> = SECTIONS.iter().map(|section| page.find(section)).collect();
        if !places.is_some_and(|places| places.is_sorted()) {
            wrong.push(format!("{} lacks a section", known.id));
        }
    }
    wrong.extend(
        pages.iter().filter(|page| code::find(page).is_none()).map(|page| format!("{page} is no code")),
    );
    assert!(wrong.is_empty(), "error pages:\n  {}\n", wrong.join("\n  "));
}

#[test]
fn every_invariant_names_the_tests_that_hold_it() {
    let tests = test_names();
    let paragraphs = repo::text("ARCHITECTURE.md").split("\n\n").filter(|text| text.contains("*Invariant:*"));
    let (mut count, mut wrong) = (0, Vec::new());
    for paragraph in paragraphs {
        count += 1;
        let holders = paragraph.split_once("Held by").map_or("", |(_, holders)| holders);
        let names: Vec<&str> = holders.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            wrong.push(format!("no test is named: {paragraph}"));
        }
        let unknown = names.iter().filter(|name| !tests.contains(**name));
        wrong.extend(unknown.map(|name| format!("there is no test `{name}`")));
    }
    assert!(count >= 10, "only {count} invariants were found in ARCHITECTURE.md");
    assert!(wrong.is_empty(), "invariants:\n  {}\n", wrong.join("\n  "));
}

#[test]
fn every_threat_names_the_tests_that_hold_it_off() {
    let tests = test_names();
    let page = repo::text("docs/threats.md");
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| Attack") && !line.starts_with("| ---"));
    let (mut count, mut wrong) = (0, Vec::new());
    for row in rows {
        count += 1;
        let named = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        let names: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            wrong.push(format!("no test is named: {row}"));
        }
        let unknown = names.iter().filter(|name| !tests.contains(**name));
        wrong.extend(unknown.map(|name| format!("there is no test `{name}`")));
    }
    assert!(count >= 20, "only {count} threats were found in docs/threats.md");
    assert!(wrong.is_empty(), "threats:\n  {}\n", wrong.join("\n  "));
}

#[test]
fn every_row_of_the_engines_table_names_tests_that_exist() {
    let (mut tests, mut count, mut wrong) = (test_names(), 0, Vec::new());
    // Bodies that every implementation of a port runs.
    let shared = repo::rust_files().filter(|file| file.path.starts_with("crates/kernel/src/testing/"));
    tests.extend(shared.flat_map(|file| Source::of(file).functions()).map(|function| function.name));
    for row in repo::text("docs/engine.md").lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [_, point, done, holders] = cells[..] else {
            wrong.push(format!("not four cells: {row}"));
            continue;
        };
        let names: Vec<&str> = holders.split('`').skip(1).step_by(2).collect();
        if names.is_empty() && done.starts_with("yes") {
            wrong.push(format!("no test is named: {point}"));
        }
        count += names.len();
        let unknown = names.iter().filter(|name| !tests.contains(**name));
        wrong.extend(unknown.map(|name| format!("there is no test `{name}`: {point}")));
    }
    assert!(count >= 100, "only {count} tests were found in docs/engine.md");
    assert!(wrong.is_empty(), "the table of the engine:\n  {}\n", wrong.join("\n  "));
}

/// Names of all functions with a test attribute, or inside `proptest!`.
fn test_names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in repo::rust_files() {
        let source = Source::of(file);
        let lines: Vec<&str> = source.code.lines().collect();
        for function in source.functions() {
            let above = lines[..function.line - 1].iter().rev();
            let mut attributes = above.take_while(|line| {
                let line = line.trim();
                line.starts_with("#[") || line.is_empty() || line.starts_with(")]")
            });
            if attributes.any(|line| line.contains("#[test]") || line.contains("::test")) {
                names.insert(function.name);
            }
        }
    }
    names
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut wrong = Vec::new();
    for file in repo::files().iter().filter(|file| file.is("md")) {
        let folder = Path::new(&file.path).parent().unwrap_or_else(|| Path::new(""));
        for target in links(&file.text) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !repo::root().join(folder).join(path).exists() {
                wrong.push(format!("{}: {target}", file.path));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere:\n  {}\n", wrong.join("\n  "));
}

/// Targets of `[text](target)` outside of fenced blocks, addresses on the web left out.
fn links(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    let targets = prose.flat_map(|part| part.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
    targets.filter(|target| !target.contains("://")).collect()
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    // Split, so that this file does not accuse itself.
    let places =
        [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
    let mut found = Vec::new();
    for file in repo::files() {
        for (number, line) in (1..).zip(file.text.lines()) {
            let seen = places.iter().filter(|place| line.contains(**place));
            found
                .extend(seen.map(|place| Violation::new(&file.path, format!("line {number} names {place}"))));
        }
    }
    judge("machine_path", found);
}

/// Hosts that a document may name: homes of specifications and licences, and names that mean nobody.
const HOSTS: &[&str] = &[
    "127.0.0.1",
    "cel.dev",
    "docs.rs",
    "example.com",
    "github.com",
    "json-schema.org",
    "localhost",
    "modelcontextprotocol.io",
    "spec.openapis.org",
    "www.apache.org",
    "www.rfc-editor.org",
    "www.w3.org",
];

#[test]
fn only_known_hosts_are_named() {
    let mut found = Vec::new();
    for file in repo::files().iter().filter(|file| file.path != "LICENSE") {
        for (number, line) in (1..).zip(file.text.lines()) {
            let strange = hosts(line).into_iter().filter(|host| !is_known(host));
            found.extend(
                strange.map(|host| Violation::new(&file.path, format!("line {number} names {host}"))),
            );
        }
    }
    judge("host", found);
}

fn is_known(host: &str) -> bool {
    // The last two are reserved: nobody can own them.
    let names = HOSTS.iter().chain(&["example", "test"]);
    names.into_iter().any(|known| host == *known || host.ends_with(&format!(".{known}")))
}

/// Hosts of the addresses in a line. A format string or a lone scheme names none.
fn hosts(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for scheme in ["http://", "https://"] {
        for rest in line.split(scheme).skip(1) {
            let end = rest
                .find(|char: char| !char.is_ascii_alphanumeric() && !".-".contains(char))
                .unwrap_or(rest.len());
            let host = rest[..end].trim_end_matches('.');
            found.extend(Some(host).filter(|host| host.contains('.') || *host == "localhost"));
        }
    }
    found
}

#[test]
fn hosts_are_read_from_addresses() {
    assert_eq!(
        hosts("see https://docs.rs/x and http://localhost:8000, http://{addr}"),
        ["localhost", "docs.rs"]
    );
    assert!(is_known("www.example.com") && !is_known("notexample.com"));
    let file =
        File { path: String::new(), text: "[a](b.md) ```\n[c](d)\n``` [e](https://docs.rs)".to_owned() };
    assert_eq!(links(&file.text), ["b.md"]);
}
