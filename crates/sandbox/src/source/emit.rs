//! One script from the modules of a graph.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use super::edit::{self, Form, Put};
use super::graph::Graph;
use super::map::{Map, Part};
use super::refs::DEFAULT;
use super::unit::{self, Kind, Unit, Way};
use super::{Bundle, Export, infer};
use crate::compile::JsError;
use crate::limits::BUNDLE_BYTES_MAX;

const RUNTIME: &str = include_str!("runtime.js");

/// Makes the script. A file that imports nothing stays as it is.
pub(crate) fn emit(graph: &Graph) -> Result<Bundle, Vec<JsError>> {
    let Some(entry) = graph.units.first() else {
        return Err(vec![JsError::of_sandbox("", "there is no file")]);
    };
    let file = entry.origin.path.clone();
    let exports = exports(graph, entry);
    let functions = infer::functions(graph);
    if graph.units.len() == 1 && entry.kind == Kind::Esm && entry.edits.iter().all(is_export) {
        let text = entry.origin.js.clone();
        let map = entry.is_typed.then(|| whole(entry));
        return Ok(Bundle { file, text, map, exports, functions });
    }
    for unit in &graph.units {
        if let Some(at) = unit.awaits.filter(|_| unit.kind == Kind::Esm) {
            let (path, place) = (&unit.origin.path, unit.origin.place(at));
            let message =
                "`await` outside of a function is not possible in a file that imports or is imported";
            return Err(vec![JsError::new(path, Some(place), message).help("wait inside of the function")]);
        }
    }
    let mut script = Script::new(graph);
    script.write(&exports);
    if script.out.len() > 2 * BUNDLE_BYTES_MAX {
        return Err(vec![JsError::new(&file, None, "the file and all that it imports are too much")]);
    }
    let Script { out, parts, .. } = script;
    let map = Some(Map { text: Arc::from(out.as_str()), parts });
    Ok(Bundle { file, text: out, map, exports, functions })
}

/// Changes that only take `export` away; a file that nobody imports keeps it.
fn is_export(edit: &edit::Edit) -> bool {
    matches!(&edit.put, Put::Text(_))
}

fn whole(unit: &Unit) -> Map {
    let (text, origin) = (Arc::from(unit.origin.js.as_str()), Arc::clone(&unit.origin));
    let stretches = vec![edit::Stretch { to: 0, from: 0, is_copy: true }];
    Map { parts: vec![Part { start: 0, end: unit.origin.js.len(), stretches, origin }], text }
}

fn exports(graph: &Graph, entry: &Unit) -> Vec<Export> {
    let names = graph.names(0, &mut HashSet::new()).into_iter();
    let is_own = |name: &str| matches!(entry.exports.get(name), Some(unit::Export::Local(_)));
    names.map(|(name, _)| Export { is_own: is_own(&name), name }).collect()
}

/// A script that is being written.
struct Script<'g> {
    graph: &'g Graph,
    /// What names of ours begin with: no file of the graph contains it.
    prefix: String,
    out: String,
    parts: Vec<Part>,
}

