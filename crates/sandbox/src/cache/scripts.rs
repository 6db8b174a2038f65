//! Bytecode of scripts: in memory and on disk, compiled once however many ask, and errors remembered for a while.
//!
//! Source: nxml.md section 14.3. Bytecode is trusted as machine code is. There is no way to hand some in: what is kept
//! was compiled here, and what is read has this user's seal for exactly this source.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::time::Timestamp;

use super::seal::{Seal, read_own};
use super::{Cache, key};
use crate::GUEST_HASH;
use crate::compile::JsError;

/// Bytecode in memory, in bytes.
const MEMORY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a script that cannot be read is refused without being read again.
const ERRORS_LIVE: Duration = Duration::from_mins(1);
/// Errors that are remembered.
const ERRORS_MAX: usize = 1_000;
/// Files on disk; the oldest are removed when there are more.
const FILES_MAX: usize = 2_000;

/// A compiled script.
#[derive(Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) exports: Vec<String>,
    pub(crate) bytecode: Vec<u8>,
}

/// The cache of scripts.
pub(crate) struct Scripts {
    clock: SharedClock,
    disk: Option<Arc<Cache>>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    kept: HashMap<String, (Arc<Kept>, u64)>,
    kept_bytes: usize,
    uses: u64,
    errors: HashMap<String, (JsError, Timestamp)>,
    flights: HashMap<String, Weak<tokio::sync::Mutex<()>>>,
    written: u64,
}

/// What identifies a script's bytecode: the engine, how the script reaches it, its path, its text.
pub(crate) fn script_key(file: &str, text: &str) -> String {
    key(&[b"script", GUEST_HASH.as_bytes(), file.as_bytes(), text.as_bytes()])
}

impl Scripts {
    pub(crate) fn new(clock: SharedClock, disk: Option<Arc<Cache>>) -> Scripts {
        Scripts { clock, disk, inner: Mutex::default() }
    }

    /// What is known of a script; compiles it otherwise. Of many who ask for the same at the same time one compiles.
    pub(crate) async fn get<F>(&self, key: &str, compile: impl FnOnce() -> F) -> Result<Arc<Kept>, JsError>
    where
        F: Future<Output = Result<Kept, JsError>>,
    {
        let flight = self.flight(key);
        let _turn = flight.lock().await;
        if let Some(known) = self.known(key) {
            return known;
        }
        if let Some(read) = self.read(key) {
            return Ok(self.remember(key, read));
        }
        match compile().await {
            Ok(compiled) => {
                self.write(key, &compiled);
                Ok(self.remember(key, compiled))
            }
            Err(error) => {
                self.remember_error(key, &error);
                Err(error)
            }
        }
    }

    fn flight(&self, key: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut inner = self.lock();
        if let Some(flight) = inner.flights.get(key).and_then(Weak::upgrade) {
            return flight;
        }
        inner.flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::new(tokio::sync::Mutex::new(()));
        inner.flights.insert(key.to_owned(), Arc::downgrade(&flight));
        flight
    }

    fn known(&self, key: &str) -> Option<Result<Arc<Kept>, JsError>> {
        let now = self.clock.now();
        let mut inner = self.lock();
        inner.uses += 1;
        let uses = inner.uses;
        if let Some((kept, used)) = inner.kept.get_mut(key) {
            *used = uses;
            return Some(Ok(Arc::clone(kept)));
        }
        inner.errors.retain(|_, (_, until)| *until > now);
        inner.errors.get(key).map(|(error, _)| Err(error.clone()))
    }

    fn remember(&self, key: &str, kept: Kept) -> Arc<Kept> {
        let kept = Arc::new(kept);
        let mut inner = self.lock();
        inner.uses += 1;
        let uses = inner.uses;
        inner.kept_bytes += kept.len_bytes();
        if let Some((before, _)) = inner.kept.insert(key.to_owned(), (Arc::clone(&kept), uses)) {
            inner.kept_bytes -= before.len_bytes();
        }
        while inner.kept_bytes > MEMORY_BYTES_MAX {
            let oldest = inner.kept.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            let Some((dropped, _)) = oldest.and_then(|oldest| inner.kept.remove(&oldest)) else { break };
            inner.kept_bytes -= dropped.len_bytes();
        }
        kept
    }

    /// Only what the script itself is to blame for: a busy sandbox may have time the next moment.
    fn remember_error(&self, key: &str, error: &JsError) {
        if error.code.id != nexus_kernel::code::SCRIPT_INVALID.id {
            return;
        }
        let until = self.clock.now().plus(ERRORS_LIVE);
        let mut inner = self.lock();
        if inner.errors.len() < ERRORS_MAX {
            inner.errors.insert(key.to_owned(), (error.clone(), until));
        }
    }

    fn read(&self, key: &str) -> Option<Kept> {
        let disk = self.disk.as_ref()?;
        let path = disk.script(key);
        if !path.exists() {
            return None;
        }
        match disk.read_script(key, &path) {
            Ok(kept) => Some(kept),
            Err(reason) => {
                tracing::warn!(file = %path.display(), reason, "ignoring a file of the code cache");
                None
            }
        }
    }

