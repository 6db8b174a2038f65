//! The pages of rules under `docs/errors`: each example is found for exactly what its page says, and what the page
//! advises is not.

use std::collections::BTreeSet;
use std::path::Path;

use nexus_lang::text::diagnostic::{Diagnostic, Severity};
use nexus_lang::text::render::concise;
use nexus_lang::text::source::Sources;
use nexus_lang::twf::compile_sources;
use nexus_lang::twf::rules::{RULES, Rule, RuleKind};

use crate::spec::{Fence, fences_of};

/// Headings of a page, in order.
const SECTIONS: &[&str] = &["\n## What happened\n", "\n## Why\n", "\n## Example\n", "\n## What to do\n"];

fn path(rule: &Rule) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/errors/{}.md", rule.code))
}

/// Everything that is found in a block, and how it reads.
fn found(fence: &Fence) -> (Vec<Diagnostic>, String) {
    let mut sources = Sources::new();
    for (path, text) in fence.files() {
        sources.add(&path, &text);
    }
    let found = compile_sources(&sources, false).diagnostics;
    let shown: Vec<String> = found.iter().map(|it| concise(it, &sources)).collect();
    (found, shown.join("\n"))
}

/// The codes of what is serious; for a rule of information, its own code too.
fn codes(found: &[Diagnostic], rule: &Rule) -> BTreeSet<&'static str> {
    let matters = |it: &&Diagnostic| it.severity != Severity::Info || it.code == rule.code;
    found.iter().filter(matters).map(|it| it.code).collect()
}

#[test]
fn every_rule_has_a_page_whose_examples_are_true() {
    let mut wrong = Vec::new();
    for rule in RULES.iter().filter(|rule| rule.kind != RuleKind::Project) {
        let fences = fences_of(&path(rule));
        let [bad, good] = fences.as_slice() else {
            wrong.push(format!("{}: two blocks are wanted, not {}", rule.code, fences.len()));
            continue;
        };
        let (all, shown) = found(bad);
        if codes(&all, rule) != BTreeSet::from([rule.code]) {
            wrong.push(format!("{}: its example is reported for\n{shown}", rule.code));
        }
        let gravest = all.iter().filter(|it| it.code == rule.code).map(|it| it.severity).min();
        if gravest != Some(rule.severity) {
            wrong.push(format!("{}: its example is a {gravest:?}", rule.code));
        }
        let (all, shown) = found(good);
        if !codes(&all, rule).is_empty() {
            wrong.push(format!("{}: what it advises is reported for\n{shown}", rule.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn pages_of_rules_begin_with_what_the_table_says() {
    for rule in RULES {
        let page = std::fs::read_to_string(path(rule)).unwrap_or_default();
        let silenced = if rule.can_suppress { "can" } else { "cannot" };
        let severity = match rule.severity {
            Severity::Error => "Error",
            Severity::Warning => "Warning",
            Severity::Info => "Info",
        };
        let head = format!(
            "# {}: {}\n\n{severity} · found by: {} · {silenced} be silenced\n",
            rule.code,
            rule.title,
            rule.kind.word()
        );
        assert!(page.starts_with(&head), "{} does not begin with {head:?}", rule.code);
        let places: Option<Vec<usize>> = SECTIONS.iter().map(|section| page.find(section)).collect();
        assert!(places.is_some_and(|places| places.is_sorted()), "{} lacks a section", rule.code);
    }
}
