//! What a component imports and exports, looked at without running it.

use nexus_kernel::code;
use nexus_kernel::suggest::nearest;
use wasmtime::Engine;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, Type};

use super::host::HOST;
use crate::compile::JsError;

const SIGNATURE: &str = "func(input: string, context: string) -> result<string, failure>";

/// The functions of a component by the names of their activities. Nothing may be imported but the host's interface.
pub(super) fn check(
    engine: &Engine,
    component: &Component,
    file: &str,
) -> Result<Vec<(String, ComponentExportIndex)>, JsError> {
    let kind = component.component_type();
    for (name, _) in kind.imports(engine) {
        if name != HOST {
            return Err(refused_import(file, name));
        }
    }
    let mut functions = Vec::new();
    for (name, item) in kind.exports(engine) {
        // Types that the functions use are exported beside them.
        let ComponentItem::ComponentFunc(function) = item.ty else { continue };
        if !fits(&function) {
            let message = format!("its export {name} is not of the type {SIGNATURE}");
            return Err(JsError::of_component(file, message)
                .help("input, context and result are JSON; failure is that of nexus:function/host"));
        }
        let index = component.get_export_index(None, name);
        functions.extend(index.map(|index| (activity_name(name), index)));
    }
    if functions.is_empty() {
        return Err(JsError::of_component(file, "the component exports no function")
            .help(&format!("an activity CountWords is the export count-words: {SIGNATURE}")));
    }
    Ok(functions)
}

fn refused_import(file: &str, name: &str) -> JsError {
    let told = JsError {
        code: &code::COMPONENT_IMPORT,
        ..JsError::of_component(file, format!("the component imports {name}, which does not exist here"))
    };
    if name.starts_with("wasi:") {
        return told.help(
            "components get no WASI: build without a runtime that opens files, clocks or sockets; the host has kv, http, \
             log, time and random by the interface nexus:function/host",
        );
    }
    match nearest(name, [HOST]) {
        Some(near) => told.help(&format!("did you mean {near}?")),
        None => {
            told.help(&format!("the only import is {HOST}; crates/sandbox/wit/function.wit describes it"))
        }
    }
}

/// Whether it takes and gives what functions take and give.
fn fits(function: &ComponentFunc) -> bool {
    let takes: Vec<Type> = function.params().map(|(_, ty)| ty).collect();
    let gives: Vec<Type> = function.results().collect();
    let [Type::Result(result)] = gives.as_slice() else { return false };
    takes == [Type::String, Type::String] && result.ok() == Some(Type::String) && is_failure(result.err())
}

fn is_failure(ty: Option<Type>) -> bool {
    let Some(Type::Record(record)) = ty else { return false };
    let fields: Vec<(&str, Type)> = record.fields().map(|field| (field.name, field.ty)).collect();
    match fields.as_slice() {
        [
            ("name", Type::String),
            ("message", Type::String),
            ("code", Type::Option(code)),
            ("non-retryable", Type::Bool),
        ] => code.ty() == Type::String,
        _ => false,
    }
}

/// `count-words` is the activity `CountWords`: names of components have hyphens, names of activities have capitals.
fn activity_name(export: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    export.split('-').map(capital).collect()
}

/// What the compiler says, without what only we can do something about.
pub(super) fn reason(said: &str) -> String {
    let core = said.contains("WebAssembly module") && said.contains("component");
    if core {
        "the file is a core module and no component".to_owned()
    } else {
        format!("it cannot be read: {said}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_capitals() {
        assert_eq!(activity_name("count-words"), "CountWords");
        assert_eq!(activity_name("parse-URL-2d"), "ParseURL2d");
        assert_eq!(activity_name("a"), "A");
    }
}