impl<'g> Script<'g> {
    fn new(graph: &'g Graph) -> Script<'g> {
        let is_free =
            |prefix: &String| !graph.units.iter().any(|unit| unit.origin.js.contains(prefix.as_str()));
        let mut names =
            (0_u32..).map(|number| if number == 0 { "__nx".to_owned() } else { format!("__nx{number}_") });
        let prefix = names.find(is_free).unwrap_or_default();
        Script { graph, prefix, out: String::new(), parts: Vec::new() }
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn write(&mut self, exports: &[Export]) {
        let prefix = self.prefix.clone();
        self.line(&format!("const {prefix}={};", RUNTIME.trim()));
        if self.graph.units.iter().any(|unit| unit.uses_global) {
            self.line("const global=globalThis;");
        }
        for id in 0..self.graph.units.len() {
            self.line(&format!("const {prefix}{id}={prefix}.space({id});"));
        }
        for (id, unit) in self.graph.units.iter().enumerate() {
            match unit.kind {
                Kind::Esm => self.module(id, unit),
                Kind::Common => self.common(id, unit),
                Kind::Json => {
                    let text = serde_json::Value::from(unit.origin.js.as_str());
                    self.line(&format!("{prefix}.json({id},{text});"));
                }
            }
        }
        self.line(&format!("{prefix}.run(0);"));
        for (number, export) in exports.iter().enumerate() {
            let read = member(&format!("{prefix}0"), &export.name);
            let name = serde_json::Value::from(export.name.as_str());
            self.line(&format!("const {prefix}x{number}={read};export{{{prefix}x{number} as {name}}};"));
        }
    }

    fn module(&mut self, id: usize, unit: &Unit) {
        let prefix = self.prefix.clone();
        let _ = write!(self.out, "{prefix}.module({id},()=>{{{prefix}.show({prefix}{id},{{"); // a String takes everything
        let getters = self.getters(id);
        self.out.push_str(&getters);
        self.line("});");
        for (index, request) in unit.requests.iter().enumerate() {
            if let (Way::Import, Some(to)) = (request.way, self.graph.linked(id, index)) {
                let _ = write!(self.out, "{prefix}.run({to});");
            }
        }
        for request in &unit.stars {
            if let Some(to) = self.graph.linked(id, *request).filter(|to| self.graph.is_open(*to)) {
                let _ = write!(self.out, "{prefix}.copy({prefix}{id},{prefix}{to});");
            }
        }
        self.line("");
        self.body(id, unit);
        self.line("\n});");
    }

    /// An object of functions that read what is exported, as it is then.
    fn getters(&self, id: usize) -> String {
        let mut names = self.graph.names(id, &mut HashSet::new());
        names.sort_unstable();
        let mut out = String::new();
        for (name, owner) in names {
            let Some(export) = self.graph.units.get(owner).and_then(|unit| unit.exports.get(&name)) else {
                continue;
            };
            let read = match export {
                _ if owner != id => member(&format!("{}{owner}", self.prefix), &name),
                unit::Export::Local(local) => self.named(local),
                unit::Export::From(request, from) => self.read(id, *request, Some(from)),
                unit::Export::Space(request) => self.read(id, *request, None),
            };
            let name = serde_json::Value::from(name.as_str());
            let _ = write!(out, "[{name}]:()=>{read},"); // a String takes everything
        }
        out
    }

    fn named(&self, text: &str) -> String {
        text.replace(DEFAULT, &format!("{}default", self.prefix))
    }

    /// The text that reads what another module exports.
    fn read(&self, id: usize, request: usize, name: Option<&str>) -> String {
        match self.graph.linked(id, request) {
            Some(to) => {
                let space = format!("{}{to}", self.prefix);
                match name {
                    Some(name) => member(&space, name),
                    None => space,
                }
            }
            None => "undefined".to_owned(),
        }
    }

    fn common(&mut self, id: usize, unit: &Unit) {
        let requests = unit.requests.iter().enumerate().filter(|(_, request)| request.way != Way::Import);
        let known = requests.filter_map(|(index, request)| {
            let name = serde_json::Value::from(request.specifier.as_str());
            Some(format!("[{name}]:{}", self.graph.linked(id, index)?))
        });
        let known: Vec<String> = known.collect();
        let head =
            format!("{}.common({id},{{{}}},function(module,exports,require){{", self.prefix, known.join(","));
        self.line(&head);
        self.body(id, unit);
        self.line("\n});");
    }

    /// The text of a file with its changes.
    fn body(&mut self, id: usize, unit: &Unit) {
        let (text, stretches) = edit::apply(&unit.origin.js, &unit.edits, |put| self.put(id, put));
        let start = self.out.len();
        self.out.push_str(&text);
        let origin = Arc::clone(&unit.origin);
        self.parts.push(Part { start, end: self.out.len(), stretches, origin });
    }

    fn put(&self, id: usize, put: &Put) -> String {
        match put {
            Put::Text(text) => self.named(text),
            Put::Later { dep } => match self.graph.linked(id, *dep) {
                Some(to) => format!("{}.later({to})", self.prefix),
                None => "Promise.reject(new Error(\"cannot find the module\"))".to_owned(),
            },
            Put::Export { dep, name, form } => {
                let read = self.read(id, *dep, name.as_deref());
                match form {
                    Form::Plain => read,
                    Form::Called => format!("(0,{read})"),
                    Form::Started => format!("{}.same({read})", self.prefix),
                    Form::Shorthand(name) => format!("{name}:{read}"),
                }
            }
        }
    }
}

/// The text that reads a member of an object of exports.
fn member(space: &str, name: &str) -> String {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '$';
    let is_word = name.starts_with(is_start) && name.chars().all(|c| is_start(c) || c.is_ascii_digit());
    if is_word { format!("{space}.{name}") } else { format!("{space}[{}]", serde_json::Value::from(name)) }
}
