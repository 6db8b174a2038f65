//! From the files of a project to one script: TypeScript becomes JavaScript, imports are followed, and everything that is
//! reached is put into one text that the guest compiles.
//!
//! Every module becomes a function; an import is read through an object of exports that exists before any module runs.
//! That keeps bindings live and lets modules import each other in a circle. Names of variables are left as they are.
//!
//! Nothing is executed. What was written where is kept in a [`map::Map`] on the host: errors name files, lines and columns
//! of the files as written.

mod depth;
mod edit;
mod emit;
mod facts;
mod graph;
mod infer;
pub(crate) mod map;
mod panel;
mod parse;
mod refs;
mod resolve;
mod trace;
mod unit;

use std::io;
use std::path::{Path, PathBuf};
use std::thread;

pub use infer::{Function, Need, Place};
pub use panel::{PanelNeeds, panel_needs};

use crate::compile::JsError;

/// Stack of the thread that reads sources, in bytes. The parser is recursive; [`depth`] bounds how deep it gets.
const STACK_BYTES: usize = 256 * 1024 * 1024;

/// One script for the guest, made of a file and all that it imports.
#[derive(Debug, Clone)]
pub struct Bundle {
    pub(crate) file: String,
    pub(crate) text: String,
    pub(crate) map: Option<map::Map>,
    exports: Vec<Export>,
    functions: Vec<Function>,
}

/// A name that a file exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The name; `default` for the default export.
    pub name: String,
    /// Whether the file defines it; otherwise it hands on what another file defines.
    pub is_own: bool,
}

/// What came of reading a file and all that it imports.
#[derive(Debug)]
pub struct Bundled {
    /// The script, or everything that is wrong.
    pub result: Result<Bundle, Vec<JsError>>,
    /// Every file that was read or looked for: when one of them changes, the result may.
    pub inputs: Vec<PathBuf>,
}

impl Bundle {
    /// A script that is compiled as it is.
    pub(crate) fn plain(file: &str, text: &str) -> Bundle {
        Bundle {
            file: file.to_owned(),
            text: text.to_owned(),
            map: None,
            exports: Vec::new(),
            functions: Vec::new(),
        }
    }

    /// The path of the file it begins with, relative to the project.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The size of the script, in bytes.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The functions that the file exports, as their texts tell them.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// What the file exports.
    pub fn exports(&self) -> &[Export] {
        &self.exports
    }
}

/// The same without holding up a thread of the caller.
pub async fn read(root: &Path, file: &str) -> Bundled {
    let (owned_root, owned_file) = (root.to_owned(), file.to_owned());
    let (answer, receiver) = tokio::sync::oneshot::channel();
    let work = move || drop(answer.send(graph::load(&owned_root, &owned_file)));
    match reader(work) {
        Ok(_) => {
            receiver.await.unwrap_or_else(|_| failed(file, "reading the file failed inside of the parser"))
        }
        Err(error) => failed(file, &format!("no thread to read the file with: {error}")),
    }
}

fn reader<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<thread::JoinHandle<T>> {
    thread::Builder::new().name("sandbox-source".to_owned()).stack_size(STACK_BYTES).spawn(work)
}

/// Does something with a text that a recursive parser reads; nothing when that fails.
fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("sandbox-source".to_owned()).stack_size(STACK_BYTES);
        builder.spawn_scoped(scope, work).ok()?.join().ok()
    })
}

fn failed(file: &str, message: &str) -> Bundled {
    Bundled { result: Err(vec![JsError::of_sandbox(file, message)]), inputs: Vec::new() }
}

/// Reads a file and all that it imports. `root` is the project's folder, `file` a path relative to it, with forward
/// slashes. Imports are followed inside of the project only, its `node_modules` included.
pub fn bundle(root: &Path, file: &str) -> Bundled {
    let (owned_root, owned_file) = (root.to_owned(), file.to_owned());
    match reader(move || graph::load(&owned_root, &owned_file)).map(thread::JoinHandle::join) {
        Ok(Ok(bundled)) => bundled,
        Ok(Err(_)) => failed(file, "reading the file failed inside of the parser"),
        Err(error) => failed(file, &format!("no thread to read the file with: {error}")),
    }
}
