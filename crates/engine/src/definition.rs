//! Definitions: compiled projects by the hash of their sources.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexus_kernel::port::blob::Hash;
use nexus_lang::text::diagnostic::Diagnostic;
use nexus_lang::text::source::{Sources, Span};
use nexus_lang::twf::check::{CheckOptions, KnownEndpoints};
use nexus_lang::twf::program::Program;
use serde::{Deserialize, Serialize};

/// One compiled project. Runs are pinned to the one they started with.
#[derive(Debug)]
pub struct Definition {
    /// Hash of the stored form, which holds every source and the interpreter's version.
    pub hash: Hash,
    /// The program.
    pub program: Program,
    /// The sources that its spans point into.
    pub sources: Sources,
}

/// The stored form of a definition.
#[derive(Debug, Serialize, Deserialize)]
struct Bundle {
    v: u8,
    interpreter: u32,
    lenient: bool,
    files: Vec<File>,
}

#[derive(Debug, Serialize, Deserialize)]
struct File {
    path: String,
    text: String,
}

impl Definition {
    /// Where a span starts, `file:line:column`.
    pub fn place(&self, span: Span) -> String {
        self.sources.locate(span).to_string()
    }

    /// The line that a span starts on, without the blanks around it.
    pub fn source_line(&self, span: Span) -> String {
        let source = self.sources.get(span.source);
        source.map_or_else(String::new, |it| it.line_text(it.line_of(span.start)).trim().to_owned())
    }

    /// Compiles sources. The definition is absent when there are errors.
    pub fn compile(sources: Sources, lenient: bool) -> (Option<Arc<Definition>>, Sources, Vec<Diagnostic>) {
        Definition::compile_checked(sources, CheckOptions { lenient, ..CheckOptions::default() })
    }

    /// Compiles sources that may name endpoints of others. Which there are is no part of the definition: a call looks for
    /// its endpoint when it is made.
    pub fn compile_checked(
        sources: Sources,
        options: CheckOptions<'_>,
    ) -> (Option<Arc<Definition>>, Sources, Vec<Diagnostic>) {
        let bytes = bundle(&sources, options.lenient);
        let compiled = nexus_lang::twf::compile_checked(&sources, options);
        let definition = compiled.program.map(|program| {
            Arc::new(Definition { hash: Hash::of(&bytes), program, sources: sources.clone() })
        });
        (definition, sources, compiled.diagnostics)
    }

    /// The stored form.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        bundle(&self.sources, self.program.is_lenient())
    }

    /// Compiles the stored form.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Arc<Definition>, String> {
        let bundle: Bundle = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if bundle.interpreter != nexus_lang::twf::INTERPRETER_VERSION {
            return Err(format!("it was made for version {} of the interpreter", bundle.interpreter));
        }
        let mut sources = Sources::new();
        for file in &bundle.files {
            sources.add(&file.path, &file.text);
        }
        // They were checked when they were deployed; endpoints that were configured then may be gone.
        let endpoints = KnownEndpoints::any();
        let options = CheckOptions { lenient: bundle.lenient, endpoints: &endpoints };
        let (definition, _, _) = Definition::compile_checked(sources, options);
        definition.ok_or_else(|| "its sources no longer compile".to_owned())
    }
}

/// The texts in a stored form by their paths, without compiling them.
pub(crate) fn texts(bytes: &[u8]) -> BTreeMap<String, String> {
    let bundle: Option<Bundle> = serde_json::from_slice(bytes).ok();
    bundle.into_iter().flat_map(|bundle| bundle.files).map(|file| (file.path, file.text)).collect()
}

fn bundle(sources: &Sources, lenient: bool) -> Vec<u8> {
    let files = sources
        .iter()
        .map(|(_, source)| File { path: source.path.to_string(), text: source.text.to_string() })
        .collect();
    let bundle = Bundle { v: 1, interpreter: nexus_lang::twf::INTERPRETER_VERSION, lenient, files };
    // Paths and texts always have a JSON form.
    serde_json::to_vec(&bundle).unwrap_or_default()
}
