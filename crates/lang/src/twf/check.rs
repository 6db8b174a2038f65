//! What is wrong with the meaning of files whose text could be read: references, topology, options, flow.
//!
//! The codes are those of the language page, section 10. All files of a project are checked together:
//! definitions of one package see each other, others through imports.

mod body;
mod call;
mod duplicate;
mod empty;
mod endpoint;
mod expr;
mod flow;
mod handler;
mod hole;
mod import;
pub(crate) mod index;
mod known;
mod loops;
mod nexus;
mod option;
mod result;
mod route;
mod scope;
pub mod suppress;
mod target;
mod template;
mod timeout;
mod topology;
pub(crate) mod walk;

use crate::text::diagnostic::{Diagnostic, Severity, sort};
use crate::text::source::{SourceId, Sources, Span};
use crate::twf::ast::{Ident, Unit};
use crate::twf::infer::Mismatches;
use crate::twf::parser::Parsed;
use index::Index;
use timeout::Timeouts;

pub use known::{Known, KnownEndpoints};

/// A file that has been parsed.
#[derive(Debug, Clone, Copy)]
pub struct ParsedUnit<'a> {
    /// Where it was read from.
    pub source: SourceId,
    /// Its tree.
    pub unit: &'a Unit,
}

/// How strict the checks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckOptions<'a> {
    /// Errors other than `LEX` and `SYNTAX` become warnings: for sketches that name what is not written yet.
    pub lenient: bool,
    /// Endpoints beside those that the files declare.
    pub endpoints: &'a KnownEndpoints,
}

impl Default for CheckOptions<'_> {
    fn default() -> Self {
        CheckOptions { lenient: false, endpoints: &known::NONE }
    }
}

/// Checks files together and reports by place.
pub fn check<'a>(
    units: &[ParsedUnit<'a>],
    sources: &'a Sources,
    options: CheckOptions<'a>,
) -> Vec<Diagnostic> {
    let index = Index::new(units, sources);
    let mut checker = Checker::new(&index, sources, options.endpoints);
    checker.duplicates(units);
    checker.topology(units);
    let mut mismatches = Mismatches::new(units, &index, sources);
    // All that is to be done with one definition is done while its tree is near: the way to memory is what takes long.
    for (file, unit) in units.iter().enumerate() {
        for definition in &unit.unit.definitions {
            checker.empty(definition);
            checker.duplicates_inside(definition);
            checker.bodies(file, definition);
            mismatches.definition(file, definition);
        }
    }
    checker.imports();
    checker.timeouts(units);
    let mut diagnostics = checker.out;
    diagnostics.append(&mut mismatches.finish());
    if options.lenient {
        soften(&mut diagnostics);
    }
    sort(&mut diagnostics);
    diagnostics
}

/// Everything that is to be said about parsed files: what the parser found, what the checks find, without what
/// comments silence (see [`suppress`]), softened when the options say so, by place.
pub fn diagnose(
    parsed: &[(SourceId, Parsed)],
    sources: &Sources,
    options: CheckOptions<'_>,
) -> Vec<Diagnostic> {
    let units: Vec<_> =
        parsed.iter().map(|(source, parsed)| ParsedUnit { source: *source, unit: &parsed.unit }).collect();
    let mut all: Vec<_> = parsed.iter().flat_map(|(_, parsed)| parsed.diagnostics.clone()).collect();
    all.extend(check(&units, sources, CheckOptions { lenient: false, ..options }));
    suppress::suppress(&mut all, sources);
    if options.lenient {
        soften(&mut all);
    }
    sort(&mut all);
    all
}

/// Turns every error but `LEX` and `SYNTAX` into a warning. Callers that report the parser's diagnostics too
/// apply this to them as well.
pub fn soften(diagnostics: &mut [Diagnostic]) {
    for diagnostic in diagnostics {
        if diagnostic.is_error() && !matches!(diagnostic.code, "LEX" | "SYNTAX") {
            diagnostic.severity = Severity::Warning;
        }
    }
}

/// Turns remarks on older spellings and on extensions of the published language into errors: for files that other
/// tools read too.
pub fn harden(diagnostics: &mut [Diagnostic]) {
    for diagnostic in diagnostics {
        if matches!(diagnostic.code, "LEGACY_SYNTAX" | "EXTENSION_SYNTAX") {
            diagnostic.severity = Severity::Error;
        }
    }
}

/// The files and what has been found about them.
struct Checker<'a> {
    index: &'a Index<'a>,
    sources: &'a Sources,
    endpoints: &'a KnownEndpoints,
    out: Vec<Diagnostic>,
    /// How the calls seen so far bound their activities.
    timeouts: Timeouts,
    /// Values of the statement's options that were reported as no expressions at all.
    misread: Vec<Span>,
    /// The qualifiers of the calls seen so far, each with the index of its file.
    qualifiers: Vec<(usize, &'a Ident)>,
}

impl<'a> Checker<'a> {
    fn new(index: &'a Index<'a>, sources: &'a Sources, endpoints: &'a KnownEndpoints) -> Checker<'a> {
        Checker {
            index,
            sources,
            endpoints,
            out: Vec::new(),
            timeouts: Timeouts::default(),
            misread: Vec::new(),
            qualifiers: Vec::new(),
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.out.push(diagnostic);
    }
}

#[cfg(test)]
mod tests;
