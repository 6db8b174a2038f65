//! Reading a JavaScript file without running it: syntax, exports, bytecode.

use std::fmt;
use std::sync::{Arc, OnceLock};

use nexus_kernel::code;
use nexus_kernel::error::{Code, Error};

use crate::cache::Kept;
use crate::component::Machine;
use crate::engine::Guest;
use crate::error::CallErrorKind;
use crate::heat::Heat;
use crate::host::State;
use crate::instance::{Instance, Status, Thrown, classify_trap};
use crate::limit_kind::LimitKind;
use crate::limits::SOURCE_BYTES_MAX;
use crate::position::{self, Places};
use crate::source::Bundle;
use crate::source::map::Map;
use crate::template::Template;

/// A compiled file. Cheap to clone. Nothing of it has run.
#[derive(Clone)]
pub struct Module(Arc<Parts>);

struct Parts {
    file: String,
    body: Body,
    cpu_us: u64,
    heat: Heat,
    map: Option<Map>,
    /// Nothing inside when it cannot be had.
    template: OnceLock<Option<Arc<Template>>>,
}

impl Module {
    /// The path it was compiled under, as errors name it.
    pub fn file(&self) -> &str {
        &self.0.file
    }

    /// The names it exports, in the order of the source.
    pub fn exports(&self) -> &[String] {
        match &self.0.body {
            Body::Script(kept) => &kept.exports,
            Body::Component { exports, .. } => exports,
        }
    }

    /// Whether it exports this name.
    pub fn has_export(&self, name: &str) -> bool {
        self.exports().iter().any(|export| export == name)
    }

    /// Processor time that compiling it took, in microseconds; zero when it was in the cache.
    pub fn compile_cpu_us(&self) -> u64 {
        self.0.cpu_us
    }

    /// How long its functions keep threads.
    pub(crate) fn heat(&self) -> &Heat {
        &self.0.heat
    }

    /// Its memory once it is loaded, if that has been looked at.
    pub(crate) fn template(&self) -> Option<Arc<Template>> {
        self.0.template.get().cloned().flatten()
    }

    /// Has a look at it, once.
    pub(crate) fn learn_template(&self, look: impl FnOnce() -> Option<Template>) {
        self.0.template.get_or_init(|| look().map(Arc::new));
    }

    /// Where its text comes from.
    pub(crate) fn places(&self) -> Places<'_> {
        Places { file: &self.0.file, map: self.0.map.as_ref() }
    }

    /// A script's bytecode; a component has none.
    pub(crate) fn bytecode(&self) -> &[u8] {
        match &self.0.body {
            Body::Script(kept) => &kept.bytecode,
            Body::Component { .. } => &[],
        }
    }

    /// A component's machine code.
    pub(crate) fn component(&self) -> Option<Arc<Machine>> {
        match &self.0.body {
            Body::Script(_) => None,
            Body::Component { code, .. } => Some(Arc::clone(code)),
        }
    }

    pub(crate) fn of_component(file: &str, exports: Vec<String>, code: Machine, cpu_us: u64) -> Module {
        let body = Body::Component { exports, code: Arc::new(code) };
        let (file, heat) = (file.to_owned(), Heat::default());
        Module(Arc::new(Parts { file, body, cpu_us, heat, map: None, template: OnceLock::new() }))
    }

    pub(crate) fn of_script(bundle: Bundle, kept: Arc<Kept>, cpu_us: u64) -> Module {
        let Bundle { file, map, .. } = bundle;
        let (body, heat, template) = (Body::Script(kept), Heat::default(), OnceLock::new());
        Module(Arc::new(Parts { file, body, cpu_us, heat, map, template }))
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("file", &self.0.file)
            .field("exports", &self.exports())
            .finish_non_exhaustive()
    }
}

enum Body {
    Script(Arc<Kept>),
    Component { exports: Vec<String>, code: Arc<Machine> },
}

/// A file that cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct JsError {
    /// The path given.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What can be done about it.
    pub help: Option<String>,
    /// Its code: the file's fault, or the sandbox's.
    pub code: &'static Code,
}

impl JsError {
    pub(crate) fn new(file: &str, place: Option<(u32, u32)>, message: impl Into<String>) -> JsError {
        let (line, column) = place.unwrap_or((1, 1));
        let code = &code::SCRIPT_INVALID;
        JsError { file: file.to_owned(), line, column, message: message.into(), help: None, code }
    }

    /// The sandbox could not do its part.
    pub(crate) fn of_sandbox(file: &str, message: impl Into<String>) -> JsError {
        JsError { code: &code::INTERNAL, ..JsError::new(file, None, message) }
    }

    /// The fault of a script, at no place in particular.
    #[cfg(test)]
    pub(crate) fn of_script(file: &str, message: &str) -> JsError {
        JsError::new(file, None, message)
    }

