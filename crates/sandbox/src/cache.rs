//! What has been compiled, on disk: machine code of the engine and of components, bytecode of scripts.
//!
//! A file is used only when it belongs to this user, nobody else may write it, and its seal says that this user's own
//! installation wrote exactly these bytes for exactly this purpose ([`seal`]). Anything else is told once and left alone;
//! what was wanted is compiled again.

mod scripts;
pub(crate) mod seal;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nexus_kernel::port::rng::SharedRng;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use crate::mem;

pub(crate) use scripts::{Kept, Scripts, script_key};
use seal::{Secret, hex, read_own, write_new};

/// Changes when what is kept is written or read in another way.
const FORMAT: &str = "1";

/// A folder of compiled things.
pub(crate) struct Cache {
    folder: PathBuf,
    secret: Secret,
}

/// What can be compiled to machine code and kept: the guest's module, and components.
pub(crate) trait Compiled: Sized {
    /// What names of files begin with.
    const KIND: &str;

    fn compile(engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Self>;

    /// Machine code, to be kept.
    fn machine_code(&self) -> wasmtime::Result<Vec<u8>>;

    /// Maps a file that the cache has judged to be its own.
    fn load(engine: &Engine, path: &Path) -> wasmtime::Result<Self>;
}

impl Compiled for Module {
    const KIND: &str = "guest";

    fn compile(engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Module> {
        Module::new(engine, wasm)
    }

    fn machine_code(&self) -> wasmtime::Result<Vec<u8>> {
        self.serialize()
    }

    fn load(engine: &Engine, path: &Path) -> wasmtime::Result<Module> {
        mem::load_machine_code(engine, path)
    }
}

impl Compiled for Component {
    const KIND: &str = "component";

    fn compile(engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Component> {
        Component::new(engine, wasm)
    }

    fn machine_code(&self) -> wasmtime::Result<Vec<u8>> {
        self.serialize()
    }

    fn load(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
        mem::load_component(engine, path)
    }
}

/// Machine code of a module or component: from the cache when it holds it, compiled and kept there otherwise. What
/// identifies the WebAssembly comes first; the WebAssembly itself is asked for when it has to be compiled.
pub(crate) fn code<C: Compiled, W: AsRef<[u8]>>(
    engine: &Engine,
    (identity, wasm): (&[u8], impl FnOnce() -> io::Result<W>),
    cache: Option<&Cache>,
) -> wasmtime::Result<C> {
    let compile = |wasm: io::Result<W>| C::compile(engine, wasm?.as_ref());
    let Some(cache) = cache else { return compile(wasm()) };
    let prefix = format!("{}-{}", C::KIND, key(&[&build_id(engine), identity]));
    for path in cache.candidates(&prefix) {
        match cache.load(engine, &prefix, &path) {
            Ok(compiled) => return Ok(compiled),
            Err(reason) => {
                tracing::warn!(file = %path.display(), reason, "ignoring a file of the code cache");
            }
        }
    }
    let compiled: C = compile(wasm())?;
    let kept = compiled.machine_code().map_err(|error| error.to_string());
    if let Err(error) = kept.and_then(|code| cache.keep_code(&prefix, &code)) {
        let folder = cache.folder.display();
        tracing::warn!(%folder, error, "the code cache cannot be written; the next start compiles again");
    }
    Ok(compiled)
}

impl Cache {
    /// The cache of a folder; none when its secret cannot be read or made.
    pub(crate) fn open(folder: &Path, rng: &SharedRng) -> Option<Cache> {
        match Secret::of(folder, rng) {
            Ok(secret) => Some(Cache { folder: folder.to_owned(), secret }),
            Err(reason) => {
                let folder = folder.display();
                tracing::warn!(%folder, reason, "the code cache is not used; everything is compiled again");
                None
            }
        }
    }

    fn candidates(&self, prefix: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let named = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with(prefix) && path.extension().is_some_and(|kind| kind == "cwasm")
        };
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(named).collect()
    }

    /// The seal is in the name: machine code is mapped as a whole file.
    fn load<C: Compiled>(&self, engine: &Engine, prefix: &str, path: &Path) -> Result<C, String> {
        let content = read_own(path, 0o022)?;
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        if name.rsplit('-').next() != Some(hex(&self.secret.seal(prefix, &content)).as_str()) {
            return Err("it is damaged, or was written by somebody else".to_owned());
        }
        C::load(engine, path).map_err(|error| error.to_string())
    }

    fn keep_code(&self, prefix: &str, code: &[u8]) -> Result<(), String> {
        let seal = hex(&self.secret.seal(prefix, code));
        self.keep(&self.folder.join(format!("{prefix}-{seal}.cwasm")), &[code])
    }

    /// Under its name a file is complete or not there.
    fn keep(&self, path: &Path, parts: &[&[u8]]) -> Result<(), String> {
        let draft = path.with_extension(format!("{}.draft", std::process::id()));
        let folder = path.parent().unwrap_or(&self.folder);
        let written = fs::create_dir_all(folder).and_then(|()| write_new(&draft, parts));
        let named = written.and_then(|()| fs::rename(&draft, path));
        if named.is_err() {
            let _ = fs::remove_file(&draft); // it may never have come into being
        }
        named.map_err(|error| error.to_string())
    }
}

/// Differs between engines whose machine code must not be mixed: version, settings and processor.
fn build_id(engine: &Engine) -> Vec<u8> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish().to_be_bytes().to_vec()
}

/// SHA-256 of parts, none of which can be taken for another.
fn key(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(FORMAT);
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hex(&hasher.finalize())
}