    fn write(&self, key: &str, kept: &Kept) {
        let Some(disk) = &self.disk else { return };
        if let Err(error) = disk.write_script(key, kept) {
            let folder = disk.folder.display();
            tracing::warn!(%folder, error, "the code cache cannot be written; the script is compiled again");
        }
        let mut inner = self.lock();
        inner.written += 1;
        // Looking through the folder is dear, and one file more is not.
        let look = inner.written % 100 == 1;
        drop(inner);
        if look {
            disk.remove_old();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn len_bytes(&self) -> usize {
        self.bytecode.len() + self.exports.iter().map(String::len).sum::<usize>() + 200
    }
}

impl Cache {
    fn script(&self, key: &str) -> PathBuf {
        self.folder.join("bytecode").join(format!("{key}.qjsc"))
    }

    fn read_script(&self, key: &str, path: &std::path::Path) -> Result<Kept, String> {
        let content = read_own(path, 0o022)?;
        let damaged = || "it is damaged, or was written by somebody else".to_owned();
        let (seal, content) = content.split_at_checked(size_of::<Seal>()).ok_or_else(damaged)?;
        if seal != self.secret.seal(key, content).as_slice() {
            return Err(damaged());
        }
        let head_len = content.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
        let (head, bytecode) = content.split_at_checked(head_len).ok_or_else(damaged)?;
        let exports = serde_json::from_slice(head).map_err(|error| error.to_string())?;
        Ok(Kept { exports, bytecode: bytecode.get(1..).unwrap_or_default().to_vec() })
    }

    fn write_script(&self, key: &str, kept: &Kept) -> Result<(), String> {
        // A line with the names of the exports, then the bytecode.
        let mut content = serde_json::to_vec(&kept.exports).map_err(|error| error.to_string())?;
        content.push(b'\n');
        content.extend(&kept.bytecode);
        let seal = self.secret.seal(key, &content);
        self.keep(&self.script(key), &[&seal, &content])
    }

    fn remove_old(&self) {
        let Ok(entries) = fs::read_dir(self.folder.join("bytecode")) else { return };
        let age = |entry: fs::DirEntry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()));
        let mut files: Vec<_> = entries.filter_map(|entry| age(entry.ok()?)).collect();
        files.sort();
        for (_, path) in files.iter().take(files.len().saturating_sub(FILES_MAX)) {
            let _ = fs::remove_file(path); // another process may have been faster
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use nexus_kernel::memory::clock::SimClock;

    use super::*;

    fn kept(bytes: usize) -> Kept {
        Kept { exports: vec!["Main".to_owned()], bytecode: vec![7; bytes] }
    }

    fn scripts(clock: &SimClock) -> Scripts {
        Scripts::new(Arc::new(clock.clone()), None)
    }

    #[tokio::test]
    async fn of_many_who_ask_one_compiles() {
        let (scripts, compiled) = (Arc::new(scripts(&SimClock::default())), Arc::new(AtomicU32::new(0)));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (scripts, compiled) = (scripts.clone(), compiled.clone());
            tasks.spawn(async move {
                let compile = || async {
                    tokio::task::yield_now().await;
                    compiled.fetch_add(1, Ordering::SeqCst);
                    Ok(kept(3))
                };
                scripts.get("a", compile).await.unwrap()
            });
        }
        while let Some(done) = tasks.join_next().await {
            assert_eq!(*done.unwrap(), kept(3));
        }
        assert_eq!(compiled.load(Ordering::SeqCst), 1);
        assert!(scripts.lock().flights.len() <= 1);
    }

    #[tokio::test]
    async fn errors_of_a_script_are_remembered_for_a_minute() {
        let clock = SimClock::default();
        let scripts = scripts(&clock);
        let compiled = AtomicU32::new(0);
        let ask = |key: &'static str, error: JsError| {
            let compile = || async {
                compiled.fetch_add(1, Ordering::SeqCst);
                Err(error)
            };
            scripts.get(key, compile)
        };
        let syntax = || JsError::of_script("a.js", "no");
        assert_eq!(ask("a", syntax()).await, Err(syntax()));
        clock.advance(Duration::from_secs(59));
        assert_eq!(ask("a", syntax()).await, Err(syntax()));
        assert_eq!(compiled.load(Ordering::SeqCst), 1);
        clock.advance(Duration::from_secs(1));
        assert!(ask("a", syntax()).await.is_err());
        assert_eq!(compiled.load(Ordering::SeqCst), 2);
        for _ in 0..2 {
            assert!(ask("b", JsError::of_sandbox("b.js", "busy")).await.is_err());
        }
        assert_eq!(compiled.load(Ordering::SeqCst), 4, "a fault of the sandbox is none of the script");
    }

    #[tokio::test]
    async fn what_was_used_last_stays() {
        let scripts = scripts(&SimClock::default());
        let ask = |key: &'static str| scripts.get(key, || async { Ok(kept(MEMORY_BYTES_MAX / 3)) });
        for key in ["a", "b", "a", "c"] {
            ask(key).await.unwrap();
        }
        let mut keys: Vec<_> = scripts.lock().kept.keys().cloned().collect();
        keys.sort();
        assert_eq!(keys, ["a", "c"]);
        assert!(scripts.lock().kept_bytes <= MEMORY_BYTES_MAX);
    }
}