    /// The fault of a component.
    pub(crate) fn of_component(file: &str, message: impl Into<String>) -> JsError {
        JsError { code: &code::COMPONENT_INVALID, ..JsError::new(file, None, message) }
    }

    pub(crate) fn help(mut self, help: &str) -> JsError {
        self.help = Some(help.to_owned());
        self
    }
}

impl From<JsError> for Error {
    fn from(error: JsError) -> Error {
        let at = format!("{}:{}:{}", error.file, error.line, error.column);
        let converted = Error::new(error.code, error.message.clone()).fault(at, error.message);
        match error.help {
            Some(help) => converted.help(help),
            None => converted,
        }
    }
}

/// Turns away what need not reach the guest.
pub(crate) fn check(bundle: &Bundle) -> Result<(), JsError> {
    // What was made of several files has been checked file by file.
    if bundle.map.is_some() { Ok(()) } else { check_source(&bundle.file, &bundle.text) }
}

fn check_source(file: &str, source: &str) -> Result<(), JsError> {
    if source.len() > SOURCE_BYTES_MAX {
        let message = format!("the file has {} bytes, {SOURCE_BYTES_MAX} are allowed", source.len());
        return Err(JsError::new(file, None, message));
    }
    if file.contains('\0') {
        return Err(JsError::new(file, None, "the file's path contains a zero character"));
    }
    let zero = source.lines().zip(1_u32..).find_map(|(line, number)| Some((number, line.find('\0')?)));
    match zero {
        Some((line, column)) => {
            let column = u32::try_from(column).unwrap_or(0).saturating_add(1);
            Err(JsError::new(file, Some((line, column)), "the file contains a zero character"))
        }
        None => Ok(()),
    }
}

/// Compiles in a fresh instance, and tells the processor time that it took, in microseconds. Runs on a thread of the sandbox.
pub(crate) fn compile(guest: &Guest, mut state: State, bundle: &Bundle) -> Result<(Kept, u64), JsError> {
    let file = bundle.file.as_str();
    state.limits.result_bytes_max = SOURCE_BYTES_MAX; // the list of exports
    state.begin_slice();
    let trapped = |error: wasmtime::Error| of_trap(file, &error);
    let mut instance = Instance::fresh(guest, state, 1).map_err(trapped)?;
    let (status, bytecode) = instance.compile(&guest.exports, file, &bundle.text).map_err(trapped)?;
    let said = instance.out(&guest.exports).map_err(trapped)?;
    let meter = &mut instance.store.data_mut().meter;
    meter.end_slice();
    let cpu_us = meter.spent_us();
    match status {
        Status::Done => {
            let exports =
                serde_json::from_slice(&said).map_err(|e| JsError::of_sandbox(file, e.to_string()))?;
            Ok((Kept { exports, bytecode }, cpu_us))
        }
        Status::RefusedImport => Err(refused_import(file, &bundle.text, &String::from_utf8_lossy(&said))),
        _ => Err(of_thrown(bundle, &instance, &said)),
    }
}

fn of_thrown(bundle: &Bundle, instance: &Instance, said: &[u8]) -> JsError {
    let thrown = Thrown::read(said);
    let places = Places { file: &bundle.file, map: bundle.map.as_ref() };
    let place = thrown.stack.as_deref().and_then(|stack| places.in_stack(stack));
    let text = thrown.text();
    match thrown.classify(instance.store.data(), places) {
        limit @ CallErrorKind::Limit { .. } => of_limit(&bundle.file, &limit),
        _ => {
            let (file, line, column) = place.unwrap_or_else(|| (bundle.file.clone(), 1, 1));
            JsError::new(&file, Some((line, column)), text)
        }
    }
}

fn of_trap(file: &str, error: &wasmtime::Error) -> JsError {
    match classify_trap(error) {
        limit @ CallErrorKind::Limit { .. } => of_limit(file, &limit),
        other => JsError::of_sandbox(file, other.to_string()),
    }
}

fn of_limit(file: &str, kind: &CallErrorKind) -> JsError {
    let message = match kind {
        CallErrorKind::Limit { what: LimitKind::Stack, .. } => {
            "the code is nested too deeply to be read".to_owned()
        }
        CallErrorKind::Limit { what: LimitKind::Memory, .. } => {
            "reading the file takes too much memory".to_owned()
        }
        _ => "reading the file takes too long".to_owned(),
    };
    JsError::new(file, None, message).help("split the file into smaller ones")
}

fn refused_import(file: &str, source: &str, name: &str) -> JsError {
    let message = format!("cannot import {name:?}: a text that belongs to no project cannot import");
    JsError::new(file, position::of_import(source, name), message)
        .help("put the file into a project's folder `activities`")
}
