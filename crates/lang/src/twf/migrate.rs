//! From older spellings to the newest: `nexus migrate`.
//!
//! Every older spelling is reported as `LEGACY_SYNTAX` with the change that replaces it; a migration makes those changes
//! until none is left. The tree stays the same, except where the old form says less than the new one needs: a Nexus
//! call by namespace and workflow is given an endpoint and a service.

use std::collections::{BTreeMap, BTreeSet};

use crate::text::diagnostic::{Diagnostic, Fix};
use crate::text::edit::settle;
use crate::text::source::{SourceId, Sources};
use crate::twf::ast::{Callee, Definition, Unit};
use crate::twf::check::index::namespaces;
use crate::twf::check::{CheckOptions, ParsedUnit, check, walk};
use crate::twf::parser::{Behind, Neighbours, parse, parse_among};

/// A file in the newest spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// Its text.
    pub text: String,
    /// How many changes were made.
    pub changes: usize,
    /// Older spellings that nothing replaces mechanically, as they stand in the new text.
    pub left: Vec<Diagnostic>,
}

/// Rewrites files of one project. Layout and comments stay, except on lines that are rewritten.
///
/// # Errors
///
/// For each file its `LEX` and `SYNTAX` errors: what cannot be read is not rewritten.
pub fn migrate_all(texts: &[&str]) -> Vec<Result<Migrated, Vec<Diagnostic>>> {
    let all = neighbours(texts);
    texts.iter().zip(&all).map(|(text, neighbours)| migrate_among(text, neighbours)).collect()
}

/// Rewrites a file that stands alone.
///
/// # Errors
///
/// The `LEX` and `SYNTAX` errors of the file.
pub fn migrate(text: &str) -> Result<Migrated, Vec<Diagnostic>> {
    migrate_among(text, &Neighbours::default())
}

fn migrate_among(text: &str, neighbours: &Neighbours) -> Result<Migrated, Vec<Diagnostic>> {
    let mut errors = parse(SourceId(0), text).diagnostics;
    errors.retain(|it| it.is_error() && matches!(it.code, "LEX" | "SYNTAX"));
    if !errors.is_empty() {
        return Err(errors);
    }
    let settled = settle(text, |text| fixes(&found(text, neighbours)));
    let left = found(&settled.text, neighbours).into_iter().filter(is_legacy).collect();
    Ok(Migrated { text: settled.text, changes: settled.fixes, left })
}

/// What the parser reports, and when it has nothing older left to report the checks: which names of options are old
/// depends on what they stand under.
fn found(text: &str, neighbours: &Neighbours) -> Vec<Diagnostic> {
    let mut sources = Sources::new();
    let source = sources.add("", text);
    let parsed = parse_among(source, text, neighbours);
    if !fixes(&parsed.diagnostics).is_empty() {
        return parsed.diagnostics;
    }
    let mut all = check(
        &[ParsedUnit { source, unit: &parsed.unit }],
        &sources,
        CheckOptions { lenient: true, ..CheckOptions::default() },
    );
    all.extend(parsed.diagnostics);
    all
}

/// For each file what the others mean for it: a namespace that several of them call the oldest way is served by one, the
/// one with its block or else the first caller.
fn neighbours(texts: &[&str]) -> Vec<Neighbours> {
    let units: Vec<Unit> = texts.iter().map(|text| parse(SourceId(0), text).unit).collect();
    let definitions = || units.iter().flat_map(|unit| &unit.definitions);
    let taken: BTreeSet<&str> = definitions().map(|it| it.name().name.as_str()).collect();
    let workflows: BTreeSet<String> = definitions().filter_map(workflow_name).collect();
    let called: Vec<BTreeMap<String, BTreeSet<String>>> = units.iter().map(called_by_namespace).collect();
    let mut hosts: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, calls) in called.iter().enumerate() {
        for namespace in calls.keys() {
            hosts.entry(namespace).or_insert(at);
        }
    }
    for (at, unit) in units.iter().enumerate() {
        for namespace in namespaces(unit) {
            hosts.entry(namespace.name.name.as_str()).and_modify(|host| *host = at);
        }
    }
    let of = |at: usize| Neighbours {
        behind: hosts
            .iter()
            .map(|(namespace, host)| {
                let workflows =
                    called.iter().filter_map(|calls| calls.get(*namespace)).flatten().cloned().collect();
                let behind =
                    Behind { workflows, is_declared_here: *host == at, ..Behind::new(namespace, &taken) };
                ((*namespace).to_string(), behind)
            })
            .collect(),
        namespaces: (units.iter().enumerate())
            .filter(|(other, _)| *other != at)
            .flat_map(|(_, unit)| namespaces(unit))
            .map(|it| it.name.name.to_string())
            .collect(),
        workflows: workflows.clone(),
    };
    (0..texts.len()).map(of).collect()
}

fn workflow_name(definition: &Definition) -> Option<String> {
    match definition {
        Definition::Workflow(it) => Some(it.name.name.to_string()),
        _ => None,
    }
}

/// The workflows that a file calls by their namespace.
fn called_by_namespace(unit: &Unit) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for block in unit.definitions.iter().flat_map(walk::bodies) {
        walk::each(block, &mut |stmt| {
            for (call, _) in walk::calls(stmt) {
                if let Callee::NexusWorkflow { namespace, workflow } = &call.callee {
                    all.entry(namespace.name.to_string()).or_default().insert(workflow.name.to_string());
                }
            }
        });
    }
    all
}

/// The changes that replace older spellings.
pub fn fixes(diagnostics: &[Diagnostic]) -> Vec<Fix> {
    diagnostics.iter().filter(|it| is_legacy(it)).filter_map(|it| it.fix.clone()).collect()
}

fn is_legacy(it: &Diagnostic) -> bool {
    it.code == "LEGACY_SYNTAX"
}
