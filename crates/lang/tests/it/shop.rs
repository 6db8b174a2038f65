//! The example shop and the blocks of the seed: real files that must keep working.

use std::fs;
use std::path::{Path, PathBuf};

use nexus_lang::text::diagnostic::{Diagnostic, Severity};
use nexus_lang::text::render::concise;
use nexus_lang::text::source::Sources;
use nexus_lang::twf::check::{CheckOptions, ParsedUnit, check, soften};
use nexus_lang::twf::parser::{Parsed, parse};

fn shop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop")
}

/// Every file of a folder with this ending, by name.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(shop().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().to_string();
        (format!("{folder}/{name}"), fs::read_to_string(path).unwrap())
    };
    paths.into_iter().map(read).collect()
}

/// Parses and checks files together.
fn diagnose(files: &[(String, String)], lenient: bool) -> (Sources, Vec<Diagnostic>) {
    let mut sources = Sources::new();
    for (path, text) in files {
        sources.add(path, text);
    }
    let parsed: Vec<(_, Parsed)> = sources.iter().map(|(id, source)| (id, parse(id, &source.text))).collect();
    let mut diagnostics: Vec<_> = parsed.iter().flat_map(|(_, parsed)| parsed.diagnostics.clone()).collect();
    let units: Vec<_> =
        parsed.iter().map(|(source, parsed)| ParsedUnit { source: *source, unit: &parsed.unit }).collect();
    if lenient {
        soften(&mut diagnostics);
    }
    diagnostics.extend(check(&units, &sources, CheckOptions { lenient, ..CheckOptions::default() }));
    (sources, diagnostics)
}

/// What is worse than a remark, as text.
fn complaints(sources: &Sources, diagnostics: &[Diagnostic]) -> Vec<String> {
    let serious = diagnostics.iter().filter(|it| it.severity != Severity::Info);
    serious.map(|it| concise(it, sources)).collect()
}

#[test]
fn the_shop_has_neither_errors_nor_warnings() {
    let (sources, diagnostics) = diagnose(&files("workflows", ".twf"), false);
    let complaints = complaints(&sources, &diagnostics);
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn the_shop_is_written_in_the_newest_dialect() {
    let (_, diagnostics) = diagnose(&files("workflows", ".twf"), false);
    assert!(diagnostics.iter().all(|it| it.code != "LEGACY_SYNTAX"), "{diagnostics:?}");
}

#[test]
fn every_block_of_the_seed_is_read_without_an_error() {
    let blocks = files("seed", ".twf");
    assert_eq!(blocks.len(), 10);
    for block in blocks {
        let (sources, diagnostics) = diagnose(std::slice::from_ref(&block), true);
        let errors = diagnostics.iter().filter(|it| it.is_error());
        let errors: Vec<_> = errors.map(|it| concise(it, &sources)).collect();
        assert!(errors.is_empty(), "\n{}", errors.join("\n"));
        assert!(diagnostics.iter().any(|it| it.code == "LEGACY_SYNTAX"), "{} is an old file", block.0);
    }
}

#[test]
fn every_activity_of_the_shop_is_exported_by_a_module() {
    let modules: String = files("activities", ".js").into_iter().map(|(_, text)| text).collect();
    let declared: Vec<String> = files("workflows", ".twf")
        .iter()
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| line.strip_prefix("activity ")?.split('(').next().map(str::to_owned))
        .collect();
    assert!(declared.len() > 10);
    for name in declared {
        assert!(modules.contains(&format!("export async function {name}(")), "nobody implements {name}");
    }
}

/// The `twf` blocks of a page of the repository.
fn blocks_of(page: &str) -> Vec<String> {
    let page = fs::read_to_string(shop().join("../..").join(page)).unwrap();
    let rest = page.split("```twf\n").skip(1);
    rest.map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_block_of_the_overview_is_right() {
    let blocks = blocks_of("docs/twf.md");
    assert!(blocks.len() > 3);
    for block in blocks {
        let (sources, diagnostics) = diagnose(&[("twf.md".to_owned(), block.clone())], false);
        let complaints = complaints(&sources, &diagnostics);
        assert!(complaints.is_empty(), "\n{}\nin\n{block}", complaints.join("\n"));
    }
}

#[test]
fn the_block_of_the_first_page_can_be_read() {
    let blocks = blocks_of("README.md");
    assert_eq!(blocks.len(), 1);
    // It leaves out what it calls, so only what is written is looked at.
    let (sources, diagnostics) = diagnose(&[("README.md".to_owned(), blocks[0].clone())], true);
    let errors = diagnostics.iter().filter(|it| it.is_error() || it.code == "LEGACY_SYNTAX");
    let errors: Vec<_> = errors.map(|it| concise(it, &sources)).collect();
    assert!(errors.is_empty(), "\n{}", errors.join("\n"));
}
