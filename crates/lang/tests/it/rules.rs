//! The table of rules against the source: no finding without a rule, no rule without a finding.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use nexus_lang::twf::rules::{RULES, Rule, RuleKind};

/// Every source file of a folder, tests left out.
fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().to_string();
        if path.is_dir() && name != "tests" {
            files(&path, out);
        } else if path.extension().is_some_and(|kind| kind == "rs") && name != "tests.rs" {
            out.push(path);
        }
    }
}

fn sources(crate_folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(crate_folder), &mut found);
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_string();
            (path, code)
        })
        .collect()
}

/// The words in quotes that look like codes.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_code = |word: &&str| {
        word.len() > 2 && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') && !word.starts_with('_')
    };
    text.split('"').filter(is_code)
}

/// Files that make diagnostics: every word in them that looks like a code is one.
fn makes_diagnostics(code: &str) -> bool {
    let builds = |build: &&str| code.contains(&format!("Diagnostic::{build}"));
    ["error", "warning", "info", "new"].iter().any(builds)
        || code.contains("        code: \"")
        || code.contains("Finding { code:")
}

#[test]
fn every_finding_has_a_rule_and_every_rule_a_finding() {
    let mut made = BTreeSet::new();
    let mut strange = Vec::new();
    for (path, code) in sources("src/twf").into_iter().chain(sources("../nexus/src")) {
        if !makes_diagnostics(&code) {
            continue;
        }
        for word in words(&code) {
            made.insert(word.to_string());
            if Rule::find(word).is_none() {
                strange.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert!(strange.is_empty(), "codes without a rule in twf/rules: {strange:#?}");
    let idle: Vec<_> = RULES.iter().map(|rule| rule.code).filter(|code| !made.contains(*code)).collect();
    assert!(idle.is_empty(), "rules without a finding: {idle:?}");
}

#[test]
fn rules_of_the_project_are_made_where_it_is_built() {
    let engine: String = sources("src").into_iter().map(|(_, code)| code).collect();
    for rule in RULES.iter().filter(|rule| rule.kind == RuleKind::Project) {
        let uses = engine.matches(&format!("\"{}\"", rule.code)).count();
        assert_eq!(uses, 1, "{} belongs to the table of rules alone", rule.code);
    }
}
