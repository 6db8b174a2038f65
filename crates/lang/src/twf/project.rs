//! From source files to a program in one call: parse, check, compile.

use crate::text::diagnostic::{Diagnostic, Severity};
use crate::text::source::Sources;
use crate::twf::check::{CheckOptions, diagnose};
use crate::twf::parser::parse;
use crate::twf::program::Program;

/// Version of the interpreter: a change in scheduling, evaluation or builtins that old histories would notice is a
/// new version (language page, 14.1.8).
pub const INTERPRETER_VERSION: u32 = 1;

/// The outcome of compiling source files.
#[derive(Debug)]
pub struct Compiled {
    /// The program; absent when there are errors.
    pub program: Option<Program>,
    /// Everything that was noticed, in order of files and positions.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles all files of a project. Leniently, names that refer to nothing are warnings.
pub fn compile_sources(sources: &Sources, lenient: bool) -> Compiled {
    compile_checked(sources, CheckOptions { lenient, ..CheckOptions::default() })
}

/// Compiles all files of a project that may name endpoints of others.
pub fn compile_checked(sources: &Sources, options: CheckOptions<'_>) -> Compiled {
    let parsed: Vec<_> = sources.iter().map(|(id, source)| (id, parse(id, &source.text))).collect();
    let mut diagnostics = diagnose(&parsed, sources, options);
    let program = if has_errors(&diagnostics) {
        None
    } else {
        let units: Vec<_> = parsed.iter().map(|(source, parsed)| (*source, &parsed.unit)).collect();
        let (program, found) = Program::compile(&units, sources, options.lenient);
        diagnostics.extend(found);
        Some(program).filter(|_| !has_errors(&diagnostics))
    };
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.map(|span| (span.source, span.start)));
    Compiled { program, diagnostics }
}

fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}
