//! Definitions: compiled projects by the hash of their source, and the one that new runs get.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::blob::Hash;
use nexus_lang::text::diagnostic::Diagnostic;
use nexus_lang::text::source::{Sources, Span};
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
        let bytes = bundle(&sources, lenient);
        let compiled = nexus_lang::twf::compile_sources(&sources, lenient);
        let definition = compiled.program.map(|program| {
            Arc::new(Definition { hash: Hash::of(&bytes), program, sources: sources.clone() })
        });
        (definition, sources, compiled.diagnostics)
    }

    /// The stored form.
    fn bytes(&self) -> Vec<u8> {
        bundle(&self.sources, self.program.is_lenient())
    }

    fn from_bytes(bytes: &[u8]) -> Result<Arc<Definition>, String> {
        let bundle: Bundle = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if bundle.interpreter != nexus_lang::twf::INTERPRETER_VERSION {
            return Err(format!("it was made for version {} of the interpreter", bundle.interpreter));
        }
        let mut sources = Sources::new();
        for file in &bundle.files {
            sources.add(&file.path, &file.text);
        }
        let (definition, _, _) = Definition::compile(sources, bundle.lenient);
        definition.ok_or_else(|| "its sources no longer compile".to_owned())
    }
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

/// All definitions that runs of this process need. Cheap to clone.
#[derive(Clone)]
pub struct Definitions {
    store: SharedStore,
    known: Arc<RwLock<Known>>,
}

#[derive(Default)]
struct Known {
    current: Option<Arc<Definition>>,
    by_hash: HashMap<Hash, Arc<Definition>>,
}

impl Definitions {
    /// No definitions but those in the store.
    pub fn new(store: SharedStore) -> Definitions {
        Definitions { store, known: Arc::default() }
    }

    /// Keeps a definition durably and makes it the one that new runs get.
    pub async fn deploy(&self, definition: Arc<Definition>) -> Result<(), Error> {
        self.store.blob_put(definition.bytes()).await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.by_hash.insert(definition.hash.clone(), Arc::clone(&definition));
        known.current = Some(definition);
        Ok(())
    }

    /// The definition that new runs get.
    pub fn current(&self) -> Option<Arc<Definition>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).current.clone()
    }

    /// A definition that has been loaded.
    pub fn loaded(&self, hash: &Hash) -> Option<Arc<Definition>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).by_hash.get(hash).cloned()
    }

    /// A definition, from the store when it has not been loaded yet.
    pub async fn load(&self, hash: &Hash) -> Result<Arc<Definition>, Error> {
        if let Some(definition) = self.loaded(hash) {
            return Ok(definition);
        }
        let bytes = self.store.blob_get(hash).await?;
        let damaged = |why: String| {
            Error::new(&code::DATA_DAMAGED, format!("definition {} cannot be read: {why}", hash.short()))
                .help("restore the data folder from a backup")
        };
        let bytes = bytes.ok_or_else(|| damaged("it is missing".to_owned()))?;
        let definition = Definition::from_bytes(&bytes).map_err(damaged)?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.by_hash.insert(hash.clone(), Arc::clone(&definition));
        Ok(definition)
    }
}
