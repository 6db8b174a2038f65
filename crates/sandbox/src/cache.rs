//! Machine code on disk: compiled once, mapped at every later start.
//!
//! A file is named after the engine's compatibility hash, the guest's hash and its own content's hash, so a file that was
//! cut short, altered or compiled for something else is not what its name says and is left alone.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::{Engine, Module};

use crate::mem;

/// The guest's module: from the cache when it holds it, compiled and kept there otherwise.
pub(crate) fn module(engine: &Engine, wasm: &[u8], folder: Option<&Path>) -> wasmtime::Result<Module> {
    let Some(folder) = folder else { return Module::new(engine, wasm) };
    let prefix = format!("guest-{}-", key(engine, wasm));
    for path in candidates(folder, &prefix) {
        match load(engine, &path) {
            Ok(module) => return Ok(module),
            Err(reason) => {
                tracing::warn!(file = %path.display(), reason, "ignoring a file of the code cache");
            }
        }
    }
    let module = Module::new(engine, wasm)?;
    if let Err(error) =
        module.serialize().map_err(|e| e.to_string()).and_then(|code| store(folder, &prefix, &code))
    {
        tracing::warn!(folder = %folder.display(), error, "the code cache cannot be written; the next start compiles again");
    }
    Ok(module)
}

/// Differs whenever code compiled for one pair must not run for another.
fn key(engine: &Engine, wasm: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    Sha256::digest(wasm).as_slice().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn candidates(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let named = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(prefix) && path.extension().is_some_and(|kind| kind == "cwasm")
    };
    entries.filter_map(|entry| Some(entry.ok()?.path())).filter(named).collect()
}

fn load(engine: &Engine, path: &Path) -> Result<Module, String> {
    let facts = fs::symlink_metadata(path).map_err(|e| e.to_string())?;
    if !facts.is_file() || facts.uid() != mem::effective_user() || facts.mode() & 0o022 != 0 {
        return Err("others could have written it".to_owned());
    }
    let code = fs::read(path).map_err(|e| e.to_string())?;
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    if name.rsplit('-').next() != Some(digest(&code).as_str()) {
        return Err("it is damaged".to_owned());
    }
    mem::load_machine_code(engine, path).map_err(|e| e.to_string())
}

fn store(folder: &Path, prefix: &str, code: &[u8]) -> Result<(), String> {
    let path = folder.join(format!("{prefix}{}.cwasm", digest(code)));
    let draft = folder.join(format!("{prefix}{}.draft", std::process::id()));
    let written = write(folder, &draft, code).and_then(|()| fs::rename(&draft, &path));
    if written.is_err() {
        let _ = fs::remove_file(&draft); // it may never have come into being
    }
    written.map_err(|e| e.to_string())
}

fn write(folder: &Path, draft: &Path, code: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let _ = fs::remove_file(draft); // what a process of the same number left behind
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    file.write_all(code)?;
    file.sync_all()
}

fn digest(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}
