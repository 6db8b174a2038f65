//! From older spellings to the newest: `nexus migrate`.
//!
//! Every older spelling is reported as `LEGACY_SYNTAX` with the change that replaces it; a migration makes those changes
//! until none is left. The tree stays the same, except where the old form says less than the new one needs: a Nexus
//! call by namespace and workflow is given an endpoint and a service.

use crate::text::diagnostic::{Diagnostic, Fix};
use crate::text::edit::settle;
use crate::text::source::{SourceId, Sources};
use crate::twf::check::{CheckOptions, ParsedUnit, check};
use crate::twf::parser::parse;

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

/// Rewrites a file. Layout and comments stay, except on lines that are rewritten.
///
/// # Errors
///
/// The `LEX` and `SYNTAX` errors of the file: what cannot be read is not rewritten.
pub fn migrate(text: &str) -> Result<Migrated, Vec<Diagnostic>> {
    let mut errors = parse(SourceId(0), text).diagnostics;
    errors.retain(|it| it.is_error() && matches!(it.code, "LEX" | "SYNTAX"));
    if !errors.is_empty() {
        return Err(errors);
    }
    let settled = settle(text, |text| fixes(&found(text)));
    let left = found(&settled.text).into_iter().filter(is_legacy).collect();
    Ok(Migrated { text: settled.text, changes: settled.fixes, left })
}

/// What the parser reports, and when it has nothing older left to report the checks: which names of options are old
/// depends on what they stand under.
fn found(text: &str) -> Vec<Diagnostic> {
    let mut sources = Sources::new();
    let source = sources.add("", text);
    let parsed = parse(source, text);
    if !fixes(&parsed.diagnostics).is_empty() {
        return parsed.diagnostics;
    }
    let mut all =
        check(&[ParsedUnit { source, unit: &parsed.unit }], &sources, CheckOptions { lenient: true });
    all.extend(parsed.diagnostics);
    all
}

fn is_legacy(it: &Diagnostic) -> bool {
    it.code == "LEGACY_SYNTAX"
}

/// The changes that replace older spellings.
pub fn fixes(diagnostics: &[Diagnostic]) -> Vec<Fix> {
    diagnostics.iter().filter(|it| is_legacy(it)).filter_map(|it| it.fix.clone()).collect()
}
